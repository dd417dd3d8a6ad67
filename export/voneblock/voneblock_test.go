package voneblock

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/card"
	"striate/internal/fault"
)

func TestDrawFollowsThePublishedCounts(t *testing.T) {
	p, err := Draw(ReferenceSize, ReferenceDegrees, 16384, 1)
	require.NoError(t, err)
	check := func(name string, h histogram, value func(Unit) float64) {
		total := 0.0
		for _, c := range h.counts {
			total += c
		}
		seen := make([]float64, len(h.counts))
		for _, u := range p.Units {
			v, hit := value(u), false
			for k := range h.counts {
				if v >= h.edges[k] && (v < h.edges[k+1] || k == len(h.counts)-1 && v <= h.edges[k+1]) {
					seen[k]++
					hit = true
				}
			}
			require.True(t, hit, "%s %g is in no bin", name, v)
		}
		for k, c := range h.counts {
			want := c / total
			// Four standard deviations of a binomial share.
			tolerance := 4*math.Sqrt(want*(1-want)/float64(len(p.Units))) + 1e-12
			require.InDelta(t, want, seen[k]/float64(len(p.Units)), tolerance, "%s, bin %d", name, k)
		}
	}
	check("orientation", orientations, func(u Unit) float64 {
		if u.Orientation >= 157.5 {
			return u.Orientation - 180
		}
		return u.Orientation
	})
	check("frequency", frequencies, func(u Unit) float64 { return u.Frequency })
	check("nx", envelopeAcross(), func(u Unit) float64 { return u.NX })
	along := histogram{edges: envelopeEdges, counts: make([]float64, 5)}
	for _, row := range envelopes {
		for k, c := range row {
			along.counts[k] += c
		}
	}
	check("ny", along, func(u Unit) float64 { return u.NY })

	var sx, sf, sxx, sff, sxf float64
	for _, u := range p.Units {
		x, f := math.Log10(u.NX), math.Log2(u.Frequency)
		sx, sf, sxx, sff, sxf = sx+x, sf+f, sxx+x*x, sff+f*f, sxf+x*f
		require.Equal(t, u.Channel0, u.Channel1)
		require.InDelta(t, 180, u.Phase, 180)
	}
	n := float64(len(p.Units))
	r := (sxf/n - sx/n*sf/n) / math.Sqrt((sxx/n-sx/n*sx/n)*(sff/n-sf/n*sf/n))
	require.InDelta(t, sizeFrequencyCorrelation, r, 0.05, "the bins bend the normal scale a little")
}

func TestDrawIsDeterministicAndKeepsUnderNyquist(t *testing.T) {
	a, err := Draw(64, 8, 128, 3)
	require.NoError(t, err)
	b, err := Draw(64, 8, 128, 3)
	require.NoError(t, err)
	require.Equal(t, a, b)
	c, err := Draw(64, 8, 128, 4)
	require.NoError(t, err)
	require.NotEqual(t, a.Units, c.Units)
	for _, u := range a.Units {
		require.LessOrEqual(t, u.Frequency, 0.9*4)
	}
}

func TestGeometryFollowsTheFieldOfView(t *testing.T) {
	p := Params{Size: 224, Degrees: 8}
	require.Equal(t, []int{25, 4, 56}, []int{p.kernel(), p.stride(), p.side()})
	p = Params{Size: 64, Degrees: 8}
	require.Equal(t, []int{7, 1, 64}, []int{p.kernel(), p.stride(), p.side()})
	p = Params{Size: 224, Degrees: 4}
	require.Equal(t, []int{51, 8, 28}, []int{p.kernel(), p.stride(), p.side()})
}

func TestBadParameters(t *testing.T) {
	for _, err := range []error{
		second(Draw(4, 8, 512, 0)), second(Draw(224, 0, 512, 0)), second(Draw(224, 8, 3, 0)), second(Draw(32, 90, 512, 0)),
		second(Params{Size: 224, Degrees: 8}.Model("")),
		second(Params{Size: 224, Degrees: 8, Units: []Unit{{Frequency: 20, NX: 1, NY: 1}, {Frequency: 1, NX: 1, NY: 1}}}.Model("")),
		second(Params{Size: 224, Degrees: 8, Units: []Unit{{Frequency: 1, NX: 0, NY: 1}, {Frequency: 1, NX: 1, NY: 1}}}.Model("")),
		second(Params{Size: 224, Degrees: 8, Units: []Unit{{Frequency: 1, NX: 1, NY: 1, Channel0: 3}, {Frequency: 1, NX: 1, NY: 1}}}.Model("")),
	} {
		require.Equal(t, fault.Invalid, fault.CodeOf(err), err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestModelCarriesItsCard(t *testing.T) {
	p, err := Draw(64, 8, 32, 0)
	require.NoError(t, err)
	m, err := p.Model("1.2")
	require.NoError(t, err)
	c, found, err := card.Decode(m.Metadata())
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "v1", c.V1Layer)
	require.Equal(t, "published distributions, seed 0", c.Origin)
	require.Equal(t, []card.Layer{{Name: "simple", Shape: []int{16, 64, 64}}, {Name: "complex", Shape: []int{16, 64, 64}}, {Name: "v1", Shape: []int{32, 64, 64}}}, c.Layers)
	for _, source := range []string{"Yund & Hepler", "Albrecht & Thorell", "Ringach", "Schiller", "same for both quadratures"} {
		require.Contains(t, c.Notes, source)
	}
	first, err := m.Encode()
	require.NoError(t, err)
	again, err := p.Model("1.2")
	require.NoError(t, err)
	second, err := again.Encode()
	require.NoError(t, err)
	require.Equal(t, first, second, "the same parameters give the same file")
}
