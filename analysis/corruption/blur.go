package corruption

import "math"

// gaussianBlur filters with a Gaussian, edges repeated.
func gaussianBlur(sigma parameters[float64]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, _ Source) {
		for i, v := range ws.img {
			ws.a[i] = unit[v]
		}
		ws.gaussian(ws.b, ws.a, 3, sigma[severity], 4, nearest, false)
		for i, v := range ws.b {
			ws.out[i] = clip01(v) * 255
		}
	}
}

// glassBlur blurs, copies each pixel from a random near one, from the lower right to the upper
// left, and blurs again. A copied pixel may be copied on.
func glassBlur(p parameters[glass]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		n, q := ws.size, p[severity]
		reach := int(q.reach)
		for i, v := range ws.img {
			ws.a[i] = unit[v]
		}
		ws.gaussian(ws.b, ws.a, 3, q.sigma, 4, nearest, false)
		for i, v := range ws.b {
			ws.bytes[i] = uint8(v * 255)
		}
		for range int(q.passes) {
			for y := n - reach; y > reach; y-- {
				for x := n - reach; x > reach; x-- {
					dx := integer(src, -reach, reach)
					dy := integer(src, -reach, reach)
					from := ((y+dy)*n + x + dx) * 3
					copy(ws.bytes[(y*n+x)*3:][:3], ws.bytes[from:from+3])
				}
			}
		}
		for i, v := range ws.bytes {
			ws.a[i] = unit[v]
		}
		ws.gaussian(ws.b, ws.a, 3, q.sigma, 4, nearest, false)
		for i, v := range ws.b {
			ws.out[i] = clip01(v) * 255
		}
	}
}

// run is a stretch of equal weights in one row of a kernel.
type run struct {
	dy, from, to int // columns from..to−1
	weight       float64
}

// disc returns the defocus kernel: a disc of the radius, its edge softened by a 3-tap Gaussian, in
// single precision, as runs of equal weights.
func disc(p defocus) []run {
	r, taps := 8, 3
	if p.radius > 8 {
		r, taps = int(p.radius), 5
	}
	n := 2*r + 1
	k := make([]float32, n*n)
	inside := 0
	for i := range k {
		if y, x := float64(i/n-r), float64(i%n-r); y*y+x*x <= p.radius*p.radius {
			k[i] = 1
			inside++
		}
	}
	for i := range k {
		k[i] /= float32(inside)
	}
	soften(k, n, taps, p.alias)
	var runs []run
	for y := range n {
		for x := 0; x < n; {
			end := x + 1
			for end < n && k[y*n+end] == k[y*n+x] {
				end++
			}
			if w := float64(k[y*n+x]); w > negligible {
				runs = append(runs, run{y - r, x - r, end - r, w})
			}
			x = end
		}
	}
	return runs
}

// soften filters a kernel of n×n weights with a Gaussian of few taps, rows and columns, mirrored
// without the edge.
func soften(k []float32, n, taps int, sigma float64) {
	w := make([]float32, taps)
	sum := 0.0
	for i := range w {
		d := float64(i - taps/2)
		w[i] = float32(math.Exp(-d * d / (2 * sigma * sigma)))
		sum += float64(w[i])
	}
	for i := range w {
		w[i] = float32(float64(w[i]) / sum)
	}
	pass := func(at func(line, i int) *float32) {
		tmp := make([]float32, n)
		for line := range n {
			for i := range n {
				tmp[i] = 0
				for j, weight := range w {
					tmp[i] += float32(weight * *at(line, mirror(i+j-taps/2, n)))
				}
			}
			for i, v := range tmp {
				*at(line, i) = v
			}
		}
	}
	pass(func(y, x int) *float32 { return &k[y*n+x] })
	pass(func(x, y int) *float32 { return &k[y*n+x] })
}

// mirror reflects an index without repeating the edge.
func mirror(i, n int) int {
	for i < 0 || i >= n {
		if i < 0 {
			i = -i
		} else {
			i = 2*(n-1) - i
		}
	}
	return i
}

// defocusBlur correlates with a disc. Runs of equal weights are summed from running totals of
// each row, exactly, in integers.
func defocusBlur(p parameters[defocus]) func(*Workspace, int, Source) {
	var kernels [Severities][]run
	var margin [Severities]int
	for i := range p {
		kernels[i] = disc(p[i])
		for _, r := range kernels[i] {
			margin[i] = max(margin[i], -r.from, r.to-1, -r.dy, r.dy)
		}
	}
	return func(ws *Workspace, severity int, _ Source) {
		n, m := ws.size, margin[severity]
		stride := (n + 2*m + 1) * 3
		totals := ws.rowTotals(m, stride)
		for y := range n {
			out := ws.out[y*n*3 : (y+1)*n*3]
			clear(out)
			for _, r := range kernels[severity] {
				row := totals[mirror(y+r.dy, n)*stride:][:stride]
				low, high := row[(m+r.from)*3:][:len(out)], row[(m+r.to)*3:][:len(out)]
				for i := range out {
					out[i] += float64(r.weight * float64(high[i]-low[i]))
				}
			}
			for i, v := range out {
				out[i] = clip01(v/255) * 255
			}
		}
	}
}

// rowTotals returns, for each row mirrored by m pixels, the sums of all samples of a channel
// before each place.
func (ws *Workspace) rowTotals(m, stride int) []int32 {
	n := ws.size
	if need := n * stride; len(ws.ints) < need {
		ws.ints = make([]int32, need)
	}
	for y := range n {
		row := ws.ints[y*stride : (y+1)*stride]
		clear(row[:3])
		for x := range n + 2*m {
			p := ws.img[(y*n+mirror(x-m, n))*3:][:3]
			for c := range 3 {
				row[3*x+3+c] = row[3*x+c] + int32(p[c])
			}
		}
	}
	return ws.ints
}
