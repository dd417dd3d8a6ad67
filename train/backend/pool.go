package backend

import (
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// ReduceWindow takes maxima one axis at a time, each as the maximum of shifted slices; the inner backend
// visits the elements of each window one by one. What is no undilated maximum of floats is left to it.
func (f *function) ReduceWindow(x compute.Value, op compute.ReduceOpType, window, strides, inputDilations, windowDilations []int,
	paddings [][2]int) (compute.Value, error) {
	shape, err := f.Shape(x)
	if err != nil {
		return nil, err
	}
	float := shape.DType == dtypes.Float32 || shape.DType == dtypes.Float64
	if op != compute.ReduceOpMax || !float || shape.IsDynamic() || dilated(inputDilations) || dilated(windowDilations) || len(window) != shape.Rank() {
		return f.Function.ReduceWindow(x, op, window, strides, inputDilations, windowDilations, paddings)
	}
	e := &emitter{f: f, dtype: shape.DType}
	for axis, taps := range window {
		stride := taps // GoMLX's default
		if len(strides) > 0 {
			stride = strides[axis]
		}
		var margin compute.PadAxis
		if len(paddings) > 0 {
			margin.Start, margin.End = paddings[axis][0], paddings[axis][1]
		}
		x = e.maxAlong(x, axis, taps, stride, margin)
	}
	return x, e.err
}

func dilated(dilations []int) bool {
	for _, d := range dilations {
		if d != 1 {
			return true
		}
	}
	return false
}

// maxAlong is the maximum over windows of taps elements along an axis.
func (e *emitter) maxAlong(x compute.Value, axis, taps, stride int, margin compute.PadAxis) compute.Value {
	if taps == 1 && stride == 1 && margin == (compute.PadAxis{}) {
		return x
	}
	d := e.dims(x)
	margins := make([]compute.PadAxis, len(d))
	margins[axis] = margin
	x = e.padWith(math.Inf(-1), x, margins...)
	positions := (d[axis]+margin.Start+margin.End-taps)/stride + 1
	var best compute.Value
	for t := range taps {
		starts, limits, strides := make([]int, len(d)), append([]int{}, d...), make([]int, len(d))
		for i := range strides {
			strides[i] = 1
		}
		starts[axis], limits[axis], strides[axis] = t, t+stride*(positions-1)+1, stride
		part := e.slice(x, starts, limits, strides)
		if best == nil {
			best = part
		} else {
			best = e.max(best, part)
		}
	}
	return best
}
