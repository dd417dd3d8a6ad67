package corruption

import (
	"math"

	"striate/internal/pillow"
)

// pixelate shrinks to so many pixels a side and enlarges again, both with Pillow's box filter.
func pixelate(sides parameters[int]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, _ Source) {
		n, s := ws.size, sides[severity]
		small := pillow.Resize(ws.img, n, n, 3, s, s, pillow.Box)
		ws.setBytes(pillow.Resize(small, s, s, 3, n, n, pillow.Box))
	}
}

// jpegCompression saves as a JPEG of the quality and reads it again.
func jpegCompression(quality parameters[int]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, _ Source) {
		ws.codec.Recode(ws.bytes, ws.img, ws.size, ws.size, quality[severity])
		ws.setBytes(ws.bytes)
	}
}

// affine maps (x, y) to (a·x+b·y+c, d·x+e·y+f).
type affine struct{ a, b, c, d, e, f float64 }

func (m affine) inverse() affine {
	det := m.a*m.e - m.b*m.d
	if det != 0 {
		det = 1 / det
	}
	i := affine{a: m.e * det, b: -m.b * det, d: -m.d * det, e: m.a * det}
	i.c = -i.a*m.c - i.b*m.f
	i.f = -i.d*m.c - i.e*m.f
	return i
}

// through returns the affine map that takes three points to three others.
func through(from, to [3][2]float64) affine {
	// Relative to the last point two equations an axis remain.
	ux, uy := from[0][0]-from[2][0], from[0][1]-from[2][1]
	vx, vy := from[1][0]-from[2][0], from[1][1]-from[2][1]
	det := ux*vy - uy*vx
	solve := func(k int) (float64, float64, float64) {
		p, q := to[0][k]-to[2][k], to[1][k]-to[2][k]
		a, b := (p*vy-q*uy)/det, (q*ux-p*vx)/det
		return a, b, to[2][k] - a*from[2][0] - b*from[2][1]
	}
	var m affine
	m.a, m.b, m.c = solve(0)
	m.d, m.e, m.f = solve(1)
	return m
}

// warp samples src where the inverse of m says, with linear interpolation between positions
// rounded to 1/32 pixel, mirrored without the edge, in single precision: OpenCV's warpAffine.
func (ws *Workspace) warp(dst, src []float32, m affine) {
	const scale = 1024
	n, inv := ws.size, m.inverse()
	for y := range n {
		x0 := rint((inv.b*float64(y)+inv.c)*scale) + 16
		y0 := rint((inv.e*float64(y)+inv.f)*scale) + 16
		for x := range n {
			px := (x0 + rint(inv.a*float64(x)*scale)) >> 5
			py := (y0 + rint(inv.d*float64(x)*scale)) >> 5
			fx, fy := float32(px&31)/32, float32(py&31)/32
			left, right := mirror(px>>5, n), mirror(px>>5+1, n)
			up, down := mirror(py>>5, n)*n, mirror(py>>5+1, n)*n
			w := [4]float32{(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}
			a, b := src[(up+left)*3:][:3], src[(up+right)*3:][:3]
			c, d := src[(down+left)*3:][:3], src[(down+right)*3:][:3]
			out := dst[(y*n+x)*3:][:3]
			for k := range out {
				out[k] = float32(a[k]*w[0]) + float32(b[k]*w[1]) + float32(c[k]*w[2]) + float32(d[k]*w[3])
			}
		}
	}
}

// jitter draws the random affine map: three corners of a square about the middle are moved.
func (ws *Workspace) jitter(by float64, src Source) affine {
	centre, arm := float64(ws.size/2), float64(ws.size/3)
	from := [3][2]float64{{centre + arm, centre + arm}, {centre + arm, centre - arm}, {centre - arm, centre - arm}}
	to := from
	for i := range to {
		for k := range to[i] {
			to[i][k] = float64(float32(to[i][k]) + float32(between(src, -by, by)))
		}
	}
	return through(from, to)
}

// elasticTransform warps by a random affine map and then displaces each pixel by smooth noise.
func elasticTransform(p parameters[elastic]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		q, n := p[severity], ws.size
		m := ws.jitter(q.jitter, src)
		for i, v := range ws.img {
			ws.g[i] = unit32[v]
		}
		ws.warp(ws.f, ws.g, m)
		// Three planes of scratch: the noise, and a displacement an axis.
		noise, dx, dy := ws.a[:n*n], ws.b[:n*n], ws.b[n*n:2*n*n]
		for _, field := range [2][]float64{dx, dy} {
			for i := range noise {
				noise[i] = between(src, -1, 1)
			}
			if q.alpha == 0 {
				clear(field)
				continue
			}
			ws.gaussian(field, noise, 1, q.sigma, 3, reflect, false)
			for i, v := range field {
				field[i] = float64(float32(v * q.alpha))
			}
		}
		ws.displace(dx, dy)
	}
}

// displace writes to ws.out the pixels of ws.f at (y+dy, x+dx), linear, reflected.
func (ws *Workspace) displace(dx, dy []float64) {
	n := ws.size
	for i := range dx {
		sy, sx := float64(i/n)+dy[i], float64(i%n)+dx[i]
		fy, fx := math.Floor(sy), math.Floor(sx)
		wy, wx := sy-fy, sx-fx
		up, down := reflect.index(int(fy), n)*n, reflect.index(int(fy)+1, n)*n
		left, right := reflect.index(int(fx), n), reflect.index(int(fx)+1, n)
		a, b := ws.f[(up+left)*3:][:3], ws.f[(up+right)*3:][:3]
		c, d := ws.f[(down+left)*3:][:3], ws.f[(down+right)*3:][:3]
		out := ws.out[i*3:][:3]
		for k := range out {
			v := float64(float64(a[k])*(1-wy)*(1-wx)) + float64(float64(b[k])*(1-wy)*wx) +
				float64(float64(c[k])*wy*(1-wx)) + float64(float64(d[k])*wy*wx)
			out[k] = float64(clip01f(float32(v)) * 255)
		}
	}
}
