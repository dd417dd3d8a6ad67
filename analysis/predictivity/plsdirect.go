package predictivity

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// LinearModel predicts responses from features: features·Coefficients + Intercept.
type LinearModel struct {
	Coefficients *mat.Dense // units × neurons
	Intercept    []float64  // neurons
	Weights      *mat.Dense // units × components, of unit length, their largest entry positive
	Iterations   []int      // of the power method, a component
}

// FitPLS fits partial least squares in the space of the units, as NIPALS is usually written. It
// costs memory and time in proportion to the units; [PLS] gives the same predictions from a [Gram].
// It is for those who want the coefficients of a layer that is not too wide. x is stimuli × units,
// y stimuli × neurons. It returns the error of [PLS.Check].
func FitPLS(x, y mat.Matrix, components int) (*LinearModel, error) {
	n, p := x.Dims()
	rows, q := y.Dims()
	if rows != n {
		panic("predictivity: features and responses with different numbers of stimuli")
	}
	if err := (PLS{components}).Check(n, p); err != nil {
		return nil, err
	}
	xc, yc := mat.DenseCopyOf(x), mat.DenseCopyOf(y)
	xMean, yMean := make([]float64, p), make([]float64, q)
	centreColumns(xc.RawMatrix().Data, xMean)
	centreColumns(yc.RawMatrix().Data, yMean)

	m := &LinearModel{Coefficients: mat.NewDense(p, q, nil), Intercept: yMean}
	var w, pl, ql []float64
	for len(m.Iterations) < components {
		weights, iterations := powerMethod(xc, yc)
		if weights == nil {
			break
		}
		m.Iterations = append(m.Iterations, iterations)
		t := mulVec(xc, weights)
		tt := floats.Dot(t, t)
		xl, yl := mulVecT(xc, t), mulVecT(yc, t)
		floats.Scale(1/tt, xl)
		floats.Scale(1/tt, yl)
		ger(xc.RawMatrix(), -1, t, xl)
		ger(yc.RawMatrix(), -1, t, yl)
		w, pl, ql = append(w, weights...), append(pl, xl...), append(ql, yl...)
	}
	if k := len(m.Iterations); k > 0 {
		m.rotate(mat.NewDense(k, p, w), mat.NewDense(k, p, pl), mat.NewDense(k, q, ql))
		shift := mulVecT(m.Coefficients, xMean)
		floats.Sub(m.Intercept, shift)
	}
	return m, nil
}

// rotate sets the coefficients W (PᵀW)⁻¹ Qᵀ; the arguments hold the columns of W, P and Q as rows.
func (m *LinearModel) rotate(w, pl, ql *mat.Dense) {
	var inner, solved mat.Dense
	inner.Mul(pl, w.T())
	if err := solved.Solve(&inner, ql); err != nil {
		if _, conditioned := err.(mat.Condition); !conditioned {
			panic(err)
		}
	}
	m.Coefficients.Mul(w.T(), &solved)
	m.Weights = mat.DenseCopyOf(w.T())
}

// powerMethod returns the weights of the next component, nil when the responses are exhausted.
func powerMethod(x, y *mat.Dense) (w []float64, iterations int) {
	u := startColumn(y)
	if u == nil {
		return nil, 0
	}
	_, q := y.Dims()
	var old []float64
	for iterations = 1; iterations <= maxIterations; iterations++ {
		w = mulVecT(x, u)
		floats.Scale(1/floats.Dot(u, u), w)
		floats.Scale(1/(floats.Norm(w, 2)+epsilon), w)
		t := mulVec(x, w)
		tt := floats.Dot(t, t)
		if tt == 0 {
			return nil, 0
		}
		c := mulVecT(y, t)
		floats.Scale(1/tt, c)
		u = mulVec(y, c)
		floats.Scale(1/(floats.Dot(c, c)+epsilon), u)
		if q == 1 || (old != nil && squaredDistance(w, old) < tolerance) {
			break
		}
		old = w
	}
	largest := 0
	for j, v := range w {
		if math.Abs(v) > math.Abs(w[largest]) {
			largest = j
		}
	}
	if w[largest] < 0 {
		floats.Scale(-1, w)
	}
	return w, min(iterations, maxIterations)
}

// startColumn sets columns of y that are rounding noise to zero and returns a copy of the first
// other one.
func startColumn(y *mat.Dense) []float64 {
	n, q := y.Dims()
	var first []float64
	for j := range q {
		column := mat.Col(nil, j, y)
		switch {
		case floats.Norm(column, math.Inf(1)) < 10*epsilon:
			y.SetCol(j, make([]float64, n))
		case first == nil:
			first = column
		}
	}
	return first
}

func squaredDistance(a, b []float64) float64 {
	d := floats.Distance(a, b, 2)
	return d * d
}

func mulVec(m *mat.Dense, v []float64) []float64 {
	var dst mat.VecDense
	dst.MulVec(m, mat.NewVecDense(len(v), v))
	return dst.RawVector().Data
}

func mulVecT(m *mat.Dense, v []float64) []float64 {
	var dst mat.VecDense
	dst.MulVec(m.T(), mat.NewVecDense(len(v), v))
	return dst.RawVector().Data
}

// Predict returns the responses to the stimuli of x, stimuli × units.
func (m *LinearModel) Predict(x mat.Matrix) *mat.Dense {
	var dst mat.Dense
	dst.Mul(x, m.Coefficients)
	rows, _ := dst.Dims()
	for i := range rows {
		floats.Add(dst.RawRowView(i), m.Intercept)
	}
	return &dst
}
