package tuning

import (
	"math"

	"striate/analysis/stimulus"
)

// Frequencies is the number of spatial frequencies of a frequency curve:
// stimulus.SpatialFrequencies, a quarter of an octave apart.
const Frequencies = len(stimulus.SpatialFrequencies)

// FrequencyFit describes a smoothed and interpolated spatial-frequency curve.
type FrequencyFit struct {
	Peak      float64 // preferred spatial frequency, cycles/degree
	Low, High float64 // nearest frequencies at which the response falls to the threshold; NaN if it does not
	Response  float64 // at the peak, of the interpolated curve
}

// BandwidthRatio is the bandwidth as Schiller, Finlay and Volman (J Neurophysiol 39 (1976)
// 1334–1351) state it: the low over the high cut, in percent.
func (f FrequencyFit) BandwidthRatio() float64 { return f.Low / f.High * 100 }

// BandwidthOctaves is log2 of the high over the low cut.
func (f FrequencyFit) BandwidthOctaves() float64 { return math.Log2(f.High / f.Low) }

const frequencyPoints = 100

var frequencySpline, frequencyGrid, frequencyAt = func() (*spline, []sample, [frequencyPoints]float64) {
	x := make([]float64, Frequencies)
	for i, sf := range stimulus.SpatialFrequencies {
		x[i] = math.Log2(sf)
	}
	var q [frequencyPoints]float64
	step := (x[Frequencies-1] - x[0]) / (frequencyPoints - 1)
	for i := range q {
		q[i] = x[0] + float64(float64(i)*step)
	}
	q[frequencyPoints-1] = x[Frequencies-1]
	s := newSpline(x)
	return s, s.samples(q[:]), q
}()

// FitFrequency smooths a curve of Frequencies responses with the filter (the end values go on
// beyond the ends), interpolates it over log2 of the frequency with a cubic spline and finds the
// peak and the cuts at threshold × peak on a grid of 100 points.
func FitFrequency(curve []float64, f Filter, threshold float64) FrequencyFit {
	var padded [Frequencies + 4]float64
	copy(padded[2:], curve[:Frequencies])
	padded[0], padded[1] = curve[0], curve[0]
	padded[Frequencies+2], padded[Frequencies+3] = curve[Frequencies-1], curve[Frequencies-1]
	var y, m [Frequencies]float64
	var fitted [frequencyPoints]float64
	f.apply(y[:], padded[:])
	frequencySpline.fit(m[:], y[:])
	for i := range frequencyGrid {
		fitted[i] = frequencyGrid[i].value(y[:], m[:])
	}
	p := FirstMax(fitted[:])
	fit := FrequencyFit{Peak: math.Exp2(frequencyAt[p]), Response: fitted[p], Low: math.NaN(), High: math.NaN()}
	lo, hi := crossings(fitted[:], p, threshold)
	if lo >= 0 {
		fit.Low = math.Exp2(frequencyAt[lo])
	}
	if hi >= 0 {
		fit.High = math.Exp2(frequencyAt[hi])
	}
	return fit
}
