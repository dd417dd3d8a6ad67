// Package gaborenergy is the textbook model of complex cells in primary visual cortex, as a
// baseline for networks: the amplitude of quadrature pairs of Gabor filters on a grid of positions,
// at several spatial frequencies and orientations, without any fitted number.
//
// Source: E. H. Adelson and J. R. Bergen, "Spatiotemporal energy models for the perception of
// motion", J. Opt. Soc. Am. A 2 (1985) 284–299, of which this is the static part.
package gaborenergy

import (
	"context"
	"math"
	"math/cmplx"

	"striate/internal/parallel"
)

// Config describes a bank of filters.
type Config struct {
	Size         int       // height and width of the images in pixels
	Grid         int       // positions along each side
	Frequencies  []float64 // cycles an image
	Orientations int       // equally spaced in 180 degrees
	Bandwidth    float64   // octaves, full width at half height
}

// Default is 8 orientations, 2 to 32 cycles an image in octaves, of 1.4 octaves each (the median of
// macaque V1: De Valois, Albrecht and Thorell, Vision Res. 22 (1982) 545–559), at 16 × 16 positions:
// 10,240 units.
func Default() Config {
	return Config{Size: 128, Grid: 16, Frequencies: []float64{2, 4, 8, 16, 32}, Orientations: 8, Bandwidth: 1.4}
}

// Model is a bank of filters. It is an analysis.Network whose channels are the orientations of the
// first frequency, then those of the next.
type Model struct {
	config Config
	filter []filter // one a channel
}

// filter is a Gabor function with a round envelope, the product of a function of x and one of y.
type filter struct {
	x, y     []complex128 // envelope times carrier along each axis
	envelope []float64    // of sum 1
	radius   int
	dc       float64 // response to uniform light of 1
}

// New makes the bank. It panics on a config without filters or positions.
func New(c Config) *Model {
	if c.Size < 1 || c.Grid < 1 || c.Grid > c.Size || len(c.Frequencies) == 0 || c.Orientations < 1 || !(c.Bandwidth > 0) {
		panic("gaborenergy: a bank without filters or positions")
	}
	m := &Model{config: c}
	octave := math.Exp2(c.Bandwidth)
	for _, f := range c.Frequencies {
		k := 2 * math.Pi * f / float64(c.Size)
		// Half height of the amplitude spectrum, a Gaussian of deviation 1/sigma around k, at a
		// ratio of upper to lower frequency of 2^bandwidth.
		sigma := math.Sqrt(2*math.Ln2) / k * (octave + 1) / (octave - 1)
		for o := range c.Orientations {
			angle := math.Pi * float64(o) / float64(c.Orientations)
			m.filter = append(m.filter, newFilter(k*math.Cos(angle), k*math.Sin(angle), sigma))
		}
	}
	return m
}

func newFilter(kx, ky, sigma float64) filter {
	f := filter{radius: int(math.Ceil(3 * sigma))}
	var sum float64
	for d := -f.radius; d <= f.radius; d++ {
		g := math.Exp(-float64(d*d) / (2 * sigma * sigma))
		f.envelope = append(f.envelope, g)
		sum += g
	}
	var wx, wy complex128
	for i := range f.envelope {
		f.envelope[i] /= sum
		d := float64(i - f.radius)
		f.x = append(f.x, cmplx.Rect(f.envelope[i], kx*d))
		f.y = append(f.y, cmplx.Rect(f.envelope[i], ky*d))
		wx += f.x[i]
		wy += f.y[i]
	}
	f.dc = real(wx * wy) // real: the filter is even or odd in each axis
	return f
}

// InputSize returns the size of the images in pixels.
func (m *Model) InputSize() (height, width int) { return m.config.Size, m.config.Size }

// Units returns the shape: filters × positions.
func (m *Model) Units() (channels, height, width int) {
	return len(m.filter), m.config.Grid, m.config.Grid
}

// Responses writes the amplitudes. The gray of an image is the mean of its channels, from -1 to 1
// around mid gray, which is also taken to be around the image.
func (m *Model) Responses(ctx context.Context, images []uint8, dst []float32) error {
	size, units := m.config.Size, len(m.filter)*m.config.Grid*m.config.Grid
	n := len(images) / (3 * size * size)
	if len(images) != n*3*size*size || len(dst) != n*units {
		panic("gaborenergy: images or responses of another size than stated")
	}
	gray := make([]float64, size*size)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		pixels := images[i*3*size*size:]
		for p := range gray {
			gray[p] = (float64(pixels[3*p])+float64(pixels[3*p+1])+float64(pixels[3*p+2]))/382.5 - 1
		}
		own := dst[i*units : (i+1)*units]
		parallel.For(len(m.filter), 1, func(lo, hi int) {
			for c := lo; c < hi; c++ {
				m.amplitudes(own[c*m.config.Grid*m.config.Grid:], gray, &m.filter[c])
			}
		})
	}
	return nil
}

// amplitudes filters along x at the columns of the grid, then along y at its rows: with the carrier
// in both passes (a complex number) and without, to take off the response to uniform light.
func (m *Model) amplitudes(dst []float32, gray []float64, f *filter) {
	size, grid := m.config.Size, m.config.Grid
	carried, plain := make([]complex128, size*grid), make([]float64, size*grid)
	for y := range size {
		for gx := range grid {
			carried[y*grid+gx], plain[y*grid+gx] = f.along(gray[y*size:(y+1)*size], m.position(gx))
		}
	}
	for gy := range grid {
		at := m.position(gy)
		for gx := range grid {
			var sum complex128
			var mean float64
			for d, g := range f.envelope {
				if y := at + d - f.radius; y >= 0 && y < size {
					sum += carried[y*grid+gx] * f.y[d]
					mean += g * plain[y*grid+gx]
				}
			}
			sum -= complex(f.dc*mean, 0)
			dst[gy*grid+gx] = float32(math.Hypot(real(sum), imag(sum)))
		}
	}
}

// position is the pixel of a place of the grid.
func (m *Model) position(k int) int { return (2*k + 1) * m.config.Size / (2 * m.config.Grid) }

// along returns the sum of a line around a place under the envelope, with and without carrier.
func (f *filter) along(line []float64, at int) (carried complex128, plain float64) {
	var re, im float64
	for d, g := range f.envelope {
		if x := at + d - f.radius; x >= 0 && x < len(line) {
			v := line[x]
			plain += g * v
			re += v * real(f.x[d])
			im += v * imag(f.x[d])
		}
	}
	return complex(re, im), plain
}
