package tuning

import (
	"math"

	"striate/analysis/stimulus"
)

// Radii is the number of radii of a size curve: stimulus.Radii.
const Radii = len(stimulus.Radii)

// SizeFit describes a size curve (J. R. Cavanaugh, W. Bair and J. A. Movshon, J Neurophysiol 88
// (2002) 2530–2546). Diameters are in degrees, NaN for a unit that is hardly suppressed.
type SizeFit struct {
	Suppression    float64 // suppression index: (peak - response to the largest) / peak
	SummationField float64 // smallest diameter with 95% of the peak
	Surround       float64 // smallest diameter beyond the peak at which the response has levelled off
}

// Ratio is the surround's diameter over the summation field's.
func (f SizeFit) Ratio() float64 { return f.Surround / f.SummationField }

// minSuppression is the suppression index above which the two diameters mean something.
const minSuppression = 0.1

// FitSize describes a curve of Radii responses.
func FitSize(curve []float64) SizeFit {
	p := FirstMax(curve[:Radii])
	peak, plateau := curve[p], curve[Radii-1]
	fit := SizeFit{Suppression: (peak - plateau) / peak, SummationField: math.NaN(), Surround: math.NaN()}
	if !(peak > 0 && fit.Suppression > minSuppression) {
		return fit
	}
	level := plateau + 0.05*math.Abs(plateau)
	for i, r := range stimulus.Radii {
		if math.IsNaN(fit.SummationField) && curve[i] >= 0.95*peak {
			fit.SummationField = 2 * r
		}
		if math.IsNaN(fit.Surround) && i > p && curve[i] <= level {
			fit.Surround = 2 * r
		}
	}
	return fit
}
