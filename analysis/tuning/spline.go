package tuning

import "sort"

// spline is the interpolating cubic spline through points at fixed abscissas: the third derivative
// is continuous across the second and the last but one of them ("not a knot"). It is what
// FITPACK's interpolating splines are (P. Dierckx, Curve and Surface Fitting with Splines, 1993,
// §4; C. de Boor, A Practical Guide to Splines, 1978, ch. IV). Beyond its ends it goes on with
// the polynomials at the ends, which gonum's interp.NotAKnotCubic does not. The system is
// factored once, so that fitting the next curve is two sweeps.
type spline struct {
	x, h []float64
	// The tridiagonal system of the second derivatives 1…n-2: what elimination makes of it.
	factor, diagonal, upper []float64
}

// newSpline prepares splines through points at x, strictly increasing. It panics when there are
// fewer than four.
func newSpline(x []float64) *spline {
	n := len(x)
	if n < 4 {
		panic("tuning: a cubic spline needs four points")
	}
	s := &spline{x: x, h: make([]float64, n-1)}
	for i := range s.h {
		if s.h[i] = x[i+1] - x[i]; !(s.h[i] > 0) {
			panic("tuning: abscissas of a spline not increasing")
		}
	}
	h, m := s.h, n-2
	s.factor, s.diagonal, s.upper = make([]float64, m), make([]float64, m), make([]float64, m)
	lower := make([]float64, m)
	for i := range m {
		lower[i], s.diagonal[i], s.upper[i] = h[i], 2*(h[i]+h[i+1]), h[i+1]
	}
	// The closing equations put the outermost second derivatives in terms of their two neighbours.
	s.diagonal[0] += h[0] * (h[0] + h[1]) / h[1]
	s.upper[0] -= h[0] * h[0] / h[1]
	a, b := h[n-3], h[n-2]
	s.diagonal[m-1] += b * (a + b) / a
	lower[m-1] -= b * b / a
	for i := 1; i < m; i++ {
		s.factor[i] = lower[i] / s.diagonal[i-1]
		s.diagonal[i] -= s.factor[i] * s.upper[i-1]
	}
	return s
}

// fit writes the second derivatives at the abscissas of the spline through y into m.
func (s *spline) fit(m, y []float64) {
	h, n := s.h, len(s.x)
	in := m[1 : n-1]
	slope := (y[1] - y[0]) / h[0]
	for i := range in {
		next := (y[i+2] - y[i+1]) / h[i+1]
		in[i] = 6 * (next - slope)
		slope = next
		if i > 0 {
			in[i] -= s.factor[i] * in[i-1]
		}
	}
	last := len(in) - 1
	in[last] /= s.diagonal[last]
	for i := last - 1; i >= 0; i-- {
		in[i] = (in[i] - s.upper[i]*in[i+1]) / s.diagonal[i]
	}
	m[0] = ((h[0]+h[1])*m[1] - h[0]*m[2]) / h[1]
	a, b := h[n-3], h[n-2]
	m[n-1] = ((a+b)*m[n-2] - b*m[n-3]) / a
}

// sample is where a spline is evaluated: the value is a weighted sum of the ordinates and second
// derivatives at both ends of one interval.
type sample struct {
	interval       int
	y0, y1, m0, m1 float64
}

// at returns the weights of the spline's value at q.
func (s *spline) at(q float64) sample {
	i := sort.SearchFloat64s(s.x, q) - 1
	if i+1 < len(s.x) && s.x[i+1] == q {
		i++ // a knot is the start of its interval
	}
	i = max(0, min(i, len(s.h)-1))
	h := s.h[i]
	a, b := (s.x[i+1]-q)/h, (q-s.x[i])/h
	return sample{i, a, b, (a*a*a - a) * h * h / 6, (b*b*b - b) * h * h / 6}
}

// value is the spline's value at p.
func (p sample) value(y, m []float64) float64 {
	i := p.interval
	return p.y0*y[i] + p.y1*y[i+1] + p.m0*m[i] + p.m1*m[i+1]
}

// samples returns the weights at all points.
func (s *spline) samples(points []float64) []sample {
	out := make([]sample, len(points))
	for i, q := range points {
		out[i] = s.at(q)
	}
	return out
}
