package lower

import (
	"slices"

	"github.com/gomlx/compute"

	"striate/export/onnx"
	"striate/export/recorder"
)

// side is an operand of a matrix product with its axes sorted: joint, kept, contracted.
type side struct {
	node                    *recorder.Node
	batch, kept, contracted []int
}

func newSide(n *recorder.Node, batch, contracted []int) side {
	s := side{node: n, batch: batch, contracted: contracted}
	for axis := range n.Dims() {
		if !slices.Contains(batch, axis) && !slices.Contains(contracted, axis) {
			s.kept = append(s.kept, axis)
		}
	}
	return s
}

// sizes returns the dimensions along axes.
func (s side) sizes(axes []int) []int {
	dims := make([]int, len(axes))
	for i, axis := range axes {
		dims[i] = s.node.Dims()[axis]
	}
	return dims
}

// dot writes MatMul: joint axes first, then the matrices. Operands are transposed and reshaped as
// needed; of constants that costs nothing.
func (l *lowering) dot(n *recorder.Node) (*value, error) {
	a := n.Args.(recorder.Dot)
	x, y := newSide(n.Inputs[0], a.LeftBatch, a.LeftContracting), newSide(n.Inputs[1], a.RightBatch, a.RightContracting)
	if k := x.sizes(a.LeftContracting); l.open(k) {
		return nil, l.unsupported(n, "it sums over the images of a batch")
	}
	// Without joint axes and with one axis contracted, the left operand keeps its own.
	if len(a.LeftBatch) == 0 && len(a.LeftContracting) == 1 && len(y.kept) == 1 {
		left, _, err := l.canonical(x.node, append(slices.Clone(x.kept), x.contracted...))
		if err != nil {
			return nil, err
		}
		right, err := l.matrix(y, append(slices.Clone(y.contracted), y.kept...), y.node.Dims())
		if err != nil {
			return nil, err
		}
		return &value{name: l.emit(n, "MatMul", []string{left, right}), dims: n.Dims()}, nil
	}
	return l.generalDot(n, x, y)
}

// matrix lowers an operand, transposes it and, where dims is another shape, reshapes it.
func (l *lowering) matrix(s side, perm, dims []int) (string, error) {
	v, err := l.full(s.node)
	if err != nil {
		return "", err
	}
	v = l.transpose(nil, v, s.node, perm)
	if v.data != nil {
		if product(dims) == product(v.dims) && len(dims) != len(v.dims) {
			v = &value{dims: dims, data: v.data.as(dims)}
		}
		return l.name(s.node, v), nil
	}
	if len(dims) == len(v.dims) {
		return v.name, nil
	}
	return l.reshape(nil, v.name, v.dims, dims), nil
}

// generalDot brings both operands to joint axes × rows × columns.
func (l *lowering) generalDot(n *recorder.Node, x, y side) (*value, error) {
	joint := x.sizes(x.batch)
	rows, inner, columns := product(x.sizes(x.kept)), product(x.sizes(x.contracted)), product(y.sizes(y.kept))
	left, err := l.matrix(x, slices.Concat(x.batch, x.kept, x.contracted), append(slices.Clone(joint), rows, inner))
	if err != nil {
		return nil, err
	}
	right, err := l.matrix(y, slices.Concat(y.batch, y.contracted, y.kept), append(slices.Clone(joint), inner, columns))
	if err != nil {
		return nil, err
	}
	dims := append(slices.Clone(joint), rows, columns)
	if slices.Equal(dims, n.Dims()) {
		return &value{name: l.emit(n, "MatMul", []string{left, right}), dims: dims}, nil
	}
	return &value{name: l.reshape(n, l.step("MatMul", []string{left, right}), dims, n.Dims()), dims: n.Dims()}, nil
}

// gemm writes a matrix product with a constant matrix and the constant added to it as one node; nil
// if n is something else.
func (l *lowering) gemm(n *recorder.Node) (*value, error) {
	for i, dot := range n.Inputs {
		if dot.Op != compute.OpTypeDotGeneral || !l.private(dot) || len(n.Dims()) != 2 {
			continue
		}
		a := dot.Args.(recorder.Dot)
		x, w := dot.Inputs[0], dot.Inputs[1]
		if len(a.LeftBatch) != 0 || !slices.Equal(a.LeftContracting, []int{1}) || len(x.Dims()) != 2 || len(w.Dims()) != 2 {
			continue
		}
		weight := l.values[w]
		bias, err := l.perChannel(n.Inputs[1-i], n.Dims()[1], 1)
		if err != nil {
			return nil, err
		}
		if weight == nil || weight.data == nil || bias == nil || weight.data.kind != onnx.Float32 {
			continue
		}
		in, err := l.whole(x)
		if err != nil {
			return nil, err
		}
		b := l.constantNamed(layerName(n.Inputs[1-i])+".bias", floatTensor([]int{len(bias)}, narrow(bias)))
		return &value{name: l.emit(n, "Gemm", []string{in, l.name(w, weight), b}, onnx.Attr("transB", a.RightContracting[0])), dims: n.Dims()}, nil
	}
	return nil, nil
}
