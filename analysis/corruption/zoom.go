package corruption

import "math"

// zoom enlarges the middle of an image of size×size×channels by factor ≥ 1 with linear
// interpolation: the ends of the cut map to the ends of the enlargement, of which the first
// size×size pixels are written to dst. dst must not be src.
func (ws *Workspace) zoom(dst, src []float64, channels int, factor float64) {
	n := ws.size
	cut := int(math.Ceil(float64(n) / factor))
	top := (n - cut) / 2
	outputs := rint(float64(cut) * factor)
	step := float64(cut-1) / float64(outputs-1)
	trim := (outputs - n) / 2

	stride := n * channels
	rows := grow(&ws.line, 2*stride)
	have := [2]int{-1, -1} // the source rows whose horizontal interpolation rows holds
	across := func(y int) []float64 {
		slot := rows[y%2*stride:][:stride]
		if have[y%2] != y {
			have[y%2] = y
			stretchRow(slot, src[((top+y)*n+top)*channels:][:cut*channels], channels, step, trim)
		}
		return slot
	}
	for y := range n {
		at, w := place(float64(y+trim)*step, cut)
		near, out := across(at), dst[y*stride:(y+1)*stride]
		if w == 0 {
			copy(out, near)
			continue
		}
		far := across(at + 1)
		for i := range out {
			out[i] = float64(near[i]*(1-w)) + float64(far[i]*w)
		}
	}
}

// place splits a coordinate into a sample and the weight of the next one.
func place(at float64, n int) (int, float64) {
	i := min(int(at), n-1)
	if w := at - float64(i); i < n-1 {
		return i, w
	}
	return i, 0
}

func stretchRow(dst, src []float64, channels int, step float64, trim int) {
	n := len(src) / channels
	for x := range len(dst) / channels {
		at, w := place(float64(x+trim)*step, n)
		near := src[at*channels:]
		far := near
		if w != 0 {
			far = near[channels:]
		}
		if channels == 3 {
			d, p, q := (*[3]float64)(dst[3*x:]), (*[3]float64)(near), (*[3]float64)(far)
			d[0] = float64(p[0]*(1-w)) + float64(q[0]*w)
			d[1] = float64(p[1]*(1-w)) + float64(q[1]*w)
			d[2] = float64(p[2]*(1-w)) + float64(q[2]*w)
			continue
		}
		for c := range channels {
			dst[x*channels+c] = float64(near[c]*(1-w)) + float64(far[c]*w)
		}
	}
}

// factor returns the i-th enlargement. The step is the difference that numpy's arange works with.
func (z zoomSteps) factor(i int) float64 {
	step := float64(1+z.step) - 1
	return 1 + float64(float64(i)*step)
}

// zoomBlur is the mean of the image and its enlargements, the first of them by 1.
func zoomBlur(steps parameters[zoomSteps]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, _ Source) {
		p := steps[severity]
		for i, v := range ws.img {
			ws.a[i] = float64(unit32[v])
			ws.f[i] = unit32[v] // the enlargement by 1
		}
		for i := 1; i < p.count; i++ {
			ws.zoom(ws.b, ws.a, 3, p.factor(i))
			for j, v := range ws.b {
				ws.f[j] += float32(v)
			}
		}
		n := float32(p.count + 1)
		for i, sum := range ws.f {
			ws.out[i] = float64(clip01f((unit32[ws.img[i]]+sum)/n) * 255)
		}
	}
}
