package onnxruntime_test

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"striate/train/network"
)

// A term of a random expression: an operation on two earlier terms.
type term struct {
	op          int
	left, right int
}

// operations are some that the end of a graph may consist of, and some that it may not.
var operations = []func(x, y *graph.Node) *graph.Node{graph.Add, graph.Sub, graph.Mul, graph.Add, graph.Sub, graph.Mul,
	func(x, y *graph.Node) *graph.Node { return graph.Max(x, y) },
	func(x, y *graph.Node) *graph.Node { return graph.Add(x, graph.ReduceAllMax(y)) },
	func(x, y *graph.Node) *graph.Node { return graph.Add(x, graph.MulScalar(y, 0.75)) },
	func(x, y *graph.Node) *graph.Node { return graph.Sub(x, graph.MulScalar(y, 0.75)) },
	func(x, y *graph.Node) *graph.Node {
		return graph.Add(graph.MulScalar(x, 0.5), graph.MulScalar(y, 0.75))
	},
	func(x, y *graph.Node) *graph.Node { return graph.Sub(graph.MulScalar(x, 0.75), y) },
	func(x, y *graph.Node) *graph.Node { // a product that is read twice
		product := graph.MulScalar(y, 0.75)
		return graph.Mul(product, graph.Add(x, product))
	},
	func(x, y *graph.Node) *graph.Node { // a scalar whose broadcast is written
		return graph.Sub(graph.BroadcastToDims(graph.ReduceAllMax(y), x.Shape().Dimensions...), x)
	},
}

// Whatever a graph ends in, its results are those of the Go backend, to the bit: the same operations
// in the same order, each rounded. Inputs are given away or not; those kept keep their values.
func TestEndsOfGraphsEqualTheGoBackend(t *testing.T) {
	onnx, plain := open(t, "onnx"), open(t, "go")
	const tensorsFed, scalarsFed = 3, 2
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.SampledFrom([]int{2, 7, 2048, 2049, 70_001}).Draw(r, "size")
		constant := rapid.SampledFrom([]float32{-1.5, 0, 0.25, 1, 3}).Draw(r, "constant")
		terms := make([]term, rapid.IntRange(1, 12).Draw(r, "terms"))
		for i := range terms {
			operand := rapid.IntRange(0, tensorsFed+scalarsFed+i) // the last is the constant
			terms[i] = term{rapid.IntRange(0, len(operations)-1).Draw(r, "operation"), operand.Draw(r, "left"), operand.Draw(r, "right")}
		}
		asked := rapid.SliceOfN(rapid.IntRange(0, tensorsFed+len(terms)-1), 1, 5).Draw(r, "outputs")
		given := rapid.SliceOfN(rapid.Bool(), tensorsFed, tensorsFed).Draw(r, "given away")
		fn := func(in []*graph.Node) []*graph.Node {
			all := append(append([]*graph.Node(nil), in...), graph.Scalar(in[0].Graph(), in[0].DType(), constant))
			for _, e := range terms {
				x := operations[e.op](all[e.left], all[e.right])
				if x.IsScalar() {
					x = graph.Add(x, in[0])
				}
				all = append(all, x)
			}
			out := make([]*graph.Node, len(asked))
			for i, a := range asked {
				if out[i] = all[a]; a >= tensorsFed {
					out[i] = all[a-tensorsFed+len(in)+1]
				}
			}
			return out
		}
		want, _ := evaluate(r, plain, fn, size, tensorsFed, scalarsFed, make([]bool, tensorsFed))
		got, kept := evaluate(r, onnx, fn, size, tensorsFed, scalarsFed, given)
		require.Len(r, got, len(want))
		for i := range want {
			equal(r, want[i], got[i], fmt.Sprint("result ", i))
		}
		for i, values := range kept {
			if !given[i] {
				equal(r, fed(i, size), values, fmt.Sprint("kept input ", i))
			}
		}
	})
}

func equal(r *rapid.T, want, got []float32, what string) {
	require.Len(r, got, len(want), what)
	for i, w := range want {
		if g := got[i]; w != g && !(w != w && g != g) { //nolint:staticcheck // both may be NaN
			require.Failf(r, "values differ", "%s, element %d: %v, not %v", what, i, g, w)
		}
	}
}

// fed are the values of an input.
func fed(i, size int) []float32 {
	data := make([]float32, size)
	network.NewStream(fmt.Sprint("input", i), 0).Fill(data, -1, 2)
	return data
}

// evaluate runs fn on tensors and scalars, twice, since the second run gets the memory of the first
// one's results, and returns the results, and what the tensors hold then if they were not given away.
func evaluate(r *rapid.T, b compute.Backend, fn func([]*graph.Node) []*graph.Node, size, tensorsFed, scalarsFed int, given []bool) (results, kept [][]float32) {
	exec, err := graph.NewExec(b, fn)
	require.NoError(r, err)
	defer exec.Finalize()
	for range 2 {
		results, kept = nil, make([][]float32, tensorsFed)
		var args []any
		inputs := make([]*tensors.Tensor, tensorsFed)
		for i := range inputs {
			inputs[i] = tensors.FromFlatDataAndDimensions(fed(i, size), size)
			if !given[i] {
				args = append(args, inputs[i])
				continue
			}
			donated, err := graph.DonateTensorBuffer(inputs[i], b, 0)
			require.NoError(r, err)
			args = append(args, donated)
		}
		for i := range scalarsFed {
			args = append(args, fed(tensorsFed+i, 1)[0])
		}
		out, err := exec.Call(args...)
		require.NoError(r, err)
		for _, x := range out {
			values, err := tensors.CopyFlatData[float32](x)
			require.NoError(r, err)
			results = append(results, values)
			require.NoError(r, x.FinalizeAll()) // one is not the memory of another
		}
		for i, x := range inputs {
			if !given[i] {
				kept[i], err = tensors.CopyFlatData[float32](x)
				require.NoError(r, err)
			}
		}
	}
	return results, kept
}

// A product that a sum takes in, and that is an output, too.
func TestProductIsAlsoAnOutput(t *testing.T) {
	exec, err := graph.NewExec(open(t, "onnx"), func(x, y *graph.Node) []*graph.Node {
		product := graph.MulScalar(graph.Neg(x), 0.5)
		return []*graph.Node{product, graph.Add(y, product), product}
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(tensors.FromFlatDataAndDimensions([]float32{1, 2}, 2), tensors.FromFlatDataAndDimensions([]float32{3, 4}, 2))
	require.NoError(t, err)
	for i, want := range [][]float32{{-0.5, -1}, {2.5, 3}, {-0.5, -1}} {
		got, err := tensors.CopyFlatData[float32](out[i])
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// A tensor that is given away may be fed once; a refused call leaves it as it is.
func TestGivenAwayTwice(t *testing.T) {
	b := open(t, "onnx")
	builder := b.Builder("twice")
	f := builder.Main()
	shape := shapes.Make(dtypes.Float32, 4)
	x, err := f.Parameter("x", shape, nil)
	require.NoError(t, err)
	y, err := f.Parameter("y", shape, nil)
	require.NoError(t, err)
	e, err := f.Exp(x)
	require.NoError(t, err)
	sum, err := f.Add(y, e)
	require.NoError(t, err)
	require.NoError(t, f.Return([]compute.Value{sum}, nil))
	exec, err := builder.Compile()
	require.NoError(t, err)
	defer exec.Finalize()
	fed, err := b.BufferFromFlatData(0, []float32{0, 0, 0, 1}, shape)
	require.NoError(t, err)
	for _, donate := range [][]bool{{true, false}, {false, true}, {true, true}} {
		_, err = exec.Execute([]compute.Buffer{fed, fed}, donate, 0)
		require.ErrorContains(t, err, "fed twice")
	}
	out, err := exec.Execute([]compute.Buffer{fed, fed}, nil, 0)
	require.NoError(t, err)
	values, err := out[0].Data()
	require.NoError(t, err)
	require.InDeltaSlice(t, []float32{1, 1, 1, 1 + math.E}, values, 1e-6)
}

// Graphs end with their backend, which waits for those that run.
func TestFinalize(t *testing.T) {
	b := open(t, "onnx")
	shape := shapes.Make(dtypes.Float32, 200, 200)
	compile := func() (compute.Executable, error) {
		builder := b.Builder("product")
		f := builder.Main()
		x, err := f.Parameter("x", shape, nil)
		require.NoError(t, err)
		for range 20 {
			x, err = f.DotGeneral(x, []int{1}, nil, x, []int{0}, nil, compute.DotGeneralConfig{})
			require.NoError(t, err)
		}
		require.NoError(t, f.Return([]compute.Value{x}, nil))
		return builder.Compile()
	}
	exec, err := compile()
	require.NoError(t, err)
	x, err := b.BufferFromFlatData(0, make([]float32, shape.Size()), shape)
	require.NoError(t, err)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for err := error(nil); err == nil; {
				_, err = exec.Execute([]compute.Buffer{x}, nil, 0)
			}
		})
	}
	b.Finalize()
	running.Wait()
	_, err = exec.Execute([]compute.Buffer{x}, nil, 0)
	require.ErrorContains(t, err, "was finalized")
	_, err = compile()
	require.ErrorContains(t, err, "was finalized")
	require.True(t, b.IsFinalized())
	exec.Finalize()
}
