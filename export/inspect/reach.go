package inspect

import (
	"math"
	"slices"
)

// reach is what the units of a tensor see of the image along one of the image's axes. Pixel k is the
// interval from k to k+1.
//
// The arithmetic is that of Araujo, Norris & Sim, "Computing receptive fields of convolutional neural
// networks" (Distill 2019), with the left edge of the field of the first unit in place of its
// padding.
type reach struct {
	kind reachKind
	// axes of the tensor along which the field moves; a local field moves along one, or along none
	// when all units see the same.
	axes []int
	// size of a unit's field; first is the left edge of the field of the first unit and stride the
	// step to the next one's. All in pixels; first and stride of a local field only.
	size, stride, first float64
	// seen are the pixels that any unit of the tensor sees: what a unit sees is its field's part in
	// it. The end is +Inf where the size of the image is not known.
	seen [2]float64
	// order is the tensor that put rows and columns into the order that a scattered field has.
	order string
	// loose says why units may see less than their field or, at the image's border, something else.
	loose string
	why   string // unknown: the reason
}

type reachKind int

const (
	nothing   reachKind = iota // what is there does not depend on the image
	local                      // an interval that moves evenly along one axis of the tensor
	scattered                  // an interval of the same size for all units, its place not a linear function of an index
	global                     // the whole image
	unknown
)

func (r reach) moves(axis int) bool { return slices.Contains(r.axes, axis) }

// unknownReach is a reach that is not known, because of why.
func unknownReach(why string, axes ...int) reach {
	return reach{kind: unknown, why: why, axes: axes}
}

// fixed is the reach of units that all see the same pixels, of an image of the given size.
func fixed(from, to, image float64, loose string) reach {
	if from <= 0 && to >= image {
		return reach{kind: global}
	}
	if math.IsInf(to, 1) {
		return unknownReach("the size of the image is not known: give --size")
	}
	return reach{kind: local, first: from, size: to - from, seen: [2]float64{from, to}, loose: loose}
}

// join is the reach of units that see what units of a and of b at the same place see.
func join(a, b reach) reach {
	if a.kind > b.kind {
		a, b = b, a
	}
	loose := a.loose
	if loose == "" {
		loose = b.loose
	}
	switch {
	case a.kind == nothing:
		return b
	case b.kind == global || a.kind == global:
		return reach{kind: global}
	case b.kind == unknown:
		b.axes = bothAxes(a, b)
		return b
	case a.kind == scattered && b.kind == scattered && a.order == b.order && a.size == b.size && slices.Equal(a.axes, b.axes):
		a.seen, a.loose = hull(a.seen, b.seen), loose
		return a
	case len(a.axes) == 0 && a.kind == local && covers(a.seen, b.seen):
		a.loose = loose
		return a
	case len(b.axes) == 0 && b.kind == local && covers(b.seen, a.seen):
		b.loose = loose
		return b
	case b.kind == scattered:
		return unknownReach("branches in which positions are ordered differently meet", bothAxes(a, b)...)
	case !slices.Equal(a.axes, b.axes):
		return unknownReach("branches in which rows and columns lie along different axes meet", bothAxes(a, b)...)
	case a.stride != b.stride:
		return unknownReach("branches with receptive fields of different strides meet", bothAxes(a, b)...)
	}
	first := min(a.first, b.first)
	return reach{kind: local, axes: a.axes, stride: a.stride, first: first, loose: loose,
		size: max(a.first+a.size, b.first+b.size) - first, seen: hull(a.seen, b.seen)}
}

func hull(a, b [2]float64) [2]float64 { return [2]float64{min(a[0], b[0]), max(a[1], b[1])} }
func covers(a, b [2]float64) bool     { return a[0] <= b[0] && b[1] <= a[1] }

func bothAxes(a, b reach) []int {
	axes := append(slices.Clone(a.axes), b.axes...)
	slices.Sort(axes)
	return slices.Compact(axes)
}

// gather is the reach of units that each see what all units along the given axes of the tensor see,
// at their place along the others. image is the size of the image.
func (r reach) gather(axes []int, image float64) reach {
	held := func(axis int) bool { return slices.Contains(axes, axis) }
	switch {
	case r.kind == nothing || r.kind == global || !slices.ContainsFunc(r.axes, held):
		return r
	case r.kind == unknown:
		return r
	case slices.ContainsFunc(r.axes, func(a int) bool { return !held(a) }):
		return unknownReach("part of the rows or columns is summed over", r.axes...)
	}
	return fixed(r.seen[0], r.seen[1], image, r.loose)
}

// window is the reach of units that see what the units from i·step−before to
// i·step−before+span−1 along the tensor's axis see. n is the number of units that there are of
// them, -1 if not known.
func (r reach) window(axis int, span, step, before float64, n int) reach {
	if !r.moves(axis) || span == 1 && step == 1 && before == 0 {
		return r
	}
	if r.kind != local {
		return unknownReach("a window moves over rows and columns that were joined", r.axes...)
	}
	r.first -= before * r.stride
	r.size += (span - 1) * r.stride
	r.stride *= step
	return r.clip(n)
}

// shift is the reach after units were taken away, or put, before the first along an axis: unit i is
// what unit i·step+from was. n is as of window.
func (r reach) shift(axis int, from, step float64, n int) reach {
	if !r.moves(axis) {
		return r
	}
	if r.kind != local {
		return unknownReach("some of the rows and columns that were joined are taken", r.axes...)
	}
	r.first += from * r.stride
	r.stride *= step
	return r.clip(n)
}

// clip updates seen for n units along the axis.
func (r reach) clip(n int) reach {
	r.seen[0] = max(r.seen[0], r.first)
	if n > 0 {
		r.seen[1] = min(r.seen[1], r.first+float64(n-1)*r.stride+r.size)
	}
	return r
}

// freeze is the reach where only unit at along the axis is left, for all.
func (r reach) freeze(axis int, at float64, image float64) reach {
	if !r.moves(axis) {
		return r
	}
	if r.kind != local {
		return unknownReach("one of the rows and columns that were joined is taken", without(r.axes, axis)...)
	}
	from := r.first + at*r.stride
	return fixed(max(r.seen[0], from), min(r.seen[1], from+r.size), image, r.loose)
}

// finer is the reach of units of which unit i reads units of the tensor between i/factor+low and
// i/factor+high along the axis. It is the smallest interval that moves evenly and holds what is
// read: which units lie between changes from unit to unit.
func (r reach) finer(axis int, factor, low, high float64, loose string) reach {
	if !r.moves(axis) {
		return r
	}
	if r.kind != local {
		return unknownReach("rows and columns that were joined are interpolated", r.axes...)
	}
	r.first += low * r.stride
	r.size += (high - low) * r.stride
	r.stride /= factor
	r.loose = loose
	return r
}

// scatter is the reach after the axes along which the field moves were mixed with others into the
// given ones.
func (r reach) scatter(axes []int, order string) reach {
	if r.kind == unknown {
		r.axes = axes
		return r
	}
	return reach{kind: scattered, axes: axes, size: r.size, seen: r.seen, order: order, loose: r.loose}
}

// rename gives the axes their places in another tensor.
func (r reach) rename(to func(axis int) int) reach {
	axes := make([]int, len(r.axes))
	for i, a := range r.axes {
		axes[i] = to(a)
	}
	slices.Sort(axes)
	r.axes = axes
	return r
}

func without(axes []int, axis int) []int {
	return slices.DeleteFunc(slices.Clone(axes), func(a int) bool { return a == axis })
}

// start is the centre of the field of the first unit.
func (r reach) start() float64 { return r.first + r.size/2 }

// infinite is the size of an image whose size is not known.
var infinite = math.Inf(1)
