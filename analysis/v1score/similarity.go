package v1score

import (
	"math"

	"striate/internal/mt19937"
	"striate/internal/parallel"
)

// Resamples is how many bootstrap samples the reference draws.
const Resamples = 1000

// comparison compares samples in bins with one data histogram.
type comparison struct {
	data    []float64 // cumulative
	largest float64   // distance of the worst distribution: all of it in the first or in the last bin
}

// newComparison returns the comparison with a histogram. It returns false when that is empty.
func newComparison(counts []int) (comparison, bool) {
	c := comparison{data: make([]float64, len(counts))}
	if !cumulate(c.data, counts) {
		return c, false
	}
	for k, q := range c.data {
		last := 0.0
		if k == len(c.data)-1 {
			last = 1
		}
		c.largest = max(c.largest, math.Abs(1-q), math.Abs(last-q))
	}
	return c, true
}

// cumulate writes the cumulative distribution of counts. It returns false when they are all zero.
func cumulate(dst []float64, counts []int) bool {
	total := 0
	for _, n := range counts {
		total += n
	}
	sum := 0.0
	for k, n := range counts {
		sum += float64(n) / float64(total)
		dst[k] = sum
	}
	return total > 0
}

// similarity is 1 minus the Kolmogorov–Smirnov distance over the largest that there could be; NaN
// when nothing is counted.
func (c comparison) similarity(counts []int) float64 {
	total := 0
	for _, n := range counts {
		total += n
	}
	sum, distance := 0.0, 0.0
	for k, n := range counts {
		sum += float64(n) / float64(total)
		distance = max(distance, math.Abs(sum-c.data[k]))
	}
	if total == 0 {
		return math.NaN()
	}
	return 1 - distance/c.largest
}

// Estimate is a bootstrapped similarity.
type Estimate struct {
	Score float64 // mean over the resamples: 0 no overlap … 1 the same
	Error float64 // their standard deviation
	NaNs  int     // resamples in which no unit had a value
}

// Bootstrap compares the values of a property over a model's units with a distribution: the mean
// similarity of samples of as many values as there are recorded neurons, drawn with replacement
// and NaN included, to the distribution. When more than a tenth of them hold no value, score and
// error are 0. Equal seeds give equal results. Without a value on either side the estimate is NaN.
//
// The reference draws from an unseeded generator; the mean over 1,000 resamples then varies by
// 0.0008 (standard deviation).
func Bootstrap(values []float64, d *Distribution, resamples int, seed uint32) Estimate {
	sample := resample(values, d, resamples, seed)
	if sample == nil {
		return Estimate{Score: math.NaN(), Error: math.NaN()}
	}
	e, sum, n := Estimate{}, 0.0, 0
	for _, s := range sample {
		if math.IsNaN(s) {
			e.NaNs++
			continue
		}
		sum += s
		n++
	}
	if 10*e.NaNs > resamples {
		return e
	}
	e.Score = sum / float64(n)
	for _, s := range sample {
		if !math.IsNaN(s) {
			e.Error += (s - e.Score) * (s - e.Score)
		}
	}
	e.Error = math.Sqrt(e.Error / float64(n))
	return e
}

// resample returns the similarity of each resample. A histogram needs of a value only its bin, so
// values are binned once and bins are drawn.
func resample(values []float64, d *Distribution, resamples int, seed uint32) []float64 {
	c, ok := newComparison(d.Histogram(d.Values))
	if !ok || len(values) == 0 {
		return nil
	}
	bins := len(d.Bins) - 1
	bin := make([]int32, len(values))
	for i, v := range values {
		if bin[i] = int32(d.bin(v)); bin[i] == none {
			bin[i] = int32(bins) // a last bin that is not looked at
		}
	}
	source := mt19937.New(seed)
	draws := make([]int32, len(d.Values))
	counts := make([]int, bins+1)
	out := make([]float64, resamples)
	for r := range out {
		source.Choice(draws, len(values))
		clear(counts)
		for _, i := range draws {
			counts[bin[i]]++
		}
		out[r] = c.similarity(counts[:bins])
	}
	return out
}

// Similarity is that of the values as they are, without resampling. It lies up to 0.03 above the
// mean of resamples and is no score. It is NaN without a value on either side.
func Similarity(values []float64, d *Distribution) float64 {
	c, ok := newComparison(d.Histogram(d.Values))
	if !ok {
		return math.NaN()
	}
	return c.similarity(d.Histogram(values))
}

// Comparison is one property of a model's units beside that of recorded neurons.
type Comparison struct {
	*Distribution
	Units      int   // units that were kept, those without a value included
	WithValue  int   // units with a value
	UnitCounts []int // of the units' values, in each bin
	Raw        Estimate
	Ceiling    Estimate // of the recorded neurons with themselves
	Ceiled     float64  // Raw.Score / Ceiling.Score: the benchmark's score; NaN when it cannot be had
	Similarity float64  // without resampling
}

// Scored reports whether there is a distribution to compare with.
func (c *Comparison) Scored() bool { return c.Values != nil }

// Compare compares each property with its distribution. sample returns the values of a property
// over the kept units; nil for a property that was not measured, which is left out of the result.
// The generator is seeded anew for each property.
func Compare(distributions []Distribution, sample func(*Distribution) []float64, resamples int, seed uint32) []Comparison {
	var out []Comparison
	var samples [][]float64
	for i := range distributions {
		if values := sample(&distributions[i]); values != nil {
			out = append(out, Comparison{Distribution: &distributions[i]})
			samples = append(samples, values)
		}
	}
	parallel.For(len(out), 1, func(lo, _ int) { out[lo].compare(samples[lo], resamples, seed) })
	return out
}

func (c *Comparison) compare(values []float64, resamples int, seed uint32) {
	c.Units = len(values)
	c.UnitCounts = c.Histogram(values)
	for _, v := range values {
		if !math.IsNaN(v) {
			c.WithValue++
		}
	}
	nan := Estimate{Score: math.NaN(), Error: math.NaN()}
	c.Raw, c.Ceiling, c.Ceiled, c.Similarity = nan, nan, math.NaN(), math.NaN()
	if !c.Scored() {
		return
	}
	c.Raw = Bootstrap(values, c.Distribution, resamples, seed)
	c.Ceiling = Bootstrap(c.Values, c.Distribution, resamples, seed)
	c.Ceiled = c.Raw.Score / c.Ceiling.Score
	c.Similarity = Similarity(values, c.Distribution)
}
