package jpegturbo

// plane holds the samples of one component, padded to whole blocks.
type plane struct {
	pix           []uint8
	stride        int // samples between rows
	width, height int // samples that belong to the image
}

func (p *plane) resize(width, height, blocksAcross, blocksDown int) {
	p.width, p.height, p.stride = width, height, blocksAcross*8
	n := p.stride * blocksDown * 8
	if cap(p.pix) < n {
		p.pix = make([]uint8, n)
	}
	p.pix = p.pix[:n]
}

// row returns row y of the image, edges repeated.
func (p *plane) row(y int) []uint8 {
	y = min(max(y, 0), p.height-1)
	return p.pix[y*p.stride:][:p.width]
}

// spread repeats the last column and the last row of the image into the padding.
func (p *plane) spread() {
	rows := len(p.pix) / p.stride
	for y := range p.height {
		row := p.pix[y*p.stride:][:p.stride]
		for x := p.width; x < p.stride; x++ {
			row[x] = row[p.width-1]
		}
	}
	last := p.pix[(p.height-1)*p.stride:][:p.stride]
	for y := p.height; y < rows; y++ {
		copy(p.pix[y*p.stride:], last)
	}
}

// part returns columns left to left+width of row y of the component, enlarged h×v times. It works in
// dst and sums, which hold width and 4h more.
func (p *plane) part(dst []uint8, sums []int32, left, width, y, h, v int) []uint8 {
	from := max(left/h-1, 0)
	to := min((left+width-1)/h+2, p.width)
	skip := left - from*h
	dst = dst[:min(skip+width+h, (to-from)*h)]
	p.enlarge(dst, sums, from, to, y, h, v)
	return dst[skip:][:width]
}

// enlarge writes samples from to to of row y of the component, enlarged h×v times, to dst. Two-fold
// enlargement is the triangle filter: three parts of the nearer sample, one part of the farther; other
// factors repeat samples, and so do images of one or two chroma columns. sums holds a row of dst's
// length. The filter takes the samples at the ends for those at the edges of the image.
func (p *plane) enlarge(dst []uint8, sums []int32, from, to, y, h, v int) {
	narrow := p.width <= 2
	row := func(y int) []uint8 { return p.row(y)[from:to] }
	switch {
	case h == 1 && v == 1:
		copy(dst, row(y))
	case h == 2 && v == 1 && !narrow:
		for i, s := range row(y) {
			sums[i] = int32(s)
		}
		triangle(dst, sums[:to-from], 1, 2, 2)
	case h == 1 && v == 2:
		near, far, bias := row(y/2), row(y/2-1), int32(1)
		if y%2 == 1 {
			far, bias = row(y/2+1), 2
		}
		for i := range dst {
			dst[i] = uint8((3*int32(near[i]) + int32(far[i]) + bias) >> 2)
		}
	case h == 2 && v == 2 && !narrow:
		near, far := row(y/2), row(y/2-1+y%2*2)
		far = far[:len(near)]
		for i, s := range near {
			sums[i] = 3*int32(s) + int32(far[i])
		}
		triangle(dst, sums[:len(near)], 8, 7, 4)
	default:
		near := row(y / v)
		for i := range dst {
			dst[i] = near[i/h]
		}
	}
}

// triangle doubles a row: even places lean to the left neighbour and are rounded with even, odd
// ones lean right and are rounded with odd. The ends repeat; all is shifted right by bits.
func triangle(dst []uint8, s []int32, even, odd int32, bits uint) {
	n := len(s)
	put := func(i int, v int32) {
		if i < len(dst) {
			dst[i] = uint8(v >> bits)
		}
	}
	if bits == 2 { // without a vertical part the ends are copied
		put(0, s[0]<<2)
		put(2*n-1, s[n-1]<<2)
	} else {
		put(0, 4*s[0]+even)
		put(2*n-1, 4*s[n-1]+odd)
	}
	put(1, 3*s[0]+s[1]+odd)
	put(2*n-2, 3*s[n-1]+s[n-2]+even)
	left, here := s[0], s[1]
	for i, right := range s[2:] {
		out := dst[2*i+2 : 2*i+4 : 2*i+4]
		out[0] = uint8((3*here + left + even) >> bits)
		out[1] = uint8((3*here + right + odd) >> bits)
		left, here = here, right
	}
}

// halve writes the 2×2 means of a full-size plane to chroma, rounded down and up in turn along
// each row.
func halve(chroma, full *plane) {
	last := full.width - 1
	for y := range chroma.height {
		a, b := full.row(2*y), full.row(2*y+1)
		out := chroma.pix[y*chroma.stride:][:chroma.stride]
		for x := range out {
			l, r := min(2*x, last), min(2*x+1, last)
			bias := int32(1 + x&1)
			out[x] = uint8((int32(a[l]) + int32(a[r]) + int32(b[l]) + int32(b[r]) + bias) >> 2)
		}
	}
	w := chroma.width
	chroma.width = chroma.stride // its padding columns are means of repeated pixels
	chroma.spread()
	chroma.width = w
}
