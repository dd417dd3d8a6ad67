package v1score

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/stimulus"
)

// The reference crashes when one unit or none is left; here one is measured and none is an error.
func TestFewUnits(t *testing.T) {
	blank, orientation := responses(t, stimulus.BlankSet), responses(t, stimulus.OrientationSet)
	units := InField(Fields(blank, responses(t, stimulus.ReceptiveFieldSet), false))
	one, err := FitRates(Subset{blank, units[1:2]}, Subset{orientation, units[1:2]})
	require.NoError(t, err)
	ringach, _ := OrientationAssays(one, Subset{orientation, units[1:2]})
	require.InDelta(t, medianMaxRate, ringach.Row(0)[1], 1e-9, "one unit has the median largest rate by construction")
	require.InDelta(t, medianSpontaneous, ringach.Row(0)[0], 1e-9)

	none, err := FitRates(Subset{blank, nil}, Subset{orientation, nil})
	require.ErrorIs(t, err, ErrSilent)
	require.Empty(t, none.Baseline)
}

// copyOf returns responses that a test may change.
func copyOf(r Responses[float32]) Responses[float32] {
	r.Data = append([]float32(nil), r.Data...)
	return r
}

func TestNaNInOrientationSetSilencesAll(t *testing.T) {
	blank, orientation := responses(t, stimulus.BlankSet), copyOf(responses(t, stimulus.OrientationSet))
	units := InField(Fields(blank, responses(t, stimulus.ReceptiveFieldSet), false))
	orientation.Data[units[5]*orientation.Stimuli+77] = float32(math.NaN())
	rates, err := FitRates(Subset{blank, units}, Subset{orientation, units})
	require.ErrorIs(t, err, ErrSilent)
	require.True(t, math.IsNaN(rates.Slope) && math.IsNaN(rates.Offset))
	require.NotContains(t, rates.Responsive, true)
	ringach, _ := OrientationAssays(rates, Subset{orientation, units})
	require.NotContains(t, ringach.Kept, true)
}

// A NaN in another set concerns only its unit: it is not kept in that assay.
func TestNaNInSizeSetDropsItsUnit(t *testing.T) {
	m := battery(t)
	units, rates, before := m.InField, m.Rates, m.Tables[4]
	kept := 0
	for !before.Kept[kept] {
		kept++
	}
	size := copyOf(responses(t, stimulus.SizeSet))
	size.Data[units[kept]*size.Stimuli] = float32(math.NaN())
	after := SizeAssay(rates, Subset{size, units})
	require.False(t, after.Kept[kept])
	require.Equal(t, before.Kept[kept+1:], after.Kept[kept+1:])
	require.Equal(t, before.Row(kept + 1)[0], after.Row(kept + 1)[0])
}

func TestSilentAndConstantUnits(t *testing.T) {
	m := make([]float64, Positions)
	require.True(t, math.IsNaN(Centroid(m).Y), "nothing drives the unit")
	require.True(t, math.IsNaN((Field{math.NaN(), 0}).Distance()))
	for i := range m {
		m[i] = 3 // as to the blank
	}
	Drive(m, 3)
	require.True(t, math.IsNaN(Centroid(m).X))
	m[5] = math.Inf(1)
	require.True(t, math.IsNaN(Centroid(m).X), "an infinite response has no centre")
	m[5] = math.NaN()
	require.True(t, math.IsNaN(Centroid(m).X))

	zero := Responses[float64]{1152, make([]float64, 3*1152)}
	_, err := FitRates(Responses[float64]{1, make([]float64, 3)}, zero)
	require.ErrorIs(t, err, ErrSilent)
}

func TestNegativeResponsesCountAsZero(t *testing.T) {
	blank, rf := copyOf(responses(t, stimulus.BlankSet)), copyOf(responses(t, stimulus.ReceptiveFieldSet))
	want := Fields(blank, rf, false)
	for i, v := range rf.Data {
		if v == 0 {
			rf.Data[i] = -5
		}
	}
	for i, f := range Fields(blank, rf, false) {
		closeTo(t, want[i].Y, f.Y, 0, "unit %d", i)
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	require.Panics(t, func() { Responses[float64]{4, make([]float64, 8)}.Row(make([]float64, 3), 0) })
	require.Panics(t, func() { TextureAssay(&Rates{}, Responses[float64]{Stimuli: 450}, make([]int, 3)) })
	require.Panics(t, func() { FromCounts([]float64{0, 1}, []int{3}, 2) })
}

func TestCompareWithoutDistribution(t *testing.T) {
	d := Distribution{Property: "x", Bins: []float64{0, 1, 2}}
	c := Compare([]Distribution{d}, func(*Distribution) []float64 { return []float64{0.5, math.NaN()} }, 100, 1)[0]
	require.False(t, c.Scored())
	require.Equal(t, []int{1, 0}, c.UnitCounts)
	require.Equal(t, 2, c.Units)
	require.Equal(t, 1, c.WithValue)
	require.True(t, math.IsNaN(c.Ceiled) && math.IsNaN(c.Raw.Score))

	supplied := d.Supply([]float64{0.5, 0.5, 1.5}, "a file")
	c = Compare([]Distribution{supplied}, func(*Distribution) []float64 { return []float64{0.5} }, 100, 1)[0]
	require.True(t, c.Scored())
	require.Equal(t, 3, c.Neurons)
	require.Less(t, c.Raw.Score, 1.0)
	require.Empty(t, Compare([]Distribution{d}, func(*Distribution) []float64 { return nil }, 100, 1))
}

func TestSameSeedSameScore(t *testing.T) {
	d := Published()[13]
	values := d.Values[:40]
	require.Equal(t, Bootstrap(values, &d, 200, 7), Bootstrap(values, &d, 200, 7))
	require.NotEqual(t, Bootstrap(values, &d, 200, 7), Bootstrap(values, &d, 200, 8))
	require.True(t, math.IsNaN(Bootstrap(nil, &d, 200, 7).Score))
}
