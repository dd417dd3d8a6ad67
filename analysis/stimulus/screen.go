package stimulus

import "math"

// Screen is the part of the visual field that a network sees, in pixels of a stimulus: the
// stimulus is cropped or surrounded by gray, never resampled.
type Screen struct {
	Width, Height int
	Left, Top     int // column and row of the stimulus' first pixel on the screen; negative when cropped
}

// NewScreen places an image of width×height pixels that spans source degrees on a screen of target
// degrees. It panics unless both are positive.
func NewScreen(width, height int, source, target float64) Screen {
	if !(source > 0) || !(target > 0) {
		panic("stimulus: field of view not positive")
	}
	if source == target {
		return Screen{Width: width, Height: height}
	}
	ratio := target / source
	axis := func(n int) (size, offset int) {
		size = int(math.RoundToEven(ratio * float64(n)))
		if ratio >= 1 {
			return size, int(math.RoundToEven(float64(size-n) / 2))
		}
		return size, -int(math.RoundToEven(float64(n-size) / 2))
	}
	var s Screen
	s.Width, s.Left = axis(width)
	s.Height, s.Top = axis(height)
	return s
}

// Place copies src, height×width pixels of so many interleaved channels, onto the screen dst,
// gray where src does not reach. It panics when lengths do not fit.
func (s Screen) Place(dst, src []uint8, width, height, channels int) {
	if len(src) != width*height*channels || len(dst) != s.Width*s.Height*channels {
		panic("stimulus: image of another size than stated")
	}
	Fill(dst, Gray)
	fromX, toX := max(0, s.Left), min(s.Width, s.Left+width)
	if fromX >= toX {
		return
	}
	for y := max(0, s.Top); y < min(s.Height, s.Top+height); y++ {
		row := ((y-s.Top)*width + fromX - s.Left) * channels
		copy(dst[(y*s.Width+fromX)*channels:(y*s.Width+toX)*channels], src[row:])
	}
}

// AboveNyquist returns those of the frequencies (cycles/degree) that cannot be seen when `degrees`
// of visual angle fall on `pixels` pixels: more than half a cycle a pixel.
func AboveNyquist(frequencies []float64, pixels int, degrees float64) []float64 {
	limit := float64(pixels) / degrees / 2
	var above []float64
	for _, f := range frequencies {
		if f > limit {
			above = append(above, f)
		}
	}
	return above
}
