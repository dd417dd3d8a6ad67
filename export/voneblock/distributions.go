package voneblock

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// histogram is a published count of neurons: bin k holds the values from edges[k] to edges[k+1].
// Values are spread evenly inside a bin on the scale that forward maps to.
type histogram struct {
	edges            []float64
	counts           []float64
	forward, inverse func(float64) float64
}

func identity(x float64) float64 { return x }
func pow10(x float64) float64    { return math.Pow(10, x) }

// orientations: De Valois, Yund & Hepler, Vision Res. 22 (1982) 531, preferred orientation of 246
// cells of macaque V1, degrees.
var orientations = histogram{[]float64{-22.5, 22.5, 67.5, 112.5, 157.5}, []float64{66, 49, 77, 54}, identity, identity}

// frequencies: De Valois, Albrecht & Thorell, Vision Res. 22 (1982) 545, peak spatial frequency of
// 139 cells, cycles/degree.
var frequencies = histogram{[]float64{0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8}, []float64{4, 4, 8, 25, 32, 26, 28, 12}, math.Log2, math.Exp2}

// envelopes: Ringach, J. Neurophysiol. 88 (2002) 455, standard deviations of the Gaussian envelope
// across (nx) and along (ny) the stripes in periods of the carrier; rows nx, columns ny.
var (
	envelopeEdges = []float64{pow10(-1), pow10(-0.76), pow10(-0.52), pow10(-0.28), pow10(-0.04), pow10(0.2)}
	envelopes     = [5][5]float64{{2, 0, 1, 0, 0}, {8, 9, 4, 1, 0}, {1, 2, 19, 17, 3}, {0, 0, 1, 7, 4}, {0, 0, 0, 0, 0}}
)

// sizeFrequencyCorrelation: Schiller, Finlay & Volman, J. Neurophysiol. 39 (1976) 1288: larger
// receptive fields, in periods, go with higher preferred frequencies.
const sizeFrequencyCorrelation = 0.75

// quantile returns the value below which the share p of the neurons lies, and its bin.
func (h histogram) quantile(p float64) (value float64, bin int) {
	total := 0.0
	for _, c := range h.counts {
		total += c
	}
	rest := p * total
	for k, c := range h.counts {
		last := k == len(h.counts)-1
		if rest < c || last {
			share := 1.0
			if c > 0 {
				share = min(rest/c, 1)
			}
			lo, hi := h.forward(h.edges[k]), h.forward(h.edges[k+1])
			return h.inverse(lo + share*(hi-lo)), k
		}
		rest -= c
	}
	panic("voneblock: histogram without bins")
}

// envelopeAcross is the marginal distribution of nx.
func envelopeAcross() histogram {
	marginal := make([]float64, len(envelopes))
	for k, row := range envelopes {
		for _, c := range row {
			marginal[k] += c
		}
	}
	return histogram{envelopeEdges, marginal, math.Log10, pow10}
}

// envelopeAlong is the distribution of ny among the neurons whose nx lies in the bin.
func envelopeAlong(bin int) histogram {
	return histogram{envelopeEdges, envelopes[bin][:], math.Log10, pow10}
}

// draw returns one unit's parameters. Frequencies above limit (cycles/degree) are drawn again.
func draw(rng *rand.Rand, limit float64) Unit {
	var u Unit
	u.Orientation, _ = orientations.quantile(rng.Float64())
	if u.Orientation < 0 {
		u.Orientation += 180
	}
	u.Phase = 360 * rng.Float64()
	across := envelopeAcross()
	for {
		a := rng.NormFloat64()
		b := sizeFrequencyCorrelation*a + math.Sqrt(1-sizeFrequencyCorrelation*sizeFrequencyCorrelation)*rng.NormFloat64()
		var bin int
		u.NX, bin = across.quantile(distuv.UnitNormal.CDF(a))
		u.Frequency, _ = frequencies.quantile(distuv.UnitNormal.CDF(b))
		u.NY, _ = envelopeAlong(bin).quantile(rng.Float64())
		if u.Frequency <= limit {
			break
		}
	}
	u.Channel0 = rng.IntN(3)
	u.Channel1 = u.Channel0
	return u
}
