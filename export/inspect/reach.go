package inspect

import (
	"cmp"
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
	// A mapped reach lists the field of each index along the axes, which are ascending and of the
	// sizes dims: from low to high, row-major.
	dims      []int
	low, high []float64
	// loose says why units may see less than their field or, at the image's border, something else.
	loose string
	why   string // unknown: the reason
}

type reachKind int

const (
	nothing reachKind = iota // what is there does not depend on the image
	local                    // an interval that moves evenly along one axis of the tensor
	mapped                   // an interval for each unit, listed
	global                   // the whole image
	unknown
)

func (r reach) moves(axis int) bool { return slices.Contains(r.axes, axis) }

// unknownReach is a reach that is not known, because of why.
func unknownReach(why string) reach {
	return reach{kind: unknown, why: why}
}

// fixed is the reach of units that all see the same pixels.
func fixed(from, to float64, loose string) reach {
	return reach{kind: local, first: from, size: to - from, seen: [2]float64{from, to}, loose: loose}
}

// join is the reach of units of a tensor of the given shape that see what units of a and of b at the
// same place see.
func join(a, b reach, shape []int) reach {
	if a.kind > b.kind {
		a, b = b, a
	}
	even := a.kind == local && b.kind == local && slices.Equal(a.axes, b.axes) && a.stride == b.stride
	switch {
	case a.kind == nothing:
		return b
	case a.kind == global || b.kind == global:
		return reach{kind: global}
	case b.kind == unknown:
		return b
	case len(a.axes) == 0 && a.kind == local && covers(a.seen, b.seen):
		a.loose = cmp.Or(a.loose, b.loose)
		return a
	case len(b.axes) == 0 && b.kind == local && covers(b.seen, a.seen):
		b.loose = cmp.Or(a.loose, b.loose)
		return b
	case !even:
		return together(a, b, shape)
	}
	first := min(a.first, b.first)
	return reach{kind: local, axes: a.axes, stride: a.stride, first: first, loose: cmp.Or(a.loose, b.loose),
		size: max(a.first+a.size, b.first+b.size) - first, seen: hull(a.seen, b.seen)}
}

// nothingSeen is what units see that see nothing.
var nothingSeen = [2]float64{math.Inf(1), math.Inf(-1)}

func hull(a, b [2]float64) [2]float64 { return [2]float64{min(a[0], b[0]), max(a[1], b[1])} }
func covers(a, b [2]float64) bool     { return a[0] <= b[0] && b[1] <= a[1] }

func bothAxes(a, b reach) []int {
	axes := append(slices.Clone(a.axes), b.axes...)
	slices.Sort(axes)
	return slices.Compact(axes)
}

// gather is the reach of units that each see what all units along the given axes of the tensor see,
// at their place along the others.
func (r reach) gather(axes []int) reach {
	held := slices.ContainsFunc(r.axes, func(a int) bool { return slices.Contains(axes, a) })
	switch {
	case !held:
		return r
	case r.kind == local:
		return fixed(r.seen[0], r.seen[1], r.loose)
	}
	return r.gathered(axes)
}

// settled puts a reach into its plainest form, for an image of the given size.
func (r reach) settled(image float64) reach {
	if r = r.simple(); r.kind != local || len(r.axes) > 0 {
		return r
	}
	from := max(r.first, r.seen[0])
	to := max(from, min(r.first+r.size, r.seen[1]))
	switch {
	case from <= 0 && to >= image:
		return reach{kind: global}
	case math.IsInf(to, 1):
		return unknownReach("the size of the image is not known: give --size")
	}
	return fixed(from, to, r.loose)
}

// window is the reach of units of which unit i sees what the units i·step−before+k·dilation along the
// tensor's axis see, k from 0 to kernel−1. n is their number, -1 if not known.
func (r reach) window(axis, kernel, dilation, step, before, n int) reach {
	switch {
	case !r.moves(axis) || kernel == 1 && step == 1 && before == 0:
		return r
	case r.kind == mapped:
		return r.along(axis, n, func(i int) []int {
			taps := make([]int, kernel)
			for k := range taps {
				taps[k] = i*step - before + k*dilation
			}
			return taps
		})
	}
	r.first -= float64(before) * r.stride
	r.size += float64((kernel-1)*dilation) * r.stride
	r.stride *= float64(step)
	return r.clip(n)
}

// shift is the reach after units were taken away, or put, before the first along an axis: unit i is
// what unit i·step+from was. n is as of window.
func (r reach) shift(axis, from, step, n int) reach {
	switch {
	case !r.moves(axis):
		return r
	case r.kind == mapped:
		return r.along(axis, n, func(i int) []int { return []int{i*step + from} })
	}
	r.first += float64(from) * r.stride
	r.stride *= float64(step)
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
func (r reach) freeze(axis, at int) reach {
	switch {
	case !r.moves(axis):
		return r
	case r.kind == mapped:
		return r.along(axis, 1, func(int) []int { return []int{at} })
	}
	from := r.first + float64(at)*r.stride
	return fixed(max(r.seen[0], from), min(r.seen[1], from+r.size), r.loose)
}

// finer is the reach of units of which unit i reads units of the tensor between i/factor+low and
// i/factor+high along the axis. It is the smallest interval that moves evenly and holds what is
// read: which units lie between changes from unit to unit.
func (r reach) finer(axis int, factor, low, high float64, loose string) reach {
	if !r.moves(axis) {
		return r
	}
	if r.kind != local {
		return unknownReach("fields that do not lie evenly are interpolated")
	}
	r.first += low * r.stride
	r.size += (high - low) * r.stride
	r.stride /= factor
	r.loose = loose
	return r
}

// rename gives the axes their places in another tensor.
func (r reach) rename(to func(axis int) int) reach {
	axes := make([]int, len(r.axes))
	for i, a := range r.axes {
		axes[i] = to(a)
	}
	sorted := slices.Clone(axes)
	slices.Sort(sorted)
	if r.kind != mapped || slices.Equal(axes, sorted) {
		r.axes = sorted
		return r
	}
	dims := make([]int, len(sorted))
	for k, a := range sorted {
		dims[k] = r.dims[slices.Index(axes, a)]
	}
	return r.remapped(sorted, dims, func(at []int, axis int) int { return at[slices.Index(sorted, to(axis))] })
}

func without(axes []int, axis int) []int {
	return slices.DeleteFunc(slices.Clone(axes), func(a int) bool { return a == axis })
}

// start is the centre of the field of the first unit.
func (r reach) start() float64 { return r.first + r.size/2 }

// infinite is the size of an image whose size is not known.
var infinite = math.Inf(1)
