package network_test

import (
	"encoding/binary"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/train/backend"
	"striate/train/network"
)

// component is one of the five with what its golden needs.
type component struct {
	name  string
	relu  bool // the input is max(0, 2u−1) instead of 2u−1
	apply func(c network.Components, x *graph.Node) *graph.Node
	aux   map[string]func(c network.Components) *graph.Node // further tensors of the golden
	names map[string]string                                 // variable of a parameter
}

func components() []component {
	return []component{
		{name: "dog", apply: network.Components.DoG,
			aux:   map[string]func(network.Components) *graph.Node{"aux/kernel": network.Components.DoGKernel},
			names: map[string]string{"dog_conv.sigma1": "c.sigma1", "dog_conv.sigma2_scale": "c.sigma2_scale", "dog_conv.total_scale": "c.total_scale"}},
		{name: "local", apply: network.Components.Local, names: map[string]string{"weight": "c.weight"}},
		{name: "divnorm", relu: true, apply: network.Components.Divisive, names: map[string]string{
			"A": "c.A", "rho": "c.rho", "sigma": "c.sigma", "theta": "c.theta", "v": "c.v", "w": "c.w", "bias": "c.bias"}},
		{name: "tuned", relu: true, apply: network.Components.Tuned,
			aux:   map[string]func(network.Components) *graph.Node{"aux/weights_float64_rule": network.Components.TunedKernel},
			names: map[string]string{"sigmas": "c.sigmas"}},
		{name: "polar", apply: network.Components.Polar},
	}
}

// TestComponentsEqualTheAuthorsCode compares output, and the gradients of sum(output·r) for the input
// and every parameter. In float64 to 2e-6, because the goldens are float32; in float32 to 1e-4, as
// required.
func TestComponentsEqualTheAuthorsCode(t *testing.T) {
	for _, c := range components() {
		t.Run(c.name, func(t *testing.T) {
			g := readGolden(t, "components/"+c.name)
			t.Logf("float64: worst %.2g", c.compare(t, g, dtypes.Float64, 2e-6))
			t.Logf("float32: worst %.2g", c.compare(t, g, dtypes.Float32, 1e-4))
		})
	}
}

func (c component) compare(t *testing.T, g golden, dtype dtypes.DType, tolerance float64) (worst float64) {
	d, err := network.Preset("resnet50")
	require.NoError(t, err)
	store := model.NewStore()
	var parameters []goldenParam
	for _, p := range g.Params {
		if p.Lo != nil {
			parameters = append(parameters, p)
			setParameter(t, store, c.names[p.Name], asParameter(p), stream(p.Name, g.Seed, asParameter(p).Size(), *p.Lo, *p.Span), dtype)
		}
	}
	be, err := backend.New("go")
	require.NoError(t, err)
	var names []string
	exec := model.MustNewExec(be, store, func(scope *model.Scope, x, r *graph.Node) []*graph.Node {
		cs := network.NewComponents(d, scope, x)
		y := c.apply(cs, x)
		at := []*graph.Node{x}
		names = []string{"output", "grad/input"}
		for _, p := range parameters {
			at, names = append(at, scope.GetVariable(c.names[p.Name]).NodeValue(x.Graph())), append(names, "grad/"+p.Name)
		}
		out := append([]*graph.Node{y}, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, r)), at...)...)
		for name, f := range c.aux {
			out, names = append(out, f(cs)), append(names, name)
		}
		return out
	})
	in, out := g.Tensors["input"], g.Tensors["output"]
	x := stream("input", g.Seed, in.Count, -1, 2)
	if c.relu {
		for i := range x {
			x[i] = max(x[i], 0)
		}
	}
	values, err := exec.Call(as(dtype, x, in.Shape), as(dtype, stream("cotangent", g.Seed, out.Count, -1, 2), out.Shape))
	require.NoError(t, err)
	for i, name := range names {
		got := flat(values[i])
		if name == "grad/weight" {
			got = torchOrder(asParameter(parameters[0]), got)
		}
		want, ok := g.Tensors[name]
		require.True(t, ok, name)
		e := want.distance(got)
		require.Less(t, e, tolerance, name)
		worst = max(worst, e)
	}
	return worst
}

// asParameter makes a parameter of the package of a golden's.
func asParameter(p goldenParam) network.Parameter {
	return network.Parameter{PyTorch: p.Name, Shape: p.Shape, Kind: network.Kind(p.Kind)}
}

func setParameter(t *testing.T, store *model.Store, name string, p network.Parameter, torch []float32, dtype dtypes.DType) {
	values := make([]float32, len(torch))
	network.ToVariable(p, values, torch)
	_, err := store.CreateVariable("/"+name, as(dtype, values, p.VariableShape()))
	require.NoError(t, err)
}

// as makes a tensor of a float type.
func as(dtype dtypes.DType, values []float32, dims []int) *tensors.Tensor {
	if dtype == dtypes.Float32 {
		return tensors.FromFlatDataAndDimensions(values, dims...)
	}
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return tensors.FromFlatDataAndDimensions(wide, dims...)
}

// TestPolarMasksAndMatrixEqualTheAuthorsCode: the half-precision masks bit for bit, the matrix to the
// rounding of the float32 it is stored in.
func TestPolarMasksAndMatrixEqualTheAuthorsCode(t *testing.T) {
	g := readGolden(t, "components/polar")
	masks, counts := network.PolarMasks(32)
	want := make([]float64, len(masks))
	for i, v := range floats32(g.Masks.Value) {
		want[binary.LittleEndian.Uint32(g.Masks.Index[4*i:])] = v
	}
	for i, v := range masks {
		require.Equal(t, want[i], float64(v), i)
	}
	for i, v := range floats32(g.Masks.Counts) {
		require.Equal(t, v, float64(counts[i]), i)
	}
	matrix := network.PolarMatrix(32)
	want = make([]float64, len(matrix))
	for i, v := range floats32(g.Matrix.Value) {
		want[binary.LittleEndian.Uint32(g.Matrix.Index[4*i:])] = v
	}
	nonZero := 0
	for i, v := range matrix {
		require.InDelta(t, want[i], v, 1e-7, i)
		if v != 0 {
			nonZero++
		}
	}
	require.Equal(t, 2369, nonZero)
}
