package predictivity

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"

	"striate/internal/fault"
)

// RDM is a representational dissimilarity matrix: 1 - the Pearson correlation over units of every
// pair of stimuli, the pairs (0,1), (0,2), …, (1,2), … in order. A stimulus to which every unit
// responds alike gives NaN.
func RDM(ctx context.Context, x Features) ([]float64, error) {
	n, p := x.Dims()
	means := make([]float64, n)
	err := eachBlock(ctx, x, func(block []float64, _, width int) {
		for i := range means {
			means[i] += floats.Sum(block[i*width:(i+1)*width]) / float64(p)
		}
	})
	if err != nil {
		return nil, err
	}
	k := make([]float64, n*n)
	err = eachBlock(ctx, x, func(block []float64, _, width int) {
		for i := range means {
			floats.AddConst(-means[i], block[i*width:(i+1)*width])
		}
		addProducts(k, block, n, width)
	})
	if err != nil {
		return nil, err
	}
	out := make([]float64, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			r := k[i*n+j] / math.Sqrt(k[i*n+i]*k[j*n+j]) // 0/0 is NaN
			out = append(out, 1-math.Max(-1, math.Min(1, r)))
		}
	}
	return out, nil
}

// RSA is the similarity of two representations of the same stimuli: the Spearman correlation of
// their dissimilarities. Pairs that either leaves undefined are skipped.
func RSA(a, b []float64) (float64, error) {
	if len(a) != len(b) {
		panic("predictivity: dissimilarities of different numbers of stimuli")
	}
	var x, y []float64
	for i := range a {
		if !math.IsNaN(a[i]) && !math.IsNaN(b[i]) {
			x, y = append(x, a[i]), append(y, b[i])
		}
	}
	if len(x) < 3 {
		return 0, fault.Invalidf("%d pairs of stimuli have a dissimilarity in both: representational similarity needs at least 3 stimuli to which units respond differently", len(x))
	}
	return Spearman(x, y), nil
}

// LinearCKA is the linear centred kernel alignment of two representations of the same stimuli,
// ‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖) of centred features, within [0, 1]; NaN when either is constant.
func LinearCKA(a, b *Gram) float64 {
	if a.stimuli != b.stimuli {
		panic("predictivity: alignment of different numbers of stimuli")
	}
	return floats.Dot(a.k, b.k) / (floats.Norm(a.k, 2) * floats.Norm(b.k, 2))
}
