package lower

import (
	"slices"

	"github.com/gomlx/compute"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
	"striate/export/recorder"
)

// conv writes Conv or ConvTranspose. Whatever the order of axes in the tape, ONNX takes batch,
// channels, positions and out, in, positions: where they differ a Transpose is written, of a constant
// kernel none.
func (l *lowering) conv(n *recorder.Node) (*value, error) {
	a := n.Args.(recorder.Conv)
	if a.BatchGroups > 1 {
		return nil, l.unsupported(n, "convolutions grouped by batch are not written")
	}
	dilated := slices.ContainsFunc(a.InputDilations, func(d int) bool { return d != 1 })
	if kernel := n.Inputs[1]; dilated || kernel.Op == compute.OpTypeReverse && l.values[kernel] == nil && a.ChannelGroups <= 1 {
		if a.ChannelGroups > 1 {
			return nil, l.unsupported(n, "grouped convolutions over dilated inputs are not written")
		}
		return l.convTranspose(n, a)
	}
	if kernel := l.values[n.Inputs[1]]; kernel != nil && kernel.data != nil {
		return l.foldedConv(n, n, 0, l.outChannels(n), nil)
	}
	if v, err := l.convProduct(n, a); v != nil || err != nil {
		return v, err
	}
	kernel, err := l.full(n.Inputs[1])
	if err != nil {
		return nil, err
	}
	kernel = l.transpose(nil, kernel, n.Inputs[1], append([]int{a.Axes.KernelOutputChannels, a.Axes.KernelInputChannels}, a.Axes.KernelSpatial...))
	return l.writeConv(n, n, []string{l.name(n.Inputs[1], kernel)})
}

func (l *lowering) outChannels(conv *recorder.Node) int {
	return conv.Inputs[1].Dims()[conv.Args.(recorder.Conv).Axes.KernelOutputChannels]
}

// foldedConv writes channels lo to hi of a convolution with a constant kernel, followed by an affine
// map per channel if there is one, as the tensor of n.
func (l *lowering) foldedConv(n, conv *recorder.Node, lo, hi int, m *affine) (*value, error) {
	a := conv.Args.(recorder.Conv)
	node := conv.Inputs[1]
	perm := append([]int{a.Axes.KernelOutputChannels, a.Axes.KernelInputChannels}, a.Axes.KernelSpatial...)
	kernel := &value{dims: l.values[node].dims, data: l.values[node].data}
	if sorted(perm) && m == nil && lo == 0 && hi == l.outChannels(conv) {
		return l.writeConv(n, conv, []string{l.name(node, l.values[node])})
	}
	data := l.transpose(nil, kernel, node, perm).data.part(lo, hi)
	if m == nil {
		return l.writeConv(n, conv, []string{l.constant(node, data)})
	}
	weights, _ := data.floats() // float32: affine maps are found for no other type
	scaled := make([]float32, len(weights))
	each := len(weights) / len(m.scale)
	for i, w := range weights {
		scaled[i] = float32(w * m.scale[i/each])
	}
	inputs := []string{l.constant(node, floatTensor(data.dims, scaled))}
	if m.shifts() {
		inputs = append(inputs, l.constantNamed(layerName(node)+".bias", floatTensor([]int{len(m.offset)}, narrow(m.offset))))
	}
	return l.writeConv(n, conv, inputs)
}

// layerName is the layer of the parameter that a kernel is, or is made of.
func layerName(kernel *recorder.Node) string {
	if p := nearestParameter(kernel, map[*recorder.Node]bool{}); p != nil {
		return layerOf(p)
	}
	return "conv"
}

// writeConv writes the node of a convolution for the tensor of n; weights are kernel and bias.
func (l *lowering) writeConv(n, conv *recorder.Node, weights []string) (*value, error) {
	a := conv.Args.(recorder.Conv)
	rank := len(a.Axes.InputSpatial)
	x, from, err := l.canonical(conv.Inputs[0], append([]int{a.Axes.InputBatch, a.Axes.InputChannels}, a.Axes.InputSpatial...))
	if err != nil {
		return nil, err
	}
	pads := make([]int, 2*rank)
	var ends, axes []int
	for axis := range rank {
		if len(a.Paddings) == 0 {
			continue
		}
		pads[axis], pads[rank+axis] = a.Paddings[axis][0], a.Paddings[axis][1]
		if pads[axis] < 0 {
			return nil, l.unsupported(conv, "a negative padding at the start is not written")
		}
		if p := pads[rank+axis]; p < 0 { // the end of the input is not used: cut it off
			if from[2+axis]+p <= 0 {
				return nil, l.unsupported(conv, "a convolution of nothing but padding is not written")
			}
			pads[rank+axis] = 0
			ends, axes = append(ends, from[2+axis]+p), append(axes, 2+axis)
		}
	}
	if len(axes) > 0 {
		x = l.step("Slice", []string{x, l.ints(make([]int, len(axes))...), l.ints(ends...), l.ints(axes...)})
	}
	kernel := make([]int, rank)
	for i, axis := range a.Axes.KernelSpatial {
		kernel[i] = conv.Inputs[1].Dims()[axis]
	}
	attrs := []*onnxpb.AttributeProto{
		onnx.Attr("kernel_shape", kernel), onnx.Attr("strides", orOnes(a.Strides, rank)), onnx.Attr("pads", pads),
		onnx.Attr("dilations", orOnes(a.KernelDilations, rank)), onnx.Attr("group", max(a.ChannelGroups, 1)),
	}
	return l.result(n, conv, "Conv", append([]string{x}, weights...), attrs)
}

// result writes the node of a convolution and brings its axes into the order of the tape.
func (l *lowering) result(n, conv *recorder.Node, op string, inputs []string, attrs []*onnxpb.AttributeProto) (*value, error) {
	axes := conv.Args.(recorder.Conv).Axes
	perm, dims := make([]int, len(conv.Dims())), make([]int, len(conv.Dims()))
	perm[axes.OutputBatch], perm[axes.OutputChannels] = 0, 1
	for i, axis := range axes.OutputSpatial {
		perm[axis] = 2 + i
	}
	if sorted(perm) {
		return &value{name: l.emit(n, op, inputs, attrs...), dims: n.Dims()}, nil
	}
	for i, p := range perm {
		dims[p] = conv.Dims()[i]
	}
	return l.transpose(n, &value{name: l.step(op, inputs, attrs...), dims: dims}, nil, perm), nil
}

// canonical lowers a node and brings its axes into the order given.
func (l *lowering) canonical(n *recorder.Node, perm []int) (string, []int, error) {
	v, err := l.full(n)
	if err != nil {
		return "", nil, err
	}
	v = l.transpose(nil, v, n, perm)
	return l.name(n, v), v.dims, nil
}

func orOnes(list []int, n int) []int {
	if len(list) == 0 {
		return slices.Repeat([]int{1}, n)
	}
	return list
}

// convTranspose writes a convolution over an input dilated by s, with kernel K and paddings lo, hi, as
// the transposed convolution with stride s and K turned round in space, whose paddings are what is
// missing to a full overlap: dilation·(size−1) − lo and likewise hi. An end beyond the full overlap
// is output padding.
func (l *lowering) convTranspose(n *recorder.Node, a recorder.Conv) (*value, error) {
	rank := len(a.Axes.InputSpatial)
	strides, dilations := orOnes(a.InputDilations, rank), orOnes(a.KernelDilations, rank)
	if slices.ContainsFunc(a.Strides, func(s int) bool { return s != 1 }) {
		return nil, l.unsupported(n, "a convolution with strides over a dilated input is not written")
	}
	size, pads, extra := make([]int, rank), make([]int, 2*rank), make([]int, rank)
	for i, axis := range a.Axes.KernelSpatial {
		size[i] = n.Inputs[1].Dims()[axis]
		overlap := dilations[i] * (size[i] - 1)
		pads[i], pads[rank+i] = overlap, overlap
		if len(a.Paddings) > 0 {
			pads[i], pads[rank+i] = overlap-a.Paddings[i][0], overlap-a.Paddings[i][1]
		}
		if pads[i] < 0 {
			return nil, l.unsupported(n, "a padding wider than the kernel is not written")
		}
		if pads[rank+i] < 0 {
			extra[i], pads[rank+i] = -pads[rank+i], 0
		}
	}
	if v, err := l.transposedProduct(n, a, windows{
		in: pick(n.Dims(), a.Axes.OutputSpatial), outer: size, inner: pick(n.Inputs[0].Dims(), a.Axes.InputSpatial),
		outerStep: dilations, innerStep: strides, pad: pads[:rank],
	}); v != nil || err != nil {
		return v, err
	}
	for i, e := range extra {
		if e >= strides[i] {
			return nil, l.unsupported(n, "a padding at the end as wide as the step is not written")
		}
	}
	kernel, err := l.turned(n, a)
	if err != nil {
		return nil, err
	}
	x, _, err := l.canonical(n.Inputs[0], append([]int{a.Axes.InputBatch, a.Axes.InputChannels}, a.Axes.InputSpatial...))
	if err != nil {
		return nil, err
	}
	attrs := []*onnxpb.AttributeProto{
		onnx.Attr("kernel_shape", size), onnx.Attr("strides", strides), onnx.Attr("pads", pads), onnx.Attr("dilations", dilations),
	}
	if slices.ContainsFunc(extra, func(e int) bool { return e != 0 }) {
		attrs = append(attrs, onnx.Attr("output_padding", extra))
	}
	return l.result(n, n, "ConvTranspose", []string{x, kernel}, attrs)
}

// turned returns a convolution's kernel turned round in space, in×out×positions.
func (l *lowering) turned(n *recorder.Node, a recorder.Conv) (string, error) {
	perm := append([]int{a.Axes.KernelInputChannels, a.Axes.KernelOutputChannels}, a.Axes.KernelSpatial...)
	node := n.Inputs[1]
	if v := l.values[node]; v != nil && v.data != nil {
		v = &value{dims: v.dims, data: v.data.reverse(a.Axes.KernelSpatial)}
		return l.name(node, l.transpose(nil, v, node, perm)), nil
	}
	if node.Op == compute.OpTypeReverse && sameSet(node.Args.([]int), a.Axes.KernelSpatial) {
		name, _, err := l.canonical(node.Inputs[0], perm)
		return name, err
	}
	back, err := l.whole(node)
	if err != nil {
		return "", err
	}
	k := len(a.Axes.KernelSpatial)
	minus, before := slices.Repeat([]int{-1}, k), slices.Repeat([]int{-1 << 62}, k)
	turned := l.step("Slice", []string{back, l.ints(minus...), l.ints(before...), l.ints(a.Axes.KernelSpatial...), l.ints(minus...)})
	return l.name(nil, l.transpose(nil, &value{name: turned, dims: node.Dims()}, nil, perm)), nil
}

func sameSet(a, b []int) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// batchNorm writes an affine map per channel into the convolution before it, or BatchNormalization.
func (l *lowering) batchNorm(n *recorder.Node) (*value, error) {
	a := n.Args.(recorder.BatchNorm)
	if v, err := l.affine(n); v != nil || err != nil {
		return v, err
	}
	if a.Axis != 1 {
		return nil, l.unsupported(n, "batch normalisation along an axis other than 1 is not written")
	}
	names := make([]string, len(n.Inputs))
	for i, in := range n.Inputs {
		var err error
		if names[i], err = l.whole(in); err != nil {
			return nil, err
		}
	}
	return &value{name: l.emit(n, "BatchNormalization", names, onnx.Attr("epsilon", float64(a.Epsilon))), dims: n.Dims()}, nil
}
