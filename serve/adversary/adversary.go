// Package adversary shows networks in ONNX Runtime to attacks: images in pixel space [0, 1] go in,
// logits come out, and, where there is a file with the network's gradient graph, the gradient of the
// loss for the pixels. Normalisation is part of the network here, as attacks want it.
package adversary

import (
	"context"
	"fmt"
	"math"
	"os"

	"striate/analysis/attack"
	"striate/export"
	"striate/export/onnx"
	"striate/export/ortrun"
	"striate/internal/fault"
	"striate/serve/engine"
)

// Model answers with the logits of a network. It is an attack.Classifier.
type Model struct {
	engine     *engine.Engine
	model      *engine.Model
	logits     string
	classes    int
	shape      attack.Shape
	scale      [3]float32 // of a channel of the network's input, in pixel units: 1/std
	shift      [3]float32 // −mean/std
	channel    [3]int     // of the image, for each of the input
	normalised []float32
}

// New returns the classifier that a network's layer of logits makes.
func New(ctx context.Context, e *engine.Engine, m *engine.Model, logits string) (*Model, error) {
	channels, height, width, err := m.ImageSize()
	if err != nil {
		return nil, err
	}
	if channels != 3 {
		return nil, fault.Unsupportedf("model %s takes %d channel: attacks are on colour images", m.Name, channels)
	}
	layer, err := e.Layer(ctx, m, logits) // also refuses a model without a card
	if err != nil {
		return nil, err
	}
	a := &Model{engine: e, model: m, logits: logits, shape: attack.Shape{Channels: 3, Height: height, Width: width}}
	c, h, w := layer.Units()
	a.classes = c * h * w
	for k := range 3 {
		a.channel[k] = k
		if m.Card.ChannelOrder == "BGR" {
			a.channel[k] = 2 - k
		}
		mean, std := m.Card.Mean[k%len(m.Card.Mean)], m.Card.Std[k%len(m.Card.Std)]
		a.scale[k], a.shift[k] = float32(1/std), float32(-mean/std)
	}
	return a, nil
}

// Shape returns the shape of an image.
func (a *Model) Shape() attack.Shape { return a.shape }

// Classes returns the number of logits.
func (a *Model) Classes() int { return a.classes }

// normalise fills a.normalised with the images as the network reads them.
func (a *Model) normalise(images []float32) []float32 {
	if cap(a.normalised) < len(images) {
		a.normalised = make([]float32, len(images))
	}
	out := a.normalised[:len(images)]
	plane := a.shape.Height * a.shape.Width
	for at := 0; at < len(images); at += 3 * plane {
		for k := range 3 {
			in := images[at+a.channel[k]*plane:][:plane]
			to := out[at+k*plane:][:plane]
			for i, v := range in {
				to[i] = v*a.scale[k] + a.shift[k]
			}
		}
	}
	return out
}

// Logits writes the logits of images.
func (a *Model) Logits(ctx context.Context, images []float32, dst []float32) error {
	source := engine.Array{Sample: []int{3, a.shape.Height, a.shape.Width}, Data: a.normalise(images)}
	return a.engine.Responses(ctx, a.model, []string{a.logits}, source, func(from int, out []engine.Response) error {
		copy(dst[from*a.classes:], out[0].Data)
		return nil
	})
}

// Differentiable knows gradients too. It is an attack.Differentiable.
type Differentiable struct {
	*Model
	session *ortrun.Session
}

// OpenGradient reads the gradient graph of the same network: a file with the inputs image and
// cotangent, and the outputs gradient and the layer of logits, as 'striate export --gradient logits'
// writes it. A file of another network is refused, by its answer to a test image.
func OpenGradient(ctx context.Context, a *Model, path string) (*Differentiable, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.NotFoundf("no gradient graph at %s: make it with 'striate export … --gradient %s --out FILE'", path, a.logits)
	}
	graph, err := onnx.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("gradient graph %s: %w", path, err)
	}
	var inputs, outputs []string
	for _, v := range graph.Inputs() {
		inputs = append(inputs, v.Name)
	}
	for _, v := range graph.Outputs() {
		outputs = append(outputs, v.Name)
	}
	want := []string{export.Image, export.Cotangent}
	if len(inputs) != 2 || inputs[0] != want[0] || inputs[1] != want[1] || len(outputs) != 2 || outputs[0] != export.GradientOf {
		return nil, fault.Invalidf("%s is no gradient graph: its inputs are %v and its outputs %v, not %v and %s with a layer", path, inputs, outputs, want, export.GradientOf)
	}
	session, err := ortrun.Open(data, inputs, outputs, 0)
	if err != nil {
		return nil, fmt.Errorf("gradient graph %s: %w", path, err)
	}
	d := &Differentiable{a, session}
	if err := d.same(ctx, path); err != nil {
		d.Close() //nolint:errcheck // the first error matters
		return nil, err
	}
	return d, nil
}

// Close frees the gradient graph.
func (d *Differentiable) Close() error { return d.session.Close() }

// same compares the answers of the two files to an image.
func (d *Differentiable) same(ctx context.Context, path string) error {
	image := make([]float32, d.shape.Size())
	for i := range image {
		image[i] = float32(0.5 + 0.4*math.Sin(float64(i)*0.7))
	}
	want := make([]float32, d.classes)
	if err := d.Logits(ctx, image, want); err != nil {
		return err
	}
	_, got, err := d.run(ctx, image, make([]float32, d.classes))
	if err != nil {
		return fmt.Errorf("gradient graph %s: %w", path, err)
	}
	largest, off := 0.0, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		if len(got) == len(want) {
			off = max(off, math.Abs(float64(want[i]-got[i])))
		}
	}
	if len(got) != len(want) || off > 1e-3*largest {
		return fault.Invalidf("%s is the gradient of another network or layer: its answer to a test image differs", path)
	}
	return nil
}

// run returns the gradient of Σ cotangent·logits for the network's input, and the logits.
func (d *Differentiable) run(ctx context.Context, images, cotangent []float32) (gradient, logits []float32, err error) {
	n := len(cotangent) / d.classes
	out, err := d.session.Run(ctx, []export.Tensor{
		{Dims: []int{n, 3, d.shape.Height, d.shape.Width}, Data: d.normalise(images)},
		{Dims: []int{n, d.classes}, Data: cotangent},
	})
	if err != nil {
		return nil, nil, err
	}
	return out[0].Data, out[1].Data, nil
}

// LossGradient writes the cross-entropy of each image and its gradient for the pixels.
func (d *Differentiable) LossGradient(ctx context.Context, images []float32, labels []int, grad, loss []float32) error {
	n := len(labels)
	logits := make([]float32, n*d.classes)
	if err := d.Logits(ctx, images, logits); err != nil {
		return err
	}
	for i, l := range labels {
		row := logits[i*d.classes : (i+1)*d.classes]
		loss[i] = crossEntropy(row, l)
	}
	gradient, _, err := d.run(ctx, images, logits) // the logits have become softmax − one-hot
	if err != nil {
		return err
	}
	plane := d.shape.Height * d.shape.Width
	for at := 0; at < len(images); at += 3 * plane {
		for k := range 3 {
			to := grad[at+d.channel[k]*plane:][:plane]
			for i, g := range gradient[at+k*plane:][:plane] {
				to[i] = g * d.scale[k]
			}
		}
	}
	return nil
}

// crossEntropy returns the loss of a row of logits and turns the row into the loss's gradient.
func crossEntropy(row []float32, label int) float32 {
	top := row[0]
	for _, v := range row {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range row {
		sum += math.Exp(float64(v - top))
	}
	loss := math.Log(sum) - float64(row[label]-top)
	for i, v := range row {
		row[i] = float32(math.Exp(float64(v-top)) / sum)
	}
	row[label]--
	return float32(loss)
}
