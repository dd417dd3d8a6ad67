package onnxruntime_test

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute"
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
				all = append(all, graph.Add(x, graph.ZerosLike(in[0]))) // a tensor, even if both operands are scalars
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

// evaluate runs fn on tensors and scalars and returns the results, and what the tensors hold then if
// they were not given away.
func evaluate(r *rapid.T, b compute.Backend, fn func([]*graph.Node) []*graph.Node, size, tensorsFed, scalarsFed int, given []bool) (results, kept [][]float32) {
	exec, err := graph.NewExec(b, fn)
	require.NoError(r, err)
	defer exec.Finalize()
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
	}
	kept = make([][]float32, tensorsFed)
	for i, x := range inputs {
		if !given[i] {
			kept[i], err = tensors.CopyFlatData[float32](x)
			require.NoError(r, err)
		}
	}
	return results, kept
}
