package lower_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/stretchr/testify/require"

	"striate/internal/ortlib"
	"striate/train/backend"
	_ "striate/train/backend/onnxruntime"
	"striate/train/network"
)

func backends(t testing.TB) (onnx, plain compute.Backend) {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skipf("ONNX Runtime is needed: %v", err)
	}
	onnx, err := backend.New("onnx")
	require.NoError(t, err)
	plain, err = backend.New("go")
	require.NoError(t, err)
	return onnx, plain
}

// input is float32, uniform in [-1,1).
func input(name string, dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	data := make([]float32, n)
	network.NewStream(name, 0).Fill(data, -1, 2)
	return tensors.FromFlatDataAndDimensions(data, dims...)
}

// same runs a function on both backends and compares all results.
func same(t *testing.T, tolerance float64, fn func(in []*Node) []*Node, inputs ...*tensors.Tensor) {
	t.Helper()
	onnx, plain := backends(t)
	var results [2][]*tensors.Tensor
	for i, b := range []compute.Backend{onnx, plain} {
		exec, err := NewExec(b, fn)
		require.NoError(t, err)
		args := make([]any, len(inputs))
		for k, in := range inputs {
			copied, err := in.LocalClone()
			require.NoError(t, err)
			args[k] = copied
		}
		results[i], err = exec.Call(args...)
		require.NoError(t, err)
	}
	require.Len(t, results[0], len(results[1]))
	for i, want := range results[1] {
		got := results[0][i]
		require.True(t, got.Shape().Equal(want.Shape()), "result %d: %s, not %s", i, got.Shape(), want.Shape())
		a, b := flat(t, got), flat(t, want)
		for k := range b {
			if math.IsNaN(b[k]) {
				require.True(t, math.IsNaN(a[k]), "result %d, element %d", i, k)
				continue
			}
			require.InDelta(t, b[k], a[k], tolerance*(1+math.Abs(b[k])), "result %d, element %d", i, k)
		}
	}
}

func flat(t *testing.T, x *tensors.Tensor) []float64 {
	t.Helper()
	var out []float64
	require.NoError(t, x.ConstFlatData(func(data any) {
		switch data := data.(type) {
		case []float32:
			for _, v := range data {
				out = append(out, float64(v))
			}
		case []int32:
			for _, v := range data {
				out = append(out, float64(v))
			}
		case []int64:
			for _, v := range data {
				out = append(out, float64(v))
			}
		case []bool:
			for _, v := range data {
				if v {
					out = append(out, 1)
				} else {
					out = append(out, 0)
				}
			}
		default:
			t.Fatalf("%T", data)
		}
	}))
	return out
}

const rounding = 1e-5 // float32, sums of some tens of terms

func TestElementwise(t *testing.T) {
	x, y, row, scalar := input("x", 2, 3, 4), input("y", 2, 3, 4), input("r", 1, 1, 4), input("s")
	same(t, rounding, func(in []*Node) []*Node {
		x, y, row, s := in[0], in[1], in[2], in[3]
		positive := AddScalar(Abs(x), 0.5)
		return []*Node{
			Add(x, y), Sub(x, row), Mul(s, y), Div(x, positive), Pow(positive, y), Min(x, y), Max(x, s),
			Neg(x), Exp(x), Expm1(x), Log(positive), Log1p(positive), Sqrt(positive), Rsqrt(positive), Tanh(x), Sigmoid(x), Erf(x),
			Sin(x), Cos(x), Floor(MulScalar(x, 3)), Ceil(MulScalar(x, 3)), Round(MulScalar(x, 3)), Sign(x), Abs(x), Mod(x, positive),
			Clip(x, Scalar(x.Graph(), x.DType(), -0.25), Scalar(x.Graph(), x.DType(), 0.5)), ClipScalar(x, -0.5, 0.5),
			Where(GreaterThan(x, y), x, y), Where(LessThan(x, row), x, ScalarZero(x.Graph(), x.DType())),
			Equal(x, x), NotEqual(x, y), GreaterOrEqual(x, y), LessOrEqual(x, y),
			LogicalAnd(GreaterThan(x, y), LessThan(x, row)), LogicalOr(GreaterThan(x, y), LessThan(x, y)), LogicalNot(GreaterThan(x, y)),
			LogicalXor(GreaterThan(x, y), LessThan(x, row)),
			IsFinite(Log(x)), IsNaN(Log(x)), ConvertDType(MulScalar(x, 5), dtypes.Int32), ConvertDType(GreaterThan(x, y), dtypes.Float32),
			MulScalar(x, 1), AddScalar(x, 0), Max(ScalarZero(x.Graph(), x.DType()), x), Sub(s, s), OneMinus(s), x,
		}
	}, x, y, row, scalar)
}

// What autodiff makes of a Relu is written as a choice; the value at zero counts too.
func TestGates(t *testing.T) {
	x := tensors.FromFlatDataAndDimensions([]float32{-1, 0, 2, -0.5}, 4)
	same(t, 0, func(in []*Node) []*Node {
		zero := ScalarZero(in[0].Graph(), in[0].DType())
		left, right := Max(zero, in[0]), Max(in[0], zero)
		return []*Node{
			Gradient(ReduceAllSum(Mul(left, in[1])), in[0])[0], Gradient(ReduceAllSum(Mul(right, in[1])), in[0])[0],
			Mul(in[1], NonNegativeIndicator(in[0])), Mul(PositiveIndicator(in[0]), in[1]), Mul(OneMinus(NonNegativeIndicator(Neg(in[0]))), in[1]),
		}
	}, x, input("v", 4))
}

func TestShapesAndReductions(t *testing.T) {
	same(t, rounding, func(in []*Node) []*Node {
		x := in[0] // 2×3×4
		g := x.Graph()
		return []*Node{
			Transpose(x, 0, 2), TransposeAllAxes(TransposeAllAxes(x, 2, 0, 1), 1, 2, 0), Reshape(x, 6, 4), Reshape(Reshape(x, 24), 4, 6),
			InsertAxes(x, 0), Slice(x, AxisRange(), AxisRange(1, 3), AxisRange()), Slice(x, AxisRange(), AxisRange(), AxisRange().Stride(2)),
			Reverse(x, 1, 2), Concatenate([]*Node{x, MulScalar(x, 2)}, 1), Concatenate([]*Node{x, Zeros(g, x.Shape())}, 2),
			Concatenate([]*Node{Zeros(g, x.Shape()), Slice(x, AxisRange(), AxisRange(0, 2), AxisRange())}, 1),
			Pad(x, Scalar(g, x.DType(), 2), PadAxis{Start: 1}, PadAxis{}, PadAxis{Start: 1, End: 2}),
			BroadcastToDims(Slice(x, AxisRange(), AxisRange(0, 1), AxisRange()), 2, 5, 4),
			Add(ExpandAndBroadcast(ReduceSum(x, 1), []int{2, 3, 4}, []int{1}), x),
			Iota(g, x.Shape(), 1), Add(Iota(g, x.Shape(), 2), x), IotaFull(g, x.Shape()),
			ReduceSum(x, 0, 2), ReduceAllSum(x), ReduceMax(x, 1), ReduceMin(x, 2), ReduceMultiply(x, 1), ReduceMean(x, 1), ReduceAllMean(x),
			ArgMax(x, 2, dtypes.Int32), ArgMin(x, 1, dtypes.Int64), OneHot(ArgMax(x, 2, dtypes.Int32), 4, dtypes.Float32),
			Softmax(x, -1), LogSoftmax(x, -1),
		}
	}, input("x", 2, 3, 4))
}

// Zeros put on, cut off and put on again, in every order: one Pad must mean the same.
func TestPaddingAndCutting(t *testing.T) {
	same(t, 0, func(in []*Node) []*Node {
		x := in[0]
		border := func(x *Node, before, after int) *Node {
			zeros := func(n int) *Node {
				dims := append([]int(nil), x.Shape().Dimensions...)
				dims[1] = n
				return Zeros(x.Graph(), shapes.Make(x.DType(), dims...))
			}
			parts := []*Node{x}
			if before > 0 {
				parts = append([]*Node{zeros(before)}, parts...)
			}
			if after > 0 {
				parts = append(parts, zeros(after))
			}
			return Concatenate(parts, 1)
		}
		cut := func(x *Node, lo, hi int) *Node { return Slice(x, AxisRange(), AxisRange(lo, hi)) }
		wide := border(x, 2, 1) // 2+5+1
		return []*Node{
			wide, cut(wide, 0, 5), cut(wide, 1, 6), cut(wide, 2, 7), cut(wide, 3, 8), cut(wide, 3, 6), cut(wide, 0, 2), cut(wide, 7, 8),
			border(cut(x, 1, 5), 1, 0), border(cut(x, 0, 4), 1, 0), border(cut(x, 0, 4), 0, 2), border(cut(wide, 0, 5), 0, 3),
			border(cut(wide, 3, 8), 2, 2), border(border(x, 1, 0), 0, 1), cut(cut(wide, 1, 8), 1, 6),
		}
	}, input("x", 2, 5))
}

// Products with every arrangement of axes: joint, several kept, several contracted.
func TestDotGeneral(t *testing.T) {
	for _, c := range []struct {
		x, y                      []int
		xContract, xJoint, yC, yJ []int
	}{
		{[]int{5, 3}, []int{3, 4}, []int{1}, nil, []int{0}, nil},
		{[]int{5, 3}, []int{4, 3}, []int{1}, nil, []int{1}, nil},
		{[]int{3, 5}, []int{4, 3}, []int{0}, nil, []int{1}, nil},
		{[]int{2, 3, 5}, []int{5, 4}, []int{2}, nil, []int{0}, nil},
		{[]int{2, 5, 3}, []int{5, 4}, []int{1}, nil, []int{0}, nil},
		{[]int{2, 5, 3}, []int{3, 5, 4}, []int{1}, []int{2}, []int{1}, []int{0}},
		{[]int{2, 5, 3}, []int{2, 5, 4, 6}, []int{1}, []int{0}, []int{1}, []int{0}},
		{[]int{2, 5, 3}, []int{5, 2, 4, 6}, []int{0, 1}, nil, []int{1, 0}, nil},
		{[]int{4}, []int{4}, []int{0}, nil, []int{0}, nil},
		{[]int{4}, []int{3}, nil, nil, nil, nil},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			same(t, rounding, func(in []*Node) []*Node {
				return []*Node{DotGeneral(in[0], c.xContract, c.xJoint, in[1], c.yC, c.yJ)}
			}, input("x", c.x...), input("y", c.y...))
		})
	}
}

// Convolutions of all kinds with both gradients: strides, paddings, dilations, groups, either order
// of axes.
func TestConvolutions(t *testing.T) {
	for _, c := range []struct {
		size, kernel, stride, dilation int
		padding                        [2]int
	}{
		{8, 1, 1, 1, [2]int{0, 0}}, {8, 1, 2, 1, [2]int{0, 0}}, {7, 1, 2, 1, [2]int{0, 0}}, {8, 3, 1, 1, [2]int{1, 1}}, {8, 3, 2, 1, [2]int{1, 1}},
		{7, 3, 2, 1, [2]int{1, 1}}, {9, 7, 2, 1, [2]int{3, 3}}, {8, 5, 1, 1, [2]int{2, 2}}, {8, 3, 1, 2, [2]int{2, 2}}, {8, 2, 1, 1, [2]int{0, 1}},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			fn := func(in []*Node) []*Node {
				conv := Convolve(in[0], in[1]).AxesConfig(channelsFirst()).Strides(c.stride).PaddingPerDim([][2]int{c.padding, c.padding})
				if c.dilation != 1 {
					conv = conv.Dilations(c.dilation)
				}
				y := conv.Done()
				gradients := Gradient(ReduceAllSum(Mul(y, Sin(y))), in[0], in[1])
				return append(gradients, y)
			}
			same(t, 1e-4, fn, input("x", 2, 3, c.size, c.size), input("w", 4, 3, c.kernel, c.kernel))
		})
	}
	// Few positions and many channels: one matrix product for the batch.
	for _, c := range []struct{ size, kernel, stride, channels, filters int }{
		{4, 3, 1, 40, 48}, {4, 3, 2, 40, 48}, {4, 1, 1, 12, 20}, {4, 1, 2, 40, 48}, {2, 3, 1, 9, 24}, {8, 3, 2, 20, 130}, {5, 5, 3, 20, 60},
	} {
		t.Run(fmt.Sprint("few positions", c), func(t *testing.T) {
			same(t, 1e-3, func(in []*Node) []*Node { // sums of up to 1,170 terms, then of their sines
				y := Convolve(in[0], in[1]).AxesConfig(channelsFirst()).Strides(c.stride).PadSame().Done()
				return append(Gradient(ReduceAllSum(Mul(y, Sin(y))), in[0], in[1]), y)
			}, input("x", 3, c.channels, c.size, c.size), input("w", c.filters, c.channels, c.kernel, c.kernel))
		})
	}
	t.Run("channels last, groups", func(t *testing.T) {
		same(t, rounding, func(in []*Node) []*Node {
			return []*Node{Convolve(in[0], in[1]).ChannelGroupCount(2).PadSame().Done()}
		}, input("x", 2, 6, 6, 4), input("w", 3, 3, 2, 6))
	})
}

func channelsFirst() compute.ConvolveAxesConfig {
	return compute.ConvolveAxesConfig{InputBatch: 0, InputChannels: 1, InputSpatial: []int{2, 3}, KernelOutputChannels: 0, KernelInputChannels: 1,
		KernelSpatial: []int{2, 3}, OutputBatch: 0, OutputChannels: 1, OutputSpatial: []int{2, 3}}
}

// Pooling and its gradient; where a window has two equal maxima, the first takes all.
func TestPooling(t *testing.T) {
	x := input("x", 2, 3, 8, 8)
	same(t, rounding, func(in []*Node) []*Node {
		pool := func(x *Node) *PoolBuilder {
			return MaxPool(x).ChannelsAxis(images.ChannelsFirst).Window(3).Strides(2).PaddingPerDim([][2]int{{1, 1}, {1, 1}})
		}
		y := pool(in[0]).Done()
		rounded := Round(MulScalar(in[0], 2))
		ties := pool(rounded).Done()
		mean := MeanPool(in[0]).ChannelsAxis(images.ChannelsFirst).Window(2).NoPadding().Done()
		return []*Node{y, Gradient(ReduceAllSum(Mul(y, Sin(y))), in[0])[0], ties, Gradient(ReduceAllSum(Square(ties)), rounded)[0], mean,
			SumPool(in[0]).ChannelsAxis(images.ChannelsFirst).Window(2).NoPadding().Done()}
	}, x)
}
