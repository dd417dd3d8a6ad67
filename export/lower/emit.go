package lower

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
	"striate/export/recorder"
)

// emit writes the ONNX node that makes the tensor of n, under n's label if it has one.
func (l *lowering) emit(n *recorder.Node, op string, inputs []string, attrs ...*onnxpb.AttributeProto) string {
	return l.b.Node(op, l.tensorName(n, op), inputs, attrs...)
}

// put writes the ONNX node that makes the tensor of n as it is before a broadcast that is left to the
// reader. The label of n is for the whole tensor.
func (l *lowering) put(n *recorder.Node, dims []int, op string, inputs []string, attrs ...*onnxpb.AttributeProto) *value {
	if slices.Equal(dims, n.Dims()) {
		return &value{name: l.emit(n, op, inputs, attrs...), dims: dims}
	}
	return &value{name: l.step(op, inputs, attrs...), dims: dims}
}

// step writes a node on the way to the tensor of n.
func (l *lowering) step(op string, inputs []string, attrs ...*onnxpb.AttributeProto) string {
	return l.b.Node(op, l.unique(l.scoped(op)), inputs, attrs...)
}

// tensorName is the name of the tensor of n: its label, the layer whose parameters it is made with, or
// the operator behind that layer.
func (l *lowering) tensorName(n *recorder.Node, op string) string {
	if label, ok := l.labels[n]; ok {
		return label
	}
	for _, in := range n.Inputs {
		if v := l.values[in]; v == nil || v.data == nil {
			continue
		}
		if p := nearestParameter(in, map[*recorder.Node]bool{}); p != nil {
			l.current = layerOf(p)
			return l.unique(l.current)
		}
	}
	return l.unique(l.scoped(op))
}

func (l *lowering) scoped(op string) string {
	if l.current == "" {
		return op
	}
	return l.current + "/" + op
}

// unique returns name, or name with a number behind where it is taken.
func (l *lowering) unique(name string) string {
	l.taken[name]++
	if k := l.taken[name]; k > 1 {
		return l.unique(fmt.Sprintf("%s_%d", name, k))
	}
	return name
}

// layerOf is the layer that a parameter belongs to: its path without the last part.
func layerOf(p *recorder.Node) string {
	path := strings.Trim(p.Name, "/")
	if i := strings.LastIndexAny(path, "./"); i > 0 {
		return path[:i]
	}
	return path
}

// name returns the tensor's name in the graph, putting a constant into it first.
func (l *lowering) name(n *recorder.Node, v *value) string {
	if v.name == "" {
		v.name = l.constant(n, v.data)
	}
	return v.name
}

// constant adds an initialiser for data that came from n. Small ones are shared.
func (l *lowering) constant(n *recorder.Node, data *tensor) string {
	const small = 64
	key := ""
	if len(data.raw) <= small {
		key = fmt.Sprint(data.kind, data.dims, data.raw)
		if name, ok := l.shared[key]; ok {
			return name
		}
	}
	name := ""
	switch {
	case n != nil && n.Op == compute.OpTypeParameter:
		name = strings.Trim(n.Name, "/")
	case n != nil:
		if p := nearestParameter(n, map[*recorder.Node]bool{}); p != nil {
			name = layerOf(p) + ".constant"
		}
	}
	if name == "" {
		name = "constant"
	}
	name = l.constantNamed(name, data)
	if key != "" {
		l.shared[key] = name
	}
	return name
}

// constantNamed adds an initialiser under a name, or that name and a number where it is taken.
func (l *lowering) constantNamed(name string, data *tensor) string {
	return l.b.Constant(onnx.RawTensor(l.unique(name), data.kind, int64s(data.dims), data.normal()))
}

// ints adds a constant vector of int64.
func (l *lowering) ints(values ...int) string {
	return l.constant(nil, intTensor(values))
}

// arg lowers a node for a reader that takes broadcasts as they are.
func (l *lowering) arg(n *recorder.Node) (string, []int, error) {
	v, err := l.lower(n)
	if err != nil {
		return "", nil, err
	}
	return l.name(n, v), v.dims, nil
}

// whole lowers a node for a reader that needs the tensor in its full shape.
func (l *lowering) whole(n *recorder.Node) (string, error) {
	v, err := l.full(n)
	if err != nil {
		return "", err
	}
	return l.name(n, v), nil
}

// full lowers a node and writes its broadcast if it has been left open.
func (l *lowering) full(n *recorder.Node) (*value, error) {
	v, err := l.lower(n)
	if err != nil || slices.Equal(v.dims, n.Dims()) {
		return v, err
	}
	if v.data != nil && !l.open(n.Dims()) {
		v = &value{dims: n.Dims(), data: v.data.expand(n.Dims())}
	} else {
		sizes, err := l.sizes(n.Dims())
		if err != nil {
			return nil, l.unsupported(n, err.Error())
		}
		v = &value{dims: n.Dims(), name: l.emit(n, "Expand", []string{l.name(n, v), sizes})}
	}
	l.values[n] = v
	return v, nil
}

// sizes returns a vector with the dimensions at run time.
func (l *lowering) sizes(dims []int) (string, error) {
	if !l.open(dims) {
		return l.ints(dims...), nil
	}
	if l.batch == "" {
		return "", fmt.Errorf("no input has the batch as its first axis")
	}
	parts := make([]string, len(dims))
	for i, d := range dims {
		if !l.isOpen(d) {
			parts[i] = l.ints(d)
			continue
		}
		parts[i] = l.step("Shape", []string{l.batch}, onnx.Attr("start", 0), onnx.Attr("end", 1))
		if k := d / l.options.Batch; k != 1 {
			parts[i] = l.step("Mul", []string{parts[i], l.ints(k)})
		}
	}
	return l.step("Concat", parts, onnx.Attr("axis", 0)), nil
}

// reshape writes a tensor of dimensions from in the dimensions to, for the tensor of n, or for a step
// towards it where n is nil.
func (l *lowering) reshape(n *recorder.Node, name string, from, to []int) string {
	if slices.Equal(from, to) {
		return name
	}
	put := func(op string, inputs []string, attrs ...*onnxpb.AttributeProto) string {
		if n == nil {
			return l.step(op, inputs, attrs...)
		}
		return l.emit(n, op, inputs, attrs...)
	}
	if len(to) == 2 && len(from) > 2 && from[0] == to[0] {
		return put("Flatten", []string{name}, onnx.Attr("axis", 1))
	}
	target := slices.Clone(to)
	for i, d := range to {
		switch {
		case !l.isOpen(d):
		case i < len(from) && from[i] == d:
			target[i] = 0 // as it is in the input
		default:
			target[i] = -1 // what is left; at most one axis of a shape is open
		}
	}
	return put("Reshape", []string{name, l.ints(target...)})
}

// transpose writes a tensor with its axes permuted, at no cost for constants.
func (l *lowering) transpose(n *recorder.Node, v *value, from *recorder.Node, perm []int) *value {
	dims := make([]int, len(perm))
	for i, p := range perm {
		dims[i] = v.dims[p]
	}
	switch {
	case sorted(perm):
		return v
	case v.data != nil:
		return &value{dims: dims, data: v.data.transpose(perm)}
	case n == nil:
		return &value{dims: dims, name: l.step("Transpose", []string{l.name(from, v)}, onnx.Attr("perm", perm))}
	}
	return &value{dims: dims, name: l.emit(n, "Transpose", []string{l.name(from, v)}, onnx.Attr("perm", perm))}
}

// sorted tells whether a permutation moves nothing.
func sorted(perm []int) bool { return slices.IsSorted(perm) }
