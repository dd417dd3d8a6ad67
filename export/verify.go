package export

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"

	"striate/export/onnx"
	"striate/internal/fault"
	"striate/train/network"
)

// Tensor is a row-major array.
type Tensor struct {
	Dims []int
	Data []float32
}

// Runner runs an ONNX model and returns the outputs asked for. ONNX Runtime is meant; the interface
// is a function so that it can be run wherever a user wants to run the model.
type Runner func(ctx context.Context, model []byte, inputs map[string]Tensor, outputs []string) (map[string]Tensor, error)

// Difference of one output between GoMLX and the ONNX file.
type Difference struct {
	Layer string `json:"layer"`
	// Relative is the larger of |a−b|₂/|b|₂ and max|a−b|/max|b| over all units and images.
	Relative float64 `json:"relative"`
}

// Report is what a comparison found.
type Report struct {
	Layers    []Difference `json:"layers"`
	Tolerance float64      `json:"tolerance"`
}

// Tolerances of a comparison: rounding that adds up over the depth of a network.
const (
	Tolerance     = 1e-3 // float32
	HalfTolerance = 2e-2 // float16, whose rounding is 5e-4 a step
)

// Worst returns the layer that differs most.
func (r Report) Worst() Difference {
	return slices.MaxFunc(r.Layers, func(a, b Difference) int {
		switch {
		case a.Relative < b.Relative || math.IsNaN(b.Relative) && !math.IsNaN(a.Relative):
			return -1
		case a.Relative > b.Relative || math.IsNaN(a.Relative) && !math.IsNaN(b.Relative):
			return 1
		}
		return 0
	})
}

// Err returns an error if a layer differs by more than the tolerance.
func (r Report) Err() error {
	if w := r.Worst(); !(w.Relative <= r.Tolerance) {
		return fault.Invalidf("the exported file is not the network: layer %s differs by %.2g (relative), more than %.2g", w.Layer, w.Relative, r.Tolerance)
	}
	return nil
}

// Verify compares a model with the graph it was made of: random inputs, GoMLX on one side, run on the
// other, for a batch of two and then for one image alone, which shows that the batch is open.
func Verify(ctx context.Context, g Graph, m *onnx.Model, backend compute.Backend, run Runner, tolerance float64) (Report, error) {
	const batch = 2
	data, err := m.Encode()
	if err != nil {
		return Report{}, err
	}
	inputs, feed := make([]Tensor, len(g.Inputs)), map[string]Tensor{}
	for i, in := range g.Inputs {
		t := Tensor{Dims: append([]int{batch}, in.Dims...)}
		t.Data = make([]float32, count(t.Dims))
		network.NewStream("verify."+in.Name, 0).Fill(t.Data, -1, 2)
		inputs[i], feed[in.Name] = t, t
	}
	want, err := g.Run(backend, inputs)
	if err != nil {
		return Report{}, err
	}
	var names []string
	for _, v := range m.Outputs() {
		names = append(names, v.Name)
	}
	report := Report{Tolerance: tolerance}
	for _, images := range []int{batch, 1} {
		for name, t := range feed {
			feed[name] = t.first(images)
		}
		got, err := run(ctx, data, feed, names)
		if err != nil {
			return Report{}, fmt.Errorf("running the exported file on %d images: %w", images, err)
		}
		for _, name := range names {
			w := want[name].first(images)
			if !slices.Equal(got[name].Dims, w.Dims) {
				return Report{}, fault.Invalidf("the exported file is not the network: layer %s is %v, not %v", name, got[name].Dims, w.Dims)
			}
			report.Layers = append(report.Layers, Difference{name, RelativeDifference(got[name].Data, w.Data)})
		}
	}
	return report, nil
}

// first returns the tensors of the first images.
func (t Tensor) first(images int) Tensor {
	dims := append([]int{images}, t.Dims[1:]...)
	return Tensor{dims, t.Data[:count(dims)]}
}

// RelativeDifference returns the larger of |a−b|₂/|b|₂ and max|a−b|/max|b|; 0 where both are zero, NaN
// where a value is.
func RelativeDifference(a, b []float32) float64 {
	var diff2, norm2, diff, norm float64
	for i := range b {
		d, v := float64(a[i])-float64(b[i]), float64(b[i])
		if math.IsNaN(d) {
			return math.NaN()
		}
		diff2, norm2 = diff2+d*d, norm2+v*v
		diff, norm = max(diff, math.Abs(d)), max(norm, math.Abs(v))
	}
	if diff == 0 {
		return 0
	}
	return max(math.Sqrt(diff2/norm2), diff/norm)
}

func count(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
