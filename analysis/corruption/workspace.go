package corruption

import (
	"fmt"
	"math"

	"striate/internal/jpegturbo"
)

// Workspace holds the buffers for corrupting images of one size, so that nothing is allocated per
// image. It must not be used by two goroutines at once.
type Workspace struct {
	size  int       // pixels a side
	img   []uint8   // the image
	out   []float64 // the result, 0..255
	a, b  []float64 // scratch of the size of out
	line  []float64 // scratch of a padded row
	taps  []float64
	f, g  []float32 // scratch of the size of out
	bytes []uint8   // scratch of the size of out
	ints  []int32   // scratch of the size of out and a row
	wide  []float64 // scratch of a plane padded for motion blur
	haze  []float64 // plasma
	frost []Picture
	codec jpegturbo.Codec
	paint painter
}

// NewWorkspace returns a workspace for images of size×size pixels.
func NewWorkspace(size int) *Workspace {
	if size < 32 {
		panic(fmt.Sprintf("corruption: images of %d×%d pixels", size, size))
	}
	n := size * size * 3
	return &Workspace{
		size: size, img: make([]uint8, n), out: make([]float64, n), a: make([]float64, n), b: make([]float64, n),
		f: make([]float32, n), g: make([]float32, n), bytes: make([]uint8, n), ints: make([]int32, n+3*size),
	}
}

// grow returns buf with room for n numbers.
func grow(buf *[]float64, n int) []float64 {
	if cap(*buf) < n {
		*buf = make([]float64, n)
	}
	*buf = (*buf)[:n]
	return *buf
}

// unit[k] is k/255, unit32 the same in single precision.
var unit, unit32 = func() (u [256]float64, u32 [256]float32) {
	for k := range u {
		u[k] = float64(k) / 255
		u32[k] = float32(u[k])
	}
	return u, u32
}()

// clip01 cuts v to 0..1.
func clip01(v float64) float64 {
	if v < 0 {
		return 0
	}
	if v > 1 {
		return 1
	}
	return v
}

func clip01f(v float32) float32 {
	if v < 0 {
		return 0
	}
	if v > 1 {
		return 1
	}
	return v
}

// rint rounds to the nearest integer, halves to even.
func rint(v float64) int { return int(math.RoundToEven(v)) }
