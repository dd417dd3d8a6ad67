package predictivity

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mat"

	"striate/internal/fault"
)

// Ridge is linear regression with a penalty on the squared coefficients, features and responses
// centred and not scaled. With several penalties the best is taken for each neuron: the one with
// the smallest squared error of leave-one-out predictions of the train stimuli.
type Ridge struct {
	// Penalties to choose from. Without any they are 10^-6, 10^-5, …, 10^6 times the mean squared
	// length of the centred features of a train stimulus.
	Penalties []float64
}

// Check returns an error when a penalty is not positive or there are fewer than 3 train stimuli.
func (r Ridge) Check(train, _ int) error {
	for _, p := range r.Penalties {
		if !(p > 0) || math.IsInf(p, 1) {
			return fault.Invalidf("ridge penalty %v: penalties must be positive and finite", p)
		}
	}
	if train < 3 {
		return fault.Invalidf("%d train stimuli: ridge regression needs at least 3", train)
	}
	return nil
}

// Fit decomposes the inner products once and solves for every penalty in that basis. The
// leave-one-out residual of stimulus i is (y - Hy)_i / (1 - H_ii - 1/n) with the hat matrix H of
// the centred features (the 1/n is the mean that leaves with the stimulus).
func (r Ridge) Fit(ctx context.Context, gram, responses *mat.Dense) (*Dual, error) {
	n, q := responses.Dims()
	var eig mat.EigenSym
	if !eig.Factorize(mat.NewSymDense(n, gram.RawMatrix().Data), true) {
		return nil, fault.Invalidf("the inner products of the features have no eigenvectors: are features near the largest float?")
	}
	values := eig.Values(nil)
	var vectors, rotated mat.Dense
	eig.VectorsTo(&vectors)
	rotated.Mul(vectors.T(), responses)

	d := &Dual{Coefficients: mat.NewDense(n, q, nil), Penalties: make([]float64, q)}
	best := make([]float64, q)
	for j := range best {
		best[j] = math.Inf(1)
	}
	for _, penalty := range r.penalties(gram) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		dual := shrink(&vectors, &rotated, values, penalty)
		loss := leaveOneOut(&vectors, dual, values, penalty)
		for j := range q {
			if loss[j] < best[j] {
				best[j], d.Penalties[j] = loss[j], penalty
				d.Coefficients.SetCol(j, mat.Col(nil, j, dual))
			}
		}
	}
	return d, nil
}

func (r Ridge) penalties(gram *mat.Dense) []float64 {
	if len(r.Penalties) > 0 {
		return r.Penalties
	}
	n, _ := gram.Dims()
	length := mat.Trace(gram) / float64(n)
	if length == 0 {
		length = 1 // every feature constant: any penalty gives the mean response
	}
	var out []float64
	for e := -6; e <= 6; e++ {
		out = append(out, length*math.Pow(10, float64(e)))
	}
	return out
}

// shrink returns (G + penalty)⁻¹ Y from the eigenvectors of G and Y in their basis.
func shrink(vectors, rotated *mat.Dense, values []float64, penalty float64) *mat.Dense {
	var scaled, dual mat.Dense
	scaled.Apply(func(i, _ int, v float64) float64 { return v / (math.Max(values[i], 0) + penalty) }, rotated)
	dual.Mul(vectors, &scaled)
	return &dual
}

// leaveOneOut returns the summed squared leave-one-out error of each neuron. The residual of the
// fit is penalty times the dual coefficients.
func leaveOneOut(vectors, dual *mat.Dense, values []float64, penalty float64) []float64 {
	n, q := dual.Dims()
	loss := make([]float64, q)
	for i := range n {
		free := 1 - 1/float64(n) // 1 - H_ii - 1/n
		for k, v := range vectors.RawRowView(i) {
			value := math.Max(values[k], 0)
			free -= v * v * value / (value + penalty)
		}
		free = math.Max(free, epsilon)
		for j, c := range dual.RawRowView(i) {
			e := penalty * c / free
			loss[j] += e * e
		}
	}
	return loss
}
