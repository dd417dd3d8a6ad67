package tuning

import (
	"math"

	"striate/analysis/stimulus"
)

// Orientations is the number of orientations of an orientation curve: 0°, 15°, … 165°.
const Orientations = len(stimulus.Orientations)

var doubleAngle = func() (t [Orientations]struct{ sin, cos float64 }) {
	for i, o := range stimulus.Orientations {
		t[i].sin, t[i].cos = math.Sincos(2 * (o / 180 * math.Pi))
	}
	return t
}()

// CircularVariance is 1 - |Σ r·exp(2iθ)| / Σ|r| over the orientations θ: 0 for a unit that responds
// to one orientation, 1 for one without preference (N. V. Swindale, Biol Cybern 78 (1998) 45–56;
// D. L. Ringach, R. M. Shapley and M. J. Hawken, J Neurosci 22 (2002) 5639–5651). It is NaN for a
// curve of zeros. curve holds Orientations responses.
func CircularVariance(curve []float64) float64 {
	re, im, sum := 0.0, 0.0, 0.0
	for i, t := range doubleAngle {
		re += curve[i] * t.cos
		im += curve[i] * t.sin
		sum += math.Abs(curve[i])
	}
	return 1 - math.Sqrt(re*re+im*im)/sum
}

// OrthogonalPreferredRatio is the response at right angles to the best orientation, over the
// response at it. curve holds Orientations responses.
func OrthogonalPreferredRatio(curve []float64) float64 {
	p := FirstMax(curve)
	return curve[(p+Orientations/2)%Orientations] / curve[p]
}

// OrientationFit describes a smoothed and interpolated orientation curve.
type OrientationFit struct {
	Preferred float64 // degrees, whole
	Peak      float64 // of the interpolated curve
	Bandwidth float64 // full width in degrees at the threshold; NaN when it is never reached or over 180
}

// The curve is repeated three times, from -180° to 345°, and read at every degree to 359°.
const (
	repeats      = 3
	spacing      = 180 / Orientations
	firstDegree  = -180
	gridDegrees  = 540
	zeroDegrees  = -firstDegree
	oneEighty    = zeroDegrees + 180
	repeatedLen  = repeats * Orientations
	maxBandwidth = 180
)

var orientationSpline, orientationGrid = func() (*spline, []sample) {
	x := make([]float64, repeatedLen)
	for i := range x {
		x[i] = float64(firstDegree + i*spacing)
	}
	q := make([]float64, gridDegrees)
	for i := range q {
		q[i] = float64(firstDegree + i)
	}
	s := newSpline(x)
	return s, s.samples(q)
}()

// FitOrientation smooths a curve of Orientations responses with the filter, interpolates it with a
// cubic spline and finds its preferred orientation and the width at threshold × peak. The repeated
// curve is smoothed with zeros beyond its ends.
func FitOrientation(curve []float64, f Filter, threshold float64) OrientationFit {
	var padded [repeatedLen + 4]float64
	for i := range repeatedLen {
		padded[i+2] = curve[i%Orientations]
	}
	var y, m [repeatedLen]float64
	var fitted [gridDegrees]float64
	f.apply(y[:], padded[:])
	orientationSpline.fit(m[:], y[:])
	for i := range orientationGrid {
		fitted[i] = orientationGrid[i].value(y[:], m[:])
	}
	p := zeroDegrees + FirstMax(fitted[zeroDegrees:oneEighty])
	fit := OrientationFit{Preferred: float64(p - zeroDegrees), Peak: fitted[p], Bandwidth: math.NaN()}
	lo, hi := crossings(fitted[:], p, threshold)
	if lo >= 0 && hi >= 0 && hi-lo <= maxBandwidth {
		fit.Bandwidth = float64(hi - lo)
	}
	return fit
}

// crossings returns the points nearest to p on either side at which the curve is not above
// threshold × its value at p; -1 where there is none.
func crossings(curve []float64, p int, threshold float64) (lo, hi int) {
	limit := threshold * curve[p]
	for lo = p - 1; lo >= 0 && !(curve[lo] <= limit); {
		lo--
	}
	for hi = p + 1; hi < len(curve) && !(curve[hi] <= limit); {
		hi++
	}
	if hi == len(curve) {
		hi = -1
	}
	return lo, hi
}
