package pillow

// Window is a rectangle of an image: rows Top…Bottom-1, columns Left…Right-1.
type Window struct{ Top, Left, Bottom, Right int }

// GrayResizer resizes one-channel images of a fixed size that are of one shade outside a window,
// such as a small stimulus on a large background. Only what the window touches is computed, and
// nothing is allocated from image to image. The result is that of Resize. A GrayResizer is not
// safe for concurrent use.
type GrayResizer struct {
	sw, sh, dw, dh int
	across, down   *kernel // nil: the axis keeps its size
	rows           []uint8 // after the first pass
	sums           []int32
}

// NewGrayResizer returns a resizer from sw×sh to dw×dh. It panics when a size is not positive.
func NewGrayResizer(sw, sh, dw, dh int, f Filter) *GrayResizer {
	if min(sw, sh, dw, dh) <= 0 {
		panic("pillow: resize from or to nothing")
	}
	r := &GrayResizer{sw: sw, sh: sh, dw: dw, dh: dh, rows: make([]uint8, dw*sh), sums: make([]int32, dw)}
	if sw != dw {
		r.across = kernelFor(sw, dw, f)
	}
	if sh != dh {
		r.down = kernelFor(sh, dh, f)
	}
	return r
}

// Resize writes into dst (dh×dw) what Resize makes of src (sh×sw), given that src has the value
// `around` outside the window in. It returns the window of dst outside of which dst has it too.
// It panics when lengths do not fit.
func (r *GrayResizer) Resize(dst, src []uint8, in Window, around uint8) Window {
	if len(src) != r.sw*r.sh || len(dst) != r.dw*r.dh {
		panic("pillow: image of another size than the resizer's")
	}
	fill(dst, around)
	if in.Top >= in.Bottom || in.Left >= in.Right {
		return Window{}
	}
	out := Window{in.Top, in.Left, in.Bottom, in.Right}
	if r.across != nil {
		out.Left, out.Right = r.across.touched(in.Left, in.Right)
	}
	if r.down != nil {
		out.Top, out.Bottom = r.down.touched(in.Top, in.Bottom)
	}
	if out.Left >= out.Right || out.Top >= out.Bottom {
		return Window{}
	}
	width := out.Right - out.Left
	for y := in.Top; y < in.Bottom; y++ {
		row := src[y*r.sw : (y+1)*r.sw]
		to := r.rows[y*width : (y+1)*width]
		if r.across == nil {
			copy(to, row[out.Left:])
			continue
		}
		for i := range to {
			sum := int32(1 << (precision - 1))
			weights := r.across.weights[out.Left+i]
			from := row[r.across.first[out.Left+i]:][:len(weights)]
			for j, w := range weights {
				sum += w * int32(from[j])
			}
			to[i] = clip8(sum)
		}
	}
	for y := out.Top; y < out.Bottom; y++ {
		r.vertical(dst[y*r.dw+out.Left:][:width], y, in, around)
	}
	return out
}

// vertical makes the part of row y that the window touches from the rows of the first pass.
func (r *GrayResizer) vertical(dst []uint8, y int, in Window, around uint8) {
	width := len(dst)
	if r.down == nil {
		copy(dst, r.rows[y*width:])
		return
	}
	base := int32(1 << (precision - 1))
	for j, w := range r.down.weights[y] {
		if at := r.down.first[y] + j; at < in.Top || at >= in.Bottom {
			base += w * int32(around)
		}
	}
	sums := r.sums[:width]
	for i := range sums {
		sums[i] = base
	}
	for j, w := range r.down.weights[y] {
		at := r.down.first[y] + j
		if at < in.Top || at >= in.Bottom {
			continue
		}
		row := r.rows[at*width:][:len(sums)]
		for i, v := range row {
			sums[i] += w * int32(v)
		}
	}
	for i, s := range sums {
		dst[i] = clip8(s)
	}
}

// touched returns the range of outputs that depend on the inputs [from, to).
func (k *kernel) touched(from, to int) (lo, hi int) {
	lo, hi = len(k.first), 0
	for i, first := range k.first {
		if first < to && first+len(k.weights[i]) > from {
			lo, hi = min(lo, i), i+1
		}
	}
	return lo, hi
}

// fill sets every byte of dst to v.
func fill(dst []uint8, v uint8) {
	if len(dst) == 0 {
		return
	}
	dst[0] = v
	for n := 1; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}
