package engine

import (
	"context"
	"fmt"
	"strings"

	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/picture"
)

// Layer is one layer of a network that takes 8-bit images. It is what the analyses see of a network
// (analysis.Network).
type Layer struct {
	preprocessor
	engine *Engine
	model  *Model
	name   string
	shape  [3]int
}

// Layer returns a layer of the model, ready for images. It needs to know the input size, mean and
// standard deviation, from the model's card.
func (e *Engine) Layer(ctx context.Context, m *Model, name string) (*Layer, error) {
	p, err := m.preprocessor()
	if err != nil {
		return nil, err
	}
	shapes, err := e.LayerShapes(ctx, m, []string{name}, p.Shape())
	if err != nil {
		return nil, err
	}
	l := &Layer{preprocessor: p, engine: e, model: m, name: name}
	l.shape, err = spatial(name, shapes[0])
	return l, err
}

// spatial reads a shape as channels, height, width. Axes that are not there have length 1.
func spatial(name string, shape []int) ([3]int, error) {
	out := [3]int{1, 1, 1}
	if len(shape) > len(out) {
		return out, fault.Unsupportedf("layer %q has the shape %v: units of at most channel, row and column are supported", name, shape)
	}
	copy(out[:], shape)
	return out, nil
}

// normaliser returns the map from 8-bit pixels to the network's input that the card describes.
func (m *Model) normaliser(channels int) (*picture.Normaliser, error) {
	if len(m.Card.Mean) == 0 {
		return nil, fault.Invalidf("model %s has no card that says how images are normalised: write mean and std into %s, or give --mean and --std", m.Name, card.Sidecar(m.Name+".onnx"))
	}
	return picture.NewNormaliser(channels, m.Card.Mean, m.Card.Std, m.Card.ChannelOrder == "BGR"), nil
}

// Model returns the model that the layer belongs to.
func (l *Layer) Model() *Model { return l.model }

// Name returns the name of the layer.
func (l *Layer) Name() string { return l.name }

// InputSize returns height and width of the images in pixels.
func (l *Layer) InputSize() (height, width int) { return l.height, l.width }

// Units returns the shape of the layer.
func (l *Layer) Units() (channels, height, width int) { return l.shape[0], l.shape[1], l.shape[2] }

// Responses writes the response of unit u to image i to dst[i*units+u]; images is n×height×width×3,
// 8-bit RGB.
func (l *Layer) Responses(ctx context.Context, images []uint8, dst []float32) error {
	source := pixels{l.preprocessor, images}
	units := product(l.shape[:])
	if len(images) != source.Len()*3*l.height*l.width || len(dst) != source.Len()*units {
		panic(fmt.Sprintf("engine: %d samples and %d places for images of %d×%d and %d units", len(images), len(dst), l.height, l.width, units))
	}
	return l.engine.Responses(ctx, l.model, []string{l.name}, source, func(from int, out []Response) error {
		copy(dst[from*units:], out[0].Data)
		return nil
	})
}

func shapeText[T int | int64](shape []T) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		if parts[i] = fmt.Sprint(d); d < 0 {
			parts[i] = "?"
		}
	}
	return strings.Join(parts, "×")
}
