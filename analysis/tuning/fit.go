// Package tuning measures and describes the tuning of single units: how the response depends on
// the orientation, spatial frequency, size, phase, contrast and place of a grating.
//
// The descriptions are those of the macaque literature, computed step by step as the public V1
// property benchmarks do (T. Marques, M. Schrimpf and J. J. DiCarlo, bioRxiv 2021.03.01.433495), so that
// numbers can be compared. Undefined values are NaN. A maximum is the first one; a NaN in a curve
// counts as its maximum, as in NumPy.
package tuning

import (
	"math"

	"striate/analysis/stimulus"
)

// Phases is the number of phases over which F0 and F1 are taken.
const Phases = len(stimulus.Phases)

// F0F1 returns the mean response to the eight phases of a grating and the amplitude of the first
// harmonic. r holds Phases responses.
//
// The sum is taken pairwise: exact ties between conditions hang on the order.
func F0F1(r []float64) (f0, f1 float64) {
	_ = r[7]
	f0 = (((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))) / 8
	a, b := r[1]-r[5], r[3]-r[7]
	re := r[0] - r[4] + math.Sqrt2/2*(a-b)
	im := r[2] - r[6] + math.Sqrt2/2*(a+b)
	return f0, 2 * math.Sqrt(re*re+im*im) / 8
}

// FirstMax returns the index of the first largest entry of v, or of its first NaN. It panics when
// v is empty.
func FirstMax(v []float64) int {
	best := 0
	for i, x := range v {
		if x != x {
			return i
		}
		if x > v[best] {
			best = i
		}
	}
	return best
}

// Filter is a smoothing kernel of five taps that sum to one.
type Filter [5]float64

func filter(taps Filter) Filter {
	sum := 0.0
	for _, t := range taps {
		sum += t
	}
	for i := range taps {
		taps[i] /= sum
	}
	return taps
}

// The filters; Unfiltered leaves a curve as it is.
var (
	Unfiltered = Filter{0, 0, 1, 0, 0}
	Hanning    = filter(Filter{0, .4, 1, .4, 0})
	Smooth     = filter(Filter{0, .2, 1, .2, 0})
	Flat       = filter(Filter{1, 1, 1, 1, 1})
	Triangle   = filter(Filter{.5, .75, 1, .75, .5})
)

// apply writes into dst the filter's output at each entry of the curve but the outer two at either
// end: len(dst) = len(padded) - 4.
func (f Filter) apply(dst, padded []float64) {
	if f == Unfiltered {
		copy(dst, padded[2:])
		return
	}
	for i := range dst {
		p := padded[i : i+5]
		dst[i] = f[0]*p[0] + f[1]*p[1] + f[2]*p[2] + f[3]*p[3] + f[4]*p[4]
	}
}
