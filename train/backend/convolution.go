package backend

import "github.com/gomlx/compute"

// window says which pixels of an image the taps of a kernel meet. Along spatial axis i, tap t at
// position p lies on pixel p·stride + t·step − before.
type window struct {
	taps, positions      [2]int
	step, stride, before [2]int
}

func (w window) tapCount() int      { return w.taps[0] * w.taps[1] }
func (w window) positionCount() int { return w.positions[0] * w.positions[1] }

// trivial tells whether every position is its own pixel, as for a 1×1 kernel.
func (w window) trivial(h, width int) bool {
	return w.tapCount() == 1 && w.before == [2]int{} && w.positions == [2]int{h, width}
}

// layout is how images and positions are arranged in a matrix product.
type layout int

const (
	// batched multiplies the kernel with each image: kernels are copied, images stay as they are.
	batched layout = iota
	// columns puts the positions of all images side by side.
	columns
	// rows puts them below each other, for few positions and large kernels.
	rows
)

// Costs of moving one element, relative to each other, as measured on the Go backend.
const (
	copyCost      = 3 // broadcast
	transposeCost = 5 // axes permuted
)

// choose picks the layout for kernels of out×(channels·taps) on images×channels×h×width.
func choose(out, images, channels, h, width int, w window) layout {
	kernel := out * channels * w.tapCount()
	activations := channels*h*width + out*w.positionCount()
	switch {
	case copyCost*kernel <= transposeCost*activations:
		return batched
	case 2*images*w.positionCount() <= out:
		return rows
	default:
		return columns
	}
}

// correlate is the convolution of x, N×C×H×W, by kernel, O×C×rows×columns: N×O×positions.
func (e *emitter) correlate(x, kernel compute.Value, w window) compute.Value {
	d, out := e.dims(x), e.dims(kernel)[0]
	n, c, positions := d[0], d[1], w.positionCount()
	matrix := e.reshape(kernel, out, c*w.tapCount())
	switch choose(out, n, c, d[2], d[3], w) {
	case batched:
		y := e.dot(e.repeat(matrix, n), 2, e.patches(x, w), 1, true)
		return e.reshape(y, n, out, w.positions[0], w.positions[1])
	case rows:
		var y compute.Value
		if w.tapCount() == 1 {
			pixels := e.transpose(e.sampled(x, w), 0, 2, 3, 1)
			y = e.dot(e.reshape(pixels, n*positions, c), 1, matrix, 1, false)
		} else {
			y = e.dot(e.foldedPatches(x, w), 0, matrix, 1, false)
		}
		return e.transpose(e.reshape(y, n, w.positions[0], w.positions[1], out), 0, 3, 1, 2)
	default:
		y := e.dot(matrix, 1, e.foldedPatches(x, w), 0, false)
		return e.transpose(e.reshape(y, out, n, w.positions[0], w.positions[1]), 1, 0, 2, 3)
	}
}

// gradientForKernel is the gradient of correlate for the kernel, O×C×rows×columns, given that for its
// output, v, N×O×positions. The patches are those of the forward pass, which the inner backend,
// seeing the same operations on the same values, computes once.
func (e *emitter) gradientForKernel(x, v compute.Value, w window) compute.Value {
	d, out := e.dims(x), e.dims(v)[1]
	n, c, positions := d[0], d[1], w.positionCount()
	var g compute.Value
	if choose(out, n, c, d[2], d[3], w) == batched {
		g = e.sum(e.dot(e.reshape(v, n, out, positions), 2, e.patches(x, w), 2, true), 0)
	} else {
		folded := e.reshape(e.transpose(v, 1, 0, 2, 3), out, n*positions)
		g = e.dot(folded, 1, e.foldedPatches(x, w), 1, false)
	}
	return e.reshape(g, out, c, w.taps[0], w.taps[1])
}

// gradientForInput is the gradient of correlate for x, of height h and width wide, given that for its
// output, v, N×O×positions. Each pixel of v sends the kernel times itself to the pixels under it.
func (e *emitter) gradientForInput(v, kernel compute.Value, w window, h, wide int) compute.Value {
	d, k := e.dims(v), e.dims(kernel)
	n, out, c, taps := d[0], d[1], k[1], w.tapCount()
	pixels := e.reshape(e.transpose(v, 0, 2, 3, 1), n*w.positionCount(), out)
	sent := e.dot(pixels, 1, e.reshape(kernel, out, c*taps), 0, false)
	sent = e.reshape(sent, n, w.positions[0], w.positions[1], c, taps)
	size := [2]int{h, wide}
	var full [2]int // of the padded image
	for i := range full {
		full[i] = max(size[i]+w.before[i], w.stride[i]*(w.positions[i]-1)+w.step[i]*(w.taps[i]-1)+1)
	}
	var total compute.Value
	for t := range taps {
		part := sent
		if taps > 1 {
			part = e.slice(sent, []int{0, 0, 0, 0, t}, []int{n, w.positions[0], w.positions[1], c, t + 1}, nil)
		}
		part = e.reshape(part, n, w.positions[0], w.positions[1], c)
		part = e.pad(part, compute.PadAxis{}, spread(w, 0, t/w.taps[1], full), spread(w, 1, t%w.taps[1], full), compute.PadAxis{})
		if total == nil {
			total = part
		} else {
			total = e.add(total, part)
		}
	}
	if full != size {
		total = e.slice(total, []int{0, w.before[0], w.before[1], 0}, []int{n, w.before[0] + h, w.before[1] + wide, c}, nil)
	}
	return e.transpose(total, 0, 3, 1, 2)
}

// spread is the padding that puts the positions of a tap where they lie on the padded image.
func spread(w window, i, tap int, full [2]int) compute.PadAxis {
	start := tap * w.step[i]
	return compute.PadAxis{Start: start, Interior: w.stride[i] - 1,
		End: full[i] - start - w.stride[i]*(w.positions[i]-1) - 1}
}

// sampled is x, N×C×H×W, at the positions of a single tap.
func (e *emitter) sampled(x compute.Value, w window) compute.Value {
	return e.taps(x, w)[0]
}

// patches are the pixels under each tap at each position, N×(C·taps)×positions.
func (e *emitter) patches(x compute.Value, w window) compute.Value {
	d := e.dims(x)
	if w.trivial(d[2], d[3]) {
		return e.reshape(x, d[0], d[1], d[2]*d[3])
	}
	parts := e.taps(x, w)
	for i := range parts {
		parts[i] = e.reshape(parts[i], d[0], d[1], 1, w.positionCount())
	}
	return e.reshape(e.concatenate(2, parts...), d[0], d[1]*w.tapCount(), w.positionCount())
}

// foldedPatches are patches as (C·taps)×(N·positions).
func (e *emitter) foldedPatches(x compute.Value, w window) compute.Value {
	d := e.dims(x)
	x = e.transpose(x, 1, 0, 2, 3)
	if w.trivial(d[2], d[3]) {
		return e.reshape(x, d[1], d[0]*d[2]*d[3])
	}
	parts := e.taps(x, w)
	for i := range parts {
		parts[i] = e.reshape(parts[i], d[1], 1, d[0]*w.positionCount())
	}
	return e.reshape(e.concatenate(1, parts...), d[1]*w.tapCount(), d[0]*w.positionCount())
}

// taps returns, for each tap row by row, the pixels of x that it meets at all positions. x has two
// axes before the spatial ones.
func (e *emitter) taps(x compute.Value, w window) []compute.Value {
	d := e.dims(x)
	var base [2]int // first pixel of tap 0, in the padded image
	var margins [2]compute.PadAxis
	for i := range 2 {
		margins[i].Start = max(w.before[i], 0)
		base[i] = margins[i].Start - w.before[i]
		last := base[i] + w.stride[i]*(w.positions[i]-1) + w.step[i]*(w.taps[i]-1)
		margins[i].End = max(last+1-d[2+i]-margins[i].Start, 0)
	}
	x = e.pad(x, compute.PadAxis{}, compute.PadAxis{}, margins[0], margins[1])
	var parts []compute.Value
	for a := range w.taps[0] {
		for b := range w.taps[1] {
			y0, x0 := base[0]+a*w.step[0], base[1]+b*w.step[1]
			parts = append(parts, e.slice(x, []int{0, 0, y0, x0},
				[]int{d[0], d[1], y0 + w.stride[0]*(w.positions[0]-1) + 1, x0 + w.stride[1]*(w.positions[1]-1) + 1},
				[]int{1, 1, w.stride[0], w.stride[1]}))
		}
	}
	return parts
}
