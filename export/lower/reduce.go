package lower

import (
	"math"
	"slices"

	"github.com/gomlx/compute"

	"striate/export/onnx"
	"striate/export/recorder"
)

// reduceSum writes ReduceSum, whose axes are an input.
func (l *lowering) reduceSum(n *recorder.Node) (*value, error) {
	axes := n.Args.([]int)
	x, err := l.whole(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	if len(axes) == 0 {
		return &value{name: x, dims: n.Dims()}, nil
	}
	return &value{name: l.emit(n, "ReduceSum", []string{x, l.ints(axes...)}, onnx.Attr("keepdims", 0)), dims: n.Dims()}, nil
}

// reduction is the rule of a reduction whose axes are an attribute.
func reduction(op string) func(*lowering, *recorder.Node) (*value, error) {
	return func(l *lowering, n *recorder.Node) (*value, error) {
		x, err := l.whole(n.Inputs[0])
		if err != nil {
			return nil, err
		}
		axes := n.Args.([]int)
		if len(axes) == 0 {
			return &value{name: x, dims: n.Dims()}, nil
		}
		return &value{name: l.emit(n, op, []string{x}, onnx.Attr("axes", axes), onnx.Attr("keepdims", 0)), dims: n.Dims()}, nil
	}
}

// mean writes a sum over all positions times one over their number as GlobalAveragePool, and a sum
// over other axes likewise as ReduceMean. It returns nil if n is something else.
func (l *lowering) mean(n *recorder.Node) (*value, error) {
	for i, sum := range n.Inputs {
		if sum.Op != compute.OpTypeReduceSum || l.uses[sum] != 1 || l.asked[sum] || l.values[sum] != nil {
			continue
		}
		factor, err := l.lower(n.Inputs[1-i])
		if err != nil {
			return nil, err
		}
		in, axes := sum.Inputs[0], slices.Sorted(slices.Values(sum.Args.([]int)))
		count := 1
		for _, axis := range axes {
			if l.isOpen(in.Dims()[axis]) {
				return nil, nil
			}
			count *= in.Dims()[axis]
		}
		if factor.data == nil || factor.data.size() != 1 || len(axes) == 0 {
			return nil, nil
		}
		values, ok := factor.data.floats()
		if !ok || math.Abs(values[0]*float64(count)-1) > 1e-6 {
			return nil, nil
		}
		x, err := l.whole(in)
		if err != nil {
			return nil, err
		}
		if len(in.Dims()) == 4 && slices.Equal(axes, []int{2, 3}) {
			pooled := l.step("GlobalAveragePool", []string{x})
			return &value{name: l.emit(n, "Flatten", []string{pooled}, onnx.Attr("axis", 1)), dims: n.Dims()}, nil
		}
		return &value{name: l.emit(n, "ReduceMean", []string{x}, onnx.Attr("axes", axes), onnx.Attr("keepdims", 0)), dims: n.Dims()}, nil
	}
	return nil, nil
}

func (l *lowering) argMinMax(n *recorder.Node) (*value, error) {
	a := n.Args.(recorder.ArgMinMax)
	x, err := l.whole(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	op := "ArgMax"
	if a.Min {
		op = "ArgMin"
	}
	to := dataType(n.Shape.DType)
	if to == onnx.Int64 {
		return &value{name: l.emit(n, op, []string{x}, onnx.Attr("axis", a.Axis), onnx.Attr("keepdims", 0)), dims: n.Dims()}, nil
	}
	index := l.step(op, []string{x}, onnx.Attr("axis", a.Axis), onnx.Attr("keepdims", 0))
	return &value{name: l.emit(n, "Cast", []string{index}, onnx.Attr("to", int(to))), dims: n.Dims()}, nil
}

func (l *lowering) cumSum(n *recorder.Node) (*value, error) {
	a := n.Args.(recorder.CumSum)
	x, err := l.whole(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	axis := l.constant(nil, intTensor([]int{a.Axis}).as(nil))
	return &value{name: l.emit(n, "CumSum", []string{x, axis}, onnx.Attr("exclusive", a.Options.Exclusive), onnx.Attr("reverse", a.Options.Reverse)), dims: n.Dims()}, nil
}

// spatial returns the part of a window's list that concerns the axes behind batch and channels, and
// whether the list does nothing on those two.
func spatial[T comparable](list []T, none T, rank int) ([]T, bool) {
	if list == nil {
		list = slices.Repeat([]T{none}, rank)
	}
	return list[2:], list[0] == none && list[1] == none
}

// window checks a pooling and returns the attributes of its node.
func (l *lowering) window(n *recorder.Node) (size, strides, pads []int, ok bool) {
	a := n.Args.(recorder.Window)
	rank := len(a.Size)
	if rank < 3 {
		return nil, nil, nil, false
	}
	size, ok1 := spatial(a.Size, 1, rank)
	steps := a.Strides
	if steps == nil {
		steps = a.Size
	}
	strides, ok2 := spatial(steps, 1, rank)
	paddings, ok3 := spatial(a.Paddings, [2]int{}, rank)
	plain := func(list []int) bool { return !slices.ContainsFunc(list, func(d int) bool { return d != 1 }) }
	for _, p := range paddings {
		pads = append(pads, p[0])
	}
	for _, p := range paddings {
		pads = append(pads, p[1])
	}
	return size, strides, pads, ok1 && ok2 && ok3 && plain(a.InputDilations) && plain(a.WindowDilations)
}

// reduceWindow writes MaxPool, or AveragePool times the size of the window for a sum.
func (l *lowering) reduceWindow(n *recorder.Node) (*value, error) {
	size, strides, pads, ok := l.window(n)
	if !ok {
		return nil, l.unsupported(n, "only windows over positions, without dilation, are written")
	}
	x, err := l.whole(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	kernel, step, pad := onnx.Attr("kernel_shape", size), onnx.Attr("strides", strides), onnx.Attr("pads", pads)
	switch n.Args.(recorder.Window).Reduce {
	case compute.ReduceOpMax:
		return &value{name: l.emit(n, "MaxPool", []string{x}, kernel, step, pad), dims: n.Dims()}, nil
	case compute.ReduceOpSum:
		if dataType(n.Shape.DType) != onnx.Float32 {
			return nil, l.unsupported(n, "only float32 is written")
		}
		mean := l.step("AveragePool", []string{x}, kernel, step, pad, onnx.Attr("count_include_pad", 1))
		count := l.constant(nil, floatTensor(nil, []float32{float32(product(size))}))
		return &value{name: l.emit(n, "Mul", []string{mean, count}), dims: n.Dims()}, nil
	}
	return nil, l.unsupported(n, "only maxima and sums are written")
}

// selectAndScatter writes the gradient of max-pooling: each source value is added where its window
// has its maximum, which MaxPool tells by an index into the flattened operand.
func (l *lowering) selectAndScatter(n *recorder.Node) (*value, error) {
	size, strides, pads, ok := l.window(n)
	if !ok {
		return nil, l.unsupported(n, "only windows over positions are written")
	}
	x, err := l.whole(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	source, err := l.whole(n.Inputs[1])
	if err != nil {
		return nil, err
	}
	pooled, indices := l.unique(l.scoped("MaxPool")), l.unique(l.scoped("MaxPool.indices"))
	l.b.NodeN("MaxPool", []string{pooled, indices}, []string{x},
		onnx.Attr("kernel_shape", size), onnx.Attr("strides", strides), onnx.Attr("pads", pads))
	flat := l.ints(-1)
	zeros := l.step("ConstantOfShape", []string{l.step("Shape", []string{l.step("Reshape", []string{x, flat})})})
	scattered := l.step("ScatterElements", []string{zeros, l.step("Reshape", []string{indices, flat}), l.step("Reshape", []string{source, flat})},
		onnx.Attr("axis", 0), onnx.Attr("reduction", "add"))
	return &value{name: l.reshape(n, scattered, nil, n.Dims()), dims: n.Dims()}, nil
}
