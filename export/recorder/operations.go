package recorder

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// What operations take beside their inputs, where one value does not say it.
type (
	// Conv is the Args of ConvGeneral: the kernel is the second input.
	Conv struct {
		Axes                            compute.ConvolveAxesConfig
		Strides                         []int
		Paddings                        [][2]int
		InputDilations, KernelDilations []int
		ChannelGroups, BatchGroups      int
	}
	// Dot is the Args of DotGeneral.
	Dot struct {
		LeftContracting, LeftBatch, RightContracting, RightBatch []int
		Config                                                   compute.DotGeneralConfig
	}
	// Window is the Args of ReduceWindow and SelectAndScatterMax. Slices may be nil.
	Window struct {
		Reduce                                         compute.ReduceOpType
		Size, Strides, InputDilations, WindowDilations []int
		Paddings                                       [][2]int
	}
	// Broadcast is the Args of BroadcastInDim.
	Broadcast struct{ Axes []int }
	// Slice is the Args of Slice. Strides may be nil.
	Slice struct{ Starts, Limits, Strides []int }
	// BatchNorm is the Args of BatchNormForInference.
	BatchNorm struct {
		Epsilon float32
		Axis    int
	}
	// ArgMinMax is the Args of ArgMinMax.
	ArgMinMax struct {
		Axis int
		Min  bool
	}
	// Gather is the Args of Gather: the start indices are the second input.
	Gather struct {
		IndexVectorAxis                                      int
		OffsetAxes, CollapsedAxes, StartIndexMap, SliceSizes []int
	}
	// Scatter is the Args of ScatterSum: inputs are operand, indices and updates.
	Scatter struct {
		IndexVectorAxis                                int
		WindowAxes, InsertedAxes, ScatterToOperandAxes []int
	}
	// CumSum is the Args of CumSum.
	CumSum struct {
		Axis    int
		Options compute.CumSumOptions
	}
)

type values = []compute.Value

// ReduceWindow records with Args Window.
func (f *function) ReduceWindow(x compute.Value, op compute.ReduceOpType, size, strides, inputDilations, windowDilations []int, paddings [][2]int) (compute.Value, error) {
	a := Window{op, slices.Clone(size), slices.Clone(strides), slices.Clone(inputDilations), slices.Clone(windowDilations), slices.Clone(paddings)}
	return f.node(compute.OpTypeReduceWindow, a, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ReduceWindow(in[0], a.Reduce, a.Size, a.Strides, a.InputDilations, a.WindowDilations, a.Paddings)
	})
}

// SelectAndScatterMax records with Args Window.
func (f *function) SelectAndScatterMax(x, source compute.Value, size, strides []int, paddings [][2]int) (compute.Value, error) {
	a := Window{Reduce: compute.ReduceOpMax, Size: slices.Clone(size), Strides: slices.Clone(strides), Paddings: slices.Clone(paddings)}
	return f.node(compute.OpTypeSelectAndScatterMax, a, values{x, source}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.SelectAndScatterMax(in[0], in[1], a.Size, a.Strides, a.Paddings)
	})
}

// ConvGeneral records with Args Conv.
func (f *function) ConvGeneral(x, kernel compute.Value, axes compute.ConvolveAxesConfig, strides []int, paddings [][2]int,
	inputDilations, kernelDilations []int, channelGroups, batchGroups int) (compute.Value, error) {
	a := Conv{axes.Clone(), slices.Clone(strides), slices.Clone(paddings), slices.Clone(inputDilations), slices.Clone(kernelDilations), channelGroups, batchGroups}
	return f.node(compute.OpTypeConvGeneral, a, values{x, kernel}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ConvGeneral(in[0], in[1], a.Axes, a.Strides, a.Paddings, a.InputDilations, a.KernelDilations, a.ChannelGroups, a.BatchGroups)
	})
}

// DotGeneral records with Args Dot.
func (f *function) DotGeneral(x compute.Value, xContracting, xBatch []int, y compute.Value, yContracting, yBatch []int, c compute.DotGeneralConfig) (compute.Value, error) {
	a := Dot{slices.Clone(xContracting), slices.Clone(xBatch), slices.Clone(yContracting), slices.Clone(yBatch), c}
	return f.node(compute.OpTypeDotGeneral, a, values{x, y}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.DotGeneral(in[0], a.LeftContracting, a.LeftBatch, in[1], a.RightContracting, a.RightBatch, a.Config)
	})
}

// BatchNormForInference records with Args BatchNorm; inputs are operand, scale, offset, mean and variance.
func (f *function) BatchNormForInference(x, scale, offset, mean, variance compute.Value, epsilon float32, axis int) (compute.Value, error) {
	return f.node(compute.OpTypeBatchNormForInference, BatchNorm{epsilon, axis}, values{x, scale, offset, mean, variance}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.BatchNormForInference(in[0], in[1], in[2], in[3], in[4], epsilon, axis)
	})
}

// BroadcastInDim records with Args Broadcast.
func (f *function) BroadcastInDim(x compute.Value, shape shapes.Shape, axes []int) (compute.Value, error) {
	a := Broadcast{slices.Clone(axes)}
	shape = shape.Clone()
	return f.node(compute.OpTypeBroadcastInDim, a, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.BroadcastInDim(in[0], shape, a.Axes)
	})
}

// Reshape records without Args: the shape says it.
func (f *function) Reshape(x compute.Value, dims ...int) (compute.Value, error) {
	dims = slices.Clone(dims)
	return f.node(compute.OpTypeReshape, nil, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Reshape(in[0], dims...)
	})
}

// Transpose records with Args []int, the permutation.
func (f *function) Transpose(x compute.Value, permutation ...int) (compute.Value, error) {
	p := slices.Clone(permutation)
	return f.node(compute.OpTypeTranspose, p, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Transpose(in[0], p...)
	})
}

// Reverse records with Args []int, the axes.
func (f *function) Reverse(x compute.Value, axes ...int) (compute.Value, error) {
	a := slices.Clone(axes)
	return f.node(compute.OpTypeReverse, a, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Reverse(in[0], a...)
	})
}

// Slice records with Args Slice.
func (f *function) Slice(x compute.Value, starts, limits, strides []int) (compute.Value, error) {
	a := Slice{slices.Clone(starts), slices.Clone(limits), slices.Clone(strides)}
	return f.node(compute.OpTypeSlice, a, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Slice(in[0], a.Starts, a.Limits, a.Strides)
	})
}

// Concatenate records with Args int, the axis.
func (f *function) Concatenate(axis int, operands ...compute.Value) (compute.Value, error) {
	return f.node(compute.OpTypeConcatenate, axis, slices.Clone(operands), func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Concatenate(axis, in...)
	})
}

// Pad records with Args []compute.PadAxis; the value to fill with is the second input.
func (f *function) Pad(x, fill compute.Value, axes ...compute.PadAxis) (compute.Value, error) {
	a := slices.Clone(axes)
	return f.node(compute.OpTypePad, a, values{x, fill}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Pad(in[0], in[1], a...)
	})
}

// Iota records with Args int, the axis along which the values increase.
func (f *function) Iota(shape shapes.Shape, axis int) (compute.Value, error) {
	shape = shape.Clone()
	return f.node(compute.OpTypeIota, axis, nil, func(g compute.Function, _ []compute.Value) (compute.Value, error) {
		return g.Iota(shape, axis)
	})
}

// ConvertDType records without Args: the shape says it.
func (f *function) ConvertDType(x compute.Value, to dtypes.DType) (compute.Value, error) {
	return f.node(compute.OpTypeConvertDType, nil, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ConvertDType(in[0], to)
	})
}

// Bitcast records without Args: the shape says it.
func (f *function) Bitcast(x compute.Value, to dtypes.DType) (compute.Value, error) {
	return f.node(compute.OpTypeBitcast, nil, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Bitcast(in[0], to)
	})
}

// Where records without Args; inputs are condition, value where true, value where false.
func (f *function) Where(condition, onTrue, onFalse compute.Value) (compute.Value, error) {
	return f.node(compute.OpTypeWhere, nil, values{condition, onTrue, onFalse}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Where(in[0], in[1], in[2])
	})
}

// Clamp records without Args; inputs are lower bound, operand, upper bound.
func (f *function) Clamp(low, x, high compute.Value) (compute.Value, error) {
	return f.node(compute.OpTypeClamp, nil, values{low, x, high}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Clamp(in[0], in[1], in[2])
	})
}

// ArgMinMax records with Args ArgMinMax.
func (f *function) ArgMinMax(x compute.Value, axis int, to dtypes.DType, isMin bool) (compute.Value, error) {
	return f.node(compute.OpTypeArgMinMax, ArgMinMax{axis, isMin}, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ArgMinMax(in[0], axis, to, isMin)
	})
}

// CumSum records with Args CumSum.
func (f *function) CumSum(x compute.Value, axis int, options compute.CumSumOptions) (compute.Value, error) {
	return f.node(compute.OpTypeCumSum, CumSum{axis, options}, values{x}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.CumSum(in[0], axis, options)
	})
}

// Gather records with Args Gather.
func (f *function) Gather(x, indices compute.Value, vectorAxis int, offset, collapsed, startMap, sizes []int, sorted bool) (compute.Value, error) {
	a := Gather{vectorAxis, slices.Clone(offset), slices.Clone(collapsed), slices.Clone(startMap), slices.Clone(sizes)}
	return f.node(compute.OpTypeGather, a, values{x, indices}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.Gather(in[0], in[1], vectorAxis, a.OffsetAxes, a.CollapsedAxes, a.StartIndexMap, a.SliceSizes, sorted)
	})
}

// ScatterSum records with Args Scatter.
func (f *function) ScatterSum(x, indices, updates compute.Value, vectorAxis int, window, inserted, toOperand []int, sorted, unique bool) (compute.Value, error) {
	a := Scatter{vectorAxis, slices.Clone(window), slices.Clone(inserted), slices.Clone(toOperand)}
	return f.node(compute.OpTypeScatterSum, a, values{x, indices, updates}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
		return g.ScatterSum(in[0], in[1], in[2], vectorAxis, a.WindowAxes, a.InsertedAxes, a.ScatterToOperandAxes, sorted, unique)
	})
}

// RNGBitGenerator records two nodes that repeat one operation; Args is 0 for the new state and 1
// for the random bits.
func (f *function) RNGBitGenerator(state compute.Value, shape shapes.Shape) (newState, bits compute.Value, err error) {
	shape = shape.Clone()
	part := func(i int) (compute.Value, error) {
		return f.node(compute.OpTypeRNGBitGenerator, i, values{state}, func(g compute.Function, in []compute.Value) (compute.Value, error) {
			s, v, err := g.RNGBitGenerator(in[0], shape)
			return []compute.Value{s, v}[i], err
		})
	}
	if newState, err = part(0); err == nil {
		bits, err = part(1)
	}
	return newState, bits, err
}

// Identity records nothing.
func (f *function) Identity(x compute.Value) (compute.Value, error) { return x, nil }

// OptimizationBarrier records nothing: there is no compiler to hold back.
func (f *function) OptimizationBarrier(operands ...compute.Value) ([]compute.Value, error) {
	return operands, nil
}

// SchedulingBarrier records nothing.
func (f *function) SchedulingBarrier(x compute.Value, _ ...compute.Value) (compute.Value, error) {
	return x, nil
}
