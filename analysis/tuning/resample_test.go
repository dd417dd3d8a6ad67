package tuning

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A curve of few harmonics, read at n orientations, is read exactly at twelve.
func TestResample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(5, 16).Draw(t, "orientations")
		a, b, phase := rapid.Float64Range(0, 3).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b"), rapid.Float64Range(0, 6).Draw(t, "phase")
		value := func(degrees float64) float64 {
			angle := degrees * math.Pi / 90
			return 5 + a*math.Cos(angle-phase) + b*math.Cos(2*angle+phase)
		}
		curve, degrees := make([]float64, n), make([]float64, n)
		for i := range curve {
			degrees[i] = 180 * float64(i) / float64(n)
			curve[i] = value(degrees[i])
		}
		var got [Orientations]float64
		Resample(got[:], curve)
		for i, v := range got {
			require.InDelta(t, value(float64(15*i)), v, 1e-12)
		}
		require.InDelta(t, CircularVariance(got[:]), CircularVarianceAt(curve, degrees), 1e-12)
		require.InDelta(t, 1-a/10, CircularVariance(got[:]), 1e-12)
	})
	require.Panics(t, func() { Resample(make([]float64, Orientations), make([]float64, 4)) })
	require.Panics(t, func() { CircularVarianceAt([]float64{1}, nil) })
}
