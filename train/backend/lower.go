package backend

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapeinference"
	"github.com/gomlx/compute/shapes"
)

// Lower returns a backend that computes as b does, except that convolutions over two spatial axes,
// without groups, become matrix products. Results differ by rounding.
func Lower(b compute.Backend) compute.Backend { return &lowered{b} }

// lowered is b with builders whose functions lower convolutions.
type lowered struct{ compute.Backend }

// Builder starts a computation.
func (l *lowered) Builder(name string) compute.Builder {
	inner := l.Backend.Builder(name)
	b := &builder{Builder: inner, backend: l}
	b.main = newFunction(b, nil, inner.Main())
	return b
}

// builder hands out lowering functions in place of the inner builder's.
type builder struct {
	compute.Builder
	backend *lowered
	main    *function
}

func (b *builder) Main() compute.Function { return b.main }

func (b *builder) NewFunction(name string) (compute.Function, error) {
	f, err := b.Builder.NewFunction(name)
	if err != nil {
		return nil, err
	}
	return newFunction(b, nil, f), nil
}

// function is the inner backend's function with ConvGeneral lowered. Values are the inner backend's.
type function struct {
	compute.Function
	builder *builder
	parent  *function
	scalars map[scalar]compute.Value // constants made so far
	// reversed remembers what Reverse was applied to, because the gradient of a convolution for its
	// input asks for a convolution with the reversed kernel, where the kernel itself serves better.
	reversed map[compute.Value]reversal
}

// scalar is a constant.
type scalar struct {
	dtype dtypes.DType
	value float64
}

type reversal struct {
	of   compute.Value
	axes []int
}

func newFunction(b *builder, parent *function, inner compute.Function) *function {
	return &function{Function: inner, builder: b, parent: parent,
		scalars: map[scalar]compute.Value{}, reversed: map[compute.Value]reversal{}}
}

func (f *function) Builder() compute.Builder { return f.builder }

func (f *function) Parent() compute.Function {
	if f.parent == nil {
		return nil
	}
	return f.parent
}

func (f *function) Closure() (compute.Function, error) {
	c, err := f.Function.Closure()
	if err != nil {
		return nil, err
	}
	return newFunction(f.builder, f, c), nil
}

// inner is the function that the inner backend knows.
func inner(f compute.Function) compute.Function {
	if l, ok := f.(*function); ok {
		return l.Function
	}
	return f
}

func (f *function) Call(target compute.Function, inputs ...compute.Value) ([]compute.Value, error) {
	return f.Function.Call(inner(target), inputs...)
}

func (f *function) Sort(comparator compute.Function, axis int, stable bool, inputs ...compute.Value) ([]compute.Value, error) {
	return f.Function.Sort(inner(comparator), axis, stable, inputs...)
}

func (f *function) While(cond, body compute.Function, state ...compute.Value) ([]compute.Value, error) {
	return f.Function.While(inner(cond), inner(body), state...)
}

func (f *function) If(pred compute.Value, yes, no compute.Function) ([]compute.Value, error) {
	return f.Function.If(pred, inner(yes), inner(no))
}

// Identity is x itself: the inner backend would copy it, and GoMLX asks for it with every stopped or
// changed gradient.
func (f *function) Identity(x compute.Value) (compute.Value, error) { return x, nil }

// Return ends the function. The Go backend fails on parameters that come after the last operation that
// an output needs; an identity at the end of the main function is such an operation.
func (f *function) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	if f.parent == nil && f.Name() == compute.MainName && len(outputs) > 0 {
		last, err := f.Function.Identity(outputs[len(outputs)-1])
		if err != nil {
			return err
		}
		outputs = append(slices.Clone(outputs[:len(outputs)-1]), last)
	}
	return f.Function.Return(outputs, shardings)
}

func (f *function) Reverse(x compute.Value, axes ...int) (compute.Value, error) {
	y, err := f.Function.Reverse(x, axes...)
	if err == nil {
		f.reversed[y] = reversal{x, axes}
	}
	return y, err
}

// scalar is a constant of a float type.
func (f *function) scalar(dtype dtypes.DType, value float64) (compute.Value, error) {
	key := scalar{dtype, value}
	if v, ok := f.scalars[key]; ok {
		return v, nil
	}
	var flat any = []float32{float32(value)}
	if dtype == dtypes.Float64 {
		flat = []float64{value}
	}
	v, err := f.Constant(flat)
	if err == nil {
		f.scalars[key] = v
	}
	return v, err
}

// ConvGeneral lowers what it can and leaves the rest to the inner backend.
func (f *function) ConvGeneral(x, kernel compute.Value, axes compute.ConvolveAxesConfig, strides []int, paddings [][2]int,
	inputDilations, kernelDilations []int, channelGroups, batchGroups int) (compute.Value, error) {
	general := func() (compute.Value, error) {
		return f.Function.ConvGeneral(x, kernel, axes, strides, paddings, inputDilations, kernelDilations, channelGroups, batchGroups)
	}
	xShape, err := f.Shape(x)
	if err != nil {
		return nil, err
	}
	kernelShape, err := f.Shape(kernel)
	if err != nil {
		return nil, err
	}
	if !lowerable(xShape, kernelShape, channelGroups, batchGroups) {
		return general()
	}
	out, err := shapeinference.ConvGeneral(xShape, kernelShape, axes, strides, paddings, inputDilations, kernelDilations, 1, 1)
	if err != nil || out.Size() == 0 {
		return general() // which says what is wrong
	}
	r := request{x: x, kernel: kernel, axes: axes}
	for i := range 2 {
		r.size[i] = xShape.Dimensions[axes.InputSpatial[i]]
		r.taps[i] = kernelShape.Dimensions[axes.KernelSpatial[i]]
		r.positions[i] = out.Dimensions[axes.OutputSpatial[i]]
		r.stride[i], r.inputDilation[i], r.kernelGap[i] = at(strides, i), at(inputDilations, i), at(kernelDilations, i)
		if len(paddings) > 0 {
			r.before[i] = paddings[i][0]
		}
	}
	e := &emitter{f: f, dtype: xShape.DType}
	y := e.lower(r)
	return y, e.err
}

// lowerable tells whether a convolution is of the kind that is lowered.
func lowerable(x, kernel shapes.Shape, channelGroups, batchGroups int) bool {
	return x.Rank() == 4 && !x.IsDynamic() && !kernel.IsDynamic() && channelGroups <= 1 && batchGroups <= 1 &&
		(x.DType == dtypes.Float32 || x.DType == dtypes.Float64) && x.Size() > 0 && kernel.Size() > 0
}

// at returns element i of an optional list of spatial settings.
func at(list []int, i int) int {
	if len(list) == 0 {
		return 1
	}
	return list[i]
}
