package jpegturbo

// Codec holds the buffers of Encode and Recode, so that many images are coded without allocating.
// The zero value is ready. It must not be used by two goroutines at once.
type Codec struct {
	planes [3]plane // Y, and chroma at half size
	full   [2]plane // chroma before it is halved
	up     [2][]uint8
	sums   []int32
	coefs  [3][][64]int16 // quantised blocks in row order, zig-zagged
	tables [2][64]int32
	huff   huffmanWriter
}

// Recode writes to dst what an RGB image of width×height pixels (height×width×3 samples) becomes
// when it is saved as a JPEG of the quality 1..100 with chroma at half size and read again. It
// equals Decode of Encode, without the entropy coding, which loses nothing. dst may be src.
func (c *Codec) Recode(dst, src []uint8, width, height, quality int) {
	checkImage(dst, width, height)
	c.split(src, width, height, quality)
	var block [64]int32
	for i := range c.planes {
		p, table := &c.planes[i], &c.tables[min(i, 1)]
		for by := 0; by < len(p.pix); by += 8 * p.stride {
			for bx := 0; bx < p.stride; bx += 8 {
				at := p.pix[by+bx:]
				load(&block, at, p.stride)
				for j, v := range block {
					q := table[j]
					block[j] = quantise(v, q) * q
				}
				inverse(&block, at, p.stride)
			}
		}
	}
	for y := range height {
		for i := range c.up {
			c.planes[i+1].enlarge(c.up[i], c.sums, 0, c.planes[i+1].width, y, 2, 2)
		}
		toRGB(dst[y*width*3:(y+1)*width*3], c.planes[0].row(y), c.up[0], c.up[1])
	}
}

// split converts the image to planes of Y and halved chroma, padded to whole blocks, and sets the
// tables.
func (c *Codec) split(src []uint8, width, height, quality int) {
	checkImage(src, width, height)
	checkQuality(quality)
	c.tables[0], c.tables[1] = scaled(&baseLuminance, quality), scaled(&baseChrominance, quality)
	hw, hh := (width+1)/2, (height+1)/2
	c.planes[0].resize(width, height, blocks(width), blocks(height))
	for i := range c.full {
		c.full[i].resize(width, height, blocks(width), blocks(height))
		c.planes[i+1].resize(hw, hh, blocks(hw), blocks(hh))
		if cap(c.up[i]) < width {
			c.up[i] = make([]uint8, width)
		}
		c.up[i] = c.up[i][:width]
	}
	if len(c.sums) < width {
		c.sums = make([]int32, width)
	}
	for y := range height {
		toYCC(c.planes[0].row(y), c.full[0].row(y), c.full[1].row(y), src[y*width*3:(y+1)*width*3])
	}
	c.planes[0].spread()
	for i := range c.full {
		halve(&c.planes[i+1], &c.full[i])
	}
}

func blocks(samples int) int { return (samples + 7) / 8 }

// load reads a block of samples, takes 128 off and transforms it.
func load(b *[64]int32, src []uint8, stride int) {
	for y := range 8 {
		row := (*[8]uint8)(src[y*stride:])
		for x, v := range row {
			b[8*y+x] = int32(v) - 128
		}
	}
	forward(b)
}

// quantise divides 8 times a coefficient by 8q, rounding halves away from zero.
func quantise(v, q int32) int32 {
	if v < 0 {
		return -((-v + 4*q) / (8 * q))
	}
	return (v + 4*q) / (8 * q)
}
