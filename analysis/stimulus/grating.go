// Package stimulus renders the images that the V1 analyses show to a network: drifting-grating
// snapshots in a disk, and naturalistic textures and their spectrally matched noise behind a
// vignette. Pixels equal those of the public V1 benchmarks, so that properties measured on them
// can be compared with published ones.
//
// Sources: T. Marques, M. Schrimpf and J. J. DiCarlo, "Multi-scale hierarchical neural network
// models that bridge from single neurons in the primate primary visual cortex to object
// recognition behavior", bioRxiv 2021.03.01.433495 (gratings); J. Freeman, C. M. Ziemba,
// D. J. Heeger, E. P. Simoncelli and J. A. Movshon, "A functional and perceptual signature of the
// second visual area in primates", Nat Neurosci 16 (2013) 974–981 (textures).
package stimulus

import "math"

// Gray is the pixel value of the background.
const Gray = 128

// Grating is a sine grating behind a disk with a hard edge. Lengths are in degrees of visual
// angle from the centre of gaze, y downward; frequencies in cycles/degree; angles in degrees.
type Grating struct {
	Y, X             float64 // centre of the disk
	Contrast         float64 // 0…1 (Michelson)
	Radius           float64 // of the disk
	SpatialFrequency float64
	Orientation      float64 // direction of modulation: 0 gives vertical bars, 90 horizontal ones
	Phase            float64
}

// Canvas maps pixels to degrees. The centre of gaze is the centre of pixel (CenterY, CenterX).
type Canvas struct {
	Width, Height    int
	CenterX, CenterY int
	PixelsPerDegree  float64
}

// SquareCanvas returns a canvas of size×size pixels whose pixel size/2 is the centre of gaze.
func SquareCanvas(size int, degrees float64) Canvas {
	return Canvas{
		Width: size, Height: size,
		CenterX: size / 2, CenterY: size / 2,
		PixelsPerDegree: float64(size) / degrees,
	}
}

// Offset is the canvas that shows what c shows through the screen s.
func (c Canvas) Offset(s Screen) Canvas {
	c.Width, c.Height = s.Width, s.Height
	c.CenterX += s.Left
	c.CenterY += s.Top
	return c
}

// Renderer draws gratings on one canvas. It holds tables that are reused from image to image, so
// it is not safe for concurrent use; it does not allocate while drawing.
type Renderer struct {
	canvas Canvas

	x, xx      []float64 // per column: degrees from the centre of the disk, and its square
	sinX, cosX []float64 // per column: of the part of the argument that depends on x, and the phase
}

// NewRenderer returns a renderer for canvas. It panics when canvas is empty.
func NewRenderer(canvas Canvas) *Renderer {
	if canvas.Width < 1 || canvas.Height < 1 || !(canvas.PixelsPerDegree > 0) {
		panic("stimulus: empty canvas")
	}
	table := make([]float64, 4*canvas.Width)
	w := canvas.Width
	return &Renderer{canvas: canvas, x: table[:w], xx: table[w : 2*w], sinX: table[2*w : 3*w], cosX: table[3*w:]}
}

// Canvas returns what the renderer draws on.
func (r *Renderer) Canvas() Canvas { return r.canvas }

// Bounds is the part of a canvas that a disk may touch: rows Top…Bottom-1, columns Left…Right-1.
type Bounds struct{ Top, Left, Bottom, Right int }

// Empty reports whether b holds no pixel.
func (b Bounds) Empty() bool { return b.Top >= b.Bottom || b.Left >= b.Right }

// Bounds returns a rectangle that holds every pixel of g's disk.
func (r *Renderer) Bounds(g Grating) Bounds {
	lo := func(center int, at float64) float64 {
		return math.Floor(float64(center) + (at-g.Radius)*r.canvas.PixelsPerDegree - 1)
	}
	hi := func(center int, at float64) float64 {
		return math.Ceil(float64(center) + (at+g.Radius)*r.canvas.PixelsPerDegree + 2)
	}
	clamp := func(v float64, limit int) int { return int(max(0, min(v, float64(limit)))) }
	c := r.canvas
	return Bounds{
		Top: clamp(lo(c.CenterY, g.Y), c.Height), Bottom: clamp(hi(c.CenterY, g.Y), c.Height),
		Left: clamp(lo(c.CenterX, g.X), c.Width), Right: clamp(hi(c.CenterX, g.X), c.Width),
	}
}

// Draw renders g on a gray background into dst, Height×Width 8-bit pixels.
//
// A pixel is trunc((sin(argument)·contrast + 1)/2·255) where its centre lies in the disk
// (inclusive), Gray elsewhere. It panics when dst has another length than the canvas.
func (r *Renderer) Draw(dst []uint8, g Grating) {
	Fill(dst, Gray)
	r.DrawDisk(dst, g)
}

// DrawDisk renders the pixels inside the disk of g and leaves the others alone. It returns the
// rectangle in which it drew.
func (r *Renderer) DrawDisk(dst []uint8, g Grating) Bounds {
	c := r.canvas
	if len(dst) != c.Width*c.Height {
		panic("stimulus: image of another size than the canvas")
	}
	b := r.Bounds(g)
	if b.Empty() {
		return b
	}
	w := newWave(g)
	for col := b.Left; col < b.Right; col++ {
		x := float64(col-c.CenterX)/c.PixelsPerDegree - g.X
		r.x[col], r.xx[col] = x, x*x
		r.sinX[col], r.cosX[col] = math.Sincos(w.argument(x, 0))
	}
	limit := g.Radius * g.Radius
	for row := b.Top; row < b.Bottom; row++ {
		y := float64(row-c.CenterY)/c.PixelsPerDegree - g.Y
		from, to := chord(r.xx[b.Left:b.Right], limit, y*y)
		if from < to {
			from, to = from+b.Left, to+b.Left
			r.drawRow(dst[row*c.Width+from:row*c.Width+to], from, w, y)
		}
	}
	return b
}

// chord returns the columns [from, to) with xx+yy <= limit. xx falls and then rises.
func chord(xx []float64, limit, yy float64) (from, to int) {
	to = len(xx)
	for from < to && !(float64(xx[from])+float64(yy) <= limit) {
		from++
	}
	for to > from && !(float64(xx[to-1])+float64(yy) <= limit) {
		to--
	}
	return from, to
}

// nearInteger is the distance, in gray levels, within which the fast form of a pixel is not
// trusted with the truncation. Its error is below 1e-9 for all frequencies that a canvas can show.
const nearInteger = 1e-6

// drawRow draws dst, the columns from `first` on of the row y degrees below the disk's centre.
//
// sin(a+b) is taken from sines and cosines of the column and of the row; only where that comes
// close to the next gray level does the pixel need the sine itself.
func (r *Renderer) drawRow(dst []uint8, first int, w wave, y float64) {
	sinY, cosY := math.Sincos(w.perDegreeY() * y)
	half := 127.5 * w.contrast
	sy, cy := sinY*half, cosY*half
	sinX := r.sinX[first : first+len(dst)]
	cosX := r.cosX[first : first+len(dst)]
	for i := range dst {
		v := sinX[i]*cy + cosX[i]*sy + 127.5
		level := int32(v)
		if part := v - float64(level); part < nearInteger || part > 1-nearInteger {
			dst[i] = w.pixel(r.x[first+i], y)
			continue
		}
		dst[i] = uint8(level)
	}
}

// wave is the sine of a grating with its constants computed once.
type wave struct {
	cos, sin, frequency, phase, contrast float64
}

func newWave(g Grating) wave {
	theta := g.Orientation / 180 * math.Pi
	return wave{
		cos: math.Cos(theta), sin: math.Sin(theta),
		frequency: g.SpatialFrequency,
		phase:     g.Phase / 180 * math.Pi,
		contrast:  g.Contrast,
	}
}

// argument is that of the sine at (x, y) degrees from the disk's centre. The conversions keep
// the compiler from fusing a product and a sum, which would round differently than the reference.
func (w wave) argument(x, y float64) float64 {
	along := float64(x*w.cos) + float64(y*w.sin)
	return float64(float64(float64(along*w.frequency)*2)*math.Pi) + w.phase
}

// perDegreeY is the derivative of the argument in y.
func (w wave) perDegreeY() float64 { return w.sin * w.frequency * 2 * math.Pi }

// pixel is the gray level at (x, y), rounded as the reference does.
func (w wave) pixel(x, y float64) uint8 {
	g := float64(math.Sin(w.argument(x, y)) * w.contrast)
	return uint8(float64((g+1)/2) * 255)
}

// Fill sets every byte of dst to v.
func Fill(dst []uint8, v uint8) {
	const block = 4096 // short enough to stay in the nearest cache while it is copied on
	for i := range min(len(dst), 64) {
		dst[i] = v
	}
	for n := 64; n < min(len(dst), block); n *= 2 {
		copy(dst[n:], dst[:n])
	}
	for n := block; n < len(dst); n += block {
		copy(dst[n:], dst[:block])
	}
}
