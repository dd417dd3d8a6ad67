package engine

import (
	"context"
	"slices"

	"striate/internal/fault"
	"striate/internal/npy"
)

// Source yields images as the network reads them: float32, C×H×W each.
type Source interface {
	Len() int
	Shape() []int // of one image
	// Read fills dst with the images from, …, from+n-1.
	Read(dst []float32, from, n int) error
}

// Array is a Source over an array in memory.
type Array struct {
	Sample []int // shape of one image
	Data   []float32
}

// Len returns the number of images.
func (a Array) Len() int { return len(a.Data) / max(1, product(a.Sample)) }

// Shape returns the shape of one image.
func (a Array) Shape() []int { return a.Sample }

// Read copies images.
func (a Array) Read(dst []float32, from, n int) error {
	size := product(a.Sample)
	copy(dst, a.Data[from*size:(from+n)*size])
	return nil
}

// Response is a layer's answer to a run of images.
type Response struct {
	Layer string
	Shape []int     // of one image
	Data  []float32 // images × shape; valid until the call it is handed to returns
}

// Responses puts the images of in through the network, several at a time, and hands the responses
// of the layers to emit in order: from is the number of the first image of each call. A layer asked
// for twice is computed once and emitted twice.
//
// Errors are of the user where the layers are not in the graph (NotFound, with near matches) or the
// images do not fit it (Invalid); the context's when it ends.
func (e *Engine) Responses(ctx context.Context, m *Model, layers []string, in Source, emit func(from int, out []Response) error) error {
	if len(layers) == 0 {
		return fault.Invalidf("no layer asked for")
	}
	total := in.Len()
	if total == 0 {
		return fault.Invalidf("no images: at least one is needed")
	}
	if err := m.accepts(in.Shape()); err != nil {
		return err
	}
	unique := compact(layers)
	s, err := e.acquire(ctx, m, unique)
	if err != nil {
		return err
	}
	defer e.cache.release(s)
	shapes, err := e.shapesOf(ctx, s, in.Shape())
	if err != nil {
		return err
	}
	b := newBatch(e.config.MaxBatch, s, in.Shape(), shapes)
	for from := 0; from < total; from += b.size {
		n := min(b.size, total-from)
		if err := in.Read(b.in[:n*product(in.Shape())], from, n); err != nil {
			return err
		}
		if err := e.runBatch(ctx, s, b, n); err != nil {
			return err
		}
		if err := emit(from, b.responses(layers, n)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) shapesOf(ctx context.Context, s *session, sample []int) ([][]int, error) {
	release, err := e.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.sampleShapes(ctx, sample)
}

func (e *Engine) runBatch(ctx context.Context, s *session, b *batch, n int) error {
	release, err := e.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	run := n
	if b.fixed { // the graph takes full batches only: the rest is filled with black
		run = b.size
		clear(b.in[n*product(b.inShape):])
	}
	return s.run(ctx, run, b.inShape, b.in, b.shapes, b.out)
}

// LayerShapes returns the shape of one image's response of each layer.
func (e *Engine) LayerShapes(ctx context.Context, m *Model, layers []string, sample []int) ([][]int, error) {
	if err := m.accepts(sample); err != nil {
		return nil, err
	}
	unique := compact(layers)
	s, err := e.acquire(ctx, m, unique)
	if err != nil {
		return nil, err
	}
	defer e.cache.release(s)
	shapes, err := e.shapesOf(ctx, s, sample)
	if err != nil {
		return nil, err
	}
	out := make([][]int, len(layers))
	for i, name := range layers {
		out[i] = shapes[slices.Index(unique, name)]
	}
	return out, nil
}

// accepts checks the shape of one image against the graph.
func (m *Model) accepts(sample []int) error {
	want := m.Input.Shape[1:]
	fits := len(want) == len(sample)
	for i := 0; fits && i < len(want); i++ {
		fits = sample[i] > 0 && (want[i] < 0 || int64(sample[i]) == want[i])
	}
	if !fits && len(sample) == len(want)-1 {
		return fault.Invalidf("model %s takes batches of images, N×%s: give the array a first axis, as in x[None]", m.Name, shapeText(want))
	}
	if !fits {
		return fault.Invalidf("model %s takes images of shape %s, not %s", m.Name, shapeText(want), shapeText(sample))
	}
	return nil
}

// batch holds the memory of the runs of one call.
type batch struct {
	size    int // images a run
	fixed   bool
	inShape []int
	in      []float32
	layers  []string
	shapes  [][]int
	out     [][]float32
}

func newBatch(limit int, s *session, inShape []int, shapes [][]int) *batch {
	b := &batch{inShape: inShape, layers: s.layers, shapes: shapes}
	perImage := product(inShape)
	for _, shape := range shapes {
		perImage += product(shape)
	}
	b.size = max(1, min(limit, chunkBytes/(4*perImage)))
	if fixed := s.model.Input.Shape[0]; fixed > 0 {
		b.size, b.fixed = int(fixed), true
	}
	b.in = make([]float32, b.size*product(inShape))
	for _, shape := range shapes {
		b.out = append(b.out, make([]float32, b.size*product(shape)))
	}
	return b
}

func (b *batch) responses(layers []string, n int) []Response {
	out := make([]Response, len(layers))
	for i, name := range layers {
		k := slices.Index(b.layers, name)
		out[i] = Response{name, b.shapes[k], b.out[k][:n*product(b.shapes[k])]}
	}
	return out
}

// compact drops repeated names and keeps the order.
func compact(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// FromArray returns a Source over an array N×C×H×W of float32.
func FromArray(a *npy.Array) (Source, error) {
	data, ok := a.Data.([]float32)
	if !ok {
		return nil, fault.Invalidf("the array holds %s: save it as float32, as in x.astype('float32')", a.Dtype())
	}
	if len(a.Shape) < 2 {
		return nil, fault.Invalidf("the array has the shape %v: images are N×C×H×W", a.Shape)
	}
	if len(data) == 0 {
		return nil, fault.Invalidf("the array has the shape %v: no images", a.Shape)
	}
	return Array{a.Shape[1:], data}, nil
}
