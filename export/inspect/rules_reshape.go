package inspect

import (
	"math"
	"slices"
)

// flatten is the rule of Flatten.
func flatten(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	rank := len(x.shape)
	at := c.integer("axis", 1)
	if at < 0 {
		at += rank
	}
	if at < 0 || at > rank {
		return nil, "the axis of Flatten is not known"
	}
	return c.regrouped(x, []int{product(x.shape[:at]), product(x.shape[at:])})
}

// reshape is the rule of Reshape.
func reshape(c *call) ([]*value, string) {
	x, target := c.operand(0), c.operand(1)
	if list, ok := c.op.Attributes["shape"].([]int64); ok { // operator set 1
		target = &value{numbers: floats(list)}
	}
	if x == nil || target == nil || target.numbers == nil {
		return nil, "the shape that Reshape makes is not known"
	}
	if x.shape == nil {
		return nil, noShape
	}
	const open = 0 // a size that follows from the others; none is 0 in a network
	shape := make([]int, len(target.numbers))
	for i, n := range target.numbers {
		switch {
		case n == 0 && i < len(x.shape) && c.integer("allowzero", 0) == 0:
			shape[i] = x.shape[i]
		case n > 0 && n <= math.MaxInt32:
			shape[i] = int(n)
		case n == -1:
			shape[i] = open
		default:
			shape[i] = -1
		}
	}
	if at := slices.Index(shape, open); at >= 0 {
		rest := product(without0(shape, at))
		if shape[at] = -1; rest > 0 && product(x.shape) >= 0 {
			shape[at] = product(x.shape) / rest
		}
	}
	out, why := c.regrouped(x, shape)
	if why == "" {
		out[0].numbers = x.numbers
	}
	return out, why
}

func without0(shape []int, at int) []int { return slices.Delete(slices.Clone(shape), at, at+1) }

// regrouped is x with the same elements in another shape.
func (c *call) regrouped(x *value, shape []int) ([]*value, string) {
	if n := product(x.shape); n <= 0 || n != product(shape) {
		if x.constant() {
			return []*value{{shape: shape, kind: x.kind}}, ""
		}
		return nil, "the shape that " + c.op.Op + " makes is not known" + c.hint()
	}
	from, to := x.shape, shape
	groups := regroup(from, to)
	out := x.with(shape, func(r reach) reach {
		for a, n := range from { // an axis of size 1 moves nothing
			if n == 1 {
				r = r.freeze(a, 0)
			}
		}
		return r.regroup(groups, from, to)
	})
	return []*value{out}, ""
}

// group are axes of a shape that hold the elements of axes of another.
type group struct{ from, to []int }

// regroup splits two shapes of the same product, of positive sizes, into the smallest groups.
func regroup(from, to []int) []group {
	var groups []group
	for i, j := 0, 0; i < len(from) || j < len(to); {
		var g group
		a, b := 1, 1
		take := func(first bool) {
			if first {
				a *= from[i]
				g.from = append(g.from, i)
				i++
			} else {
				b *= to[j]
				g.to = append(g.to, j)
				j++
			}
		}
		if i < len(from) {
			take(true)
		}
		if j < len(to) {
			take(false)
		}
		for a != b {
			take(a < b)
		}
		if i == len(from) { // sizes 1 at the end
			for j < len(to) {
				take(false)
			}
		}
		if j == len(to) {
			for i < len(from) {
				take(true)
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// regroup is the reach after axes were regrouped.
func (r reach) regroup(groups []group, from, to []int) reach {
	one := func(shape []int) func(int) bool { return func(a int) bool { return shape[a] == 1 } }
	var axes []int
	var touched []group
	straight := true
	for _, g := range groups {
		if !slices.ContainsFunc(g.from, r.moves) {
			continue
		}
		large := slices.DeleteFunc(slices.Clone(g.from), one(from))
		made := slices.DeleteFunc(slices.Clone(g.to), one(to))
		axes, touched = append(axes, made...), append(touched, g)
		straight = straight && len(large) == 1 && len(made) == 1
	}
	if len(r.axes) == 0 || r.kind == unknown || straight && len(axes) == len(r.axes) {
		if r.axes = axes; r.kind == mapped && len(axes) == 0 {
			return r.simple()
		}
		return r
	}
	dims := make([]int, len(axes))
	for k, a := range axes {
		dims[k] = to[a]
	}
	r = r.listed(from)
	if r.kind != mapped {
		return r
	}
	return r.remapped(axes, dims, func(at []int, axis int) int {
		g := touched[slices.IndexFunc(touched, func(g group) bool { return slices.Contains(g.from, axis) })]
		element := 0
		for _, a := range g.to {
			if k := slices.Index(axes, a); k >= 0 {
				element = element*to[a] + at[k]
			}
		}
		for k := len(g.from) - 1; g.from[k] != axis; k-- {
			element /= from[g.from[k]]
		}
		return element % from[axis]
	}).simple()
}
