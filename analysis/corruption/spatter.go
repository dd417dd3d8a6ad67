package corruption

import "math"

// painter holds the 8-bit planes of the water drops.
type painter struct {
	liquid, edge, dist, tmp []uint8
	gx, gy, mag, far        []int32
	stack                   []int32
}

func (p *painter) init(n int) {
	if len(p.liquid) == n*n {
		return
	}
	bytes := make([]uint8, 4*n*n)
	p.liquid, p.edge, p.dist, p.tmp = bytes[:n*n], bytes[n*n:2*n*n], bytes[2*n*n:3*n*n], bytes[3*n*n:]
	ints := make([]int32, 3*n*n)
	p.gx, p.gy, p.mag = ints[:n*n], ints[n*n:2*n*n], ints[2*n*n:]
	p.far = make([]int32, (n+4)*(n+4))
}

// spatter splashes water or mud on the image.
func spatter(p parameters[splash]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		q, n := p[severity], ws.size
		layer, liquid := ws.a[:n*n], ws.b[:n*n]
		for i := range layer {
			layer[i] = q.mean + float64(q.sd*src.Normal())
		}
		ws.gaussian(liquid, layer, 1, q.sigma, 4, nearest, false)
		for i, v := range liquid {
			if v < q.threshold {
				liquid[i] = 0
			}
		}
		if q.mud == 0 {
			ws.water(liquid, q)
		} else {
			ws.mud(liquid, q)
		}
	}
}

// mud covers the image where the liquid is.
func (ws *Workspace) mud(liquid []float64, q splash) {
	cover, smooth := ws.a[:len(liquid)], ws.out[:len(liquid)]
	for i, v := range liquid {
		cover[i] = 0
		if v > q.threshold {
			cover[i] = 1
		}
	}
	ws.gaussian(smooth, cover, 1, q.amount, 4, nearest, true)
	copy(liquid, smooth)
	colour := [3]float32{63.0 / 255, 42.0 / 255, 20.0 / 255}
	for i, v := range liquid {
		m := float32(v)
		if m < 0.8 {
			m = 0
		}
		for c := range colour {
			x := unit32[ws.img[3*i+c]]
			ws.out[3*i+c] = float64(clip01f(float32(x*(1-m))+float32(colour[c]*m)) * 255)
		}
	}
}

// water lights the drops by their distance from their edges.
func (ws *Workspace) water(liquid []float64, q splash) {
	n, p := ws.size, &ws.paint
	p.init(n)
	for i, v := range liquid {
		p.liquid[i] = uint8(v * 255)
	}
	p.canny(n, 50, 150)
	p.distance(n)
	p.equalise()
	p.emboss(n)
	p.smooth(n)
	light, brightest := ws.g[:n*n], float32(0)
	for i, v := range p.liquid {
		light[i] = float32(v) * float32(p.dist[i])
		brightest = max(brightest, light[i])
	}
	colour := [3]float32{175.0 / 255, 238.0 / 255, 238.0 / 255}
	for i, m := range light {
		if brightest > 0 { // without a drop the image stays as it is
			m = m / brightest * float32(q.amount)
		}
		for c := range colour {
			x := unit32[ws.img[3*i+c]]
			ws.out[3*i+c] = float64(clip01f(x+float32(m*colour[c])) * 255)
		}
	}
}

// canny marks the edges of p.liquid in p.edge: 3×3 Sobel gradients with repeated edges, thinned
// along four directions, followed from values over high through those over low (J. Canny, 1986).
func (p *painter) canny(n int, low, high int32) {
	for y := range n {
		for x := range n {
			at := func(dy, dx int) int32 {
				return int32(p.liquid[nearest.index(y+dy, n)*n+nearest.index(x+dx, n)])
			}
			i := y*n + x
			p.gx[i] = at(-1, 1) - at(-1, -1) + 2*(at(0, 1)-at(0, -1)) + at(1, 1) - at(1, -1)
			p.gy[i] = at(1, -1) - at(-1, -1) + 2*(at(1, 0)-at(-1, 0)) + at(1, 1) - at(-1, 1)
			p.mag[i] = abs(p.gx[i]) + abs(p.gy[i])
		}
	}
	const weak, strong = 1, 255
	p.stack = p.stack[:0]
	for i, m := range p.mag {
		p.edge[i] = 0
		if m > low && p.ridge(n, i/n, i%n) {
			p.edge[i] = weak
			if m > high {
				p.edge[i] = strong
				p.stack = append(p.stack, int32(i))
			}
		}
	}
	for len(p.stack) > 0 {
		i := int(p.stack[len(p.stack)-1])
		p.stack = p.stack[:len(p.stack)-1]
		for y := max(i/n-1, 0); y <= min(i/n+1, n-1); y++ {
			for x := max(i%n-1, 0); x <= min(i%n+1, n-1); x++ {
				if p.edge[y*n+x] == weak {
					p.edge[y*n+x] = strong
					p.stack = append(p.stack, int32(y*n+x))
				}
			}
		}
	}
}

func abs(v int32) int32 { return max(v, -v) }

// ridge tells whether the gradient is largest at (y, x) along its own direction, one of four.
func (p *painter) ridge(n, y, x int) bool {
	const tan22 = 13573 // tan 22.5° in 15 bits
	mag := func(dy, dx int) int32 {
		if y+dy < 0 || y+dy >= n || x+dx < 0 || x+dx >= n {
			return 0
		}
		return p.mag[(y+dy)*n+x+dx]
	}
	i := y*n + x
	m, gx, gy := p.mag[i], p.gx[i], p.gy[i]
	ax, ay := int64(abs(gx)), int64(abs(gy))<<15
	switch {
	case ay < ax*tan22:
		return m > mag(0, -1) && m >= mag(0, 1)
	case ay > ax*tan22+ax<<16:
		return m > mag(-1, 0) && m >= mag(1, 0)
	}
	s := 1
	if gx^gy < 0 {
		s = -1
	}
	return m > mag(-1, -s) && m > mag(1, s)
}

// distance writes to p.dist the distance to the nearest edge, at most 20 pixels, averaged over 3×3
// and truncated: the 5×5 chamfer distance of G. Borgefors (1986) in 16-bit fractions.
func (p *painter) distance(n int) {
	const (
		straight = 1 << 16
		diagonal = 91750  // 1.4
		knight   = 143976 // 2.1969
		infinite = math.MaxInt32 >> 2
		most     = 20 << 16
	)
	s := n + 4
	for i := range p.far {
		p.far[i] = infinite
	}
	before := [8]struct {
		step int
		cost int32
	}{
		{-2*s - 1, knight}, {-2*s + 1, knight}, {-s - 2, knight}, {-s - 1, diagonal},
		{-s, straight}, {-s + 1, diagonal}, {-s + 2, knight}, {-1, straight},
	}
	for y := range n {
		for x := range n {
			i := (y+2)*s + x + 2
			if p.edge[y*n+x] == 255 {
				p.far[i] = 0
				continue
			}
			for _, b := range before {
				p.far[i] = min(p.far[i], p.far[i+b.step]+b.cost)
			}
		}
	}
	for y := n - 1; y >= 0; y-- {
		for x := n - 1; x >= 0; x-- {
			i := (y+2)*s + x + 2
			for _, b := range before {
				p.far[i] = min(p.far[i], p.far[i-b.step]+b.cost)
			}
		}
	}
	for y := range n {
		for x := range n {
			sum := 0.0
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					f := p.far[(mirror(y+dy, n)+2)*s+mirror(x+dx, n)+2]
					sum += float64(float32(min(f, most)) / (1 << 16))
				}
			}
			p.dist[y*n+x] = uint8(float32(sum * (1.0 / 9)))
		}
	}
}

// equalise flattens the histogram of p.dist.
func (p *painter) equalise() {
	var count [256]int
	for _, v := range p.dist {
		count[v]++
	}
	first := 0
	for count[first] == 0 {
		first++
	}
	if count[first] == len(p.dist) {
		return
	}
	scale := 255 / float32(len(p.dist)-count[first])
	var to [256]uint8
	sum := 0
	for v := first + 1; v < 256; v++ {
		sum += count[v]
		to[v] = uint8(min(rint(float64(float32(sum)*scale)), 255))
	}
	for i, v := range p.dist {
		p.dist[i] = to[v]
	}
}

// emboss lights p.dist from the upper left, cut to 8 bits, into p.tmp.
func (p *painter) emboss(n int) {
	kernel := [9]int{-2, -1, 0, -1, 1, 1, 0, 1, 2}
	for i := range p.dist {
		sum := 0
		for k, w := range kernel {
			sum += w * int(p.dist[mirror(i/n+k/3-1, n)*n+mirror(i%n+k%3-1, n)])
		}
		p.tmp[i] = uint8(min(max(sum, 0), 255))
	}
}

// smooth writes the rounded 3×3 means of p.tmp to p.dist.
func (p *painter) smooth(n int) {
	for i := range p.tmp {
		sum := 0
		for k := range 9 {
			sum += int(p.tmp[mirror(i/n+k/3-1, n)*n+mirror(i%n+k%3-1, n)])
		}
		p.dist[i] = uint8((2*sum + 9) / 18)
	}
}
