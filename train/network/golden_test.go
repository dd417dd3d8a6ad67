package network_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/sharedtest"
	"striate/train/network"
)

// golden is one case of the reference numbers, made by the authors' PyTorch code.
type golden struct {
	Case    string
	Seed    uint64
	Batch   int
	Params  []goldenParam
	Tensors map[string]goldenTensor
	Labels  []int32
	Step1   goldenStep
	Step2   goldenStep
	Masks   sparse
	Matrix  sparse
}

type goldenParam struct {
	Name     string
	Shape    []int
	Kind     string
	Lo, Span *float64
	Role     string
}

type goldenStep struct {
	Loss        float64
	Loss64      float64
	Logits      goldenTensor
	Grad        map[string]goldenTensor
	ParamAfter  map[string]goldenTensor `json:"param_after"`
	BufferAfter map[string]goldenTensor `json:"buffer_after"`
	NoGrad      []string                `json:"no_grad"`
}

// sparse is a matrix by its non-zero entries.
type sparse struct {
	Index  []byte `json:"nonzero_flat_index_u32le"`
	Value  []byte `json:"nonzero_value"`
	Counts []byte
	Bins   []int `json:"nonempty_bins_per_ring_before_interpolation"`
}

// goldenTensor holds all values of a tensor, or those at the indices of the stream "samples", and the
// statistics of all.
type goldenTensor struct {
	Shape    []int
	Count    int
	Full     bool
	Values   []byte
	Values64 []byte
	Stats    stats
	Stats64  stats
}

// UnmarshalJSON reads a tensor; counters of batches, which are bare numbers, stay empty.
func (g *goldenTensor) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		return nil
	}
	type plain goldenTensor
	return json.Unmarshal(data, (*plain)(g))
}

type stats struct{ Mean, Std, Min, Max, L2, Dot float64 }

func readGolden(t testing.TB, name string) golden {
	t.Helper()
	data, err := os.ReadFile(sharedtest.Path(t, "golden/parity/dev/"+name+".json"))
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(data, &g))
	return g
}

func floats32(b []byte) []float64 {
	v := make([]float64, len(b)/4)
	for i := range v {
		v[i] = float64(math.Float32frombits(uint32(b[4*i]) | uint32(b[4*i+1])<<8 | uint32(b[4*i+2])<<16 | uint32(b[4*i+3])<<24))
	}
	return v
}

func floats64(b []byte) []float64 {
	v := make([]float64, len(b)/8)
	for i := range v {
		var u uint64
		for k := range 8 {
			u |= uint64(b[8*i+k]) << (8 * k)
		}
		v[i] = math.Float64frombits(u)
	}
	return v
}

// distance compares all entries of a tensor with a golden: over the stored entries the larger of the
// relative maximum and the relative Euclidean difference, and over all entries that of the weighted
// sum and of the norm.
func (g goldenTensor) distance(all []float64) float64 {
	want, s := floats32(g.Values), g.Stats
	if len(g.Values64) > 0 {
		want, s = floats64(g.Values64), g.Stats64
	}
	got := all
	if !g.Full {
		got = make([]float64, len(want))
		samples := network.NewStream("samples", 0)
		for j := range got {
			got[j] = all[samples.Word(j)%uint64(len(all))]
		}
	}
	if len(got) != len(want) || len(all) != g.Count {
		return math.Inf(1)
	}
	var diffMax, max, diff2, sum2, l2, dot float64
	for i, w := range want {
		diffMax, max = math.Max(diffMax, math.Abs(got[i]-w)), math.Max(max, math.Abs(w))
		diff2 += (got[i] - w) * (got[i] - w)
		sum2 += w * w
		if math.IsNaN(got[i]) {
			return math.Inf(1)
		}
	}
	weights := network.NewStream("dot", 0)
	for i, v := range all {
		l2 += v * v
		dot += v * (2*weights.Uniform(i) - 1)
	}
	return math.Max(
		math.Max(ratio(diffMax, max), math.Sqrt(ratio(diff2, sum2))),
		math.Max(ratio(math.Abs(math.Sqrt(l2)-s.L2), s.L2), ratio(math.Abs(dot-s.Dot), s.L2)))
}

// ratio is a/b, 0 where both are 0.
func ratio(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return a / b
}

// stream fills n values lo + span·u of a stream.
func stream(name string, seed uint64, n int, lo, span float64) []float32 {
	v := make([]float32, n)
	network.NewStream(name, seed).Fill(v, lo, span)
	return v
}
