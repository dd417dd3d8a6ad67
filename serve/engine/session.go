package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"striate/internal/fault"
)

// session is a network cut to some layers and loaded into ONNX Runtime. Several goroutines may run
// it at once.
type session struct {
	model  *Model
	layers []string
	ort    *ort.DynamicAdvancedSession
	bytes  int64 // estimate of what it holds
	entry  *cacheEntry

	mu     sync.Mutex
	shapes map[string][][]int // input shape of one image → shapes of the layers, found by a trial
}

// overhead is what a session costs beside its weights.
const overhead = 8 << 20

func (e *Engine) newSession(m *Model, layers []string) (*session, error) {
	data, err := m.read()
	if err != nil {
		return nil, err
	}
	p, err := prepare(data, layers)
	if err != nil {
		return nil, err
	}
	need := 2*int64(len(p.data)) + overhead // weights as read and as ONNX Runtime packs them
	if need > e.config.MemoryLimit {
		return nil, errTooBig(m, need, e.config.MemoryLimit)
	}
	options, err := e.device.options(e.config.Threads)
	if err != nil {
		return nil, fmt.Errorf("prepare device %s: %w", e.device.Chosen, err)
	}
	defer options.Destroy() //nolint:errcheck // copied by the session
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(p.data, []string{p.input}, p.outputs, options)
	if err != nil {
		if strings.Contains(err.Error(), "disable_cpu_ep_fallback") || strings.Contains(err.Error(), "fallback to CPU EP has been explicitly disabled") {
			return nil, fault.Unavailablef("model %s has operators that %s cannot run, and the CPU was not asked for: ask for device auto", m.Name, e.device.Chosen)
		}
		return nil, fault.Invalidf("ONNX Runtime refuses model %s: %s", m.Name, oneLine(err))
	}
	return &session{model: m, layers: slices.Clone(layers), ort: s, bytes: need, shapes: map[string][][]int{}}, nil
}

func (s *session) destroy() { s.ort.Destroy() } //nolint:errcheck // nothing to do about it

// run puts n images through the network. in holds n×(the input's shape); out[k] takes n×shapes[k]
// values. When the context ends, ONNX Runtime stops before its next node and run returns the
// context's error.
func (s *session) run(ctx context.Context, n int, inShape []int, in []float32, shapes [][]int, out [][]float32) error {
	input, err := ort.NewTensor(ortShape(n, inShape), in)
	if err != nil {
		return fmt.Errorf("make input tensor: %w", err)
	}
	defer input.Destroy() //nolint:errcheck // as all below: frees a handle
	outputs := make([]ort.Value, len(out))
	for k := range out {
		t, err := ort.NewTensor(ortShape(n, shapes[k]), out[k])
		if err != nil {
			return fmt.Errorf("make tensor for layer %s: %w", s.layers[k], err)
		}
		defer t.Destroy() //nolint:errcheck
		outputs[k] = t
	}
	return s.invoke(ctx, []ort.Value{input}, outputs)
}

func (s *session) invoke(ctx context.Context, in, out []ort.Value) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	options, err := ort.NewRunOptions()
	if err != nil {
		return fmt.Errorf("make run options: %w", err)
	}
	defer options.Destroy() //nolint:errcheck
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		options.Terminate() //nolint:errcheck // the run ends by itself then
		close(ended)
	})
	err = s.ort.RunWithOptions(in, out, options)
	if !stop() {
		<-ended // the options are in use until then
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fault.Invalidf("model %s cannot run on this input: %s", s.model.Name, oneLine(err))
	}
	return nil
}

// sampleShapes returns the shapes of the layers for one image of the input shape. They are found
// once by putting a black image through the network.
func (s *session) sampleShapes(ctx context.Context, inShape []int) ([][]int, error) {
	key := fmt.Sprint(inShape)
	s.mu.Lock()
	shapes, ok := s.shapes[key]
	s.mu.Unlock()
	if ok {
		return shapes, nil
	}
	raw, err := s.trial(ctx, inShape)
	if err != nil {
		return nil, err
	}
	n := trialBatch(s.model)
	for k, shape := range raw {
		if !imageAxisFirst(shape, n) {
			return nil, fault.Unsupportedf("layer %q has the shape %v for %d images: its first axis is not the image", s.layers[k], shape, n)
		}
		if shape.FlattenedSize() == 0 {
			return nil, fault.Unsupportedf("layer %q has no units (shape %v)", s.layers[k], shape)
		}
		shapes = append(shapes, dropAxis(shape))
	}
	s.mu.Lock()
	s.shapes[key] = shapes
	s.mu.Unlock()
	return shapes, nil
}

// trial returns the shapes of the layers for a batch of black images.
func (s *session) trial(ctx context.Context, inShape []int) ([]ort.Shape, error) {
	n := trialBatch(s.model)
	input, err := ort.NewTensor(ortShape(n, inShape), make([]float32, n*product(inShape)))
	if err != nil {
		return nil, fmt.Errorf("make input tensor: %w", err)
	}
	defer input.Destroy() //nolint:errcheck
	outputs := make([]ort.Value, len(s.layers))
	if err := s.invoke(ctx, []ort.Value{input}, outputs); err != nil {
		return nil, err // what outputs hold then cannot be told from what they lack
	}
	var shapes []ort.Shape
	for _, o := range outputs {
		shapes = append(shapes, o.GetShape())
		o.Destroy() //nolint:errcheck
	}
	return shapes, nil
}

// trialBatch is the fixed batch of the graph, or 2, which tells a batch axis from one of size 1.
func trialBatch(m *Model) int {
	if b := m.Input.Shape[0]; b > 0 {
		return int(b)
	}
	return 2
}

func imageAxisFirst(shape ort.Shape, n int) bool { return len(shape) > 0 && shape[0] == int64(n) }

func dropAxis(shape ort.Shape) []int {
	out := make([]int, len(shape)-1)
	for i, d := range shape[1:] {
		out[i] = int(d)
	}
	return out
}

func ortShape(n int, shape []int) ort.Shape {
	out := ort.Shape{int64(n)}
	for _, d := range shape {
		out = append(out, int64(d))
	}
	return out
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
