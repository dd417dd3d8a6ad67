package tuning

import "math"

// Sparseness is that of Rolls and Tovee (J Neurophysiol 73 (1995) 713–726) as scaled by Vinje and
// Gallant (Science 287 (2000) 1273–1276): 0 for equal responses, 1 for a response to one stimulus.
func Sparseness(v []float64) float64 {
	n := float64(len(v))
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum += x
		squares += x * x
	}
	mean := sum / n
	return (1 - mean*mean/(squares/n)) / (1 - 1/n)
}

// ModulationIndex is the mean over families of (texture - noise)/(texture + noise), families where
// that is undefined left out (Freeman et al., Nat Neurosci 16 (2013) 974–981). It is NaN when no
// family is left. It panics when lengths differ.
func ModulationIndex(texture, noise []float64) float64 {
	if len(texture) != len(noise) {
		panic("tuning: texture and noise of different lengths")
	}
	sum, n := 0.0, 0
	for i, t := range texture {
		if index := (t - noise[i]) / (t + noise[i]); !math.IsNaN(index) {
			sum += index
			n++
		}
	}
	return sum / float64(n)
}

// Stabilize turns a rate in spikes/s into the Freeman–Tukey transform of the count in 100 ms,
// √n + √(n+1), whose variance hardly depends on its mean (M. F. Freeman and J. W. Tukey, Ann Math
// Stat 21 (1950) 607–611).
func Stabilize(rate float64) float64 {
	n := rate / 10
	return math.Sqrt(n) + math.Sqrt(n+1)
}

// FamilyVariance splits the variance of responses to families of textures into what differs
// between families and what differs between the samples of one: a nested analysis of variance, as
// in C. M. Ziemba et al., PNAS 113 (2016) E3140–E3149.
type FamilyVariance struct {
	Ratio  float64 // (Family + 0.02)/(Sample + 0.02)
	Sample float64 // share of the variance within families
	Family float64 // share of the variance across families; negative when below what chance gives
}

// SplitVariance splits r, families × samples row by row. It panics when the length does not fit.
func SplitVariance(r []float64, families, samples int) FamilyVariance {
	if len(r) != families*samples {
		panic("tuning: responses do not fill families × samples")
	}
	grand, within := 0.0, 0.0
	means := make([]float64, 0, 16)
	for f := range families {
		row := r[f*samples : (f+1)*samples]
		mean := 0.0
		for _, v := range row {
			mean += v
		}
		mean /= float64(samples)
		for _, v := range row {
			within += (v - mean) * (v - mean)
		}
		means = append(means, mean)
		grand += mean
	}
	grand /= float64(families)
	between := 0.0
	for _, mean := range means {
		between += (mean - grand) * (mean - grand)
	}
	sample := within / float64(families*(samples-1))
	family := (float64(samples)*between/float64(families-1) - sample) / float64(samples)
	total := sample + family
	return FamilyVariance{
		Ratio:  (family/total + 0.02) / (sample/total + 0.02),
		Sample: sample / total,
		Family: family / total,
	}
}
