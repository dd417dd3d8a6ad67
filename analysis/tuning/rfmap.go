package tuning

import (
	"context"
	"math"

	"striate/analysis/stimulus"
)

// mapFields measures receptive-field maps: small gratings of the reference's receptive-field set (a
// sixth of a degree in radius, 3 cycles/degree) at 21×21 places around the centre of base, at its
// orientation, in opposite phases; the larger response above that to the background counts.
func (p *Probe) mapFields(ctx context.Context, base stimulus.Grating) ([]Tuning, error) {
	side := len(stimulus.Positions)
	rows, cols := make([]float64, side), make([]float64, side)
	for i, d := range stimulus.Positions {
		rows[i], cols[i] = base.Y+d, base.X+d
	}
	gratings := []stimulus.Grating{{}}
	for _, y := range rows {
		for _, x := range cols {
			for _, phase := range stimulus.RFPhases {
				gratings = append(gratings, stimulus.Grating{Y: y, X: x, Contrast: 1, Radius: 1.0 / 6, SpatialFrequency: 3,
					Orientation: base.Orientation, Phase: phase})
			}
		}
	}
	out := make([]Tuning, len(p.units))
	for u := range out {
		out[u] = Tuning{Curve: ReceptiveFieldMapping, Grating: base, X: cols, Y: rows, F0: make([]float64, side*side)}
	}
	err := p.show(ctx, gratings, func(i int, responses []float64) {
		for u, r := range responses {
			t := &out[u]
			if i == 0 {
				t.Blank = r
				continue
			}
			place := &t.F0[(i-1)/len(stimulus.RFPhases)]
			*place = max(*place, r-t.Blank)
		}
	})
	for u := range out {
		out[u].Summary = describeMap(rows, cols, out[u].F0)
	}
	return out, err
}

// describeMap gives the centre of mass of the places above 5% of the largest response, the spread
// around it, and the area above half of it.
func describeMap(rows, cols, m []float64) []Quantity {
	peak := m[FirstMax(m)]
	sum, y, x, yy, xx, area := 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
	cell := (rows[1] - rows[0]) * (cols[1] - cols[0])
	for i, v := range m {
		if peak > 0 && v > 0.05*peak {
			r, c := rows[i/len(cols)], cols[i%len(cols)]
			sum += v
			y, x, yy, xx = y+v*r, x+v*c, yy+v*r*r, xx+v*c*c
		}
		if peak > 0 && v >= peak/2 {
			area += cell
		}
	}
	y, x = y/sum, x/sum // NaN where nothing drives the unit
	return []Quantity{
		{"center_y", y, "deg"}, {"center_x", x, "deg"},
		{"sd_y", math.Sqrt(max(0, yy/sum-y*y)), "deg"}, {"sd_x", math.Sqrt(max(0, xx/sum-x*x)), "deg"},
		{"area_at_half", area, "deg²"}, {"largest", peak, "activation"},
	}
}
