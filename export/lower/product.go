package lower

import (
	"striate/export/onnx"
	"striate/export/recorder"
)

// A convolution at few positions is, for each image, a matrix product with few columns, which leaves
// a processor waiting for the kernel. This file writes such convolutions as one product for the whole
// batch. Gradients of kernels are of that kind: their positions are those of the kernel, their elements
// those of the output, and what is the batch in them is the channels of the input.

// fewPositions is up to how many positions one product for the batch was faster than one an image, in
// training steps of resnet50. It is so, too, for any convolution with fewer positions than elements.
const fewPositions = 16

// windows are the places of a tensor that a convolution sees. Along every spatial axis, element inner
// of window outer is at position outer·outerStep + inner·innerStep − pad; beyond the ends are zeros.
type windows struct {
	in, outer, inner          []int
	outerStep, innerStep, pad []int
}

// swap names the windows by their elements and the elements by their windows.
func (w windows) swap() windows {
	w.outer, w.inner, w.outerStep, w.innerStep = w.inner, w.outer, w.innerStep, w.outerStep
	return w
}

// whole tells whether one window sees all positions in their order.
func (w windows) whole() bool {
	for axis, n := range w.in {
		if w.outer[axis] != 1 || w.inner[axis] != n || w.innerStep[axis] != 1 && n > 1 || w.pad[axis] != 0 {
			return false
		}
	}
	return true
}

// position returns where an element of a window is, and false if that is beyond the ends.
func (w windows) position(outer, inner int) (int, bool) {
	at, step := 0, 1
	for axis := len(w.in) - 1; axis >= 0; axis-- {
		p := outer%w.outer[axis]*w.outerStep[axis] + inner%w.inner[axis]*w.innerStep[axis] - w.pad[axis]
		if p < 0 || p >= w.in[axis] {
			return 0, false
		}
		outer, inner = outer/w.outer[axis], inner/w.inner[axis]
		at, step = at+p*step, step*w.in[axis]
	}
	return at, true
}

// selection is the matrix of zeros and ones, positions × (windows, elements), that makes windows of
// positions; with transposed it is the one that adds windows up at their positions. A product with it
// spreads a value that is not finite, as NaN, over all positions of its image and channel.
func (w windows) selection(transposed bool) *tensor {
	rows, outers, inners := product(w.in), product(w.outer), product(w.inner)
	m := make([]float32, rows*outers*inners)
	for outer := range outers {
		for inner := range inners {
			at, inside := w.position(outer, inner)
			switch column := outer*inners + inner; {
			case !inside:
			case transposed:
				m[column*rows+at] = 1
			default:
				m[at*outers*inners+column] = 1
			}
		}
	}
	if transposed {
		return floatTensor([]int{outers * inners, rows}, m)
	}
	return floatTensor([]int{rows, outers * inners}, m)
}

// convProduct writes a convolution with a fed kernel at few positions; nil if n is another.
func (l *lowering) convProduct(n *recorder.Node, a recorder.Conv) (*value, error) {
	x, kernel := n.Inputs[0], n.Inputs[1]
	rank := len(a.Axes.InputSpatial)
	w := windows{
		in: pick(x.Dims(), a.Axes.InputSpatial), outer: pick(n.Dims(), a.Axes.OutputSpatial), inner: pick(kernel.Dims(), a.Axes.KernelSpatial),
		outerStep: orOnes(a.Strides, rank), innerStep: orOnes(a.KernelDilations, rank), pad: starts(a.Paddings, rank),
	}
	positions, elements := product(w.outer), product(w.inner)
	if a.ChannelGroups > 1 || positions > max(fewPositions, elements) || !l.multiplies(n) {
		return nil, nil
	}
	batch, channels, outs := x.Dims()[a.Axes.InputBatch], x.Dims()[a.Axes.InputChannels], kernel.Dims()[a.Axes.KernelOutputChannels]
	weights, dims, err := l.canonical(kernel, append([]int{a.Axes.KernelOutputChannels, a.Axes.KernelInputChannels}, a.Axes.KernelSpatial...))
	if err != nil {
		return nil, err
	}
	weights = l.reshape(nil, weights, dims, []int{outs, channels * elements})
	// The right side has what is more as its columns: a row for each image and position, or one for
	// each channel and element of the kernel.
	byRow, first, second := elements > positions, a.Axes.InputBatch, a.Axes.InputChannels
	if !byRow {
		w, first, second = w.swap(), second, first
	}
	in, _, err := l.canonical(x, append([]int{first, second}, a.Axes.InputSpatial...))
	if err != nil {
		return nil, err
	}
	views := l.views(in, x.Dims()[first], x.Dims()[second], outs, w)
	made := append([]int{outs, batch}, pick(n.Dims(), a.Axes.OutputSpatial)...)
	order := append([]int{a.Axes.OutputChannels, a.Axes.OutputBatch}, a.Axes.OutputSpatial...)
	if l.options.AnyShape && sorted(order) && l.asked[n] && l.uses[n] == 1 {
		return &value{name: l.emit(n, "Gemm", []string{weights, views}, onnx.Attr("transB", byRow)), dims: []int{outs, batch * positions}}, nil
	}
	y := l.step("Gemm", []string{weights, views}, onnx.Attr("transB", byRow))
	return l.arranged(n, y, []int{outs, batch * positions}, made, order), nil
}

// multiplies tells whether a convolution can be written as a product: of float32, of known size.
func (l *lowering) multiplies(n *recorder.Node) bool {
	return dataType(n.Shape.DType) == onnx.Float32 && !l.open(n.Dims()) && !l.open(n.Inputs[0].Dims()) && !l.open(n.Inputs[1].Dims())
}

// views writes a tensor first×second×positions as the matrix (first, windows)×(second, elements), for
// a product with outs rows.
func (l *lowering) views(x string, first, second, outs int, w windows) string {
	positions, outers, inners := product(w.in), product(w.outer), product(w.inner)
	matrix := []int{first * outers, second * inners}
	from := append([]int{first, second}, w.in...)
	switch {
	case w.whole():
		return l.reshape(nil, x, from, matrix)
	case 2*positions <= outs: // at most half of the work of the product itself
		flat := l.reshape(nil, x, from, []int{first * second, positions})
		seen := l.step("MatMul", []string{flat, l.constant(nil, w.selection(false))})
		v := &value{name: l.reshape(nil, seen, nil, []int{first, second, outers, inners}), dims: []int{first, second, outers, inners}}
		return l.reshape(nil, l.transpose(nil, v, nil, []int{0, 2, 1, 3}).name, nil, matrix)
	}
	return l.reshape(nil, l.slices(x, w), nil, matrix)
}

// slices writes the windows as slices side by side along the second axis.
func (l *lowering) slices(x string, w windows) string {
	rank := len(w.in)
	before, after, padded := make([]int, 2+rank), make([]int, 2+rank), false
	axes := make([]int, rank)
	for axis, n := range w.in {
		last := (w.outer[axis]-1)*w.outerStep[axis] + (w.inner[axis]-1)*w.innerStep[axis] - w.pad[axis]
		before[2+axis], after[2+axis], axes[axis] = w.pad[axis], max(last-(n-1), 0), 2+axis
		padded = padded || before[2+axis] != 0 || after[2+axis] != 0
	}
	if padded {
		x = l.step("Pad", []string{x, l.ints(append(before, after...)...)})
	}
	parts := make([]string, product(w.outer))
	for i := range parts {
		from, to := make([]int, rank), make([]int, rank)
		for axis, rest := rank-1, i; axis >= 0; axis-- {
			from[axis] = rest % w.outer[axis] * w.outerStep[axis]
			to[axis] = from[axis] + (w.inner[axis]-1)*w.innerStep[axis] + 1
			rest /= w.outer[axis]
		}
		parts[i] = l.step("Slice", []string{x, l.ints(from...), l.ints(to...), l.ints(axes...), l.ints(w.innerStep...)})
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return l.step("Concat", parts, onnx.Attr("axis", 1))
}

// transposedProduct writes a transposed convolution with a fed kernel, from few positions to few; nil
// if it has more. kernel is in×out×elements; w are the windows of the output, one for each element of
// the kernel, with the positions of the input as elements.
func (l *lowering) transposedProduct(n *recorder.Node, a recorder.Conv, w windows) (*value, error) {
	x := n.Inputs[0]
	batch, ins, outs := x.Dims()[a.Axes.InputBatch], x.Dims()[a.Axes.InputChannels], n.Dims()[a.Axes.OutputChannels]
	from, to, elements := product(w.inner), product(w.in), product(w.outer)
	if known := l.values[n.Inputs[1]]; from > fewPositions || !w.whole() && 2*to > ins || known != nil && known.data != nil || !l.multiplies(n) {
		return nil, nil
	}
	kernel, err := l.turned(n, a)
	if err != nil {
		return nil, err
	}
	columns, dims, err := l.canonical(x, append([]int{a.Axes.InputChannels, a.Axes.InputBatch}, a.Axes.InputSpatial...))
	if err != nil {
		return nil, err
	}
	kernel = l.reshape(nil, kernel, nil, []int{ins, outs * elements})
	columns = l.reshape(nil, columns, dims, []int{ins, batch * from})
	y := l.step("Gemm", []string{kernel, columns}, onnx.Attr("transA", true))
	made := []int{outs * elements, batch * from}
	if !w.whole() {
		v := &value{name: l.reshape(nil, y, made, []int{outs, elements, batch, from}), dims: []int{outs, elements, batch, from}}
		flat := l.reshape(nil, l.transpose(nil, v, nil, []int{0, 2, 1, 3}).name, nil, []int{outs * batch, elements * from})
		y, made = l.step("MatMul", []string{flat, l.constant(nil, w.selection(true))}), []int{outs * batch, to}
	}
	return l.arranged(n, y, made, append([]int{outs, batch}, w.in...), append([]int{a.Axes.OutputChannels, a.Axes.OutputBatch}, a.Axes.OutputSpatial...)), nil
}

// arranged brings a tensor whose elements are in the order of dims into the order of n, where the
// axes of dims are those given.
func (l *lowering) arranged(n *recorder.Node, name string, from, dims, axes []int) *value {
	perm := make([]int, len(axes))
	for i, axis := range axes {
		perm[axis] = i
	}
	if sorted(perm) {
		return &value{name: l.reshape(n, name, from, dims), dims: n.Dims()}
	}
	return l.transpose(n, &value{name: l.reshape(nil, name, from, dims), dims: dims}, nil, perm)
}

// pick returns the dimensions along axes.
func pick(dims, axes []int) []int {
	picked := make([]int, len(axes))
	for i, axis := range axes {
		picked[i] = dims[axis]
	}
	return picked
}

// starts returns the paddings before the first element.
func starts(paddings [][2]int, rank int) []int {
	list := make([]int, rank)
	for axis, p := range paddings {
		list[axis] = p[0]
	}
	return list
}
