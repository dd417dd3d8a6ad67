package tuning

import (
	"context"
	"math"

	"striate/analysis/stimulus"
)

// Curve names what is varied.
type Curve string

// The curves.
const (
	OrientationCurve      Curve = "orientation"
	FrequencyCurve        Curve = "spatial_frequency"
	SizeCurve             Curve = "size"
	PhaseCurve            Curve = "phase"
	ContrastCurve         Curve = "contrast"
	ReceptiveFieldMapping Curve = "receptive_field"
)

// Curves lists them.
var Curves = []Curve{OrientationCurve, FrequencyCurve, SizeCurve, PhaseCurve, ContrastCurve, ReceptiveFieldMapping}

// Valid reports whether there is such a curve.
func (c Curve) Valid() bool {
	for _, known := range Curves {
		if c == known {
			return true
		}
	}
	return false
}

// Axis says what is varied, in which unit.
func (c Curve) Axis() (name, unit string) {
	switch c {
	case OrientationCurve:
		return "orientation", "deg"
	case FrequencyCurve:
		return "spatial frequency", "cycles/deg"
	case SizeCurve:
		return "diameter", "deg"
	case PhaseCurve:
		return "phase", "deg"
	case ContrastCurve:
		return "contrast", "Michelson"
	case ReceptiveFieldMapping:
		return "position", "deg"
	}
	return string(c), ""
}

// Quantity is one number of a summary.
type Quantity struct {
	Name  string
	Value float64
	Unit  string // empty for a ratio
}

// Tuning is a unit's curve. Responses are rectified activations, in the network's own unit.
type Tuning struct {
	Curve   Curve
	Grating stimulus.Grating // what was held, and the centre; the varied property has no meaning
	Blank   float64          // response to the background
	X       []float64        // what was varied
	F0      []float64        // mean over eight phases; of a phase curve, and of a map, the response itself
	F1      []float64        // first harmonic over the phases; nil for a phase curve and for a map
	Y       []float64        // of a map: its rows (degrees, downward), X its columns; F0 is rows × columns

	Summary []Quantity
}

// Axes of curves that the V1 battery does not have.
var (
	contrasts = func() []float64 { // half an octave apart
		v := make([]float64, 13)
		for i := range v {
			v[i] = math.Exp2(float64(i-12) / 2)
		}
		return v
	}()
	finePhases = func() []float64 {
		v := make([]float64, 16)
		for i := range v {
			v[i] = float64(i) * 22.5
		}
		return v
	}()
)

// Measure shows a curve's gratings to all units of the probe and describes each one's response.
// base is the grating whose other properties are held.
func (p *Probe) Measure(ctx context.Context, c Curve, base stimulus.Grating) ([]Tuning, error) {
	if c == ReceptiveFieldMapping {
		return p.mapFields(ctx, base)
	}
	x, gratings := axis(c, base)
	perPoint := len(gratings) / len(x)
	shown := append([]stimulus.Grating{{}}, gratings...)
	responses := make([][]float64, len(p.units))
	for u := range responses {
		responses[u] = make([]float64, len(shown))
	}
	err := p.show(ctx, shown, func(i int, r []float64) {
		for u, v := range r {
			responses[u][i] = v
		}
	})
	if err != nil {
		return nil, err
	}
	out := make([]Tuning, len(p.units))
	for u, r := range responses {
		t := Tuning{Curve: c, Grating: base, Blank: r[0], X: x}
		if perPoint == 1 {
			t.F0 = r[1:]
		} else {
			for k := range x {
				f0, f1 := F0F1(r[1+k*Phases:])
				t.F0, t.F1 = append(t.F0, f0), append(t.F1, f1)
			}
		}
		t.summarise()
		out[u] = t
	}
	return out, nil
}

// axis returns what is varied and the gratings that vary it.
func axis(c Curve, base stimulus.Grating) (x []float64, gratings []stimulus.Grating) {
	vary := func(values []float64, set func(g *stimulus.Grating, v float64)) {
		for _, v := range values {
			g := base
			set(&g, v)
			gratings = append(gratings, g.InAllPhases()...)
		}
	}
	switch c {
	case OrientationCurve:
		x = stimulus.Orientations[:]
		vary(x, func(g *stimulus.Grating, v float64) { g.Orientation = v })
	case FrequencyCurve:
		x = stimulus.SpatialFrequencies[:]
		vary(x, func(g *stimulus.Grating, v float64) { g.SpatialFrequency = v })
	case SizeCurve:
		vary(stimulus.Radii[:], func(g *stimulus.Grating, v float64) { g.Radius = v })
		for _, r := range stimulus.Radii {
			x = append(x, 2*r)
		}
	case ContrastCurve:
		x = contrasts
		vary(x, func(g *stimulus.Grating, v float64) { g.Contrast = v })
	case PhaseCurve:
		x = finePhases
		for _, v := range x {
			g := base
			g.Phase = v
			gratings = append(gratings, g)
		}
	default:
		panic("tuning: no curve " + string(c))
	}
	return x, gratings
}

// harmonic is the mean of evenly spaced samples of one period and the amplitude of the first
// harmonic.
func harmonic(r []float64) (f0, f1 float64) {
	f0, f1, _ = fourier(r)
	return f0, f1
}

// fourier also returns the phase, in radians, at which the harmonic is largest.
func fourier(r []float64) (mean, amplitude, phase float64) {
	n := float64(len(r))
	re, im := 0.0, 0.0
	for k, v := range r {
		s, c := math.Sincos(2 * math.Pi * float64(k) / n)
		mean += v
		re += v * c
		im += v * s
	}
	return mean / n, 2 * math.Hypot(re, im) / n, math.Atan2(im, re)
}

// component is the larger of the mean response above that to the background and the first
// harmonic, over the curve, as for a recorded neuron.
func (t *Tuning) component() (values []float64, isF1 float64) {
	above := make([]float64, len(t.F0))
	for i, v := range t.F0 {
		above[i] = v - t.Blank
	}
	if t.F1[FirstMax(t.F1)] > above[FirstMax(above)] {
		return t.F1, 1
	}
	return above, 0
}

// summarise describes the curve.
func (t *Tuning) summarise() {
	best := FirstMax(t.F0)
	switch t.Curve {
	case OrientationCurve:
		fit := FitOrientation(t.F0, Smooth, 0.5)
		width := FitOrientation(t.F0, Hanning, 0.707).Bandwidth / 2
		t.Summary = []Quantity{
			{"preferred_orientation", fit.Preferred, "deg"}, {"bandwidth", width, "deg"},
			{"circular_variance", CircularVariance(t.F0), ""},
			{"orthogonal_preferred_ratio", OrthogonalPreferredRatio(t.F0), ""},
			{"modulation_ratio", t.F1[best] / t.F0[best], ""},
		}
	case FrequencyCurve:
		values, isF1 := t.component()
		fit := FitFrequency(values, Smooth, 0.707)
		t.Summary = []Quantity{
			{"preferred_spatial_frequency", fit.Peak, "cycles/deg"},
			{"low_cut", fit.Low, "cycles/deg"}, {"high_cut", fit.High, "cycles/deg"},
			{"bandwidth", fit.BandwidthOctaves(), "octaves"}, {"bandwidth_ratio", fit.BandwidthRatio(), "%"},
			{"modulation_ratio", t.F1[best] / t.F0[best], ""}, {"from_first_harmonic", isF1, ""},
		}
	case SizeCurve:
		values, isF1 := t.component()
		fit := FitSize(values)
		t.Summary = []Quantity{
			{"preferred_diameter", t.X[FirstMax(values)], "deg"},
			{"suppression_index", fit.Suppression, ""}, {"summation_field", fit.SummationField, "deg"},
			{"surround_diameter", fit.Surround, "deg"},
			{"modulation_ratio", t.F1[best] / t.F0[best], ""}, {"from_first_harmonic", isF1, ""},
		}
	case PhaseCurve:
		f0, f1, phase := fourier(t.F0)
		t.Summary = []Quantity{
			{"mean", f0, "activation"}, {"first_harmonic", f1, "activation"}, {"modulation_ratio", f1 / f0, ""},
			{"preferred_phase", math.Mod(phase/math.Pi*180+360, 360), "deg"},
		}
	case ContrastCurve:
		values, isF1 := t.component()
		fit := FitContrast(t.X, values)
		t.Summary = []Quantity{
			{"half_saturation", fit.Half, "Michelson"}, {"exponent", fit.Exponent, ""},
			{"largest", fit.Largest, "activation"}, {"offset", fit.Offset, "activation"}, {"r2", fit.R2, ""},
			{"modulation_ratio", t.F1[best] / t.F0[best], ""}, {"from_first_harmonic", isF1, ""},
		}
	}
}
