package tuning

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/stimulus"
)

// gabors is a network of simple cells: rectified Gabor filters at one place in the visual field.
type gabors struct {
	size    int
	degrees float64
	filters [][]float64
}

type gabor struct{ y, x, orientation, frequency, sigma float64 }

func newGabors(size int, degrees float64, cells ...gabor) *gabors {
	n := &gabors{size: size, degrees: degrees}
	for _, c := range cells {
		f, sum := make([]float64, size*size), 0.0
		theta := c.orientation / 180 * math.Pi
		for row := range size {
			for col := range size {
				// Resizing puts the middle of the visual field between two pixels, less a quarter of one.
				y := (float64(row)-float64(size)/2+0.25)*degrees/float64(size) - c.y
				x := (float64(col)-float64(size)/2+0.25)*degrees/float64(size) - c.x
				envelope := math.Exp(-(x*x + y*y) / (2 * c.sigma * c.sigma))
				f[row*size+col] = envelope * math.Cos(2*math.Pi*c.frequency*(x*math.Cos(theta)+y*math.Sin(theta)))
				sum += f[row*size+col]
			}
		}
		for i := range f {
			f[i] -= sum / float64(len(f)) // even light has no effect
		}
		n.filters = append(n.filters, f)
	}
	return n
}

func (n *gabors) InputSize() (height, width int)       { return n.size, n.size }
func (n *gabors) Units() (channels, height, width int) { return len(n.filters), 1, 1 }

func (n *gabors) Responses(ctx context.Context, images []uint8, dst []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pixels := n.size * n.size
	for i := range len(images) / (3 * pixels) {
		for u, f := range n.filters {
			sum := 0.0
			for k, w := range f {
				sum += w * (float64(images[(i*pixels+k)*3]) - 128)
			}
			dst[i*len(n.filters)+u] = float32(max(0, sum))
		}
	}
	return nil
}

func summary(t Tuning) map[string]float64 {
	out := map[string]float64{}
	for _, q := range t.Summary {
		out[q.Name] = q.Value
	}
	return out
}

// The network's units are known, so what is measured on them is, too.
func TestMeasuredTuningOfGabors(t *testing.T) {
	ctx := context.Background()
	net := newGabors(112, 4, gabor{0.2, -0.3, 60, 3, 0.25}, gabor{0.2, -0.3, 120, 1.5, 0.4})
	p := NewProbe(net, 4, []int{1, 0})
	base, err := p.Search(ctx, 0.2, -0.3)
	require.NoError(t, err)
	require.Equal(t, 120.0, base[0].Orientation)
	require.Equal(t, 60.0, base[1].Orientation)
	require.Equal(t, stimulus.FewFrequencies[1], base[0].SpatialFrequency)
	require.Equal(t, stimulus.FewFrequencies[2], base[1].SpatialFrequency)

	measure := func(c Curve) (Tuning, map[string]float64) {
		list, err := p.Measure(ctx, c, base[1])
		require.NoError(t, err)
		require.Len(t, list, 2)
		return list[1], summary(list[1])
	}
	curve, s := measure(OrientationCurve)
	require.InDelta(t, 60, s["preferred_orientation"], 2)
	require.Less(t, s["circular_variance"], 0.6)
	require.Less(t, s["bandwidth"], 30.0)
	require.InDelta(t, math.Pi/2, s["modulation_ratio"], 0.15, "a half-rectified linear cell, at eight phases")
	require.Len(t, curve.F0, 12)

	_, s = measure(FrequencyCurve)
	require.InDelta(t, 3, s["preferred_spatial_frequency"], 0.4)
	require.Less(t, s["low_cut"], s["high_cut"])
	require.Positive(t, s["bandwidth"])

	curve, s = measure(SizeCurve)
	require.InDelta(t, 0, s["suppression_index"], 0.1, "no surround")
	require.Greater(t, curve.F0[11], curve.F0[0])

	curve, s = measure(PhaseCurve)
	require.Len(t, curve.F0, 16)
	require.Nil(t, curve.F1)
	require.InDelta(t, math.Pi/2, s["modulation_ratio"], 0.05)
	require.InDelta(t, curve.X[FirstMax(curve.F0)], s["preferred_phase"], 12)

	_, s = measure(ContrastCurve)
	require.Greater(t, s["r2"], 0.99)

	curve, s = measure(ReceptiveFieldMapping)
	require.InDelta(t, 0.2, s["center_y"], 0.1)
	require.InDelta(t, -0.3, s["center_x"], 0.1)
	require.Positive(t, s["area_at_half"])
	require.Len(t, curve.F0, 21*21)
}

func TestMeasureStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := NewProbe(newGabors(32, 4, gabor{0, 0, 0, 1, 0.5}), 4, []int{0})
	_, err := p.Search(ctx, 0, 0)
	require.ErrorIs(t, err, context.Canceled)
	for _, c := range Curves {
		_, err = p.Measure(ctx, c, stimulus.Grating{Contrast: 1, Radius: 1, SpatialFrequency: 1})
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Panics(t, func() { NewProbe(newGabors(8, 4, gabor{}), 4, []int{1}) })
}

// A unit that responds to nothing has no preference: NaN, and no crash.
func TestSilentUnit(t *testing.T) {
	net := newGabors(32, 4, gabor{0, 0, 0, 1, 0.5})
	clear(net.filters[0])
	p := NewProbe(net, 4, []int{0})
	base, err := p.Search(context.Background(), 0, 0)
	require.NoError(t, err)
	for _, c := range Curves {
		list, err := p.Measure(context.Background(), c, base[0])
		require.NoError(t, err, c)
		switch s := summary(list[0]); c {
		case OrientationCurve:
			require.True(t, math.IsNaN(s["circular_variance"]))
		case ReceptiveFieldMapping:
			require.True(t, math.IsNaN(s["center_y"]))
		case ContrastCurve:
			require.True(t, math.IsNaN(s["half_saturation"]))
		}
	}
}

func TestFitContrast(t *testing.T) {
	want := ContrastFit{Half: 0.2, Exponent: 2.3, Largest: 30, Offset: 1.5}
	response := make([]float64, len(contrasts))
	for i, c := range contrasts {
		response[i] = want.Offset + want.Largest/(1+math.Pow(want.Half/c, want.Exponent))
	}
	got := FitContrast(contrasts, response)
	require.InDelta(t, want.Half, got.Half, 1e-3)
	require.InDelta(t, want.Exponent, got.Exponent, 1e-2)
	require.InDelta(t, want.Largest, got.Largest, 0.05)
	require.InDelta(t, want.Offset, got.Offset, 0.05)
	require.InDelta(t, 1, got.R2, 1e-6)
	require.Panics(t, func() { FitContrast(contrasts, nil) })
	require.True(t, math.IsNaN(FitContrast([]float64{0.1, 1}, []float64{2, 2}).Half))
}

func TestCurveNames(t *testing.T) {
	for _, c := range Curves {
		require.True(t, c.Valid())
		name, unit := c.Axis()
		require.NotEmpty(t, name)
		require.NotEmpty(t, unit)
	}
	require.False(t, Curve("colour").Valid())
	require.Panics(t, func() { axis("colour", stimulus.Grating{}) })
}
