// Package voneblock builds the fixed-weight V1 front end of Dapello, Marques, Schrimpf, Geiger, Cox
// & DiCarlo, "Simulating a primary visual cortex at the front of CNNs improves robustness to image
// perturbations" (NeurIPS 2020): a bank of Gabor filters whose parameters are drawn from published
// distributions of macaque V1, followed by simple- and complex-cell nonlinearities. It is a V1
// model without training.
package voneblock

import (
	"fmt"
	"math"
	"math/rand/v2"

	"striate/internal/fault"
)

// Reference values of the published block.
const (
	ReferenceSize    = 224 // pixels
	ReferenceDegrees = 8.0 // of visual angle that the input spans
	ReferenceUnits   = 512 // half simple, half complex

	referenceKernel = 25 // pixels
	referenceStride = 4  // pixels
	excitation      = 25 // scale of all responses
	nyquistShare    = 0.9
)

// Unit is one V1 unit: the Gabor it filters with and the colour channels it reads.
type Unit struct {
	Orientation float64 // degrees; 0 modulates along the vertical
	Frequency   float64 // cycles/degree
	Phase       float64 // degrees, of the first quadrature; the second is 90° ahead
	NX, NY      float64 // standard deviations of the envelope across and along the stripes, in periods
	Channel0    int     // colour channel of the first quadrature: 0 red, 1 green, 2 blue
	Channel1    int     // of the second, which complex units alone have
}

// Params describe a block. The first half of Units is simple, the second complex.
type Params struct {
	Size    int     // pixels, height and width of the input
	Degrees float64 // of visual angle that it spans
	Units   []Unit
	Origin  string // of the units, for the card
}

// Draw returns a block whose units are drawn from the published distributions. Frequencies above
// 0.9 of the input's Nyquist limit are drawn again, together with the envelope. Both quadratures of
// a unit read one channel, as an energy model means; the published program draws two.
func Draw(size int, degrees float64, units int, seed uint64) (Params, error) {
	p := Params{Size: size, Degrees: degrees, Origin: fmt.Sprintf("published distributions, seed %d", seed)}
	if err := p.checkGeometry(); err != nil {
		return Params{}, err
	}
	if units < 2 || units%2 != 0 || units > 1<<14 {
		return Params{}, fault.Invalidf("%d units: give an even number from 2 to 16384, half simple and half complex", units)
	}
	limit := nyquistShare * p.pixelsPerDegree() / 2
	if limit < 2*frequencies.edges[0] {
		return Params{}, fault.Invalidf("%d pixels over %g degrees show frequencies up to %.2g cycles/degree, too few for the published range of %g to %g: use a larger input or fewer degrees",
			size, degrees, p.pixelsPerDegree()/2, frequencies.edges[0], frequencies.edges[len(frequencies.edges)-1])
	}
	rng := rand.New(rand.NewPCG(seed, 0x5631)) // "V1": a stream of its own
	for range units {
		p.Units = append(p.Units, draw(rng, limit))
	}
	return p, nil
}

func (p Params) checkGeometry() error {
	if p.Size < 8 || p.Size > 2048 {
		return fault.Invalidf("an input of %d pixels: give 8 to 2048", p.Size)
	}
	if !(p.Degrees > 0 && p.Degrees <= 180) {
		return fault.Invalidf("an input of %g degrees: give more than 0, at most 180", p.Degrees)
	}
	if p.kernel() > p.Size {
		return fault.Invalidf("%d pixels over %g degrees need a kernel of %d pixels, larger than the input", p.Size, p.Degrees, p.kernel())
	}
	return nil
}

// check refuses parameters that no filter can be made of.
func (p Params) check() error {
	if err := p.checkGeometry(); err != nil {
		return err
	}
	if len(p.Units) < 2 || len(p.Units)%2 != 0 {
		return fault.Invalidf("%d units: the number must be even, half simple and half complex", len(p.Units))
	}
	for i, u := range p.Units {
		for _, c := range []int{u.Channel0, u.Channel1} {
			if c < 0 || c > 2 {
				return fault.Invalidf("unit %d reads colour channel %d: channels are 0, 1 and 2", i, c)
			}
		}
		if !(u.Frequency > 0 && u.NX > 0 && u.NY > 0) || math.IsInf(u.Frequency+u.NX+u.NY+u.Phase+u.Orientation, 0) || math.IsNaN(u.Phase+u.Orientation) {
			return fault.Invalidf("unit %d: frequency %g cycles/degree, nx %g, ny %g must be positive and finite", i, u.Frequency, u.NX, u.NY)
		}
		if u.Frequency > p.pixelsPerDegree()/2 {
			return fault.Invalidf("unit %d prefers %g cycles/degree, above the input's Nyquist limit of %g", i, u.Frequency, p.pixelsPerDegree()/2)
		}
	}
	return nil
}

func (p Params) pixelsPerDegree() float64 { return float64(p.Size) / p.Degrees }

// scale is 1 for the published geometry.
func (p Params) scale() float64 {
	return p.pixelsPerDegree() / (ReferenceSize / ReferenceDegrees)
}

// kernel is the odd number of pixels nearest to what the published kernel spans in degrees.
func (p Params) kernel() int {
	return max(3, 2*int(math.Floor(referenceKernel*p.scale()/2))+1)
}

func (p Params) stride() int { return max(1, int(math.Round(referenceStride*p.scale()))) }

// side is the height and width of the layers.
func (p Params) side() int {
	pad := p.kernel() / 2
	return (p.Size+2*pad-p.kernel())/p.stride() + 1
}

// Gabor writes the filter of a unit to dst, kernel×kernel entries with rows outermost, multiplied by
// gain. advance (degrees) is added to the phase. The first axis of the published formula is the row:
//
//	x' = i cosθ + j sinθ,  y' = −i sinθ + j cosθ,  σx = nx/f,  σy = ny/f
//	g  = exp(−½(x'²/σx² + y'²/σy²)) / (2π σx σy) · cos(2πf x' + φ)
func (u Unit) Gabor(dst []float32, kernel int, pixelsPerDegree, advance, gain float64) {
	if len(dst) != kernel*kernel {
		panic(fmt.Sprintf("voneblock: %d places for a kernel of %d×%d", len(dst), kernel, kernel))
	}
	f := u.Frequency / pixelsPerDegree // cycles/pixel
	sx, sy := u.NX/f, u.NY/f
	sin, cos := math.Sincos(u.Orientation * math.Pi / 180)
	phase := (u.Phase + advance) * math.Pi / 180
	half := kernel / 2
	for i := -half; i <= half; i++ {
		for j := -half; j <= half; j++ {
			x := float64(i)*cos + float64(j)*sin
			y := -float64(i)*sin + float64(j)*cos
			g := math.Exp(-0.5*(x*x/(sx*sx)+y*y/(sy*sy))) / (2 * math.Pi * sx * sy) * math.Cos(2*math.Pi*f*x+phase)
			dst[(i+half)*kernel+j+half] = float32(gain * g)
		}
	}
}
