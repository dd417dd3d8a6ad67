package corruption

// plasma writes a fractal map of n×n numbers, n a power of two, stretched to 0..1: midpoint
// displacement on a torus (the diamond-square algorithm of Fournier, Fussell and Carpenter, 1982),
// where the amplitude of the noise falls by decay² per octave.
func plasma(m []float64, n int, decay float64, src Source) {
	m = m[:n*n]
	m[0] = 0
	at := func(y, x int) float64 { return m[(y&(n-1))*n+x&(n-1)] }
	amplitude := 100.0
	for step := n; step >= 2; step /= 2 {
		h := step / 2
		noise := func() float64 { return float64(amplitude * between(src, -amplitude, amplitude)) }
		for y := h; y < n; y += step {
			for x := h; x < n; x += step {
				left, right := at(y-h, x-h)+at(y+h, x-h), at(y-h, x+h)+at(y+h, x+h)
				m[y*n+x] = (left+right)/4 + noise()
			}
		}
		for y := 0; y < n; y += step {
			for x := h; x < n; x += step {
				m[y*n+x] = (at(y+h, x)+at(y-h, x)+(at(y, x-h)+at(y, x+h)))/4 + noise()
			}
		}
		for y := h; y < n; y += step {
			for x := 0; x < n; x += step {
				m[y*n+x] = (at(y, x+h)+at(y, x-h)+(at(y-h, x)+at(y+h, x)))/4 + noise()
			}
		}
		amplitude /= decay
	}
	low, high := m[0], 0.0
	for _, v := range m {
		low = min(low, v)
	}
	for i := range m {
		m[i] -= low
		high = max(high, m[i])
	}
	for i := range m {
		m[i] /= high
	}
}

// fog adds a plasma map and scales the sum back to the image's maximum.
func fog(p parameters[haze]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		q, n, side := p[severity], ws.size, 1
		for side < n {
			side *= 2
		}
		haze := grow(&ws.haze, side*side)
		plasma(haze, side, q.decay, src)
		brightest := uint8(0)
		for _, v := range ws.img {
			brightest = max(brightest, v)
		}
		m := unit[brightest]
		for i, v := range ws.img {
			y, x := i/3/n, i/3%n
			ws.out[i] = clip01((unit[v]+float64(q.amount*haze[y*side+x]))*m/(m+q.amount)) * 255
		}
	}
}
