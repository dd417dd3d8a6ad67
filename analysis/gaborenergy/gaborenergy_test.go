package gaborenergy

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis"
)

var _ analysis.Network = (*Model)(nil)

func grating(size int, cycles, angle, phase float64) []uint8 {
	out := make([]uint8, 0, 3*size*size)
	for y := range size {
		for x := range size {
			k := 2 * math.Pi * cycles / float64(size)
			v := uint8(127.5 + 127*math.Sin(k*(float64(x)*math.Cos(angle)+float64(y)*math.Sin(angle))+phase) + 0.5)
			out = append(out, v, v, v)
		}
	}
	return out
}

func respond(t *testing.T, m *Model, image []uint8) []float32 {
	c, h, w := m.Units()
	dst := make([]float32, c*h*w)
	require.NoError(t, m.Responses(context.Background(), image, dst))
	return dst
}

// The filter of a grating's own frequency and orientation answers most, whatever the phase.
func TestPrefersItsGrating(t *testing.T) {
	m := New(Config{Size: 64, Grid: 3, Frequencies: []float64{4, 8, 16}, Orientations: 6, Bandwidth: 1.4})
	grid := m.config.Grid
	centre := func(r []float32, c int) float64 { return float64(r[(c*grid+grid/2)*grid+grid/2]) }
	for f, cycles := range m.config.Frequencies {
		for o := range m.config.Orientations {
			angle := math.Pi * float64(o) / float64(m.config.Orientations)
			a := respond(t, m, grating(64, cycles, angle, 0))
			b := respond(t, m, grating(64, cycles, angle, 1))
			own := f*m.config.Orientations + o
			for c := range m.filter {
				if c != own {
					require.Greater(t, centre(a, own), centre(a, c), "%v cycles, orientation %d, channel %d", cycles, o, c)
				}
			}
			require.InEpsilon(t, centre(a, own), centre(b, own), 0.05)
			require.InDelta(t, 0.5, centre(a, own), 0.05, "half the amplitude of the grating")
		}
	}
}

func TestUniformLightDrivesNothing(t *testing.T) {
	m := New(Default())
	white := make([]uint8, 3*128*128)
	for i := range white {
		white[i] = 255
	}
	grid := m.config.Grid
	r := respond(t, m, white)
	for c := 2 * m.config.Orientations; c < len(m.filter); c++ { // filters that fit inside the image
		require.Less(t, math.Abs(float64(r[(c*grid+grid/2)*grid+grid/2])), 0.01, "channel %d", c)
	}
}

func TestHalfHeightBandwidth(t *testing.T) {
	m := New(Config{Size: 256, Grid: 1, Frequencies: []float64{20}, Orientations: 1, Bandwidth: 1.4})
	peak := respond(t, m, grating(256, 20, 0, 0))[0]
	octave := math.Exp2(1.4)
	low := 20 * 2 / (octave + 1)
	for _, cycles := range []float64{low, low * octave} {
		require.InEpsilon(t, peak/2, respond(t, m, grating(256, cycles, 0, 0))[0], 0.05)
	}
}

func TestCancelled(t *testing.T) {
	m := New(Config{Size: 16, Grid: 2, Frequencies: []float64{4}, Orientations: 2, Bandwidth: 1})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, m.Responses(ctx, make([]uint8, 16*16*3), make([]float32, 8)), context.Canceled)
	require.Panics(t, func() { New(Config{}) })
	require.Panics(t, func() { m.Responses(context.Background(), make([]uint8, 5), nil) }) //nolint:errcheck // panics
}
