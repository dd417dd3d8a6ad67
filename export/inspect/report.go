package inspect

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"striate/export/onnx"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/provenance"
)

// Report is what a file holds.
type Report struct {
	Version  string `json:"version"` // of striate
	Name     string `json:"name,omitempty"`
	Path     string `json:"path,omitempty"`
	Digest   string `json:"digest"` // of the file, "sha256:" and hexadecimal digits
	Bytes    int64  `json:"bytes"`
	Producer string `json:"producer,omitempty"`
	// Opset holds the version of each operator set that the file uses; "" is the standard's.
	Opset   map[string]int64 `json:"opset"`
	Decoder Decoder          `json:"decoder"`

	Card       *card.Card `json:"card,omitempty"`
	CardSource string     `json:"card_source,omitempty"` // "model", or the path of a sidecar
	CardError  string     `json:"card_error,omitempty"`  // why a card that is there was not used

	Inputs  []TensorInfo `json:"inputs"`
	Outputs []TensorInfo `json:"outputs"`
	Image   *Image       `json:"image,omitempty"` // absent where no input takes images

	Operators    map[string]int `json:"operators"`    // how many operations of each operator
	Initialisers int            `json:"initialisers"` // constants outside of the operations
	// Parameters is the number of elements of all constants but those of int64, bool and strings,
	// which are sizes and indices. ParameterBytes is what they take.
	Parameters     int64 `json:"parameters"`
	ParameterBytes int64 `json:"parameter_bytes"`

	Layers []Layer `json:"layers"` // what operations make, in the order of the file

	graph *Graph
}

// Decoder says which of the two decoders read the file.
type Decoder struct {
	Agree bool `json:"agree"` // onnx-go and striate/export/onnx read the same graph and values
	// Note is why the second one, onnx-go, could not read the file, or in what the two differ.
	Note string `json:"note,omitempty"`
}

// TensorInfo describes an input or output. -1 stands for a size that is not fixed.
type TensorInfo struct {
	Name  string `json:"name"`
	Type  string `json:"type,omitempty"`
	Shape []int  `json:"shape,omitempty"`
}

// Image is the input that receptive fields refer to.
type Image struct {
	Input   string  `json:"input"`
	Layout  string  `json:"layout"`            // NCHW or NHWC
	Height  int     `json:"height,omitempty"`  // in pixels; 0 where neither file nor card fixes it
	Width   int     `json:"width,omitempty"`   // likewise
	Degrees float64 `json:"degrees,omitempty"` // of visual angle that height and width span each
}

// Layer is a tensor that an operation makes.
type Layer struct {
	Name       string   `json:"name"`
	Operator   string   `json:"operator"` // "domain.operator" for other domains than the standard's
	Node       string   `json:"node,omitempty"`
	Inputs     []string `json:"inputs"` // "" where an optional one is left out
	Type       string   `json:"type,omitempty"`
	Shape      []int    `json:"shape,omitempty"`      // with the batch; -1 for an axis whose size is not known
	Parameters int64    `json:"parameters,omitempty"` // that the operation uses
	Named      bool     `json:"named,omitempty"`      // the model card names it
	// Constant says that the tensor does not depend on the image; it has no receptive field then.
	Constant bool   `json:"constant,omitempty"`
	Field    *Field `json:"receptive_field,omitempty"`
}

// Field is the receptive field of a layer's units, along rows (y) and columns (x) of the image.
type Field struct {
	Y Axis `json:"y"`
	X Axis `json:"x"`
}

// Axis is the receptive field along one axis of the image. Where fields lie evenly, unit i, counted
// from 0, sees the pixels from Start + i·Stride − Size/2 to Start + i·Stride + Size/2, as far as they
// lie within Seen; pixel k is the interval from k to k+1. A field is the smallest interval that holds
// what is seen: a dilated convolution leaves gaps in it. Degrees count from the same edge of the image.
type Axis struct {
	// Kind is local (a part of the image), global (all of it) or unknown.
	Kind     string   `json:"kind"`
	Size     *float64 `json:"size,omitempty"`     // pixels; of a local field, the largest where they differ
	Smallest *float64 `json:"smallest,omitempty"` // pixels; where fields differ in size
	Stride   *float64 `json:"stride,omitempty"`   // pixels; 0 where all units see the same, absent where fields do not lie evenly
	Start    *float64 `json:"start,omitempty"`    // centre of the field of the first unit, in pixels; absent as Stride
	// Seen are the pixels, from and to, that any unit of the layer sees; absent for an image of
	// unknown size.
	Seen            []float64 `json:"seen,omitempty"`
	SizeDegrees     *float64  `json:"size_degrees,omitempty"`
	SmallestDegrees *float64  `json:"smallest_degrees,omitempty"`
	StrideDegrees   *float64  `json:"stride_degrees,omitempty"`
	StartDegrees    *float64  `json:"start_degrees,omitempty"`
	Bound           string    `json:"bound,omitempty"` // why units may see less than their field, or other pixels near the border
	Unknown         string    `json:"unknown,omitempty"`
}

// ReadFile reports on an ONNX file and the card beside it. flags win over the card. Errors are
// NotFound, TooLarge or Invalid faults.
func ReadFile(path string, flags card.Override) (*Report, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return nil, fault.NotFoundf("no such model file: %s", path)
	}
	if info.Size() > onnx.MaxBytes {
		return nil, fault.TooLargef("model %s has %d bytes: at most %d can be read; keep large constants as external data", path, info.Size(), int64(onnx.MaxBytes))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	model, err := onnx.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", path, err)
	}
	r := &Report{Name: strings.TrimSuffix(filepath.Base(path), ".onnx"), Path: path}
	c, err := r.readCard(model, path, flags)
	if err != nil {
		return nil, err
	}
	if err := r.fill(data, model, c); err != nil {
		return nil, fmt.Errorf("model %s: %w", path, err)
	}
	return r, nil
}

// Bytes reports on an ONNX file in memory and the card in it.
func Bytes(data []byte) (*Report, error) {
	model, err := onnx.Decode(data)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	c, err := r.readCard(model, "", card.Override{})
	if err != nil {
		return nil, err
	}
	return r, r.fill(data, model, c)
}

// readCard finds the card: beside the file, else in it. A broken one is reported and stands in
// nobody's way.
func (r *Report) readCard(m *onnx.Model, path string, flags card.Override) (card.Card, error) {
	c, found, err := card.Decode(m.Metadata())
	source := "model"
	if path != "" {
		if beside, there, failed := card.ReadFile(card.Sidecar(path)); there || failed != nil {
			c, found, err, source = beside, there, failed, card.Sidecar(path)
		}
	}
	if err != nil {
		r.CardError = err.Error()
		c, found = card.Card{}, false
	}
	c, err = flags.Apply(c)
	if found {
		r.Card, r.CardSource = &c, source
	}
	return c, err
}

// fill computes the report from the file's bytes, which model was read from.
func (r *Report) fill(data []byte, model *onnx.Model, c card.Card) error {
	r.Version, r.Digest, r.Bytes = provenance.Version(), provenance.Digest(data), int64(len(data))
	r.Producer = strings.TrimSpace(model.Proto().GetProducerName() + " " + model.Proto().GetProducerVersion())
	r.Opset = map[string]int64{}
	for _, set := range model.Proto().OpsetImport {
		domain := set.GetDomain()
		if domain == "ai.onnx" {
			domain = ""
		}
		r.Opset[domain] = set.GetVersion()
	}
	r.Inputs, r.Outputs = describe(model.Inputs()), describe(model.Outputs())
	r.graph, r.Decoder = read(data, model)
	im := imageOf(model.Inputs(), c)
	values, err := infer(r.graph, int(r.Opset[""]), im, 1)
	if err != nil {
		return err
	}
	many, err := infer(r.graph, int(r.Opset[""]), im, batch)
	if err != nil {
		return err
	}
	for t, v := range values {
		v.shape = open(many[t].shape)
	}
	r.graph.forget()
	if im.layout != "" {
		r.Image = &Image{Input: im.tensor, Layout: im.layout, Degrees: c.Degrees}
		if !math.IsInf(im.size[0], 1) && !math.IsInf(im.size[1], 1) {
			r.Image.Height, r.Image.Width = int(im.size[0]), int(im.size[1])
		}
	}
	r.count()
	r.list(values, im, c)
	return nil
}

func describe(values []onnx.Value) []TensorInfo {
	list := make([]TensorInfo, len(values))
	for i, v := range values {
		list[i] = TensorInfo{v.Name, typeName(v.Type), sizes(v.Shape)}
	}
	return list
}

func typeName(t onnx.DataType) string {
	if t == onnx.Undefined {
		return ""
	}
	return t.String()
}

// imageOf finds the input that takes images: the first of four axes. The card's size is used where the
// graph fixes none.
func imageOf(inputs []onnx.Value, c card.Card) image {
	for _, v := range inputs {
		if len(v.Shape) != 4 {
			continue
		}
		colours := func(axis int) bool { return v.Shape[axis].Size == 1 || v.Shape[axis].Size == 3 }
		im := image{tensor: v.Name, layout: "NCHW", axes: [2]int{2, 3}}
		if colours(3) && !colours(1) {
			im.layout, im.axes = "NHWC", [2]int{1, 2}
		}
		for i, axis := range im.axes {
			im.size[i] = infinite
			if n := v.Shape[axis].Size; n > 0 {
				im.size[i] = float64(n)
			} else if c.InputSize[i] > 0 {
				im.size[i] = float64(c.InputSize[i])
			}
		}
		return im
	}
	return image{}
}

// count counts operators and parameters.
func (r *Report) count() {
	r.Operators = r.graph.OpCounts()
	add := func(c *Constant) {
		if n, bytes := parameters(c); n > 0 {
			r.Parameters += n
			r.ParameterBytes += bytes
		}
	}
	for _, t := range r.graph.Tensors() {
		if t.Constant != nil {
			r.Initialisers++
			add(t.Constant)
		}
	}
	for _, op := range r.graph.Operations {
		for _, v := range op.Attributes {
			if c, ok := v.(*Constant); ok && op.Op == "Constant" {
				add(c)
			}
		}
	}
}

// parameters returns the number of parameters in a constant and their bytes.
func parameters(c *Constant) (n, bytes int64) {
	switch c.Type {
	case onnx.Int64, onnx.Bool, onnx.String, onnx.Undefined:
		return 0, 0
	}
	return c.Len(), c.Len() * int64(c.Type.Size())
}

// list makes the layers.
func (r *Report) list(values map[*Tensor]*value, im image, c card.Card) {
	named := map[string]bool{}
	for _, l := range c.Layers {
		named[l.Name] = true
	}
	used := usage{r.graph, map[*Operation]map[*Constant]bool{}}
	for _, op := range r.graph.Operations {
		for _, t := range op.Outputs {
			if t == nil {
				continue
			}
			v := values[t]
			layer := Layer{Name: t.Name, Operator: op.FullName(), Node: op.Name, Inputs: namesOf(r.graph.Operands(op)),
				Type: typeName(v.kind), Shape: v.shape, Named: named[t.Name]}
			for constant := range used.by(op, values) {
				n, _ := parameters(constant)
				layer.Parameters += n
			}
			if im.layout != "" {
				if layer.Constant = v.constant(); !layer.Constant {
					layer.Field = &Field{axisOf(v.field[0], im.size[0], c.Degrees), axisOf(v.field[1], im.size[1], c.Degrees)}
				}
			}
			r.Layers = append(r.Layers, layer)
		}
	}
}

// usage finds the constants that operations use, directly or by way of others that do not depend on
// the image.
type usage struct {
	graph *Graph
	known map[*Operation]map[*Constant]bool
}

func (u usage) by(op *Operation, values map[*Tensor]*value) map[*Constant]bool {
	if found, ok := u.known[op]; ok {
		return found
	}
	found := map[*Constant]bool{}
	u.known[op] = found
	for _, v := range op.Attributes {
		if c, ok := v.(*Constant); ok && op.Op == "Constant" {
			found[c] = true
		}
	}
	for _, t := range u.graph.Operands(op) {
		switch {
		case t == nil:
		case t.Constant != nil:
			found[t.Constant] = true
		case t.Maker != nil && values[t].constant():
			for c := range u.by(t.Maker, values) {
				found[c] = true
			}
		}
	}
	return found
}

// axisOf describes a reach in an image of so many pixels that span so many degrees.
func axisOf(r reach, image, degrees float64) Axis {
	a := Axis{Bound: r.loose}
	switch r.kind {
	case nothing: // the other axis only
		return Axis{Kind: "local", Size: new(float64), Stride: new(float64)}
	case global:
		return Axis{Kind: "global"}
	case unknown:
		return Axis{Kind: "unknown", Unknown: r.why}
	}
	if overflow := r.size + math.Abs(r.first) + math.Abs(r.stride); math.IsInf(overflow, 0) || math.IsNaN(overflow) {
		return Axis{Kind: "unknown", Unknown: "the numbers in the file are beyond any image"}
	}
	a.Kind = "local"
	switch r.kind {
	case local:
		start := r.start()
		a.Size, a.Stride, a.Start = &r.size, &r.stride, &start
	case mapped:
		smallest, largest, ok := r.sizes()
		if !ok {
			return Axis{Kind: "local", Size: new(float64)}
		}
		if a.Size = &largest; smallest != largest {
			a.Smallest = &smallest
		}
	}
	if !math.IsInf(r.seen[1], 1) {
		a.Seen = r.seen[:]
	}
	if degrees > 0 && !math.IsInf(image, 1) {
		scale := func(pixels *float64) *float64 {
			if pixels == nil {
				return nil
			}
			v := *pixels * degrees / image
			return &v
		}
		a.SmallestDegrees = scale(a.Smallest)
		a.SizeDegrees, a.StrideDegrees, a.StartDegrees = scale(a.Size), scale(a.Stride), scale(a.Start)
	}
	return a
}

// Graph returns the graph that the report was made of.
func (r *Report) Graph() *Graph { return r.graph }

// LayerOf returns the layer called name, nil if there is none.
func (r *Report) LayerOf(name string) *Layer {
	if i := slices.IndexFunc(r.Layers, func(l Layer) bool { return l.Name == name }); i >= 0 {
		return &r.Layers[i]
	}
	return nil
}
