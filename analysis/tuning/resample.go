package tuning

import "math"

// CircularVarianceAt is CircularVariance of responses at any orientations, in degrees.
func CircularVarianceAt(curve, degrees []float64) float64 {
	if len(curve) != len(degrees) {
		panic("tuning: as many responses as orientations are needed")
	}
	re, im, sum := 0.0, 0.0, 0.0
	for i, r := range curve {
		sin, cos := math.Sincos(2 * degrees[i] * math.Pi / 180)
		re += r * cos
		im += r * sin
		sum += math.Abs(r)
	}
	return 1 - math.Hypot(re, im)/sum
}

// Resample reads a curve of equally spaced orientations, from 0° on, at the Orientations 0°, 15°, …
// by the only trigonometric polynomial of the lowest degree through its points, so that recordings
// made at other orientations can be described by the same fits. Mean and second harmonic, which the
// circular variance is made of, stay as they are. dst has Orientations places; the curve has at least
// 5 responses.
func Resample(dst, curve []float64) {
	n := len(curve)
	if len(dst) != Orientations || n < 5 {
		panic("tuning: a curve of at least 5 orientations and as many places as Orientations are needed")
	}
	for i := range dst {
		at := float64(i) / float64(Orientations) // of 180°
		dst[i] = 0
		for j, r := range curve {
			dst[i] += r * dirichlet(at-float64(j)/float64(n), n)
		}
	}
}

// dirichlet is the periodic function of period 1 that is 1 at 0, 0 at the other multiples of 1/n, and
// has no harmonic above n/2.
func dirichlet(x float64, n int) float64 {
	s := math.Sin(math.Pi * x)
	if math.Abs(s) < 1e-12 {
		return 1
	}
	d := math.Sin(math.Pi*float64(n)*x) / (float64(n) * s)
	if n%2 == 0 {
		d *= math.Cos(math.Pi * x)
	}
	return d
}
