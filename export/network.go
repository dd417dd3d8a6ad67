package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"striate/export/onnx"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/nearest"
	"striate/train/network"
)

// Names of inputs and outputs that are not layers.
const (
	Image      = "image"     // N×3×size×size, normalised
	Cotangent  = "cotangent" // weights of the units of a layer
	GradientOf = "gradient"  // of the weighted sum of a layer's units, for the image
)

// Options say what is exported and what its card says.
type Options struct {
	UpTo    string   // last layer; empty for all
	Origin  string   // where the parameters come from
	Degrees float64  // of visual angle that the input spans
	Classes []string // names of the classes, where they are known
	Version string   // of this program
}

// Network returns the computation of a network and its layers.
func Network(d network.Description, store *model.Store, upTo string) (Graph, error) {
	if err := d.Validate(); err != nil {
		return Graph{}, err
	}
	if upTo != "" && !slices.Contains(d.Layers(), upTo) {
		return Graph{}, noLayer(d, upTo)
	}
	return Graph{
		Name: d.Name, Store: store, Inputs: []Input{{Image, []int{3, d.Size, d.Size}}},
		Build: func(scope *model.Scope, inputs []*graph.Node) (outputs, inner []Layer) {
			return split(d, d.Build(scope, inputs[0], network.Options{UpTo: upTo}))
		},
	}, nil
}

// Gradient returns the computation of a layer and of the gradient of Σ cotangent·layer for the image,
// both for each image alone. Inputs are the images and the cotangent, shaped as the layer.
func Gradient(d network.Description, store *model.Store, layer string) (Graph, error) {
	if err := d.Validate(); err != nil {
		return Graph{}, err
	}
	c, h, w, err := d.LayerShape(layer)
	if err != nil {
		return Graph{}, noLayer(d, layer)
	}
	dims := []int{c, h, w}
	if layer == "avgpool" || layer == "logits" {
		dims = dims[:1]
	}
	return Graph{
		Name: d.Name + "_gradient", Store: store, Inputs: []Input{{Image, []int{3, d.Size, d.Size}}, {Cotangent, dims}},
		Build: func(scope *model.Scope, inputs []*graph.Node) (outputs, inner []Layer) {
			y := d.Build(scope, inputs[0], network.Options{UpTo: layer}).Node(layer)
			objective := graph.ReduceAllSum(graph.Mul(y, inputs[1]))
			gradient := graph.Gradient(objective, inputs[0])[0]
			return []Layer{{GradientOf, gradient}, {layer, y}}, nil
		},
	}, nil
}

func noLayer(d network.Description, layer string) error {
	return fault.NotFoundf("%s has no layer %q%s", d.Name, layer, nearest.Phrase(layer, d.Layers()))
}

// split parts the named layers of a network from the stages inside its blocks.
func split(d network.Description, a *network.Activations) (outputs, inner []Layer) {
	named := d.Layers()
	for _, name := range a.Names() {
		l := Layer{name, a.Node(name)}
		if slices.Contains(named, name) {
			outputs = append(outputs, l)
		} else {
			inner = append(inner, l)
		}
	}
	return outputs, inner
}

// Model returns the ONNX model of a network's graph, with its card.
func Model(g Graph, d network.Description, o Options) (*onnx.Model, error) {
	m, err := g.Model()
	if err != nil {
		return nil, err
	}
	m.SetProducer("striate", o.Version)
	c := card.Card{
		Network: d.Name, Origin: o.Origin, InputSize: [2]int{d.Size, d.Size}, Mean: []float64{0.5}, Std: []float64{0.5},
		ChannelOrder: "RGB", Degrees: o.Degrees, Classes: o.Classes, Version: o.Version, Notes: notes(d),
	}
	for _, v := range m.Outputs() {
		if v.Name == GradientOf {
			continue
		}
		layer := card.Layer{Name: v.Name}
		for _, dim := range v.Shape[1:] {
			layer.Shape = append(layer.Shape, int(dim.Size))
		}
		c.Layers = append(c.Layers, layer)
		if v.Name == d.V1Layer() {
			c.V1Layer = v.Name
		}
	}
	m.SetMetadata(c.Encode())
	return m, nil
}

// notes say what about the architecture differs from the preset of its name.
func notes(d network.Description) string {
	text := "Pogoncheff, Granley and Beyeler, NeurIPS 2023"
	if d.DoG == network.ClassicalDoG {
		text += "; classical difference of Gaussians"
	}
	if d.Width != 64 || !slices.Equal(d.Blocks, []int{3, 4, 6, 3}) {
		text += fmt.Sprintf("; width %d, blocks %v", d.Width, d.Blocks)
	}
	return text
}

// firstLine drops the stack that GoMLX's errors carry, and keeps the fault beneath.
func firstLine(err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(text)
}
