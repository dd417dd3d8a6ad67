package predictivity

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"striate/internal/fault"
)

// Trials are single responses, stimuli × neurons × repeats in row-major order; NaN where a neuron
// has no trial.
type Trials struct {
	Stimuli, Neurons, Repeats int
	Data                      []float64
}

// Mean returns the mean over the trials that are there, stimuli × neurons, NaN where there is none.
func (t Trials) Mean() *mat.Dense {
	all := make([]int, t.Repeats)
	for r := range all {
		all[r] = r
	}
	return t.meanOf(all)
}

func (t Trials) meanOf(repeats []int) *mat.Dense {
	out := mat.NewDense(t.Stimuli, t.Neurons, nil)
	dst := out.RawMatrix().Data
	for k := range dst {
		row := t.Data[k*t.Repeats : (k+1)*t.Repeats]
		var sum, n float64
		for _, r := range repeats {
			if v := row[r]; !math.IsNaN(v) {
				sum += v
				n++
			}
		}
		dst[k] = sum / n // 0/0 is NaN
	}
	return out
}

// Ceiling is the internal consistency of recordings: how well one half of the trials predicts the
// other, corrected for the half that is missing.
type Ceiling struct {
	Halves  []Split     // the repeats of each half, as Train and Test
	R       [][]float64 // of every division and neuron, corrected
	Medians []float64   // over neurons, of every division
	Score   float64     // mean of the medians
	Error   float64     // population standard deviation of the medians over the square root of their number
	Neurons []float64   // mean over divisions, of every neuron
}

// InternalConsistency divides the repeats at random into halves, count times, and correlates the
// mean responses of the two halves over stimuli, neuron by neuron, with the Spearman–Brown
// correction. Stimuli that lack trials in a half are left out for that neuron. It returns an error
// when there are fewer than two repeats.
func InternalConsistency(t Trials, count int, seed uint32) (*Ceiling, error) {
	if len(t.Data) != t.Stimuli*t.Neurons*t.Repeats {
		panic("predictivity: trials of another shape than they say")
	}
	if t.Repeats < 2 {
		return nil, fault.Invalidf("%d trial a stimulus: a ceiling needs at least two", t.Repeats)
	}
	c := &Ceiling{Halves: halves(t.Repeats, count, seed), Neurons: make([]float64, t.Neurons)}
	for _, h := range c.Halves {
		first, second := t.meanOf(h.Train), t.meanOf(h.Test)
		r := make([]float64, t.Neurons)
		for j := range r {
			r[j] = SpearmanBrown(pairwisePearson(mat.Col(nil, j, first), mat.Col(nil, j, second)))
		}
		c.R = append(c.R, r)
		c.Medians = append(c.Medians, Median(r))
	}
	c.Score, c.Error = meanError(c.Medians)
	column := make([]float64, count)
	for j := range c.Neurons {
		for s := range c.R {
			column[s] = c.R[s][j]
		}
		c.Neurons[j], _ = meanError(column)
	}
	return c, nil
}

// pairwisePearson correlates the entries that both lists have.
func pairwisePearson(x, y []float64) float64 {
	k := 0
	for i := range x {
		if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
			x[k], y[k] = x[i], y[i]
			k++
		}
	}
	return Pearson(x[:k], y[:k])
}

// SpearmanBrown corrects the correlation of two halves to that of two wholes: 2r/(1+r).
func SpearmanBrown(r float64) float64 { return 2 * r / (1 + r) }

// Ceiled is a score as a share of what the noise of the recordings lets any model reach, in the two
// forms that are published. Neither changes the error of the score.
type Ceiled struct {
	SquaredRatio      float64 `json:"squared_ratio"`       // (r/ceiling)²: the papers, and Brain-Score before 2026
	SquareOverCeiling float64 `json:"square_over_ceiling"` // r²/ceiling: Brain-Score since 2026
}

// Ceil returns both forms for a raw score and a ceiling.
func Ceil(score, ceiling float64) Ceiled {
	ratio := score / ceiling
	return Ceiled{ratio * ratio, score * score / ceiling}
}

// JoinCeilings puts together the ceilings of populations that were recorded apart, with the same
// number of divisions each: medians are over the neurons of all of them.
func JoinCeilings(parts []*Ceiling) *Ceiling {
	if len(parts) == 1 {
		return parts[0]
	}
	c := &Ceiling{}
	for s := range parts[0].R {
		var r []float64
		for _, p := range parts {
			r = append(r, p.R[s]...)
		}
		c.R = append(c.R, r)
		c.Medians = append(c.Medians, Median(r))
	}
	for _, p := range parts {
		c.Neurons = append(c.Neurons, p.Neurons...)
	}
	c.Score, c.Error = meanError(c.Medians)
	return c
}
