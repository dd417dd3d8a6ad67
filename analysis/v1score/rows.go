// Package v1score computes the single-neuron properties of V1 on the units of a network, and
// scores how closely their distributions match those recorded in macaque V1.
//
// The steps, in order: receptive fields and the units that look at the stimuli (Fields, InField),
// activations to firing rates (FitRates), the properties of six studies (OrientationAssays,
// FrequencyAssays, SizeAssay, TextureAssay), the similarity of two distributions (Bootstrap) and
// the mean over the tree of benchmarks (Aggregate).
//
// Source: T. Marques, M. Schrimpf and J. J. DiCarlo, "Multi-scale hierarchical neural network
// models that bridge from single neurons in the primate primary visual cortex to object recognition
// behavior", bioRxiv 2021.03.01.433495, and the public benchmarks that came with it. Computations
// are in double precision. Undefined values are NaN and pass through; what they do is stated where
// it is not plain.
package v1score

// Rows holds the responses of units to one stimulus set, a row a unit.
type Rows interface {
	// Len is the number of units.
	Len() int
	// Row writes the responses of unit i to dst, one for each stimulus.
	Row(dst []float64, i int)
}

// Responses are rows in one slice, stimuli running fastest.
type Responses[T float32 | float64] struct {
	Stimuli int
	Data    []T
}

// Len is the number of units.
func (r Responses[T]) Len() int { return len(r.Data) / r.Stimuli }

// Row writes the responses of unit i to dst. It panics when dst has another length than a row.
func (r Responses[T]) Row(dst []float64, i int) {
	if len(dst) != r.Stimuli {
		panic("v1score: responses to another number of stimuli")
	}
	for k, v := range r.Data[i*r.Stimuli : (i+1)*r.Stimuli] {
		dst[k] = float64(v)
	}
}

// Subset is the rows of some units.
type Subset struct {
	Rows  Rows
	Units []int
}

// Len is the number of units.
func (s Subset) Len() int { return len(s.Units) }

// Row writes the responses of the i-th unit of the subset to dst.
func (s Subset) Row(dst []float64, i int) { s.Rows.Row(dst, s.Units[i]) }

// rectify sets negative responses to 0; NaN stays.
func rectify(row []float64) {
	for i, v := range row {
		if v < 0 {
			row[i] = 0
		}
	}
}
