package backend_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	timage "github.com/gomlx/gomlx/core/tensors/images"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"striate/internal/fault"
	"striate/train/backend"
)

// convolution is a case: images n×c×h×w, kernel o×c×kh×kw.
type convolution struct {
	N, C, H, W, O, KH, KW, Stride, Dilation int
	Pad                                     [2][2]int
	Last                                    bool // channels last
	ForwardOnly                             bool
}

func (c convolution) outSize(i int) int {
	size, taps := [2]int{c.H, c.W}[i], [2]int{c.KH, c.KW}[i]
	return (size+c.Pad[i][0]+c.Pad[i][1]-c.Dilation*(taps-1)-1)/c.Stride + 1
}

// run returns the convolution and its gradients for image and kernel on a backend.
func (c convolution) run(t require.TestingT, b compute.Backend) [][]float64 {
	layout := timage.ChannelsFirst
	xDims, kDims, yDims := []int{c.N, c.C, c.H, c.W}, []int{c.O, c.C, c.KH, c.KW}, []int{c.N, c.O, c.outSize(0), c.outSize(1)}
	if c.Last {
		layout = timage.ChannelsLast
		xDims, kDims, yDims = []int{c.N, c.H, c.W, c.C}, []int{c.KH, c.KW, c.C, c.O}, []int{c.N, c.outSize(0), c.outSize(1), c.O}
	}
	exec, err := graph.NewExec(b, func(x, k, r *graph.Node) []*graph.Node {
		conv := graph.Convolve(x, k).ChannelsAxis(layout).PaddingPerDim(c.Pad[:])
		if c.Stride > 1 {
			conv = conv.Strides(c.Stride)
		}
		if c.Dilation > 1 {
			conv = conv.Dilations(c.Dilation)
		}
		y := conv.Done()
		if c.ForwardOnly {
			return []*graph.Node{y}
		}
		return append([]*graph.Node{y}, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, r)), x, k)...)
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(random(1, xDims...), random(2, kDims...), random(3, yDims...))
	require.NoError(t, err, "%+v", c)
	values := make([][]float64, len(out))
	for i, o := range out {
		values[i] = tensors.MustCopyFlatData[float64](o)
	}
	return values
}

func random(seed uint64, dims ...int) *tensors.Tensor {
	r := rand.New(rand.NewPCG(seed, 0))
	v := make([]float64, shapes.Make(dtypes.Float64, dims...).Size())
	for i := range v {
		v[i] = 2*r.Float64() - 1
	}
	return tensors.FromFlatDataAndDimensions(v, dims...)
}

// TestLoweredConvolutionsEqualThePlainBackend compares outputs and both gradients in float64, where
// the two orders of summation agree to 1e-11 of values of order 1 to 30.
func TestLoweredConvolutionsEqualThePlainBackend(t *testing.T) {
	plain, err := gobackend.New("ops_sequential")
	require.NoError(t, err)
	lowered := backend.Lower(plain)
	check := func(t require.TestingT, c convolution) {
		want, got := c.run(t, plain), c.run(t, lowered)
		for i := range want {
			require.InDeltaSlice(t, want[i], got[i], 1e-11, "%s of %+v", [3]string{"output", "image gradient", "kernel gradient"}[i], c)
		}
	}
	same := [2][2]int{{1, 1}, {1, 1}}
	for _, c := range []convolution{ // the convolutions of ResNet-50, at few channels
		{N: 2, C: 3, H: 16, W: 16, O: 5, KH: 7, KW: 7, Stride: 2, Dilation: 1, Pad: [2][2]int{{3, 3}, {3, 3}}},
		{N: 2, C: 4, H: 8, W: 8, O: 8, KH: 1, KW: 1, Stride: 1, Dilation: 1},
		{N: 2, C: 4, H: 8, W: 8, O: 8, KH: 1, KW: 1, Stride: 2, Dilation: 1},
		{N: 2, C: 4, H: 8, W: 8, O: 4, KH: 3, KW: 3, Stride: 1, Dilation: 1, Pad: same},
		{N: 3, C: 64, H: 2, W: 2, O: 64, KH: 3, KW: 3, Stride: 1, Dilation: 1, Pad: same},                        // rows
		{N: 3, C: 32, H: 4, W: 4, O: 32, KH: 3, KW: 3, Stride: 2, Dilation: 1, Pad: same},                        // rows, stride
		{N: 2, C: 32, H: 8, W: 8, O: 32, KH: 3, KW: 3, Stride: 1, Dilation: 1, Pad: same},                        // columns
		{N: 2, C: 32, H: 2, W: 2, O: 128, KH: 1, KW: 1, Stride: 1, Dilation: 1},                                  // rows, 1×1
		{N: 2, C: 16, H: 16, W: 16, O: 16, KH: 5, KW: 5, Stride: 1, Dilation: 1, Pad: [2][2]int{{2, 2}, {2, 2}}}, // DoG
	} {
		check(t, c)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := convolution{
			N: rapid.IntRange(1, 3).Draw(t, "n"), C: rapid.IntRange(1, 20).Draw(t, "c"), O: rapid.IntRange(1, 20).Draw(t, "o"),
			H: rapid.IntRange(5, 9).Draw(t, "h"), W: rapid.IntRange(5, 9).Draw(t, "w"),
			KH: rapid.IntRange(1, 3).Draw(t, "kh"), KW: rapid.IntRange(1, 3).Draw(t, "kw"), Stride: 1, Dilation: 1,
			Last: rapid.Bool().Draw(t, "last"),
		}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 1:
			c.Stride = 2
		case 2:
			c.Dilation = 2
		}
		// GoMLX differentiates convolutions with odd kernels and symmetric padding; others run forward.
		c.ForwardOnly = c.KH%2 == 0 || c.KW%2 == 0
		for i := range c.Pad {
			before := rapid.IntRange(0, [2]int{c.KH, c.KW}[i]-1).Draw(t, "before")
			c.Pad[i] = [2]int{before, before}
			if c.ForwardOnly {
				c.Pad[i][1] = rapid.IntRange(0, 2).Draw(t, "after")
			}
		}
		check(t, c)
	})
}

// TestLoweredMaxPoolingEqualsThePlainBackend, bit for bit: a maximum does not round.
func TestLoweredMaxPoolingEqualsThePlainBackend(t *testing.T) {
	plain, err := gobackend.New("ops_sequential")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		window, stride, pad := rapid.IntRange(1, 3).Draw(t, "window"), rapid.IntRange(1, 3).Draw(t, "stride"), 0
		if window > 1 {
			pad = rapid.IntRange(0, window-1).Draw(t, "pad")
		}
		x := random(4, 2, 3, rapid.IntRange(3, 9).Draw(t, "h"), rapid.IntRange(3, 9).Draw(t, "w"))
		run := func(b compute.Backend) []float64 {
			exec, err := graph.NewExec(b, func(x *graph.Node) *graph.Node {
				return graph.MaxPool(x).ChannelsAxis(timage.ChannelsFirst).Window(window).Strides(stride).
					PaddingPerDim([][2]int{{pad, pad}, {pad, pad}}).Done()
			})
			require.NoError(t, err)
			local, err := x.LocalClone()
			require.NoError(t, err)
			y, err := exec.Call1(local)
			require.NoError(t, err)
			return tensors.MustCopyFlatData[float64](y)
		}
		require.Equal(t, run(plain), run(backend.Lower(plain)))
	})
}

func TestControlFlowPassesThrough(t *testing.T) {
	b, err := backend.New("go")
	require.NoError(t, err)
	exec, err := graph.NewExec(b, func(x *graph.Node) *graph.Node { return graph.Sort(x, 0, true) })
	require.NoError(t, err)
	out, err := exec.Call1([]float32{3, 1, 2})
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2, 3}, out.Value())
}

// TestParametersBeyondTheOutputs: an output may need none of the last parameters.
func TestParametersBeyondTheOutputs(t *testing.T) {
	b, err := backend.New("go")
	require.NoError(t, err)
	exec, err := graph.NewExec(b, func(x, y *graph.Node) *graph.Node { return graph.StopGradient(x) })
	require.NoError(t, err)
	out, err := exec.Call1([]float32{3, 1, 2}, []float32{1})
	require.NoError(t, err)
	require.Equal(t, []float32{3, 1, 2}, out.Value())
}

func TestUnknownBackendIsRefused(t *testing.T) {
	_, err := backend.New("abacus")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.ErrorContains(t, err, "abacus")
	_, err = backend.New("go:nonsense")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

// BenchmarkConvolution measures the forward pass and both gradients of ResNet-50's commonest kind.
func BenchmarkConvolution(b *testing.B) {
	plain, err := gobackend.New("ops_sequential")
	require.NoError(b, err)
	for name, be := range map[string]compute.Backend{"plain": plain, "lowered": backend.Lower(plain)} {
		b.Run(fmt.Sprintf("%s/3x3x64", name), func(b *testing.B) {
			c := convolution{N: 8, C: 64, H: 16, W: 16, O: 64, KH: 3, KW: 3, Stride: 1, Dilation: 1, Pad: [2][2]int{{1, 1}, {1, 1}}}
			for range b.N {
				c.run(b, be)
			}
		})
	}
}
