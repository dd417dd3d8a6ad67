package network

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	timage "github.com/gomlx/gomlx/core/tensors/images"
)

// relu is max(0, x), with derivative 0 at 0 as in PyTorch. The gradient goes through the equal
// expression "x where x > 0": that of a maximum takes GoMLX six operations over x.
func relu(x *graph.Node) *graph.Node {
	zero := graph.ScalarZero(x.Graph(), x.DType())
	y, _ := graph.InternalFusedOpCaller(
		func() *graph.Node { return graph.Max(x, zero) },
		func() *graph.Node { return graph.Where(graph.GreaterThan(x, zero), x, zero) }, true)
	return y
}

// conv is a convolution (cross-correlation) by the variable of that name, without bias.
func (b *builder) conv(x *graph.Node, weight string, stride, padding int) *graph.Node {
	return b.convolve(x, b.variable(weight), stride, padding)
}

// convolve is a convolution of x, N×C×H×W, by an out×in×rows×columns kernel.
func (b *builder) convolve(x, kernel *graph.Node, stride, padding int) *graph.Node {
	y := graph.Convolve(b.narrow(x), b.narrow(kernel)).ChannelsAxis(timage.ChannelsFirst).
		Strides(stride).PaddingPerDim([][2]int{{padding, padding}, {padding, padding}}).Done()
	return b.widen(y)
}

// dot is graph.DotGeneral in the type of matrix products.
func (b *builder) dot(x *graph.Node, xContract, xBatch []int, y *graph.Node, yContract, yBatch []int) *graph.Node {
	return b.widen(graph.DotGeneral(b.narrow(x), xContract, xBatch, b.narrow(y), yContract, yBatch))
}

func (b *builder) narrow(x *graph.Node) *graph.Node {
	if b.options.MatMulDType == dtypes.InvalidDType {
		return x
	}
	return graph.ConvertDType(x, b.options.MatMulDType)
}

func (b *builder) widen(x *graph.Node) *graph.Node {
	if b.options.MatMulDType == dtypes.InvalidDType {
		return x
	}
	return graph.ConvertDType(x, b.dtype)
}

// pool brings conv1's map to half its side.
func (b *builder) pool(x *graph.Node) *graph.Node {
	if b.d.Pool == Polar {
		return b.polar(x)
	}
	return graph.MaxPool(x).ChannelsAxis(timage.ChannelsFirst).Window(3).Strides(2).
		PaddingPerDim([][2]int{{1, 1}, {1, 1}}).Done()
}

// dropout silences whole channels of x, N×C×H×W, and scales the others by 1/keep (PyTorch's
// Dropout2d).
func (b *builder) dropout(x *graph.Node, keep float64) *graph.Node {
	dims := x.Shape().Dimensions
	shape := shapes.Make(b.dtype, dims[0], dims[1], 1, 1)
	var mask *graph.Node
	if b.options.DropoutMask != nil {
		mask = b.options.DropoutMask(shape, keep)
	} else {
		mask = b.scope.RandomBernoulli(graph.Scalar(b.g, b.dtype, keep), shape)
	}
	return graph.Mul(x, graph.DivScalar(mask, keep))
}

// withTail reshapes x to its first axis, which may be dynamic, and the dimensions given.
func withTail(x *graph.Node, tail ...int) *graph.Node {
	shape := x.Shape().Clone()
	shape.Dimensions = append(shape.Dimensions[:1:1], tail...)
	if shape.AxisNames != nil {
		shape.AxisNames = append(shape.AxisNames[:1:1], make([]string, len(tail))...)
	}
	return graph.ReshapeWithShape(x, shape)
}
