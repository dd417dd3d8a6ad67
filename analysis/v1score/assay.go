package v1score

import (
	"math"

	"striate/analysis/stimulus"
	"striate/analysis/tuning"
	"striate/internal/parallel"
)

// Assay names a study whose measurements are repeated.
type Assay string

// The assays.
const (
	Ringach2002       Assay = "Ringach2002"       // orientation: Ringach, Shapley and Hawken, J Neurosci 22 (2002) 5639
	DeValois1982a     Assay = "DeValois1982a"     // preferred orientation: De Valois, Yund and Hepler, Vision Res 22 (1982) 531
	DeValois1982b     Assay = "DeValois1982b"     // preferred frequency: De Valois, Albrecht and Thorell, Vision Res 22 (1982) 545
	Schiller1976c     Assay = "Schiller1976c"     // frequency bandwidth: Schiller, Finlay and Volman, J Neurophysiol 39 (1976) 1334
	Cavanaugh2002a    Assay = "Cavanaugh2002a"    // size: Cavanaugh, Bair and Movshon, J Neurophysiol 88 (2002) 2530
	FreemanZiemba2013 Assay = "FreemanZiemba2013" // texture: Freeman et al., Nat Neurosci 16 (2013) 974
)

// Assays lists them in the order in which results are written.
var Assays = []Assay{Ringach2002, DeValois1982a, DeValois1982b, Schiller1976c, Cavanaugh2002a, FreemanZiemba2013}

// Table holds the properties of an assay for all units in the field.
type Table struct {
	Assay  Assay
	Names  []string  // of the properties
	Values []float64 // units × properties
	Kept   []bool    // units that respond enough to have been recorded in the study
}

func newTable(a Assay, units int, names ...string) *Table {
	return &Table{Assay: a, Names: names, Values: make([]float64, units*len(names)), Kept: make([]bool, units)}
}

// Row is the properties of unit i.
func (t *Table) Row(i int) []float64 { return t.Values[i*len(t.Names) : (i+1)*len(t.Names)] }

// Sample returns property k of the kept units, NaN included: what is compared with recordings.
func (t *Table) Sample(k int) []float64 {
	var v []float64
	for i, kept := range t.Kept {
		if kept {
			v = append(v, t.Row(i)[k])
		}
	}
	return v
}

// conditions is the mean response and first harmonic of a unit for each condition of a set.
type conditions struct{ rates, f0, f1 []float64 }

func newConditions(stimuli int) *conditions {
	n := stimuli / tuning.Phases
	return &conditions{make([]float64, stimuli), make([]float64, n), make([]float64, n)}
}

// load measures unit i of rows.
func (c *conditions) load(r *Rates, rows Rows, i int) {
	rows.Row(c.rates, i)
	r.convert(c.rates)
	for k := range c.f0 {
		c.f0[k], c.f1[k] = tuning.F0F1(c.rates[k*tuning.Phases:])
	}
}

// strongest returns the first largest of the conditions' mean response above the baseline and
// first harmonic, and all values of that component. At equal values the condition comes first, then
// the mean. The values of the mean are written to c.f0.
func (c *conditions) strongest(baseline float64) (condition int, component []float64) {
	for k := range c.f0 {
		c.f0[k] -= baseline
	}
	p0, p1 := tuning.FirstMax(c.f0), tuning.FirstMax(c.f1)
	v0, v1 := c.f0[p0], c.f1[p1]
	mean := v0 > v1 || (v0 == v1 && p0 <= p1)
	if v0 != v0 || v1 != v1 { // a NaN counts as the maximum
		mean = v1 == v1 || (v0 != v0 && p0 <= p1)
	}
	if mean {
		return p0, c.f0
	}
	return p1, c.f1
}

// OrientationAssays measures the units on the orientation set. The spontaneous rate is not
// subtracted.
func OrientationAssays(r *Rates, rows Rows) (ringach, deValois *Table) {
	ringach = newTable(Ringach2002, rows.Len(), "baseline", "max_dc", "min_dc", "max_ac", "modulation_ratio",
		"circular_variance", "bandwidth", "orthogonal_preferred_ratio", "orientation_selective",
		"circular_variance_bandwidth_ratio", "orthogonal_preferred_ratio_circular_variance_difference",
		"orthogonal_preferred_ratio_bandwidth_ratio")
	deValois = newTable(DeValois1982a, rows.Len(), "preferred_orientation")
	parallel.For(rows.Len(), unitsPerTask, func(lo, hi int) {
		c := newConditions(orientationStimuli)
		for i := lo; i < hi; i++ {
			c.load(r, rows, i)
			p, curve := c.orientation()
			baseline := r.Baseline[i]
			kept := c.f0[p] > baseline+responseThreshold
			ringach.Kept[i], deValois.Kept[i] = kept, kept
			ringachProperties(ringach.Row(i), curve, baseline, c.f0[p], c.f1[p])
			preferred := tuning.FitOrientation(curve, tuning.Smooth, 0.5).Preferred
			if preferred >= 157.5 {
				preferred -= 180
			}
			deValois.Row(i)[0] = preferred
		}
	})
	return ringach, deValois
}

// orientation returns the first condition with the largest mean response, and the mean response
// over orientation at its size and frequency.
func (c *conditions) orientation() (p int, curve []float64) {
	p = tuning.FirstMax(c.f0)
	first := p - p%tuning.Orientations
	return p, c.f0[first : first+tuning.Orientations]
}

func ringachProperties(dst, curve []float64, baseline, f0, f1 float64) {
	lowest := curve[0]
	for _, v := range curve {
		if v < lowest || v != v {
			lowest = v
		}
	}
	cv, opr := tuning.CircularVariance(curve), tuning.OrthogonalPreferredRatio(curve)
	bandwidth := tuning.FitOrientation(curve, tuning.Hanning, 0.707).Bandwidth / 2
	copy(dst, []float64{baseline, f0, lowest, f1, f1 / f0, cv, bandwidth, opr, defined(bandwidth),
		cv / bandwidth, opr - cv, opr / bandwidth})
}

// defined is 0 for NaN, 1 for a number.
func defined(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return 1
}

// FrequencyAssays measures the units on the spatial-frequency set: the preferred frequency of the
// stronger of mean response above spontaneous rate and first harmonic (De Valois), the bandwidth of
// the mean response (Schiller).
func FrequencyAssays(r *Rates, rows Rows) (deValois, schiller *Table) {
	deValois = newTable(DeValois1982b, rows.Len(), "peak_spatial_frequency")
	schiller = newTable(Schiller1976c, rows.Len(), "spatial_frequency_selective", "spatial_frequency_bandwidth")
	const cut = 0.707
	parallel.For(rows.Len(), unitsPerTask, func(lo, hi int) {
		c := newConditions(stimulus.SetLen(stimulus.SpatialFrequencySet))
		curve := make([]float64, tuning.Frequencies)
		for i := lo; i < hi; i++ {
			c.load(r, rows, i)
			p := tuning.FirstMax(c.f0)
			schiller.Kept[i] = c.f0[p] > r.Baseline[i]+responseThreshold
			overFrequency(curve, c.f0, p)
			bandwidth := tuning.FitFrequency(curve, tuning.Smooth, cut).BandwidthRatio()
			schiller.Row(i)[0], schiller.Row(i)[1] = defined(bandwidth), bandwidth

			p, component := c.strongest(r.Baseline[i])
			deValois.Kept[i] = component[p] > responseThreshold
			overFrequency(curve, component, p)
			deValois.Row(i)[0] = tuning.FitFrequency(curve, tuning.Smooth, cut).Peak
		}
	})
	return deValois, schiller
}

// overFrequency writes to curve the values over frequency (radius × frequency × orientation) at
// the radius and orientation of condition p.
func overFrequency(curve, values []float64, p int) {
	orientations := len(stimulus.FewOrientations)
	radius := p / (tuning.Frequencies * orientations)
	for k := range curve {
		curve[k] = values[(radius*tuning.Frequencies+k)*orientations+p%orientations]
	}
}

// SizeAssay measures the units on the size set, on the stronger of mean response above spontaneous
// rate and first harmonic.
func SizeAssay(r *Rates, rows Rows) *Table {
	table := newTable(Cavanaugh2002a, rows.Len(), "surround_suppression_index", "strongly_suppressed",
		"grating_summation_field", "surround_diameter", "surround_grating_summation_field_ratio")
	parallel.For(rows.Len(), unitsPerTask, func(lo, hi int) {
		c := newConditions(stimulus.SetLen(stimulus.SizeSet))
		curve := make([]float64, tuning.Radii)
		for i := lo; i < hi; i++ {
			c.load(r, rows, i)
			p, component := c.strongest(r.Baseline[i])
			overSize(curve, component, p)
			table.Kept[i] = component[p] > responseThreshold
			fit := tuning.FitSize(curve)
			strongly := 0.0
			if fit.Suppression >= 0.1 {
				strongly = 1
			}
			copy(table.Row(i), []float64{fit.Suppression, strongly, fit.SummationField, fit.Surround, fit.Ratio()})
		}
	})
	return table
}

// overSize writes to curve the values over radius (radius × frequency × orientation) at the
// frequency and orientation of condition p.
func overSize(curve, values []float64, p int) {
	others := len(values) / len(curve)
	for k := range curve {
		curve[k] = values[k*others+p%others]
	}
}

// TextureAssay measures the units on textures and noise. column[k] is the place in a row of the
// image with stimulus.TextureID.Index k; nil for canonical order.
func TextureAssay(r *Rates, rows Rows, column []int) *Table {
	table := newTable(FreemanZiemba2013, rows.Len(), "texture_modulation_index", "absolute_texture_modulation_index",
		"texture_selectivity", "noise_selectivity", "texture_sparseness", "noise_sparseness", "variance_ratio",
		"sample_variance", "family_variance", "max_texture", "max_noise")
	n := stimulus.SetLen(stimulus.TextureSet)
	if column != nil && len(column) != n {
		panic("v1score: texture order of another length than the set")
	}
	parallel.For(rows.Len(), unitsPerTask, func(lo, hi int) {
		row, sorted := make([]float64, n), make([]float64, n)
		for i := lo; i < hi; i++ {
			rows.Row(row, i)
			copy(sorted, row)
			for k, at := range column {
				sorted[k] = row[at]
			}
			r.convert(sorted)
			table.Kept[i] = textureProperties(table.Row(i), sorted, r.Baseline[i])
		}
	})
	return table
}

// textureProperties measures one unit from its rates in canonical order, which it overwrites. It
// reports whether the unit responds enough.
func textureProperties(dst, rates []float64, baseline float64) bool {
	half := len(rates) / 2
	noise, texture := rates[:half], rates[half:]
	stable := make([]float64, half)
	for k, v := range texture {
		stable[k] = tuning.Stabilize(v)
	}
	variance := tuning.SplitVariance(stable, stimulus.Families, stimulus.Samples)
	for k := range rates {
		rates[k] -= baseline
	}
	var means [2][stimulus.Families]float64
	for f := range stimulus.Families {
		for s := range stimulus.Samples {
			means[0][f] += noise[f*stimulus.Samples+s]
			means[1][f] += texture[f*stimulus.Samples+s]
		}
		means[0][f] /= stimulus.Samples
		means[1][f] /= stimulus.Samples
	}
	modulation := tuning.ModulationIndex(means[1][:], means[0][:])
	copy(dst, []float64{modulation, math.Abs(modulation),
		tuning.Sparseness(means[1][:]), tuning.Sparseness(means[0][:]),
		tuning.Sparseness(texture), tuning.Sparseness(noise),
		variance.Ratio, variance.Sample, variance.Family,
		texture[tuning.FirstMax(texture)], noise[tuning.FirstMax(noise)]})
	return rates[tuning.FirstMax(rates)] > responseThreshold
}
