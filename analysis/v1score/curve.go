package v1score

import (
	"striate/analysis/stimulus"
	"striate/analysis/tuning"
)

// OrientationCurve returns the mean response of unit i in spikes/s over the orientations, at the
// size and frequency of its best response: what Ringach2002 is measured on.
func OrientationCurve(r *Rates, rows Rows, i int) []float64 {
	c := newConditions(orientationStimuli)
	c.load(r, rows, i)
	_, curve := c.orientation()
	return curve
}

// FrequencyCurve returns the mean response of unit i in spikes/s over the spatial frequencies, at
// the size and orientation of its best response: what Schiller1976c is measured on.
func FrequencyCurve(r *Rates, rows Rows, i int) []float64 {
	c := newConditions(stimulus.SetLen(stimulus.SpatialFrequencySet))
	c.load(r, rows, i)
	curve := make([]float64, tuning.Frequencies)
	overFrequency(curve, c.f0, tuning.FirstMax(c.f0))
	return curve
}

// SizeCurve returns the response of unit i in spikes/s over the radii, at the frequency and
// orientation of its best response: what Cavanaugh2002a is measured on, the larger of mean response
// above the spontaneous rate and first harmonic.
func SizeCurve(r *Rates, rows Rows, i int) []float64 {
	c := newConditions(stimulus.SetLen(stimulus.SizeSet))
	c.load(r, rows, i)
	p, component := c.strongest(r.Baseline[i])
	curve := make([]float64, tuning.Radii)
	overSize(curve, component, p)
	return curve
}
