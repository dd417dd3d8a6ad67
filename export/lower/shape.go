package lower

import (
	"slices"

	"github.com/gomlx/compute"

	"striate/export/onnx"
	"striate/export/recorder"
)

// trim leaves out leading ones, which aligning at the right makes superfluous.
func trim(dims []int) []int {
	for len(dims) > 0 && dims[0] == 1 {
		dims = dims[1:]
	}
	return dims
}

// broadcastInDim inserts axes of length 1; the reader does the rest.
func (l *lowering) broadcastInDim(n *recorder.Node) (*value, error) {
	in := n.Inputs[0]
	v, err := l.lower(in)
	if err != nil {
		return nil, err
	}
	dims := make([]int, len(n.Dims()))
	for i := range dims {
		dims[i] = 1
	}
	for i, axis := range n.Args.(recorder.Broadcast).Axes {
		if j := i - (len(in.Dims()) - len(v.dims)); j >= 0 {
			dims[axis] = v.dims[j]
		}
	}
	switch {
	case v.data != nil:
		return &value{dims: trim(dims), data: v.data.as(trim(dims))}, nil
	case slices.Equal(trim(dims), trim(v.dims)):
		return &value{name: v.name, dims: v.dims}, nil
	}
	if !slices.Equal(dims, n.Dims()) {
		n = nil
	}
	return &value{name: l.reshape(n, v.name, v.dims, dims), dims: dims}, nil
}

// reshapeNode writes a reshape. A broadcast survives where it only gains or loses axes of length 1.
func (l *lowering) reshapeNode(n *recorder.Node) (*value, error) {
	in := n.Inputs[0]
	for in.Op == compute.OpTypeReshape && !l.asked[in] && l.values[in] == nil { // the last of several says it all
		in = in.Inputs[0]
	}
	v, err := l.lower(in)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(v.dims, in.Dims()) {
		if product(v.dims) == 1 && v.data != nil {
			return &value{dims: nil, data: v.data.as(nil)}, nil
		}
		if v, err = l.full(in); err != nil {
			return nil, err
		}
	}
	if v.data != nil {
		return &value{dims: n.Dims(), data: v.data.as(n.Dims())}, nil
	}
	return &value{name: l.reshape(n, v.name, v.dims, n.Dims()), dims: n.Dims()}, nil
}

func (l *lowering) transposeNode(n *recorder.Node) (*value, error) {
	perm := n.Args.([]int)
	in := n.Inputs[0]
	for in.Op == compute.OpTypeTranspose && !l.asked[in] {
		inner := in.Args.([]int)
		both := make([]int, len(perm))
		for i, p := range perm {
			both[i] = inner[p]
		}
		perm, in = both, in.Inputs[0]
	}
	v, err := l.full(in)
	if err != nil {
		return nil, err
	}
	return l.transpose(n, v, in, perm), nil
}

// slice writes a Slice along the axes that it shortens.
func (l *lowering) slice(n *recorder.Node) (*value, error) {
	if v, err := l.partOfConv(n); v != nil || err != nil {
		return v, err
	}
	if v, err := l.padding(n); v != nil || err != nil {
		return v, err
	}
	a := n.Args.(recorder.Slice)
	in := n.Inputs[0]
	v, err := l.lower(in)
	if err != nil {
		return nil, err
	}
	lead := len(in.Dims()) - len(v.dims)
	dims := slices.Clone(v.dims)
	var starts, limits, axes, steps []int
	for axis := range in.Dims() {
		step := 1
		if a.Strides != nil {
			step = a.Strides[axis]
		}
		if a.Starts[axis] == 0 && step == 1 && n.Dims()[axis] == in.Dims()[axis] || axis < lead || v.dims[axis-lead] == 1 {
			continue // nothing is cut off, or the axis is a broadcast that is still open
		}
		if l.isOpen(in.Dims()[axis]) {
			return nil, l.unsupported(n, "it takes a part of the batch")
		}
		dims[axis-lead] = n.Dims()[axis]
		starts, limits = append(starts, a.Starts[axis]), append(limits, a.Limits[axis])
		axes, steps = append(axes, axis-lead), append(steps, step)
	}
	if len(axes) == 0 {
		return v, nil
	}
	inputs := []string{l.name(in, v), l.ints(starts...), l.ints(limits...), l.ints(axes...)}
	if slices.ContainsFunc(steps, func(s int) bool { return s != 1 }) {
		inputs = append(inputs, l.ints(steps...))
	}
	return l.put(n, dims, "Slice", inputs), nil
}

// reverse writes a Slice with steps of -1.
func (l *lowering) reverse(n *recorder.Node) (*value, error) {
	x, err := l.whole(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	axes := n.Args.([]int)
	back := slices.Repeat([]int{-1}, len(axes))
	const before = -1 << 62 // ends beyond the first element
	return &value{name: l.emit(n, "Slice", []string{x, l.ints(back...), l.ints(slices.Repeat([]int{before}, len(axes))...), l.ints(axes...), l.ints(back...)}), dims: n.Dims()}, nil
}

// concatenate writes Concat, or Pad where all but one operand are zeros.
func (l *lowering) concatenate(n *recorder.Node) (*value, error) {
	if v, err := l.padding(n); v != nil || err != nil {
		return v, err
	}
	names := make([]string, len(n.Inputs))
	for i, in := range n.Inputs {
		var err error
		if names[i], err = l.whole(in); err != nil {
			return nil, err
		}
	}
	return &value{name: l.emit(n, "Concat", names, onnx.Attr("axis", n.Args.(int))), dims: n.Dims()}, nil
}

// shift is a tensor of which a part is shown, with zeros around it: amounts before and after each
// axis, negative where elements are cut off.
type shift struct {
	of            *recorder.Node
	before, after []int
}

// shifted sees n as a shift of another node, looking through slices and concatenations with zeros.
func (l *lowering) shifted(n *recorder.Node) (shift, error) {
	rank := len(n.Dims())
	own := shift{n, make([]int, rank), make([]int, rank)}
	if l.asked[n] {
		return own, nil
	}
	switch n.Op {
	case compute.OpTypeSlice:
		a := n.Args.(recorder.Slice)
		if a.Strides != nil && slices.ContainsFunc(a.Strides, func(s int) bool { return s != 1 }) {
			return own, nil
		}
		s, err := l.shifted(n.Inputs[0])
		if err != nil {
			return s, err
		}
		for axis := range rank {
			s.before[axis] -= a.Starts[axis]
			s.after[axis] -= n.Inputs[0].Dims()[axis] - a.Limits[axis]
			if s.of.Dims()[axis]+min(s.before[axis], 0)+min(s.after[axis], 0) <= 0 {
				return own, nil // nothing but zeros is left
			}
		}
		return s, nil
	case compute.OpTypeConcatenate:
		return l.shiftedConcat(n, own)
	}
	return own, nil
}

func (l *lowering) shiftedConcat(n *recorder.Node, own shift) (shift, error) {
	axis, core := n.Args.(int), -1
	for i, in := range n.Inputs {
		v, err := l.known(in)
		if err != nil {
			return own, err
		}
		if !v.all(0) {
			if core >= 0 {
				return own, nil
			}
			core = i
		}
	}
	if core < 0 {
		return own, nil
	}
	s, err := l.shifted(n.Inputs[core])
	if err != nil {
		return own, err
	}
	var before, after int
	for i, in := range n.Inputs {
		switch {
		case i < core:
			before += in.Dims()[axis]
		case i > core:
			after += in.Dims()[axis]
		}
	}
	if before > 0 && s.before[axis] < 0 || after > 0 && s.after[axis] < 0 {
		return shift{n.Inputs[core], make([]int, len(n.Dims())), make([]int, len(n.Dims()))}.extended(axis, before, after), nil // what was cut off is not zero
	}
	return s.extended(axis, before, after), nil
}

// extended returns the shift with more zeros along an axis.
func (s shift) extended(axis, before, after int) shift {
	s.before[axis] += before
	s.after[axis] += after
	return s
}

// padding writes a concatenation with zeros, or a part of one, as a Pad, which also cuts (by negative
// amounts); nil if n has no zeros in it.
func (l *lowering) padding(n *recorder.Node) (*value, error) {
	asked := l.asked[n]
	delete(l.asked, n)
	s, err := l.shifted(n)
	if asked {
		l.asked[n] = true
	}
	positive := func(amount int) bool { return amount > 0 }
	zeros := slices.ContainsFunc(s.before, positive) || slices.ContainsFunc(s.after, positive)
	if err != nil || s.of == n || dataType(n.Shape.DType) != onnx.Float32 {
		return nil, err
	}
	if slices.Equal(n.Dims(), s.of.Dims()) && !zeros && !asked {
		return l.full(s.of) // the zeros were cut off again
	}
	if !zeros {
		return nil, nil
	}
	x, err := l.whole(s.of)
	if err != nil {
		return nil, err
	}
	return &value{name: l.emit(n, "Pad", []string{x, l.ints(append(s.before, s.after...)...)}), dims: n.Dims()}, nil
}

func (l *lowering) pad(n *recorder.Node) (*value, error) {
	x, err := l.whole(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	fill, _, err := l.arg(n.Inputs[1])
	if err != nil {
		return nil, err
	}
	rank := len(n.Dims())
	amounts := make([]int, 2*rank)
	for axis, p := range n.Args.([]compute.PadAxis) {
		if p.Interior != 0 {
			return nil, l.unsupported(n, "padding between the elements is not written")
		}
		amounts[axis], amounts[rank+axis] = p.Start, p.End
	}
	return &value{name: l.emit(n, "Pad", []string{x, l.ints(amounts...), fill}), dims: n.Dims()}, nil
}

// iota is a constant along its axis; the reader broadcasts it.
func (l *lowering) iota(n *recorder.Node) (*value, error) {
	axis := n.Args.(int)
	length := n.Dims()[axis]
	if l.isOpen(length) {
		return nil, l.unsupported(n, "it counts along the batch")
	}
	dims := slices.Repeat([]int{1}, len(n.Dims())-axis)
	dims[0] = length
	values := make([]int, length)
	for i := range values {
		values[i] = i
	}
	data := intTensor(values).as(dims)
	to := dataType(n.Shape.DType)
	switch to {
	case onnx.Int64:
		return &value{dims: dims, data: data}, nil
	case onnx.Float32:
		f := make([]float32, length)
		for i := range f {
			f[i] = float32(i)
		}
		return &value{dims: dims, data: floatTensor(dims, f)}, nil
	}
	return l.put(n, dims, "Cast", []string{l.constant(nil, data)}, onnx.Attr("to", int(to))), nil
}
