// Package pillow repeats the arithmetic of the Pillow imaging library where numbers depend on it:
// antialiased resizing of 8-bit images. Networks are trained and published scores are measured on
// images resized this way, and other resizers differ by a few grey levels.
package pillow

import (
	"fmt"
	"math"
	"sync"
)

// Filter is a resampling filter of Pillow.
type Filter int

// The filters, with their supports in source pixels at scale 1.
const (
	Box      Filter = iota // 0.5
	Bilinear               // 1
	Bicubic                // 2, a = −0.5
	Lanczos                // 3
)

// precision is the number of fractional bits of the integer weights.
const precision = 32 - 8 - 2

func (f Filter) support() float64 { return [...]float64{0.5, 1, 2, 3}[f] }

func (f Filter) weight(x float64) float64 {
	switch f {
	case Box:
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	case Bilinear:
		return max(0, 1-math.Abs(x))
	case Bicubic:
		const a = -0.5
		x = math.Abs(x)
		switch {
		case x < 1:
			return float64(float64((float64((a+2)*x)-(a+3))*x)*x) + 1
		case x < 2:
			return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
		}
		return 0
	case Lanczos:
		if -3 <= x && x < 3 {
			return sinc(x) * sinc(x/3)
		}
		return 0
	}
	panic(fmt.Sprintf("pillow: no filter %d", int(f)))
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// kernel holds, for each output sample of one axis, the first source sample and the weights.
type kernel struct {
	first   []int
	weights [][]int32
}

type axis struct {
	from, to int
	filter   Filter
}

var kernels sync.Map // axis → *kernel

// kernelFor returns the weights that map from samples to to samples: triangle, cubic or sinc
// stretched by the scale when shrinking (antialiasing), normalised, in fixed point.
func kernelFor(from, to int, f Filter) *kernel {
	key := axis{from, to, f}
	if k, ok := kernels.Load(key); ok {
		return k.(*kernel)
	}
	scale := float64(from) / float64(to)
	stretch := max(scale, 1)
	support := f.support() * stretch
	k := &kernel{make([]int, to), make([][]int32, to)}
	for i := range to {
		centre := (float64(i) + 0.5) * scale
		lo := max(0, int(centre-support+0.5))
		hi := min(from, int(centre+support+0.5))
		w := make([]float64, hi-lo)
		sum := 0.0
		for j := range w {
			w[j] = f.weight((float64(j+lo) - centre + 0.5) * (1 / stretch))
			sum += w[j]
		}
		fixed := make([]int32, len(w))
		for j := range w {
			if sum != 0 {
				w[j] /= sum
			}
			v := float64(w[j] * (1 << precision))
			fixed[j] = int32(v + math.Copysign(0.5, v)) // truncated: rounds half away from zero
		}
		k.first[i], k.weights[i] = lo, fixed
	}
	kernels.Store(key, k)
	return k
}

// Resize returns the image resized to dw×dh: rows first, then columns, each pass rounded to 8 bits
// and left out when the size does not change, as Pillow's Image.resize does. src holds sh×sw×channels
// samples, rows outermost. Resize panics when src is too short or a size is not positive.
func Resize(src []uint8, sw, sh, channels, dw, dh int, f Filter) []uint8 {
	if min(sw, sh, dw, dh, channels) <= 0 || len(src) != sw*sh*channels {
		panic(fmt.Sprintf("pillow: resize of %d samples as %d×%d×%d to %d×%d", len(src), sw, sh, channels, dw, dh))
	}
	out := src
	if dw != sw {
		out = horizontal(out, sw, sh, channels, dw, kernelFor(sw, dw, f))
	}
	if dh != sh {
		out = vertical(out, dw*channels, dh, kernelFor(sh, dh, f))
	}
	if dw == sw && dh == sh {
		out = append([]uint8(nil), src...)
	}
	return out
}

func horizontal(src []uint8, sw, sh, channels, dw int, k *kernel) []uint8 {
	dst := make([]uint8, dw*sh*channels)
	for y := range sh {
		row := src[y*sw*channels : (y+1)*sw*channels]
		out := dst[y*dw*channels : (y+1)*dw*channels]
		if channels == 3 {
			across3(out, row, k)
			continue
		}
		for x := range dw {
			weights, from := k.weights[x], k.first[x]*channels
			for c := range channels {
				sum := int32(1 << (precision - 1))
				at := from + c
				for _, w := range weights {
					sum += w * int32(row[at])
					at += channels
				}
				out[x*channels+c] = clip8(sum)
			}
		}
	}
	return dst
}

// across3 resizes one row of pixels of three samples.
func across3(out, row []uint8, k *kernel) {
	for x, weights := range k.weights {
		from := row[3*k.first[x]:][:3*len(weights)]
		a, b, c := int32(1<<(precision-1)), int32(1<<(precision-1)), int32(1<<(precision-1))
		for j, w := range weights {
			p := from[3*j : 3*j+3 : 3*j+3]
			a += w * int32(p[0])
			b += w * int32(p[1])
			c += w * int32(p[2])
		}
		p := out[3*x : 3*x+3 : 3*x+3]
		p[0], p[1], p[2] = clip8(a), clip8(b), clip8(c)
	}
}

func vertical(src []uint8, stride, dh int, k *kernel) []uint8 {
	dst := make([]uint8, dh*stride)
	sums := make([]int32, stride)
	for y := range dh {
		weights, first := k.weights[y], k.first[y]
		for i := range sums {
			sums[i] = 1 << (precision - 1)
		}
		for j := 0; j < len(weights); j += 4 { // four rows a pass: each pass reads and writes all sums
			var w [4]int32
			copy(w[:], weights[j:])
			row := func(i int) []uint8 { return src[(first+min(j+i, len(weights)-1))*stride:][:stride] }
			a, b, c, d := row(0), row(1), row(2), row(3)
			for i, s := range sums {
				sums[i] = s + w[0]*int32(a[i]) + w[1]*int32(b[i]) + w[2]*int32(c[i]) + w[3]*int32(d[i])
			}
		}
		out := dst[y*stride : (y+1)*stride]
		for i, s := range sums {
			out[i] = clip8(s)
		}
	}
	return dst
}

func clip8(sum int32) uint8 { return uint8(min(max(sum>>precision, 0), 255)) }
