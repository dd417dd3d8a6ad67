package inspect

import (
	"cmp"
	"math"
	"slices"
)

// concat is the rule of Concat: the reach of the result is that of all operands together, although
// the channels that come from one operand see only what that one sees.
func concat(c *call) ([]*value, string) {
	if len(c.in) == 0 || c.in[0] == nil {
		return nil, noShape
	}
	if numbers := c.joined(); numbers != nil {
		return []*value{{shape: []int{len(numbers)}, kind: c.in[0].kind, numbers: numbers}}, ""
	}
	var like *value
	for _, v := range c.in {
		if v != nil && v.shape != nil && (like == nil || !v.constant()) {
			like = v
		}
	}
	if like == nil {
		return nil, noShape
	}
	axis, ok := c.axis(1, len(like.shape))
	if !ok {
		return nil, "the axis of Concat is not known"
	}
	out := &value{shape: slices.Clone(like.shape), kind: like.kind}
	out.shape[axis] = 0
	for _, v := range c.in {
		switch {
		case v == nil || v.shape == nil && !v.constant() || v.shape != nil && len(v.shape) != len(out.shape):
			return nil, noShape
		case v.shape == nil || v.shape[axis] < 0:
			out.shape[axis] = math.MinInt32
		default:
			out.shape[axis] += v.shape[axis]
		}
	}
	out.shape[axis] = max(-1, out.shape[axis])
	for i := range out.field {
		out.field[i] = c.along(i, axis, out.shape)
	}
	return []*value{out}, ""
}

// along joins the reach of all operands that follow each other along an axis of a result of the given
// shape.
func (c *call) along(i, axis int, shape []int) reach {
	var parts []reach
	var begins []int
	var moving, open bool
	n := 0
	for _, v := range c.in {
		r := v.field[i]
		parts, begins = append(parts, r), append(begins, n)
		moving = moving || r.moves(axis)
		if open = open || v.shape == nil || v.shape[axis] < 0; !open {
			n += v.shape[axis]
		}
	}
	if !moving {
		all := reach{}
		for _, r := range parts {
			all = join(all, r, shape)
		}
		return all
	}
	axes, like := []int{axis}, reach{seen: nothingSeen}
	for _, r := range parts {
		axes = bothAxes(reach{axes: axes}, r)
		switch r.kind {
		case unknown:
			return r
		case local, mapped:
			like.seen, like.loose = hull(like.seen, r.seen), cmp.Or(like.loose, r.loose)
		case global:
			like.seen = [2]float64{0, c.image[i]}
		}
	}
	if open {
		return unknownReach(howMany)
	}
	dims := make([]int, len(axes))
	for k, a := range axes {
		dims[k] = shape[a]
	}
	return tabulate(axes, dims, like, func(at []int) (float64, float64) {
		place := at[slices.Index(axes, axis)]
		part := len(parts) - 1
		for begins[part] > place {
			part--
		}
		low, high := parts[part].at(func(a int) int {
			if a == axis {
				return place - begins[part]
			}
			return at[slices.Index(axes, a)]
		})
		return max(low, like.seen[0]), min(high, like.seen[1])
	})
}

// joined returns the numbers of all operands in a row, nil where one is not a list of numbers.
func (c *call) joined() []float64 {
	numbers := []float64{}
	for _, v := range c.in {
		if v == nil || v.numbers == nil || len(v.shape) != 1 || len(numbers) > maxNumbers {
			return nil
		}
		numbers = append(numbers, v.numbers...)
	}
	return numbers
}

// split is the rule of Split.
func split(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	axis, ok := c.axis(0, len(x.shape))
	if !ok {
		return nil, "the axis of Split is not known"
	}
	parts := len(c.op.Outputs)
	sizes := c.integers("split", 1)
	if sizes == nil && c.operand(1) == nil {
		each := -1
		if x.shape[axis] >= 0 {
			each = ceilDiv(x.shape[axis], parts)
		}
		for range parts {
			sizes = append(sizes, each)
		}
		if each > 0 {
			sizes[parts-1] = x.shape[axis] - each*(parts-1)
		}
	}
	if len(sizes) != parts {
		return nil, "the sizes of Split are not known"
	}
	out := make([]*value, parts)
	from := 0
	for k, n := range sizes {
		out[k] = x.with(replaced(x.shape, axis, n), func(r reach) reach {
			if n < 0 && r.moves(axis) {
				return unknownReach("the sizes of Split are not known")
			}
			return r.shift(axis, from, 1, n)
		})
		from += n
	}
	return out, ""
}

// slice is the rule of Slice with bounds that are constants.
func slice(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	starts, ends := c.integers("starts", 1), c.integers("ends", 2)
	which := c.integers("axes", 3)
	if which == nil && c.operand(3) == nil {
		which = span(0, len(starts))
	}
	steps := c.integers("", 4)
	if steps == nil && c.operand(4) == nil {
		steps = ones(len(starts))
	}
	which, ok := axes(which, len(x.shape))
	if starts == nil || !ok || len(ends) != len(starts) || len(which) != len(starts) || len(steps) != len(starts) {
		return nil, "the bounds of Slice are not known"
	}
	out := x.with(slices.Clone(x.shape), unchanged)
	for k, axis := range which {
		from, n, ok := sliced(x.shape[axis], starts[k], ends[k], steps[k])
		if out.shape[axis] = n; n == x.shape[axis] && n >= 0 && steps[k] == 1 {
			continue
		}
		for i, r := range out.field {
			switch {
			case !r.moves(axis):
			case !ok:
				out.field[i] = unknownReach("the bounds of Slice are not known")
			case steps[k] < 0:
				out.field[i] = r.listed(x.shape).shift(axis, from, steps[k], n)
			default:
				out.field[i] = r.shift(axis, from, steps[k], n)
			}
		}
		if ok && n >= 0 && axis == 0 && len(which) == 1 {
			out.numbers = x.rows(from, steps[k], n)
		}
	}
	return []*value{out}, ""
}

// sliced returns the first unit of a slice and the number of units, -1 if not known. ok is false
// where the place of the first one depends on a size that is not known.
func sliced(size, start, end, step int) (from, n int, ok bool) {
	if step == 0 || size < 0 {
		return start, -1, step > 0 && start >= 0
	}
	bound := func(i, low, high int) int {
		if i < 0 {
			i += size
		}
		return max(low, min(high, i))
	}
	if step > 0 {
		from = bound(start, 0, size)
		return from, max(0, ceilDiv(bound(end, 0, size)-from, step)), true
	}
	from = bound(start, -1, size-1)
	return from, max(0, ceilDiv(from-bound(end, -1, size-1), -step)), true
}

// rows returns the numbers of some rows, the elements with the same index along the first axis.
func (v *value) rows(from, step, n int) []float64 {
	if v.numbers == nil || len(v.shape) == 0 {
		return nil
	}
	each := product(v.shape[1:])
	out := []float64{}
	for i := range n {
		at := (from + i*step) * each
		if at < 0 || at+each > len(v.numbers) {
			return nil
		}
		out = append(out, v.numbers[at:at+each]...)
	}
	return out
}

// gatherRule is the rule of Gather with indices that are constants.
func gatherRule(c *call) ([]*value, string) {
	x, index := c.operand(0), c.operand(1)
	if x == nil || index == nil || x.shape == nil || index.shape == nil {
		return nil, "the indices or shapes of Gather are not known"
	}
	axis, ok := c.axis(0, len(x.shape))
	if !ok {
		return nil, "the axis of Gather is not known"
	}
	added := len(index.shape) - 1
	shape := append(append(slices.Clone(x.shape[:axis]), index.shape...), x.shape[axis+1:]...)
	out := x.with(shape, func(r reach) reach {
		if r.moves(axis) {
			r = r.pick(axis, index, x.shape)
		}
		return r.rename(func(a int) int {
			if a > axis {
				return a + added
			}
			return a
		})
	})
	if x.numbers != nil && index.numbers != nil && len(x.shape) == 1 {
		out.numbers = []float64{}
		for _, at := range index.numbers {
			number := math.NaN()
			if at < 0 {
				at += float64(len(x.numbers))
			}
			if at >= 0 && at < float64(len(x.numbers)) {
				number = x.numbers[int(at)]
			}
			out.numbers = append(out.numbers, number)
		}
	}
	return []*value{out}, ""
}

// pick is the reach of the units with the given indices along an axis of a tensor of the given shape.
func (r reach) pick(axis int, index *value, shape []int) reach {
	at := make([]int, len(index.numbers))
	for k, n := range index.numbers {
		if n < 0 {
			n += float64(shape[axis])
		}
		if shape[axis] < 0 || !(n >= 0 && n < float64(shape[axis])) {
			return unknownReach("the indices of Gather are not known")
		}
		at[k] = int(n)
	}
	switch {
	case len(index.shape) == 0 && len(at) == 1:
		return r.freeze(axis, at[0])
	case len(index.shape) == 1 && len(at) == product(index.shape):
		r = r.listed(shape)
		if r.kind != mapped {
			return r
		}
		return r.along(axis, len(at), func(i int) []int { return at[i : i+1] })
	}
	return unknownReach("the indices of Gather are not a list")
}

// transpose is the rule of Transpose.
func transpose(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	order := c.integers("perm", -1)
	if order == nil {
		order = span(0, len(x.shape))
		slices.Reverse(order)
	}
	order, ok := axes(order, len(x.shape))
	if !ok || len(order) != len(x.shape) {
		return nil, "the order of axes of Transpose does not fit its data"
	}
	shape := make([]int, len(order))
	place := make([]int, len(order))
	for to, from := range order {
		shape[to], place[from] = x.shape[from], to
	}
	out := x.with(shape, func(r reach) reach { return r.rename(func(a int) int { return place[a] }) })
	if len(shape) == 2 && x.numbers != nil && order[0] == 1 {
		for column := range x.shape[1] {
			for row := range x.shape[0] {
				out.numbers = append(out.numbers, x.numbers[row*x.shape[1]+column])
			}
		}
	}
	return []*value{out}, ""
}

// squeeze is the rule of Squeeze.
func squeeze(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	which := c.integers("axes", 1)
	if which == nil {
		if c.operand(1) != nil || slices.Contains(x.shape, -1) {
			return nil, "the axes of Squeeze are not known"
		}
		for a, n := range x.shape {
			if n == 1 {
				which = append(which, a)
			}
		}
	}
	which, ok := axes(which, len(x.shape))
	if !ok {
		return nil, "the axes of Squeeze are not known"
	}
	out := x.drop(which)
	out.numbers = x.numbers
	return []*value{out}, ""
}

// drop takes away axes of size 1.
func (v *value) drop(which []int) *value {
	place := make([]int, len(v.shape))
	shape := []int{}
	for a, n := range v.shape {
		if place[a] = len(shape); !slices.Contains(which, a) {
			shape = append(shape, n)
		}
	}
	return v.with(shape, func(r reach) reach {
		for _, a := range which {
			r = r.freeze(a, 0)
		}
		return r.rename(func(a int) int { return place[a] })
	})
}

// unsqueeze is the rule of Unsqueeze.
func unsqueeze(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	which := c.integers("axes", 1)
	rank := len(x.shape) + len(which)
	which, ok := axes(which, rank)
	if !ok || len(which) == 0 {
		return nil, "the axes of Unsqueeze are not known"
	}
	var shape, place []int
	for a := range rank {
		if slices.Contains(which, a) {
			shape = append(shape, 1)
		} else if len(place) < len(x.shape) {
			shape = append(shape, x.shape[len(place)])
			place = append(place, a)
		}
	}
	if len(place) != len(x.shape) || len(shape) != rank {
		return nil, "the axes of Unsqueeze are not known"
	}
	out := x.with(shape, func(r reach) reach { return r.rename(func(a int) int { return place[a] }) })
	out.numbers = x.numbers
	return []*value{out}, ""
}

// expand is the rule of Expand.
func expand(c *call) ([]*value, string) {
	x := c.operand(0)
	target := c.operand(1)
	if x == nil || x.shape == nil || target == nil {
		return nil, noShape
	}
	if target.numbers == nil {
		if x.constant() {
			return []*value{{kind: x.kind}}, ""
		}
		return nil, "the shape that Expand makes is not known"
	}
	like := &value{shape: sizesOf(target.numbers)}
	return []*value{broadcastOver(x, like)}, ""
}

// sizesOf reads numbers as a shape.
func sizesOf(numbers []float64) []int {
	shape := make([]int, len(numbers))
	for i, n := range numbers {
		if shape[i] = -1; n >= 0 && n <= math.MaxInt32 {
			shape[i] = int(n)
		}
	}
	return shape
}
