package jpegturbo

import (
	"fmt"
	"io"
	"math/bits"
)

// Encode writes an RGB image of width×height pixels (height×width×3 samples) as a baseline JFIF
// file of the quality 1..100, chroma at half size, with Huffman codes made for the image: what
// Pillow's save(quality=…, optimize=True) writes.
func (c *Codec) Encode(w io.Writer, src []uint8, width, height, quality int) error {
	c.split(src, width, height, quality)
	for i := range c.planes {
		c.transform(i)
	}
	h := &c.huff
	*h = huffmanWriter{out: h.out[:0]}
	c.scan(width, height)
	for i := range h.freq {
		spec := optimal(&h.freq[i])
		h.code[i], h.length[i] = spec.codes()
		h.spec[i] = spec
	}
	h.header(c, width, height)
	h.writing = true
	c.scan(width, height)
	h.finish()
	if _, err := w.Write(h.out); err != nil {
		return fmt.Errorf("write JPEG: %w", err)
	}
	return nil
}

// transform fills the quantised blocks of plane i in the order of coding.
func (c *Codec) transform(i int) {
	p, table := &c.planes[i], &c.tables[min(i, 1)]
	n := len(p.pix) / 64
	if cap(c.coefs[i]) < n {
		c.coefs[i] = make([][64]int16, n)
	}
	c.coefs[i] = c.coefs[i][:n]
	var block [64]int32
	at := 0
	for by := 0; by < len(p.pix); by += 8 * p.stride {
		for bx := 0; bx < p.stride; bx += 8 {
			load(&block, p.pix[by+bx:], p.stride)
			out := &c.coefs[i][at]
			for k, z := range zigzag {
				out[k] = int16(quantise(block[z], table[z]))
			}
			at++
		}
	}
}

// scan codes all MCUs: four blocks of Y, one of each chroma. Blocks beyond the padded image carry
// the DC of the block before them and cost next to nothing.
func (c *Codec) scan(width, height int) {
	h := &c.huff
	h.dc = [3]int32{}
	across, down := blocks(width), blocks(height)
	for my := range (height + 15) / 16 {
		for mx := range (width + 15) / 16 {
			for _, off := range [4][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
				y, x := 2*my+off[0], 2*mx+off[1]
				if y < down && x < across {
					h.block(&c.coefs[0][y*across+x], 0)
				} else {
					h.block(&[64]int16{int16(h.dc[0])}, 0)
				}
			}
			for i := 1; i < 3; i++ {
				h.block(&c.coefs[i][my*(c.planes[i].stride/8)+mx], i)
			}
		}
	}
}

// huffmanWriter counts symbols, then writes them. Index 0, 1: DC of luminance and chroma; 2, 3: AC.
type huffmanWriter struct {
	writing bool
	freq    [4][257]int
	spec    [4]huffmanSpec
	code    [4][256]uint32
	length  [4][256]uint8
	dc      [3]int32 // of each component's last block
	out     []byte
	held    uint64 // bits not yet written, at the low end
	nheld   uint
}

// block codes one block of component i (T.81, F.1.2).
func (h *huffmanWriter) block(b *[64]int16, i int) {
	table := min(i, 1)
	diff := int32(b[0]) - h.dc[i]
	h.dc[i] = int32(b[0])
	h.value(table, 0, diff)
	run := 0
	for _, v := range b[1:] {
		if v == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			h.symbol(2+table, 0xf0)
		}
		h.value(2+table, run, int32(v))
		run = 0
	}
	if run > 0 {
		h.symbol(2+table, 0)
	}
}

// value codes a run of zeros and a value: a symbol, and the value's low bits.
func (h *huffmanWriter) value(table, run int, v int32) {
	magnitude, low := v, v
	if v < 0 {
		magnitude, low = -v, v-1
	}
	n := uint(bits.Len32(uint32(magnitude)))
	h.symbol(table, run<<4|int(n))
	if h.writing && n > 0 {
		h.put(uint32(low)&(1<<n-1), n)
	}
}

func (h *huffmanWriter) symbol(table, s int) {
	if !h.writing {
		h.freq[table][s]++
		return
	}
	h.put(h.code[table][s], uint(h.length[table][s]))
}

// put appends n bits, a zero byte after each byte of ones.
func (h *huffmanWriter) put(v uint32, n uint) {
	h.held = h.held<<n | uint64(v)
	h.nheld += n
	for h.nheld >= 8 {
		h.nheld -= 8
		b := byte(h.held >> h.nheld)
		h.out = append(h.out, b)
		if b == 0xff {
			h.out = append(h.out, 0)
		}
	}
}

// finish fills the last byte with ones and ends the image.
func (h *huffmanWriter) finish() {
	if h.nheld > 0 {
		n := 8 - h.nheld
		h.put(1<<n-1, n)
	}
	h.out = append(h.out, 0xff, markEOI)
}

// header writes everything before the coded data.
func (h *huffmanWriter) header(c *Codec, width, height int) {
	h.out = append(h.out, 0xff, markSOI)
	h.segment(markAPP0, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0)
	for i := range c.tables {
		body := []byte{byte(i)}
		for _, z := range zigzag {
			body = append(body, byte(c.tables[i][z]))
		}
		h.segment(markDQT, body...)
	}
	h.segment(markSOF0, 8, byte(height>>8), byte(height), byte(width>>8), byte(width), 3,
		1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1)
	for _, t := range [4]struct{ id, index int }{{0x00, 0}, {0x10, 2}, {0x01, 1}, {0x11, 3}} {
		s := &h.spec[t.index]
		body := append([]byte{byte(t.id)}, s.counts[1:]...)
		h.segment(markDHT, append(body, s.symbols...)...)
	}
	h.segment(markSOS, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0)
}

func (h *huffmanWriter) segment(marker byte, body ...byte) {
	n := len(body) + 2
	h.out = append(h.out, 0xff, marker, byte(n>>8), byte(n))
	h.out = append(h.out, body...)
}
