package engine

import (
	"context"

	ort "github.com/yalue/onnxruntime_go"
)

// Describe returns the layers of a model with the shapes of their responses. Shapes that neither
// file nor card states are found by putting a black image through the network, all layers tapped;
// where that cannot be done they stay unknown.
func (e *Engine) Describe(ctx context.Context, m *Model) ([]LayerInfo, error) {
	layers := m.NamedLayers()
	out := make([]LayerInfo, len(layers))
	copy(out, layers)
	var unknown []string
	var at []int
	for i, l := range out {
		if l.Shape == nil {
			unknown, at = append(unknown, l.Name), append(at, i)
		}
	}
	if len(unknown) == 0 {
		return out, nil
	}
	sample, ok := m.sample()
	if !ok {
		return out, nil
	}
	found, err := e.trial(ctx, m, unknown, sample)
	if err != nil { // the list of layers is of use without shapes
		return out, ctx.Err()
	}
	for k, shape := range found {
		if imageAxisFirst(shape, trialBatch(m)) {
			out[at[k]].Shape = dropAxis(shape)
		}
	}
	return out, nil
}

func (e *Engine) trial(ctx context.Context, m *Model, layers []string, sample []int) ([]ort.Shape, error) {
	s, err := e.acquire(ctx, m, layers)
	if err != nil {
		return nil, err
	}
	defer e.cache.release(s)
	release, err := e.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.trial(ctx, sample)
}

// sample is the shape of one image, as far as graph and card fix it.
func (m *Model) sample() ([]int, bool) {
	if c, h, w, err := m.ImageSize(); err == nil {
		return []int{c, h, w}, true
	}
	var out []int
	for _, d := range m.Input.Shape[1:] {
		if d <= 0 {
			return nil, false
		}
		out = append(out, int(d))
	}
	return out, true
}
