package predictivity

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// Pearson returns the correlation of x and y, within [-1, 1], NaN when either is constant or has
// fewer than two entries. It panics when their lengths differ.
func Pearson(x, y []float64) float64 {
	if len(x) != len(y) {
		panic("predictivity: correlation of lists of different lengths")
	}
	if constant(x) || constant(y) {
		return math.NaN()
	}
	dx, dy := deviations(x), deviations(y)
	r := floats.Dot(dx, dy) / (floats.Norm(dx, 2) * floats.Norm(dy, 2))
	return math.Max(-1, math.Min(1, r)) // NaN stays NaN
}

func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

func deviations(x []float64) []float64 {
	d := slices.Clone(x)
	floats.AddConst(-floats.Sum(x)/float64(len(x)), d)
	return d
}

// Spearman returns the Pearson correlation of the ranks of x and y; equal entries share the mean of
// their ranks.
func Spearman(x, y []float64) float64 { return Pearson(ranks(x), ranks(y)) }

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	r := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			r[k] = float64(i+j-1) / 2
		}
		i = j
	}
	return r
}

// Median returns the middle of the entries that are not NaN (the mean of the middle two), NaN when
// there are none.
func Median(x []float64) float64 {
	v := defined(x)
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	if m := len(v) / 2; len(v)%2 == 1 {
		return v[m]
	} else {
		return (v[m-1] + v[m]) / 2
	}
}

// meanError returns the mean of the entries that are not NaN and their population standard
// deviation over the square root of their number.
func meanError(x []float64) (mean, err float64) {
	v := defined(x)
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	n := float64(len(v))
	mean = floats.Sum(v) / n
	var ss float64
	for _, e := range v {
		ss += (e - mean) * (e - mean)
	}
	return mean, math.Sqrt(ss/n) / math.Sqrt(n)
}

func defined(x []float64) []float64 {
	v := make([]float64, 0, len(x))
	for _, e := range x {
		if !math.IsNaN(e) {
			v = append(v, e)
		}
	}
	return v
}
