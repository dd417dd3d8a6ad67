package inspect

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report as a table to read.
func (r *Report) WriteText(w io.Writer) error {
	head := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(key, format string, args ...any) {
		fmt.Fprintf(head, "%s\t%s\n", key, fmt.Sprintf(format, args...))
	}
	name := r.Name
	if r.Path != "" {
		name += " (" + r.Path + ")"
	}
	line("model", "%s", name)
	line("digest", "%s", r.Digest)
	line("size", "%d bytes", r.Bytes)
	if r.Producer != "" {
		line("producer", "%s", r.Producer)
	}
	line("opset", "%s", opsets(r.Opset))
	for _, v := range r.Inputs {
		line("input", "%s", v)
	}
	for _, v := range r.Outputs {
		line("output", "%s", v)
	}
	r.writeCard(line)
	line("parameters", "%d (%d bytes), %d initialisers", r.Parameters, r.ParameterBytes, r.Initialisers)
	line("operators", "%s", counts(r.Operators))
	switch {
	case r.Decoder.Agree:
		line("decoders", "onnx-go and striate's own read the same graph and the same values")
	default:
		line("decoders", "striate's own; second decoder: %s", r.Decoder.Note)
	}
	if err := head.Flush(); err != nil {
		return err
	}
	return r.writeLayers(w)
}

// String describes the tensor, as in "image float32 ?×3×224×224".
func (t TensorInfo) String() string {
	return strings.Join(strings.Fields(t.Name+" "+t.Type+" "+shapeText(t.Shape)), " ")
}

func (r *Report) writeCard(line func(string, string, ...any)) {
	switch {
	case r.CardError != "":
		line("card", "not used: %s", r.CardError)
		return
	case r.Card == nil:
		line("card", "none")
		return
	}
	c := r.Card
	from := "in the file"
	if r.CardSource != "model" {
		from = r.CardSource
	}
	line("card", "%s", from)
	say := func(key, value string) {
		if value != "" {
			line("  "+key, "%s", value)
		}
	}
	say("network", c.Network)
	say("origin", c.Origin)
	if c.InputSize != [2]int{} {
		say("input size", fmt.Sprintf("%d×%d pixels", c.InputSize[0], c.InputSize[1]))
	}
	if c.Degrees > 0 {
		say("field of view", number(c.Degrees)+" degrees")
	}
	if len(c.Mean) > 0 {
		say("normalised", fmt.Sprintf("%s mean %v std %v", c.ChannelOrder, c.Mean, c.Std))
	}
	layers := make([]string, len(c.Layers))
	for i, l := range c.Layers {
		layers[i] = l.Name
	}
	say("layers", strings.Join(layers, ", "))
	say("V1 layer", c.V1Layer)
	if len(c.Classes) > 0 {
		say("classes", strconv.Itoa(len(c.Classes)))
	}
	say("version", c.Version)
	say("notes", c.Notes)
}

func opsets(sets map[string]int64) string {
	var parts []string
	for _, domain := range slices.Sorted(maps.Keys(sets)) {
		text := strconv.FormatInt(sets[domain], 10)
		if domain != "" {
			text = domain + " " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// counts lists operators, the most frequent first.
func counts(operators map[string]int) string {
	names := slices.Sorted(maps.Keys(operators))
	slices.SortStableFunc(names, func(a, b string) int { return operators[b] - operators[a] })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, operators[name])
	}
	return strings.Join(names, ", ")
}

// writeLayers writes the table of layers that depend on the image.
func (r *Report) writeLayers(w io.Writer) error {
	degrees := r.Image != nil && r.Image.Degrees > 0 && r.Image.Height > 0
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	columns := []string{"layer", "operator", "shape", "parameters"}
	if r.Image != nil {
		columns = append(columns, "RF", "stride", "start")
	}
	if degrees {
		columns = append(columns, "RF (deg)", "stride (deg)", "start (deg)")
	}
	fmt.Fprintln(t, strings.Join(columns, "\t"))
	left, reasons := 0, []string{}
	for _, l := range r.Layers {
		if l.Constant {
			left++
			continue
		}
		row := append([]string{l.title(), l.Operator, shapeText(l.Shape), count(l.Parameters)}, l.Field.cells(degrees)...)
		fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
		reasons = l.Field.reasons(reasons)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if r.Image == nil {
		fmt.Fprintln(w, "No input takes images (N×C×H×W), so there are no receptive fields.")
		return nil
	}
	fmt.Fprintf(w, "RF, stride and start (the centre of the first unit's RF) in pixels of %s, y×x where they differ; * named by the card.\n", r.Image.Input)
	if slices.ContainsFunc(r.Layers, layUnevenly) {
		fmt.Fprintln(w, "a–b: the sizes of the smallest and the largest RF. Stride and start are – where RFs do not lie evenly.")
	}
	if left > 0 {
		fmt.Fprintf(w, "%d tensors that do not depend on the image are left out.\n", left)
	}
	for _, reason := range reasons {
		fmt.Fprintln(w, reason)
	}
	return nil
}

// layUnevenly tells whether the layer's fields have no stride.
func layUnevenly(l Layer) bool {
	bare := func(a Axis) bool { return a.Kind == "local" && a.Stride == nil }
	return l.Field != nil && (bare(l.Field.Y) || bare(l.Field.X))
}

func (l Layer) title() string {
	if l.Named {
		return l.Name + " *"
	}
	return l.Name
}

// reasons adds what has to be said about fields that are not plain.
func (f *Field) reasons(list []string) []string {
	if f == nil {
		return list
	}
	for _, a := range []Axis{f.Y, f.X} {
		for mark, why := range map[string]string{"?: ": a.Unknown, "≤: ": a.Bound} {
			if why != "" && !slices.Contains(list, mark+why) {
				list = append(list, mark+why)
			}
		}
	}
	return list
}

// cells are the columns of the table that describe the field.
func (f *Field) cells(degrees bool) []string {
	if f == nil {
		return nil
	}
	both := func(text func(Axis) string) string {
		if y, x := text(f.Y), text(f.X); y != x {
			return y + "×" + x
		}
		return text(f.X)
	}
	cells := []string{
		both(func(a Axis) string { return a.extent(a.Size, a.Smallest) }),
		both(func(a Axis) string { return optional(a.Stride) }),
		both(func(a Axis) string { return optional(a.Start) }),
	}
	if degrees {
		cells = append(cells,
			both(func(a Axis) string { return a.extent(a.SizeDegrees, a.SmallestDegrees) }),
			both(func(a Axis) string { return optional(a.StrideDegrees) }),
			both(func(a Axis) string { return optional(a.StartDegrees) }))
	}
	return cells
}

// extent writes sizes: "global", "?" where they are not known, "≤" in front where they are bounds, and
// "from–to" where they differ.
func (a Axis) extent(size, smallest *float64) string {
	switch {
	case a.Kind == "global":
		return a.Kind
	case size == nil:
		return "?"
	case smallest != nil:
		return number(*smallest) + "–" + number(*size)
	case a.Bound != "":
		return "≤" + number(*size)
	}
	return number(*size)
}

func optional(v *float64) string {
	if v == nil {
		return "–"
	}
	return number(*v)
}

// number writes at most three decimals.
func number(v float64) string { return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) }

func count(n int64) string {
	if n == 0 {
		return "–"
	}
	return strconv.FormatInt(n, 10)
}

func shapeText(shape []int) string {
	if shape == nil {
		return "?"
	}
	parts := make([]string, len(shape))
	for i, d := range shape {
		if parts[i] = strconv.Itoa(d); d < 0 {
			parts[i] = "?"
		}
	}
	if len(parts) == 0 {
		return "scalar"
	}
	return strings.Join(parts, "×")
}
