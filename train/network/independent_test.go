package network_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/train/backend"
	"striate/train/network"
)

// Checks that do not rest on the goldens.

// evaluate runs a component on a variable-filled scope in float64.
func evaluate(t *testing.T, d network.Description, variables map[string]*tensors.Tensor, x *tensors.Tensor, f func(c network.Components, x *graph.Node) *graph.Node) []float64 {
	t.Helper()
	store := model.NewStore()
	for name, v := range variables {
		_, err := store.CreateVariable("/"+name, v)
		require.NoError(t, err)
	}
	be, err := backend.New("go")
	require.NoError(t, err)
	exec := model.MustNewExec(be, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return f(network.NewComponents(d, scope, x), x)
	})
	y, err := exec.Call1(x)
	require.NoError(t, err)
	return flat(y)
}

func doubles(name string, lo, span float64, dims ...int) *tensors.Tensor {
	return images64(name, golden{}, lo, span, dims...)
}

// TestLocalReceptiveFieldsByDefinition sums every offset of every unit one by one.
func TestLocalReceptiveFieldsByDefinition(t *testing.T) {
	const n, in, out, side = 2, 3, 4, 5
	p := network.Parameter{Kind: network.LocalWeight, Shape: []int{1, out, in, side, side, 9}}
	torch := flat(doubles("w", -1, 2, p.Shape...))
	weight := make([]float64, len(torch))
	network.ToVariable(p, weight, torch)
	back := make([]float64, len(torch))
	network.FromVariable(p, back, weight)
	require.Equal(t, torch, back)
	x := doubles("x", -1, 2, n, in, side, side)
	got := evaluate(t, small(t, "local_rf"), map[string]*tensors.Tensor{
		"c.weight": tensors.FromFlatDataAndDimensions(weight, p.VariableShape()...)}, x, network.Components.Local)
	images := flat(x)
	for i, g := range got {
		col, row, o, img := i%side, i/side%side, i/side/side%out, i/side/side/out
		want := 0.0
		for c := range in {
			for k := range 9 {
				y, z := row+k/3-1, col+k%3-1
				if y >= 0 && y < side && z >= 0 && z < side {
					want += images[((img*in+c)*side+y)*side+z] * torch[(((o*in+c)*side+row)*side+col)*9+k]
				}
			}
		}
		require.InDelta(t, want, g, 1e-12, i)
	}
}

// TestPolarWedges counts the wedges that contain pixels before stretching, known for the paper's map,
// and that every ring within the radius is stretched over all wedges.
func TestPolarWedges(t *testing.T) {
	masks, counts := network.PolarMasks(32)
	require.Len(t, counts, 18*30)
	filled := make([]int, 18)
	for k := range counts {
		sum := float32(0)
		for _, v := range masks[k*1024:][:1024] {
			sum += v
		}
		if sum > 0 {
			filled[k/30]++
			require.InDelta(t, sum, counts[k], 5e-3*float64(sum)) // half precision, of the terms and of the sum
		} else {
			require.Equal(t, float32(1), counts[k])
		}
	}
	require.Equal(t, []int{30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 14, 6}, filled)
}

// TestPolarMatrixAtOtherSizes: a uniform image stays uniform where no ring is beyond the map, the rows
// of the centre look at the centre, and every pixel of the inscribed circle is seen.
func TestPolarMatrixAtOtherSizes(t *testing.T) {
	for _, side := range []int{8, 14, 16, 32, 48, 112} {
		m := network.PolarMatrix(side)
		out, in := side/2, side*side
		require.Len(t, m, out*out*in)
		for j := range out { // first row: the smallest eccentricity
			sum := 0.0
			for p, v := range m[j*in:][:in] {
				sum += v
				if v != 0 {
					x, y := p%side-side/2, p/side-side/2
					require.LessOrEqual(t, math.Hypot(float64(x), float64(y)), 2+float64(side)/32, "side %d", side)
				}
			}
			require.InDelta(t, 1, sum, 2e-3, "side %d", side)
		}
		seen := make([]bool, in)
		for i, v := range m {
			seen[i%in] = seen[i%in] || v != 0
		}
		for p := range in {
			if x, y := p%side-side/2, p/side-side/2; x*x+y*y < (side/2-1)*(side/2-1) {
				require.True(t, seen[p], "pixel %d of side %d", p, side)
			}
		}
	}
}

// TestTunedWeights: columns sum to 1, and the strongest weight is that of the channel half the ring away.
func TestTunedWeights(t *testing.T) {
	d := small(t, "tuned_norm")
	n := 4 * d.Width
	w := evaluate(t, d, map[string]*tensors.Tensor{"c.sigmas": doubles("s", 1, 4, n)}, doubles("x", 0, 1, 1, n, 1, 1),
		func(c network.Components, _ *graph.Node) *graph.Node { return c.TunedKernel() })
	for i := range n {
		sum, best := 0.0, 0
		for o := range n {
			sum += w[o*n+i]
			if w[o*n+i] > w[best*n+i] {
				best = o
			}
		}
		require.InDelta(t, 1, sum, 1e-12)
		require.Equal(t, (i+n/2)%n, best)
	}
}

// TestDoGKernels: the coded kernel has one sign, the classical one an excitatory centre and an
// inhibitory surround within its window.
func TestDoGKernels(t *testing.T) {
	for _, variant := range []network.DoG{network.CodedDoG, network.ClassicalDoG} {
		d, err := network.Flags{Network: "center_surround", Width: 8, DoG: variant}.Description()
		require.NoError(t, err)
		lo := 1.0
		if variant == network.ClassicalDoG {
			lo = 0.5
		}
		k := evaluate(t, d, map[string]*tensors.Tensor{"c.sigma1": doubles("a", lo, lo, 4, 1, 1),
			"c.sigma2_scale": doubles("b", 1.05, 0.9, 4, 1, 1), "c.total_scale": doubles("c", 1, 1, 4, 1, 1)},
			doubles("x", 0, 1, 1, 8, 5, 5), func(c network.Components, _ *graph.Node) *graph.Node { return c.DoGKernel() })
		for pair := range 4 {
			centre, corner := k[pair*25+12], k[pair*25]
			if variant == network.CodedDoG {
				for _, v := range k[pair*25:][:25] {
					require.Less(t, v, 0.0)
				}
			} else {
				require.Greater(t, centre, 0.0)
				require.Less(t, corner, 0.0)
			}
		}
	}
}

// TestDropoutSilencesWholeChannels in training, scales the others, and is absent in inference.
func TestDropoutSilencesWholeChannels(t *testing.T) {
	d := small(t, "local_rf")
	store := model.NewStore()
	require.NoError(t, d.Init(store, network.Random(1), dtypes.Float32))
	be, err := backend.New("go")
	require.NoError(t, err)
	images := tensors.FromFlatDataAndDimensions(stream("input", 0, 4*3*32*32, -1, 2), 4, 3, 32, 32)
	run := func(training bool) []float64 {
		exec := model.MustNewExec(be, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			store.SetTraining(x.Graph(), training)
			return d.Build(scope, x, network.Options{UpTo: d.V1Layer()}).Node(d.V1Layer() + ".conv2")
		})
		y, err := exec.Call1(images)
		require.NoError(t, err)
		return flat(y)
	}
	require.Equal(t, run(false), run(false))
	require.NotEqual(t, run(true), run(true), "dropout draws anew in every step")

	halves := func(training bool) []float64 {
		exec := model.MustNewExec(be, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			store.SetTraining(x.Graph(), training)
			mask := func(shape shapes.Shape, keep float64) *graph.Node {
				require.Equal(t, 0.5, keep)
				require.Equal(t, []int{4, 8, 1, 1}, shape.Dimensions)
				return graph.Ones(x.Graph(), shape)
			}
			return d.Build(scope, x, network.Options{DropoutMask: mask}).Node(d.V1Layer() + ".conv2")
		})
		y, err := exec.Call1(images)
		require.NoError(t, err)
		return flat(y)
	}
	d.V1[1].Dropout = 0
	without := run(true)
	d.V1[1].Dropout = 0.5
	for i, v := range halves(true) { // all channels kept: the values are twice those without dropout
		require.InDelta(t, 2*without[i], v, 1e-3)
	}
}

// TestEveryNetworkTrains: at a small size, one step of every preset gives finite gradients for all
// trainable parameters, none of them zero throughout.
func TestEveryNetworkTrains(t *testing.T) {
	for _, name := range network.Presets() {
		d := small(t, name)
		store := model.NewStore()
		require.NoError(t, d.Init(store, network.Random(2), dtypes.Float32))
		be, err := backend.New("go")
		require.NoError(t, err)
		var names []string
		exec := model.MustNewExec(be, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
			store.SetTraining(x.Graph(), true)
			y := d.Build(scope, x, network.Options{}).Last()
			names = nil
			for v := range scope.IterVariables() {
				if v.Trainable && v.InUseByGraph(x.Graph()) {
					names = append(names, v.Name())
				}
			}
			return scope.BuildTrainableVariablesGradientsGraph(graph.ReduceAllSum(graph.Square(y)))
		})
		gradients, err := exec.Call(tensors.FromFlatDataAndDimensions(stream("input", 0, 4*3*32*32, -1, 2), 4, 3, 32, 32))
		require.NoError(t, err, name)
		trainable := 0
		for _, p := range d.Parameters() {
			if p.Role == network.Trainable {
				trainable++
			}
		}
		require.Len(t, names, trainable, name)
		for i, g := range gradients {
			_, sd, _ := moments(append(flat(g), 0))
			require.False(t, math.IsNaN(sd) || math.IsInf(sd, 0) || sd == 0, "%s: gradient of %s has spread %g", name, names[i], sd)
		}
	}
}

// TestMixedPrecisionStaysClose: convolutions in bfloat16 change the logits by less than a few per cent.
func TestMixedPrecisionStaysClose(t *testing.T) {
	d := small(t, "composite_a")
	store := model.NewStore()
	require.NoError(t, d.Init(store, network.Random(1), dtypes.Float32))
	be, err := backend.New("go")
	require.NoError(t, err)
	run := func(o network.Options) []float64 {
		exec := model.MustNewExec(be, store, func(scope *model.Scope, x *graph.Node) *graph.Node { return d.Build(scope, x, o).Node("layer1.1") })
		y, err := exec.Call1(tensors.FromFlatDataAndDimensions(stream("input", 0, 2*3*32*32, -1, 2), 2, 3, 32, 32))
		require.NoError(t, err)
		return flat(y)
	}
	full, half := run(network.Options{UpTo: "layer1.1"}), run(network.Options{UpTo: "layer1.1", MatMulDType: dtypes.BFloat16})
	diff, sum := 0.0, 0.0
	for i := range full {
		diff, sum = diff+(full[i]-half[i])*(full[i]-half[i]), sum+full[i]*full[i]
	}
	require.Less(t, math.Sqrt(diff/sum), 0.05)
	require.Greater(t, diff, 0.0)
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	d := small(t, "resnet50")
	be, err := backend.New("go")
	require.NoError(t, err)
	call := func(store *model.Store, dims ...int) error {
		exec := model.MustNewExec(be, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return d.Build(scope, x, network.Options{}).Last()
		})
		_, err := exec.Call(tensors.FromFlatDataAndDimensions(make([]float32, dims[0]*3*dims[2]*dims[3]), dims...))
		return err
	}
	require.ErrorContains(t, call(model.NewStore(), 1, 3, 32, 32), "initialise or load the parameters first")
	require.ErrorContains(t, call(model.NewStore(), 1, 3, 64, 64), "takes images N×3×32×32")
}
