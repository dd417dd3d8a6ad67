package tuning

import (
	"math"

	"gonum.org/v1/gonum/optimize"
)

// ContrastFit is the hyperbolic ratio Offset + Largest·cⁿ/(cⁿ + Halfⁿ) fitted to responses over
// contrast (K. I. Naka and W. A. H. Rushton, J Physiol 185 (1966) 536–555; D. G. Albrecht and
// D. B. Hamilton, J Neurophysiol 48 (1982) 217–237).
type ContrastFit struct {
	Half     float64 // contrast of half the largest response
	Exponent float64
	Largest  float64 // above the offset, at saturation
	Offset   float64
	R2       float64 // explained part of the variance
}

// FitContrast fits the hyperbolic ratio by least squares. Half is sought between a hundredth of the
// smallest and a hundred times the largest contrast, the exponent between 0.1 and 20. All is NaN
// for a curve that is constant or not finite. It panics when lengths differ.
func FitContrast(contrast, response []float64) ContrastFit {
	if len(contrast) != len(response) {
		panic("tuning: contrasts and responses of different lengths")
	}
	mean, total := 0.0, 0.0
	for _, r := range response {
		mean += r / float64(len(response))
	}
	for _, r := range response {
		total += (r - mean) * (r - mean)
	}
	nan := math.NaN()
	if !(total > 0) || math.IsInf(total, 0) {
		return ContrastFit{nan, nan, nan, nan, nan}
	}
	lowest, highest := math.Log(contrast[0]/100), math.Log(contrast[len(contrast)-1]*100)
	fit := func(p []float64) (f ContrastFit, rest float64) {
		f.Half = math.Exp(max(lowest, min(highest, p[0])))
		f.Exponent = math.Exp(max(math.Log(0.1), min(math.Log(20), p[1])))
		f.Largest, f.Offset, rest = linear(contrast, response, f)
		return f, rest
	}
	best, rest := ContrastFit{}, math.Inf(1)
	for _, start := range []float64{0.1, 0.3, 0.7} { // the error surface is shallow: three starts
		result, err := optimize.Minimize(optimize.Problem{Func: func(p []float64) float64 {
			_, rest := fit(p)
			return rest
		}}, []float64{math.Log(start), math.Log(2)}, nil, &optimize.NelderMead{})
		if err != nil && result == nil {
			continue
		}
		if f, r := fit(result.X); r < rest {
			best, rest = f, r
		}
	}
	best.R2 = 1 - rest/total
	return best
}

// linear returns the gain and offset of a saturation curve that fit best, and the squared error.
func linear(contrast, response []float64, f ContrastFit) (gain, offset, rest float64) {
	n := float64(len(contrast))
	var sx, sy, sxx, sxy float64
	shape := make([]float64, len(contrast))
	for i, c := range contrast {
		x := 1 / (1 + math.Pow(f.Half/c, f.Exponent))
		shape[i] = x
		sx, sy, sxx, sxy = sx+x, sy+response[i], sxx+x*x, sxy+x*response[i]
	}
	if d := n*sxx - sx*sx; d > 1e-12*n*sxx {
		gain = (n*sxy - sx*sy) / d
	}
	offset = (sy - gain*sx) / n
	for i, x := range shape {
		e := response[i] - offset - gain*x
		rest += e * e
	}
	return gain, offset, rest
}
