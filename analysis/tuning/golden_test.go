package tuning

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/stimulus"
	"striate/internal/sharedtest"
)

// number is a JSON number, null for NaN, or a string for an infinity.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "null":
		*n = number(math.NaN())
	case `"inf"`:
		*n = number(math.Inf(1))
	case `"-inf"`:
		*n = number(math.Inf(-1))
	default:
		return json.Unmarshal(text, (*float64)(n))
	}
	return nil
}

// equal compares to 1e-10 of the larger of the value and a scale: both sides solve the same small
// systems in double precision, in another order.
func equal(t *testing.T, want, got, scale float64, what string, args ...any) {
	t.Helper()
	if math.IsNaN(want) || math.IsInf(want, 0) {
		require.Equal(t, math.IsNaN(want), math.IsNaN(got), append([]any{what}, args...)...)
		if !math.IsNaN(want) {
			require.Equal(t, want, got, append([]any{what}, args...)...)
		}
		return
	}
	require.InDelta(t, want, got, 1e-10*max(math.Abs(want), scale), append([]any{what}, args...)...)
}

func load(t *testing.T, name string, v any) {
	data, err := os.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/"+name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v))
}

func largest(v []float64) float64 {
	m := 0.0
	for _, x := range v {
		m = max(m, math.Abs(x))
	}
	return m
}

func TestSplineEqualsFITPACK(t *testing.T) {
	var cases []struct{ X, Y, Query, Value []float64 }
	load(t, "spline.json", &cases)
	require.NotEmpty(t, cases)
	for n, c := range cases {
		s, m := newSpline(c.X), make([]float64, len(c.X))
		s.fit(m, c.Y)
		for i, q := range c.Query {
			equal(t, c.Value[i], s.at(q).value(c.Y, m), largest(c.Value), "case %d at %g", n, q)
		}
	}
	require.Panics(t, func() { newSpline([]float64{1, 2, 3}) })
	require.Panics(t, func() { newSpline([]float64{1, 2, 2, 3}) })
}

var filters = map[string]Filter{"": Unfiltered, "hanning": Hanning, "smooth": Smooth, "flat": Flat, "triangle": Triangle}

func TestOrientationEqualsReference(t *testing.T) {
	var f struct {
		Cases []struct {
			Curve     []float64
			CV        number `json:"circular_variance"`
			OPR       number `json:"orthogonal_preferred_ratio"`
			Bandwidth []struct {
				Filter               string
				Threshold            float64
				Mode                 string
				Bandwidth, Preferred number
				Fragile              bool
				Fitted               []float64 `json:"fitted_0_179"`
			}
		} `json:"orientation_cases"`
	}
	load(t, "functions.json", &f)
	require.NotEmpty(t, f.Cases)
	for n, c := range f.Cases {
		equal(t, float64(c.CV), CircularVariance(c.Curve), 1, "case %d", n)
		equal(t, float64(c.OPR), OrthogonalPreferredRatio(c.Curve), 0, "case %d", n)
		for _, b := range c.Bandwidth {
			if b.Fragile {
				continue // the last bit decides
			}
			fit := FitOrientation(c.Curve, filters[b.Filter], b.Threshold)
			width := fit.Bandwidth
			if b.Mode == "half" {
				width /= 2
			}
			equal(t, float64(b.Bandwidth), width, 0, "case %d, filter %s", n, b.Filter)
			equal(t, float64(b.Preferred), fit.Preferred, 0, "case %d, filter %s", n, b.Filter)
			equal(t, b.Fitted[int(fit.Preferred)], fit.Peak, 0, "case %d, filter %s", n, b.Filter)
		}
	}
}

func TestFrequencyEqualsReference(t *testing.T) {
	var f struct {
		Grid  []float64 `json:"spatial_frequency_grid_100"`
		Cases []struct {
			Curve []float64
			Fits  []struct {
				Filter          string
				Threshold       float64
				Mode            string
				Bandwidth, Peak number
				Fragile         bool
				Fitted          []float64 `json:"fitted_100"`
			}
		} `json:"spatial_frequency_cases"`
	}
	load(t, "functions.json", &f)
	for i, want := range f.Grid {
		equal(t, want, math.Exp2(frequencyAt[i]), 0, "grid %d", i)
	}
	require.NotEmpty(t, f.Cases)
	for n, c := range f.Cases {
		for _, b := range c.Fits {
			if b.Fragile {
				continue
			}
			fit := FitFrequency(c.Curve, filters[b.Filter], b.Threshold)
			width := fit.BandwidthRatio()
			if b.Mode == "oct" {
				width = fit.High/fit.Low - 1
			}
			equal(t, float64(b.Bandwidth), width, 0, "case %d, filter %s", n, b.Filter)
			equal(t, float64(b.Peak), fit.Peak, 0, "case %d, filter %s", n, b.Filter)
		}
	}
}

func TestSizeEqualsReference(t *testing.T) {
	var f struct {
		Cases []struct {
			Curve []float64
			GSF   number `json:"grating_summation_field"`
			SD    number `json:"surround_diameter"`
			Ratio number
			SSI   number `json:"suppression_index"`
		} `json:"size_cases"`
	}
	load(t, "functions.json", &f)
	require.NotEmpty(t, f.Cases)
	for n, c := range f.Cases {
		fit := FitSize(c.Curve)
		equal(t, float64(c.GSF), fit.SummationField, 0, "case %d", n)
		equal(t, float64(c.SD), fit.Surround, 0, "case %d", n)
		equal(t, float64(c.Ratio), fit.Ratio(), 0, "case %d", n)
		equal(t, float64(c.SSI), fit.Suppression, 0, "case %d", n)
	}
}

func TestTextureEqualsReference(t *testing.T) {
	var f struct {
		Cases []struct {
			Response   [][][]float64 // noise and texture × family × sample
			Modulation number        `json:"texture_modulation"`
			Sparse     number        `json:"sparseness_texture"`
			SparseN    number        `json:"sparseness_noise_families"`
			Split      []number      `json:"variance_ratio_2d"`
		} `json:"texture_cases"`
	}
	load(t, "functions.json", &f)
	require.NotEmpty(t, f.Cases)
	for n, c := range f.Cases {
		flat, means := make([][]float64, 2), make([][]float64, 2)
		for k, families := range c.Response {
			for _, samples := range families {
				sum := 0.0
				for _, v := range samples {
					sum += v
				}
				means[k] = append(means[k], sum/float64(len(samples)))
				flat[k] = append(flat[k], samples...)
			}
		}
		equal(t, float64(c.Modulation), ModulationIndex(means[1], means[0]), 1, "case %d", n)
		equal(t, float64(c.Sparse), Sparseness(flat[1]), 1, "case %d", n)
		equal(t, float64(c.SparseN), Sparseness(means[0]), 1, "case %d", n)
		for i, r := range flat[1] {
			flat[1][i] = Stabilize(max(0, r)) // what reaches it in use are rates
		}
		v := SplitVariance(flat[1], stimulus.Families, stimulus.Samples)
		equal(t, float64(c.Split[0]), v.Ratio, 1, "case %d", n)
		equal(t, float64(c.Split[1]), v.Sample, 1, "case %d", n)
		equal(t, float64(c.Split[2]), v.Family, 1, "case %d", n)
	}
	require.True(t, math.IsNaN(ModulationIndex([]float64{0}, []float64{0})))
	require.Panics(t, func() { ModulationIndex([]float64{0}, nil) })
	require.Panics(t, func() { SplitVariance(make([]float64, 5), 2, 3) })
}

func TestHarmonics(t *testing.T) {
	r := make([]float64, Phases)
	for k := range r {
		r[k] = 3 + 2*math.Cos(2*math.Pi*float64(k)/8+0.3) + 0.5*math.Sin(4*math.Pi*float64(k)/8)
	}
	f0, f1 := F0F1(r)
	require.InDelta(t, 3, f0, 1e-12)
	require.InDelta(t, 2, f1, 1e-12)
	f0, f1 = F0F1([]float64{7, 7, 7, 7, 7, 7, 7, 7})
	require.Equal(t, 7.0, f0)
	require.Zero(t, f1)
}

func TestFirstMax(t *testing.T) {
	require.Equal(t, 1, FirstMax([]float64{1, 3, 3}))
	require.Equal(t, 1, FirstMax([]float64{1, math.NaN(), 3, math.NaN()}))
	require.Equal(t, 0, FirstMax([]float64{math.NaN(), 3}))
}

func BenchmarkFitOrientation(b *testing.B) {
	curve := []float64{1, 2, 5, 9, 6, 3, 1, .5, .2, .4, .6, .8}
	for b.Loop() {
		FitOrientation(curve, Hanning, 0.707)
	}
}

func BenchmarkFitFrequency(b *testing.B) {
	curve := make([]float64, Frequencies)
	for i := range curve {
		curve[i] = math.Exp(-float64((i-9)*(i-9)) / 20)
	}
	for b.Loop() {
		FitFrequency(curve, Smooth, 0.707)
	}
}
