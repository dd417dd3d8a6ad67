package inspect

import (
	"slices"

	"striate/export/onnx"
)

// reduction is the rule of ReduceMean and its like.
func reduction(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	which := c.integers("axes", 1)
	if len(which) == 0 {
		switch {
		case which == nil && c.operand(1) != nil:
			return nil, "the axes of " + c.op.Op + " are not known"
		case c.integer("noop_with_empty_axes", 0) != 0:
			return pointwise(c)
		}
		which = span(0, len(x.shape))
	}
	return c.reduce(x, which, x.kind)
}

// argument is the rule of ArgMax and ArgMin.
func argument(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	return c.reduce(x, []int{c.integer("axis", 0)}, onnx.Int64)
}

// reduce is what depends on all elements along the axes, which stay with size 1 or are dropped.
func (c *call) reduce(x *value, which []int, kind onnx.DataType) ([]*value, string) {
	which, ok := axes(which, len(x.shape))
	if !ok {
		return nil, "the axes of " + c.op.Op + " are not known"
	}
	shape := slices.Clone(x.shape)
	for _, a := range which {
		shape[a] = 1
	}
	out := x.with(shape, func(r reach) reach { return r.gather(which) })
	if c.integer("keepdims", 1) == 0 {
		out = out.drop(which)
	}
	return []*value{out.of(kind)}, ""
}

// topK is the rule of TopK.
func topK(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	axis, ok := c.axis(-1, len(x.shape))
	if !ok {
		return nil, "the axis of TopK is not known"
	}
	n := c.integer("k", -1)
	if k := c.operand(1); k != nil && len(k.numbers) == 1 {
		n = sizesOf(k.numbers)[0]
	}
	out := x.with(replaced(x.shape, axis, n), func(r reach) reach { return r.gather([]int{axis}) })
	indices := *out
	return []*value{out, indices.of(onnx.Int64)}, ""
}

// normalised is the rule of operators whose result has the shape of the data, each element
// depending on all along some axes.
func normalised(which func(c *call, rank int) []int) rule {
	return func(c *call) ([]*value, string) {
		x := c.operand(0)
		if x == nil || x.shape == nil {
			return nil, noShape
		}
		over, ok := axes(which(c, len(x.shape)), len(x.shape))
		if !ok {
			return nil, "the axes of " + c.op.Op + " are not known"
		}
		return []*value{x.with(x.shape, func(r reach) reach { return r.gather(over) })}, ""
	}
}

func fromAxis(axis, rank int) []int {
	if axis < 0 {
		axis += rank
	}
	return span(max(axis, 0), rank)
}

// softmax is the rule of Softmax and its like, which before operator set 13 went over all axes from
// the given one on.
func softmax(c *call) ([]*value, string) {
	if c.opset < 13 {
		return normalised(func(c *call, rank int) []int { return fromAxis(c.integer("axis", 1), rank) })(c)
	}
	return normalised(func(c *call, rank int) []int { return []int{c.integer("axis", -1)} })(c)
}

// batchNormalization is the rule of BatchNormalization: pointwise, unless it is in training mode.
func batchNormalization(c *call) ([]*value, string) {
	if c.integer("training_mode", 0) != 0 {
		return normalised(func(_ *call, rank int) []int { return span(2, rank) })(c)
	}
	return pointwise(c)
}

// cumulative is the rule of CumSum: pointwise but along its axis.
func cumulative(c *call) ([]*value, string) {
	x, at := c.operand(0), c.integers("", 1)
	if x == nil || x.shape == nil || len(at) != 1 {
		return nil, noShape
	}
	at, ok := axes(at, len(x.shape))
	if !ok {
		return nil, "the axis of CumSum is not known"
	}
	return []*value{x.with(x.shape, func(r reach) reach {
		if r.moves(at[0]) {
			return unknownReach("a running sum over rows or columns")
		}
		return r
	})}, ""
}

// gemm is the rule of Gemm.
func gemm(c *call) ([]*value, string) {
	a, b := c.operand(0), c.operand(1)
	if a == nil || b == nil || len(a.shape) != 2 && !a.constant() || len(b.shape) != 2 && !b.constant() {
		return nil, noShape
	}
	turned := func(v *value, attribute string) *value {
		if c.integer(attribute, 0) == 0 || len(v.shape) != 2 {
			return v
		}
		return v.with([]int{v.shape[1], v.shape[0]}, func(r reach) reach { return r.rename(func(a int) int { return 1 - a }) })
	}
	product := c.multiply(turned(a, "transA"), turned(b, "transB"))
	if bias := c.operand(2); bias != nil && !bias.constant() {
		return []*value{broadcastOver(product, bias)}, ""
	}
	return []*value{product}, ""
}

// matMul is the rule of matrix products whose second matrix is operand b.
func matMul(b int) rule {
	return func(c *call) ([]*value, string) {
		x, y := c.operand(0), c.operand(b)
		if x == nil || y == nil || x.shape == nil && !x.constant() || y.shape == nil && !y.constant() {
			return nil, noShape
		}
		for _, v := range []*value{x, y} {
			if v.shape != nil && len(v.shape) < 2 {
				return nil, "the product of a vector is not analysed"
			}
		}
		return []*value{c.multiply(x, y)}, ""
	}
}

// multiply is the matrix product over the last two axes; the others are broadcast. Of the ranks at
// most that of a constant is not known; it is then taken for a matrix.
func (c *call) multiply(x, y *value) *value {
	known := func(v *value) *value {
		if v.shape != nil {
			return v
		}
		return &value{shape: []int{-1, -1}, kind: v.kind}
	}
	x, y = known(x), known(y)
	p, q := len(x.shape), len(y.shape)
	width, height := 1, 1
	var left, right [][]int
	if x.field[0].moves(p-1) || x.field[1].moves(p-1) {
		if right = y.pattern(true); right != nil {
			width = len(right)
		}
	}
	if y.field[0].moves(q-2) || y.field[1].moves(q-2) {
		if left = x.pattern(false); left != nil {
			height = len(left)
		}
	}
	rows := x.with(replaced(x.shape, p-1, width), func(r reach) reach { return r.weighted(p-1, right, x.shape) })
	columns := y.with(replaced(y.shape, q-2, height), func(r reach) reach { return r.weighted(q-2, left, y.shape) })
	return broadcastOver(rows, columns)
}

// weighted is the reach of sums over the units along an axis. pattern tells which units each sum is
// over; nil stands for one sum over all.
func (r reach) weighted(axis int, pattern [][]int, shape []int) reach {
	if pattern == nil || !r.moves(axis) || r.kind == unknown {
		return r.gather([]int{axis})
	}
	if r = r.listed(shape); r.kind != mapped {
		return r
	}
	return r.along(axis, len(pattern), func(i int) []int { return pattern[i] })
}

// pattern returns, for each row (or column) of a constant matrix, the columns (rows) that are not zero.
// It is nil for what is no such constant or not for the most part zeros, as a matrix is that picks
// pixels, one for resampling say.
func (v *value) pattern(columns bool) [][]int {
	if v.weights == nil || len(v.shape) != 2 || v.weights.Type != onnx.Float32 {
		return nil
	}
	at, n := v.weights.float32At()
	if n != product(v.shape) {
		return nil
	}
	zeros := 0
	for i := range n {
		if at(i) == 0 {
			zeros++
		}
	}
	if zeros <= n/2 {
		return nil
	}
	lists := make([][]int, v.shape[0])
	if columns {
		lists = make([][]int, v.shape[1])
	}
	for i := range n {
		row, column := i/v.shape[1], i%v.shape[1]
		switch {
		case at(i) == 0:
		case columns:
			lists[column] = append(lists[column], row)
		default:
			lists[row] = append(lists[row], column)
		}
	}
	return lists
}
