package v1score

import (
	"math"

	"striate/analysis/stimulus"
	"striate/analysis/tuning"
	"striate/internal/parallel"
)

// Positions is the number of places of the receptive-field set: 21 rows of 21.
const Positions = len(stimulus.Positions) * len(stimulus.Positions)

// perPosition is the number of images at each place: orientations × phases.
const perPosition = len(stimulus.RFOrientations) * len(stimulus.RFPhases)

// MaxDistance is how far, in degrees, the centre of a unit's receptive field may lie from the
// middle of the stimuli for the unit to be measured.
const MaxDistance = 0.15

// unitsPerTask is how many units one goroutine takes at a time.
const unitsPerTask = 16

// Field is the centre of a unit's receptive field in degrees from the centre of gaze, y downward;
// NaN for a unit that nothing drives.
type Field struct{ Y, X float64 }

// Distance is how far the field is from the middle of the stimuli, in degrees.
func (f Field) Distance() float64 {
	dy, dx := f.Y-stimulus.Center, f.X-stimulus.Center
	return math.Sqrt(float64(dy*dy) + float64(dx*dx))
}

// Fields returns the receptive field of each unit from its responses to the blank (one a unit) and
// to the receptive-field set. rf holds either the responses to all images or, of each place, the
// largest: PeakResponses.
func Fields(blank, rf Rows, peaks bool) []Field {
	fields := make([]Field, rf.Len())
	parallel.For(rf.Len(), unitsPerTask, func(lo, hi int) {
		row := make([]float64, Positions*perPosition)
		if peaks {
			row = row[:Positions]
		}
		m := make([]float64, Positions)
		var b [1]float64
		for i := lo; i < hi; i++ {
			rf.Row(row, i)
			blank.Row(b[:], i)
			if peaks {
				copy(m, row)
			} else {
				PeakResponses(m, row)
			}
			Drive(m, b[0])
			fields[i] = Centroid(m)
		}
	})
	return fields
}

// PeakResponses writes to peaks (Positions) the largest response at each place of the
// receptive-field set. row holds the responses to its images.
func PeakResponses(peaks, row []float64) {
	for p := range peaks {
		at := row[p*perPosition : (p+1)*perPosition]
		peaks[p] = at[tuning.FirstMax(at)]
	}
}

// Drive turns the largest responses m at each place into the receptive-field map: what exceeds the
// response to the blank, both rectified.
func Drive(m []float64, blank float64) {
	if blank < 0 {
		blank = 0
	}
	rectify(m)
	for i := range m {
		m[i] -= blank
	}
	rectify(m)
}

// Centroid is the centre of mass of those places of a receptive-field map (Positions values, rows
// outermost) that reach more than 5% of its maximum.
func Centroid(m []float64) Field {
	nowhere := Field{math.NaN(), math.NaN()}
	peak := m[tuning.FirstMax(m)]
	if !(peak > 0) {
		return nowhere
	}
	side := len(stimulus.Positions)
	sum, sumY, sumX := 0.0, 0.0, 0.0
	for i, v := range m {
		if v > 0.05*peak {
			sum += v
			sumY += float64(i/side) * v
			sumX += float64(i%side) * v
		}
	}
	return Field{degrees(sumY / sum), degrees(sumX / sum)}
}

// degrees is the position at index i of stimulus.Positions, between two by linear interpolation.
func degrees(i float64) float64 {
	if !(i >= 0) { // an infinite response leaves no centre
		return math.NaN()
	}
	p := stimulus.Positions
	k := min(int(i), len(p)-2)
	return float64((p[k+1]-p[k])*(i-float64(k))) + p[k]
}

// InField returns the units whose receptive field is centred on the stimuli, in ascending order.
func InField(fields []Field) []int {
	var units []int
	for i, f := range fields {
		if f.Distance() <= MaxDistance {
			units = append(units, i)
		}
	}
	return units
}
