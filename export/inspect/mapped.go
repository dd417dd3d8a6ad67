package inspect

import (
	"cmp"
	"math"
	"slices"
)

// maxEntries is how many fields a mapped reach may list.
const maxEntries = 1 << 20

const (
	tooMany = "the receptive fields are too many to list"
	howMany = "how many units there are is not known"
)

// tabulate returns the reach of units whose fields f tells, for each index along the axes, which are
// ascending. A field that ends before it begins is empty.
func tabulate(axes, dims []int, like reach, f func(index []int) (low, high float64)) reach {
	n := product(dims)
	switch {
	case n < 0:
		return unknownReach(howMany)
	case n > maxEntries:
		return unknownReach(tooMany)
	}
	r := reach{kind: mapped, axes: slices.Clone(axes), dims: slices.Clone(dims), seen: like.seen, loose: like.loose,
		low: make([]float64, n), high: make([]float64, n)}
	index := make([]int, len(dims))
	for i := range n {
		r.low[i], r.high[i] = f(index)
		for a := len(dims) - 1; a >= 0; a-- {
			if index[a]++; index[a] < dims[a] {
				break
			}
			index[a] = 0
		}
	}
	return r
}

// nowhere is an empty field.
func nowhere() (low, high float64) { return math.Inf(1), math.Inf(-1) }

// at returns the field of the units whose index along axis a is index(a).
func (r reach) at(index func(axis int) int) (low, high float64) {
	switch r.kind {
	case nothing:
		return nowhere()
	case global:
		return math.Inf(-1), math.Inf(1)
	case local:
		low = r.first
		for _, a := range r.axes {
			low += float64(index(a)) * r.stride
		}
		return low, low + r.size
	}
	entry := 0
	for k, a := range r.axes {
		i := index(a)
		if i < 0 || i >= r.dims[k] {
			return nowhere()
		}
		entry = entry*r.dims[k] + i
	}
	return r.low[entry], r.high[entry]
}

// listed returns a local reach of a tensor of the given shape as a mapped one.
func (r reach) listed(shape []int) reach {
	if r.kind != local || len(r.axes) == 0 {
		return r
	}
	axis := r.axes[0]
	if shape == nil || shape[axis] < 0 {
		return unknownReach(howMany)
	}
	return tabulate(r.axes, shape[axis:axis+1], r, func(index []int) (float64, float64) {
		return r.at(func(int) int { return index[0] })
	})
}

// remapped is the mapped reach over other axes: index tells, for an index along them, the index along
// an axis before, -1 for none.
func (r reach) remapped(axes, dims []int, index func(at []int, axis int) int) reach {
	return tabulate(axes, dims, r, func(at []int) (float64, float64) {
		return r.at(func(axis int) int { return index(at, axis) })
	})
}

// along replaces the units along one axis of a mapped reach by n, of which unit i sees what those that
// of(i) lists see.
func (r reach) along(axis, n int, of func(i int) []int) reach {
	if n < 0 {
		return unknownReach(howMany)
	}
	k := slices.Index(r.axes, axis)
	dims := replaced(r.dims, k, n)
	lists := make([][]int, min(n, maxEntries))
	for i := range lists {
		lists[i] = of(i)
	}
	return tabulate(r.axes, dims, r, func(at []int) (float64, float64) {
		low, high := nowhere()
		for _, i := range lists[at[k]] {
			from, to := r.at(func(a int) int {
				if a == axis {
					return i
				}
				return at[slices.Index(r.axes, a)]
			})
			low, high = min(low, from), max(high, to)
		}
		return low, high
	}).simple()
}

// gathered is the mapped reach of units that each see what all units along some axes see.
func (r reach) gathered(held []int) reach {
	var rest, dims []int
	for k, a := range r.axes {
		if !slices.Contains(held, a) {
			rest, dims = append(rest, a), append(dims, r.dims[k])
		}
	}
	out := tabulate(rest, dims, r, func([]int) (float64, float64) { return nowhere() })
	for i := range r.low {
		entry, left := 0, i
		stride := 1
		for k := len(r.axes) - 1; k >= 0; k-- {
			at := left % r.dims[k]
			left /= r.dims[k]
			if !slices.Contains(held, r.axes[k]) {
				entry += at * stride
				stride *= r.dims[k]
			}
		}
		out.low[entry], out.high[entry] = min(out.low[entry], r.low[i]), max(out.high[entry], r.high[i])
	}
	return out
}

// together joins two reaches of a tensor of the given shape field by field.
func together(a, b reach, shape []int) reach {
	axes := bothAxes(a, b)
	dims := make([]int, len(axes))
	for k, axis := range axes {
		if dims[k] = -1; shape != nil && axis < len(shape) {
			dims[k] = shape[axis]
		}
	}
	like := reach{seen: hull(a.seen, b.seen), loose: cmp.Or(a.loose, b.loose)}
	return tabulate(axes, dims, like, func(at []int) (float64, float64) {
		index := func(axis int) int { return at[slices.Index(axes, axis)] }
		low, high := a.at(index)
		from, to := b.at(index)
		return min(low, from), max(high, to)
	}).simple()
}

// simple returns a mapped reach without axes along which nothing changes, as a local one where the
// fields lie evenly.
func (r reach) simple() reach {
	if r.kind != mapped || len(r.low) == 0 {
		return r
	}
	for k := 0; k < len(r.axes); k++ {
		if r.constantAlong(k) {
			axes := without(r.axes, r.axes[k])
			dims := slices.Delete(slices.Clone(r.dims), k, k+1)
			r = r.remapped(axes, dims, func(at []int, axis int) int {
				if i := slices.Index(axes, axis); i >= 0 {
					return at[i]
				}
				return 0
			})
			k--
		}
	}
	if len(r.axes) > 1 || math.IsInf(r.low[0], 0) || math.IsInf(r.high[0], 0) {
		return r
	}
	even := reach{kind: local, axes: r.axes, first: r.low[0], size: r.high[0] - r.low[0], seen: r.seen, loose: r.loose}
	if len(r.low) > 1 {
		even.stride = r.low[1] - r.low[0]
	}
	for i := range r.low {
		low := even.first + float64(i)*even.stride
		if r.low[i] != low || r.high[i] != low+even.size || even.stride < 0 {
			return r
		}
	}
	return even
}

// constantAlong tells whether the fields are the same along the k-th axis.
func (r reach) constantAlong(k int) bool {
	inner := product(r.dims[k+1:])
	for i := range r.low {
		if i/inner%r.dims[k] > 0 && (r.low[i] != r.low[i-inner] || r.high[i] != r.high[i-inner]) {
			return false
		}
	}
	return true
}

// sizes returns the sizes of the smallest and the largest field of a mapped reach, as far as units see
// them; empty ones do not count. ok is false where all are empty.
func (r reach) sizes() (smallest, largest float64, ok bool) {
	smallest = math.Inf(1)
	for i := range r.low {
		size := min(r.high[i], r.seen[1]) - max(r.low[i], r.seen[0])
		if size > 0 {
			smallest, largest, ok = min(smallest, size), max(largest, size), true
		}
	}
	return smallest, largest, ok
}
