package network

import (
	"github.com/gomlx/gomlx/core/graph"
)

// localTaps is the number of offsets of a local receptive field, 3×3.
const localTaps = 9

// local filters x, N×I×H×W, with a 3×3 kernel of its own at every position: a convolution whose
// weights are not shared, zero padding 1, no bias:
//
//	y[n,o,p] = Σ over c and the 9 offsets t of x[n,c,p+t]·weight[p, I·t + c, o]
//
// It stands for receptive fields that differ between positions of V1 (the paper, Methods,
// "local receptive fields"). weight is (H·W)×(9·I)×O, see [Parameter.VariableShape]; the sum is one
// matrix product per position, all in one batch. Initially the weights are standard normal, without
// regard to fan-in, as in the authors' code: the batch normalisation behind takes the scale out.
func (b *builder) local(x, weight *graph.Node) *graph.Node {
	side := x.Shape().Dimensions[2]
	channels := x.Shape().Dimensions[1]
	patches := graph.Concatenate(neighbours(x), 1) // N × (9·I) × H × W, offset-major
	patches = withTail(patches, localTaps*channels, side*side)
	y := b.dot(patches, []int{1}, []int{2}, weight, []int{1}, []int{0}) // (H·W) × N × O
	return withTail(graph.TransposeAllAxes(y, 1, 2, 0), weight.Shape().Dimensions[2], side, side)
}

// neighbours returns x, N×C×H×W, shifted to each of the nine offsets of a 3×3 window, row by row,
// zeros beyond the border.
func neighbours(x *graph.Node) []*graph.Node {
	h, w := x.Shape().Dimensions[2], x.Shape().Dimensions[3]
	x = bordered(bordered(x, 2), 3)
	all := make([]*graph.Node, 0, localTaps)
	for row := range 3 {
		for column := range 3 {
			all = append(all, graph.Slice(x, graph.AxisRange(), graph.AxisRange(),
				graph.AxisRange(row, row+h), graph.AxisRange(column, column+w)))
		}
	}
	return all
}

// bordered puts a zero before and after x along an axis. GoMLX has no gradient for padding.
func bordered(x *graph.Node, axis int) *graph.Node {
	border := graph.ZerosLike(graph.SliceAxis(x, axis, graph.AxisRange(0, 1)))
	return graph.Concatenate([]*graph.Node{border, x, border}, axis)
}
