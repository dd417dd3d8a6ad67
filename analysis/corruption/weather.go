package corruption

import (
	"fmt"
	"math"
)

// Picture is an 8-bit RGB picture of frost: Height×Width×3 samples.
type Picture struct {
	Pix           []uint8
	Width, Height int
}

// FrostPictures is how many pictures of frost the benchmarks choose from. Their list names six, but
// the sixth is never drawn.
const FrostPictures = 5

// PrepareFrost brings the five pictures of frost, in their order, to the scale that the benchmark
// uses them at. It reports a picture that is too small.
func (b *Benchmark) PrepareFrost(pictures []Picture) ([]Picture, error) {
	if len(pictures) != FrostPictures {
		return nil, fmt.Errorf("%d pictures of frost, want %d", len(pictures), FrostPictures)
	}
	prepared := make([]Picture, len(pictures))
	for i, p := range pictures {
		if b.frostScale != 1 {
			p = shrink(p, b.frostScale)
		}
		if p.Width <= b.Size || p.Height <= b.Size {
			return nil, fmt.Errorf("picture of frost %d has %d×%d pixels at the scale of %s, want more than %d×%d",
				i+1, p.Width, p.Height, b.Title, b.Size, b.Size)
		}
		prepared[i] = p
	}
	return prepared, nil
}

// SetFrost gives the workspace pictures that PrepareFrost returned. They are only read, and may
// serve several workspaces.
func (ws *Workspace) SetFrost(prepared []Picture) { ws.frost = prepared }

// shrink resizes with two taps an axis and no antialiasing, in the fixed-point arithmetic of
// OpenCV's linear resize of 8-bit images: weights of 11 bits, positions from the scale as given
// rather than from the ratio of the sizes.
func shrink(p Picture, scale float64) Picture {
	w, h := rint(float64(p.Width)*scale), rint(float64(p.Height)*scale)
	out := Picture{make([]uint8, w*h*3), w, h}
	if w < 1 || h < 1 {
		return out
	}
	xs, ys := linearTaps(w, p.Width, scale), linearTaps(h, p.Height, scale)
	for y, ty := range ys {
		for x, tx := range xs {
			for c := range 3 {
				across := func(row int) int32 {
					at := row*p.Width*3 + c
					return int32(p.Pix[at+tx.at*3])*tx.near + int32(p.Pix[at+tx.next*3])*tx.far
				}
				v := (ty.near*(across(ty.at)>>4))>>16 + (ty.far*(across(ty.next)>>4))>>16
				out.Pix[(y*w+x)*3+c] = uint8(min(max((v+2)>>2, 0), 255))
			}
		}
	}
	return out
}

type linearTap struct {
	at, next  int
	near, far int32 // of 2048
}

func linearTaps(n, source int, scale float64) []linearTap {
	taps := make([]linearTap, n)
	for i := range taps {
		// OpenCV holds the position in single precision.
		f := float32((float64(i)+0.5)*(1/scale) - 0.5)
		at := int(math.Floor(float64(f)))
		f -= float32(at)
		if at < 0 {
			at, f = 0, 0
		}
		if at >= source-1 {
			at, f = source-1, 0
		}
		taps[i] = linearTap{at, min(at+1, source-1), int32(rint(float64((1 - f) * 2048))), int32(rint(float64(f * 2048)))}
	}
	return taps
}

// frost blends the image with a random part of a random picture of frost.
func frost(p parameters[blend]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		q, n := p[severity], ws.size
		pic := ws.frost[integer(src, 0, FrostPictures)]
		y0 := integer(src, 0, pic.Height-n)
		x0 := integer(src, 0, pic.Width-n)
		for y := range n {
			part := pic.Pix[((y0+y)*pic.Width+x0)*3:][:n*3]
			img, out := ws.img[y*n*3:][:n*3], ws.out[y*n*3:][:n*3]
			for i, v := range img {
				out[i] = min(float64(q.image*float64(v))+float64(q.picture*float64(part[i])), 255)
			}
		}
	}
}

// snow brightens the image and adds a smeared layer of flakes and the same layer turned by 180°.
func snow(p parameters[snowfall]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		q, n := p[severity], ws.size
		layer, flakes := ws.a[:n*n], ws.bytes[:n*n]
		for i := range layer {
			layer[i] = q.mean + float64(q.sd*src.Normal())
		}
		if q.zoom > 1 {
			ws.zoom(ws.b, layer, 1, q.zoom)
			layer = ws.b[:n*n]
		}
		for i, v := range layer {
			flakes[i] = 0
			if v >= q.threshold {
				flakes[i] = uint8(clip01(v) * 255)
			}
		}
		ws.smear(flakes, flakes, 1, q.radius, q.sigma, between(src, -135, -45))
		keep, lift := float32(q.mix), float32(1-q.mix)
		for i, flake := range flakes {
			add, turned := unit[flake], unit[flakes[n*n-1-i]]
			r, g, b := unit32[ws.img[3*i]], unit32[ws.img[3*i+1]], unit32[ws.img[3*i+2]]
			bright := float32(grey(r, g, b)*1.5) + 0.5
			for c, x := range [3]float32{r, g, b} {
				base := float32(keep*x) + float32(lift*max(x, bright))
				ws.out[3*i+c] = clip01(float64(base)+add+turned) * 255
			}
		}
	}
}

// grey is the luminance of ITU-R BT.601 in single precision.
func grey(r, g, b float32) float32 {
	return float32(r*0.299) + float32(g*0.587) + float32(b*0.114)
}
