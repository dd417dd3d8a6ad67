package predictivity

import (
	"context"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"striate/internal/fault"
)

// The constants of the reference implementation. The stopping rule is loose (weights to 1e-3), so
// the iteration itself, not only its limit, decides the third digit after the point.
const (
	epsilon       = 0x1p-52
	tolerance     = 1e-6
	maxIterations = 500
)

// rankTolerance is the share of the variance of the features below which a direction counts as
// rounding noise of the inner products and no further component is extracted.
const rankTolerance = 1e-14

// PLS is partial least squares with several targets at once (PLS2, NIPALS), features and responses
// centred and not scaled.
type PLS struct {
	Components int
}

// Check returns an error when there are fewer units, or fewer train stimuli, than the components
// need: n stimuli that are centred span n-1 dimensions.
func (r PLS) Check(train, units int) error {
	switch {
	case r.Components < 1:
		return fault.Invalidf("%d PLS components asked for: ask for at least 1", r.Components)
	case r.Components > units:
		return fault.Invalidf("%d PLS components need at least %d units, the features have %d: ask for at most %d components",
			r.Components, r.Components, units, units)
	case r.Components >= train:
		return fault.Invalidf("%d PLS components need at least %d train stimuli, there are %d: ask for at most %d components",
			r.Components, r.Components+1, train, train-1)
	}
	return nil
}

// Fit runs NIPALS in the space of the stimuli: the weights of a component are Xᵀa with a vector a
// over stimuli, so that only inner products of features occur. It gives the numbers of [FitPLS] up
// to rounding. It stops early, with fewer components, when nothing is left to explain or when the
// features are exhausted.
func (r PLS) Fit(ctx context.Context, gram, responses *mat.Dense) (*Dual, error) {
	n, q := responses.Dims()
	s := newNipals(gram, responses)
	var a, t, loadings []float64 // components × n, components × n, components × q
	d := &Dual{}
	for d.Components < r.Components {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		iterations, ok := s.component()
		if !ok {
			break
		}
		d.Components++
		d.Iterations = append(d.Iterations, iterations)
		project(s.a, t, n)
		a, t = append(a, s.a...), append(t, s.t...)
		loadings = append(loadings, s.deflate()...)
	}
	d.Coefficients = mat.NewDense(n, q, nil)
	if k := d.Components; k > 0 {
		dual(d.Coefficients, gram, mat.NewDense(k, n, a), mat.NewDense(k, n, t), mat.NewDense(k, q, loadings))
	}
	return d, nil
}

// dual writes A (TᵀGA)⁻¹ (TᵀT) Q to dst, where a and t hold the columns of A and T as rows.
func dual(dst, gram, a, t, loadings *mat.Dense) {
	var ga, inner, scaled mat.Dense
	ga.Mul(gram, a.T())
	inner.Mul(t, &ga)
	scaled.CloneFrom(loadings)
	k, _ := t.Dims()
	for i := range k {
		row := t.RawRowView(i)
		floats.Scale(floats.Dot(row, row), scaled.RawRowView(i))
	}
	var lu mat.LU
	lu.Factorize(&inner) // triangular up to rounding, with the squared scores on its diagonal
	var solved mat.Dense
	if err := lu.SolveTo(&solved, false, &scaled); err != nil {
		if _, conditioned := err.(mat.Condition); !conditioned {
			panic(err)
		}
	}
	dst.Mul(a.T(), &solved)
}

// project removes from v what lies along each of the rows of t, latest first.
func project(v, t []float64, n int) {
	for j := len(t)/n - 1; j >= 0; j-- {
		row := t[j*n : (j+1)*n]
		floats.AddScaled(v, -floats.Dot(row, v)/floats.Dot(row, row), row)
	}
}

// nipals is the state between components. G is never deflated: the scores are orthogonal, so that
// its deflated form times a score is its first form times it, projected; and a step of the power
// method needs only GY, stimuli × neurons, which is smaller.
type nipals struct {
	n, q   int
	gram   blas64.General
	floor  float64        // of the squared weights
	y      blas64.General // responses that remain
	gy     blas64.General // G y, deflated alike
	scale  []float64      // largest entry of each column of y when gy was last made afresh
	scores [][]float64    // of the components so far
	a, t   []float64      // weights over stimuli, score

	aOld, tOld, u, c, row []float64
}

func newNipals(gram, responses *mat.Dense) *nipals {
	n, q := responses.Dims()
	s := &nipals{
		n: n, q: q, gram: gram.RawMatrix(), floor: rankTolerance * mat.Trace(gram),
		y:     mat.DenseCopyOf(responses).RawMatrix(),
		gy:    blas64.General{Rows: n, Cols: q, Stride: q, Data: make([]float64, n*q)},
		scale: make([]float64, q),
		a:     make([]float64, n), t: make([]float64, n),
		aOld: make([]float64, n), tOld: make([]float64, n),
		u: make([]float64, n), c: make([]float64, q), row: make([]float64, q),
	}
	for j := range s.scale {
		s.scale[j] = math.Inf(1)
	}
	return s
}

// start sets columns of y that are all rounding noise to zero and returns the first other one, -1
// when there is none.
func (s *nipals) start() int {
	clear(s.row)
	for i := range s.n {
		for j, v := range s.y.Data[i*s.q : (i+1)*s.q] {
			s.row[j] = max(s.row[j], math.Abs(v))
		}
	}
	first, stale := -1, false
	for j, largest := range s.row {
		stale = stale || largest < s.scale[j]/freshness
		switch {
		case largest < 10*epsilon:
			for i := range s.n {
				s.y.Data[i*s.q+j] = 0
			}
			s.row[j] = 0
		case first < 0:
			first = j
		}
	}
	if stale {
		copy(s.scale, s.row)
		s.refresh()
	}
	return first
}

// freshness is how far a column of y may shrink before gy, which is updated along with it and so
// keeps the rounding errors of the larger column, is made afresh.
const freshness = 8

func (s *nipals) refresh() {
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, s.gram, s.y, 0, s.gy)
	for _, t := range s.scores {
		gemv(blas.Trans, s.gy, t, s.row, 1/floats.Dot(t, t))
		ger(s.gy, -1, t, s.row)
	}
}

// component finds the next weights and score by the power method. ok is false when nothing is left.
func (s *nipals) component() (iterations int, ok bool) {
	first := s.start()
	if first < 0 {
		return 0, false
	}
	clear(s.c)
	s.c[first] = 1
	scale := 1.0 // u is y·c / scale
	for iterations = 1; iterations <= maxIterations; iterations++ {
		gemv(blas.NoTrans, s.y, s.c, s.u, 1/scale)
		uu := floats.Dot(s.u, s.u)
		if !(uu > 0) {
			return 0, false
		}
		s.a, s.aOld = s.aOld, s.a
		s.t, s.tOld = s.tOld, s.t
		copy(s.a, s.u)
		floats.Scale(1/uu, s.a)
		gemv(blas.NoTrans, s.gy, s.c, s.t, 1/(scale*uu))
		ww := floats.Dot(s.a, s.t) // squared length of the weights
		if !(ww*uu > s.floor) {
			return 0, false
		}
		norm := math.Sqrt(ww) + epsilon
		floats.Scale(1/norm, s.a)
		floats.Scale(1/norm, s.t)
		gemv(blas.Trans, s.y, s.t, s.c, 1/floats.Dot(s.t, s.t))
		scale = floats.Dot(s.c, s.c) + epsilon
		if s.q == 1 || (iterations > 1 && s.moved() < tolerance) {
			return iterations, true
		}
	}
	return maxIterations, true
}

// moved is the squared length of the change of the weights in the last step.
func (s *nipals) moved() float64 {
	var sum float64
	for i, a := range s.a {
		sum += (a - s.aOld[i]) * (s.t[i] - s.tOld[i])
	}
	return sum
}

// deflate removes the score from what remains and returns the loadings of the responses on it.
func (s *nipals) deflate() []float64 {
	tt := floats.Dot(s.t, s.t)
	loadings := make([]float64, s.q)
	gemv(blas.Trans, s.y, s.t, loadings, 1/tt)
	ger(s.y, -1, s.t, loadings)

	t := append([]float64(nil), s.t...)
	gt := make([]float64, s.n)
	gemv(blas.NoTrans, s.gram, t, gt, 1)
	for _, earlier := range s.scores {
		floats.AddScaled(gt, -floats.Dot(earlier, gt)/floats.Dot(earlier, earlier), earlier)
	}
	s.scores = append(s.scores, t)
	ger(s.gy, -1, gt, loadings)
	gemv(blas.Trans, s.gy, t, s.row, 1/tt)
	ger(s.gy, -1, t, s.row)
	return loadings
}

// gemv writes alpha·op(m)·x to dst.
func gemv(op blas.Transpose, m blas64.General, x, dst []float64, alpha float64) {
	blas64.Gemv(op, alpha, m, blas64.Vector{N: len(x), Inc: 1, Data: x}, 0, blas64.Vector{N: len(dst), Inc: 1, Data: dst})
}

// ger adds alpha·x·yᵀ to m.
func ger(m blas64.General, alpha float64, x, y []float64) {
	blas64.Ger(alpha, blas64.Vector{N: len(x), Inc: 1, Data: x}, blas64.Vector{N: len(y), Inc: 1, Data: y}, m)
}
