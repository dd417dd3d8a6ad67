// Package card is the model card: what a file of weights does not say by itself, and without which
// its responses to an image mean nothing. A network exported by striate carries its card in the
// ONNX file (metadata_props, keys striate.*); a foreign file has one beside it, MODEL.card.json.
package card

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"striate/internal/fault"
	"striate/internal/strictjson"
)

// Layer is a tensor that has a name of its own.
type Layer struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape,omitempty"` // of one image: C, C×H×W, ...
}

// Card describes a network. The zero value of a field means that it is not known.
type Card struct {
	Network      string    `json:"network,omitempty"`
	Origin       string    `json:"origin,omitempty"`        // where the parameters come from: checkpoint digest, or rule and seed
	InputSize    [2]int    `json:"input_size"`              // height, width in pixels
	Mean         []float64 `json:"mean,omitempty"`          // of each channel, for pixel values in 0..1
	Std          []float64 `json:"std,omitempty"`           // likewise
	ChannelOrder string    `json:"channel_order,omitempty"` // RGB or BGR
	Degrees      float64   `json:"degrees,omitempty"`       // of visual angle that the input spans
	Layers       []Layer   `json:"layers,omitempty"`
	V1Layer      string    `json:"v1_layer,omitempty"`
	Classes      []string  `json:"classes,omitempty"` // of the logits, in their order
	Version      string    `json:"version,omitempty"` // of striate, which wrote it
	Notes        string    `json:"notes,omitempty"`   // sources of the numbers, deviations
}

const prefix = "striate."

// Sidecar is the path of the card beside a model file.
func Sidecar(model string) string {
	return strings.TrimSuffix(model, ".onnx") + ".card.json"
}

// Encode returns the card as metadata_props.
func (c Card) Encode() map[string]string {
	props := map[string]string{}
	put := func(key, value string) {
		if value != "" {
			props[prefix+key] = value
		}
	}
	put("network", c.Network)
	put("origin", c.Origin)
	if c.InputSize != [2]int{} {
		put("input_size", fmt.Sprintf("%d,%d", c.InputSize[0], c.InputSize[1]))
	}
	put("mean", joinFloats(c.Mean))
	put("std", joinFloats(c.Std))
	put("channel_order", c.ChannelOrder)
	if c.Degrees != 0 {
		put("degrees", strconv.FormatFloat(c.Degrees, 'g', -1, 64))
	}
	if len(c.Layers) > 0 {
		put("layers", mustJSON(c.Layers))
	}
	put("v1_layer", c.V1Layer)
	if len(c.Classes) > 0 {
		put("classes", mustJSON(c.Classes))
	}
	put("version", c.Version)
	put("notes", c.Notes)
	return props
}

// Decode reads the card out of metadata_props. Keys of others are passed over; found is false when
// there is none of ours.
func Decode(props map[string]string) (c Card, found bool, err error) {
	for key, value := range props {
		name, ours := strings.CutPrefix(key, prefix)
		if !ours {
			continue
		}
		found = true
		if err := c.set(name, value); err != nil {
			return Card{}, true, fault.Invalidf("metadata %s of the model: %v", key, err)
		}
	}
	return c, found, c.check()
}

func (c *Card) set(name, value string) (err error) {
	switch name {
	case "network":
		c.Network = value
	case "origin":
		c.Origin = value
	case "input_size":
		c.InputSize, err = ParseSize(value)
	case "mean":
		c.Mean, err = ParseFloats(value)
	case "std":
		c.Std, err = ParseFloats(value)
	case "channel_order":
		c.ChannelOrder = value
	case "degrees":
		c.Degrees, err = strconv.ParseFloat(value, 64)
	case "layers":
		err = json.Unmarshal([]byte(value), &c.Layers)
	case "v1_layer":
		c.V1Layer = value
	case "classes":
		err = json.Unmarshal([]byte(value), &c.Classes)
	case "version":
		c.Version = value
	case "notes":
		c.Notes = value
	}
	return err
}

// ReadFile reads a sidecar. found is false when there is none.
func ReadFile(path string) (c Card, found bool, err error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return Card{}, false, nil
	}
	if err != nil {
		return Card{}, false, fmt.Errorf("open model card: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 16<<20))
	if err != nil {
		return Card{}, false, fmt.Errorf("read model card %s: %w", path, err)
	}
	if err := strictjson.Decode(text, &c); err != nil {
		return Card{}, true, fault.Invalidf("model card %s: %v", path, err)
	}
	var size struct {
		List []int `json:"input_size"`
	}
	if json.Unmarshal(text, &size) == nil && len(size.List) > 2 { // which an array of two takes without a word
		return Card{}, true, fault.Invalidf("model card %s: input_size must be height and width in pixels, not %v", path, size.List)
	}
	if err := c.check(); err != nil {
		return Card{}, true, fmt.Errorf("model card %s: %w", path, err)
	}
	return c, true, nil
}

func (c Card) check() error {
	switch {
	case c.InputSize[0] < 0 || c.InputSize[1] < 0 || (c.InputSize[0] == 0) != (c.InputSize[1] == 0):
		return fault.Invalidf("input_size must be two positive numbers of pixels, not %v", c.InputSize)
	case len(c.Mean) != len(c.Std):
		return fault.Invalidf("mean has %d entries and std %d: give one a channel for both", len(c.Mean), len(c.Std))
	case len(c.Mean) != 0 && len(c.Mean) != 1 && len(c.Mean) != 3:
		return fault.Invalidf("mean and std have %d entries: give 1 or 3", len(c.Mean))
	case c.ChannelOrder != "" && c.ChannelOrder != "RGB" && c.ChannelOrder != "BGR":
		return fault.Invalidf("channel_order must be RGB or BGR, not %q", c.ChannelOrder)
	case !(c.Degrees >= 0 && c.Degrees <= 360):
		return fault.Invalidf("degrees must be between 0 and 360, not %v", c.Degrees)
	}
	for _, s := range c.Std {
		if !(s > 0) {
			return fault.Invalidf("std must be positive, not %v", s)
		}
	}
	return nil
}

// Override holds what the flags --size, --mean, --std, --degrees say; it wins over the card.
type Override struct {
	Size    string  `help:"Input size in pixels, HEIGHT,WIDTH or one number, where the model card has none." placeholder:"H,W"`
	Mean    string  `help:"Mean of each channel for pixels in 0..1, as in 0.5 or 0.485,0.456,0.406." placeholder:"M,…"`
	Std     string  `help:"Standard deviation of each channel, likewise." placeholder:"S,…"`
	Degrees float64 `help:"Degrees of visual angle that the input spans." placeholder:"D"`
}

// Apply returns the card with the flags' values put in.
func (o Override) Apply(c Card) (Card, error) {
	var err error
	if o.Size != "" {
		if c.InputSize, err = ParseSize(o.Size); err != nil {
			return c, fault.Misusef("--size: %v", err)
		}
	}
	if o.Mean != "" {
		if c.Mean, err = ParseFloats(o.Mean); err != nil {
			return c, fault.Misusef("--mean: %v", err)
		}
	}
	if o.Std != "" {
		if c.Std, err = ParseFloats(o.Std); err != nil {
			return c, fault.Misusef("--std: %v", err)
		}
	}
	if o.Degrees != 0 {
		c.Degrees = o.Degrees
	}
	return c, c.check()
}

// ParseSize reads "H,W", "HxW" or one number for both.
func ParseSize(s string) ([2]int, error) {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == 'x' || r == '×' })
	if len(fields) == 1 {
		fields = append(fields, fields[0])
	}
	var size [2]int
	if len(fields) != 2 {
		return size, fmt.Errorf("%q is not a size: write HEIGHT,WIDTH", s)
	}
	for i, f := range fields {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n <= 0 || n > 1<<15 {
			return size, fmt.Errorf("%q is not a size in pixels", f)
		}
		size[i] = n
	}
	return size, nil
}

// ParseFloats reads numbers separated by commas.
func ParseFloats(s string) ([]float64, error) {
	var out []float64
	for _, f := range strings.Split(s, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", f)
		}
		out = append(out, v)
	}
	return out, nil
}

func joinFloats(v []float64) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = strconv.FormatFloat(x, 'g', -1, 64)
	}
	return strings.Join(parts, ",")
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(b)
}
