package v1score

import (
	"errors"
	"math"
	"slices"

	"striate/analysis/stimulus"
	"striate/analysis/tuning"
	"striate/internal/parallel"
)

// What is known of the firing rates of macaque V1 neurons, in spikes/s.
const (
	medianMaxRate      = 33.8  // median over neurons of the largest mean response
	medianSpontaneous  = 0.82  // median response to a blank screen
	largestRate        = 243.1 // largest response of any neuron
	responseThreshold  = 5     // a neuron that responds less is left out of a study
	orientationStimuli = stimulus.Cycles * len(stimulus.FewFrequencies) * tuning.Orientations * tuning.Phases
)

// ErrSilent says that no unit responds to gratings more than to the blank, or that a response is
// not a number, so that there is no scale from activations to firing rates.
var ErrSilent = errors.New("no unit responds to the gratings more than to the blank, so activations have no scale in spikes/s")

// Rates maps the activations of the units in the field to firing rates: one affine function for
// the whole population, then rectification. It gives the responsive units the median spontaneous
// and the median largest rate of macaque V1.
type Rates struct {
	Slope, Offset          float64 // spikes/s per activation; spikes/s
	MedianBlank, MedianMax float64 // activations, over the responsive units
	Responsive             []bool  // units that reach 5/243.1 of the largest response
	Baseline               []float64
}

// FitRates fits the map from the responses to the blank and to the orientation set. It returns
// ErrSilent, and rates that are all NaN, when there is no scale: when nothing responds, or when one
// response to the orientation set is NaN.
func FitRates(blank, orientation Rows) (*Rates, error) {
	n := orientation.Len()
	base, peak := make([]float64, n), make([]float64, n)
	parallel.For(n, unitsPerTask, func(lo, hi int) {
		row := make([]float64, orientationStimuli)
		means := make([]float64, orientationStimuli/tuning.Phases)
		for i := lo; i < hi; i++ {
			blank.Row(base[i:i+1], i)
			orientation.Row(row, i)
			rectify(row)
			for k := range means {
				means[k], _ = tuning.F0F1(row[k*tuning.Phases:])
			}
			peak[i] = means[tuning.FirstMax(means)]
		}
	})
	rectify(base)
	r := &Rates{Responsive: make([]bool, n), Baseline: base}
	r.fit(peak)
	for i := range base {
		base[i] = r.rate(base[i])
	}
	if math.IsNaN(r.Slope) || math.IsInf(r.Slope, 0) {
		return r, ErrSilent
	}
	return r, nil
}

// fit finds slope and offset from the largest mean activations. Baseline holds activations still.
func (r *Rates) fit(peak []float64) {
	evoked := make([]float64, len(peak))
	for i := range evoked {
		evoked[i] = peak[i] - r.Baseline[i]
	}
	largest := math.NaN()
	if len(evoked) > 0 {
		largest = evoked[tuning.FirstMax(evoked)]
	}
	var base, top []float64
	for i, e := range evoked {
		if r.Responsive[i] = e > responseThreshold/largestRate*largest; r.Responsive[i] {
			base, top = append(base, r.Baseline[i]), append(top, peak[i])
		}
	}
	r.MedianBlank, r.MedianMax = median(base), median(top)
	r.Slope = (medianMaxRate - medianSpontaneous) / (r.MedianMax - r.MedianBlank)
	r.Offset = medianSpontaneous - r.Slope*r.MedianBlank
}

// rate is the firing rate in spikes/s of a rectified activation.
func (r *Rates) rate(activation float64) float64 {
	v := float64(r.Slope*activation) + r.Offset
	if v < 0 {
		return 0
	}
	return v
}

// convert turns a row of activations into firing rates.
func (r *Rates) convert(row []float64) {
	for i, v := range row {
		if v < 0 {
			v = 0
		}
		row[i] = r.rate(v)
	}
}

// median sorts v. It is NaN when v is empty.
func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	m := len(v) / 2
	if len(v)%2 == 1 {
		return v[m]
	}
	return (v[m-1] + v[m]) / 2
}
