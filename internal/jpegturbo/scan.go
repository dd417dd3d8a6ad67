package jpegturbo

import (
	"encoding/binary"
	"math/bits"
)

// bitReader reads the coded data of a scan. At a marker it stops and gives zeros, as libjpeg does;
// at the end of the file it fails.
type bitReader struct {
	data  []byte
	at    int
	held  uint64
	nheld uint
	ended bool // the file ended inside the data
	over  uint // bits given after a marker or the end
}

// fill makes sure of at least 48 bits.
func (r *bitReader) fill() {
	if r.at+8 <= len(r.data) {
		if next := binary.BigEndian.Uint64(r.data[r.at:]); !hasFF(next) {
			n := (64 - r.nheld) / 8
			r.held = r.held<<(8*n) | next>>(64-8*n)
			r.nheld += 8 * n
			r.at += int(n)
			return
		}
	}
	r.fillBytes()
}

// hasFF tells whether a byte of v is 0xff.
func hasFF(v uint64) bool {
	v = ^v
	return (v-0x0101010101010101)&^v&0x8080808080808080 != 0
}

// fillBytes is fill where a byte may be stuffed or begin a marker.
func (r *bitReader) fillBytes() {
	for r.nheld <= 48 {
		b := byte(0)
		switch {
		case r.at >= len(r.data):
			r.ended = true
			r.over += 8
		case r.data[r.at] != 0xff:
			b = r.data[r.at]
			r.at++
		case r.at+1 < len(r.data) && r.data[r.at+1] == 0:
			b = 0xff
			r.at += 2
		default: // a marker
			r.ended = r.ended || r.at+1 >= len(r.data)
			r.over += 8
		}
		r.held = r.held<<8 | uint64(b)
		r.nheld += 8
	}
}

// read returns the next n ≤ 16 bits.
func (r *bitReader) read(n uint) int32 {
	if r.nheld < n {
		r.fill()
	}
	r.nheld -= n
	return int32(r.held>>r.nheld) & (1<<n - 1)
}

// symbol decodes one symbol.
func (r *bitReader) symbol(t *huffmanTable) (uint8, error) {
	if r.nheld < 16 {
		r.fill()
	}
	e := t.look[r.held>>(r.nheld-lookBits)&(1<<lookBits-1)]
	if e == 0 {
		return r.longSymbol(t)
	}
	r.nheld -= uint(e >> 8)
	return uint8(e), nil
}

// longSymbol is symbol for codes that the first look-up does not resolve.
func (r *bitReader) longSymbol(t *huffmanTable) (uint8, error) {
	code := int32(r.held>>(r.nheld-16)) & 0xffff
	l := 1
	for code >= t.limit[l] {
		l++
	}
	if l > 16 {
		return 0, FormatError("a code that no table has")
	}
	r.nheld -= uint(l)
	return t.symbols[uint8(code>>(16-l)+t.offset[l])], nil
}

// value decodes a symbol and the number after it, whose bits the symbol's low half counts.
func (r *bitReader) value(t *huffmanTable) (symbol uint8, v int32, err error) {
	if r.nheld < 32 {
		r.fill()
	}
	if e := t.look[r.held>>(r.nheld-lookBits)&(1<<lookBits-1)]; e != 0 {
		r.nheld -= uint(e >> 8)
		symbol = uint8(e)
	} else if symbol, err = r.longSymbol(t); err != nil {
		return 0, 0, err
	}
	n := uint(symbol & 15)
	r.nheld -= n
	v = int32(r.held>>r.nheld) & (1<<n - 1)
	if 2*v < 1<<n && n > 0 {
		v += 1 - 1<<n
	}
	return symbol, v, nil
}

// maxScans bounds the work that a small file can ask for; real progressive files have about ten.
const maxScans = 300

// scan is the header of one scan (T.81, B.2.3).
type scan struct {
	components   []*component
	first, last  int  // band of coefficients
	high, low    uint // successive approximation
	decodeBlock  func(d *decoder, c *component, number int) error
	dcOnly, fine bool
}

// startScan reads a scan header and the data after it.
func (d *decoder) startScan(b []byte) error {
	if !d.framed {
		return FormatError("a scan before the frame")
	}
	if len(b) < 1 || len(b) != 4+2*int(b[0]) || b[0] < 1 || int(b[0]) > len(d.components) {
		return FormatError("a scan header of the wrong length")
	}
	if d.scans++; d.scans > maxScans {
		return FormatError("an absurd number of scans")
	}
	n := int(b[0])
	var s scan
	tail := b[1+2*n:]
	s.first, s.last, s.high, s.low = int(tail[0]), int(tail[1]), uint(tail[2]>>4), uint(tail[2]&15)
	if !d.progressive {
		s.first, s.last, s.high, s.low = 0, 63, 0, 0
	}
	if s.last > 63 || s.first > s.last || s.low > 13 || s.high > 13 || s.first == 0 && s.last != 0 && d.progressive || s.first > 0 && n != 1 {
		return FormatError("a wrong scan")
	}
	s.dcOnly, s.fine = s.first == 0, s.high > 0
	for i := range n {
		c, err := d.scanComponent(b[1+2*i:3+2*i], &s)
		if err != nil {
			return err
		}
		s.components = append(s.components, c)
	}
	switch {
	case !d.progressive:
		s.decodeBlock = (*decoder).sequential
	case s.dcOnly:
		s.decodeBlock = s.dcBlock
	case s.fine:
		s.decodeBlock = s.refineBlock
	default:
		s.decodeBlock = s.acBlock
	}
	d.bits = bitReader{data: d.data, at: d.at}
	if err := d.mcus(&s); err != nil {
		return err
	}
	d.at = d.bits.at
	return nil
}

// scanComponent finds the component and the tables a scan header names.
func (d *decoder) scanComponent(b []byte, s *scan) (*component, error) {
	for i := range d.components {
		c := &d.components[i]
		if c.id != int(b[0]) {
			continue
		}
		for _, other := range s.components {
			if other == c {
				return nil, FormatError("a component twice in a scan")
			}
		}
		if b[1]>>4 > 3 || b[1]&15 > 3 {
			return nil, FormatError("a wrong table in a scan")
		}
		c.dcTable, c.acTable = &d.huffman[0][b[1]>>4], &d.huffman[1][b[1]&15]
		needDC, needAC := s.dcOnly && !s.fine, s.last > 0
		if needDC && !c.dcTable.defined || needAC && !c.acTable.defined {
			return nil, FormatError("a scan without its Huffman table")
		}
		if c.quant == nil {
			if c.quant = d.quants[c.table]; c.quant == nil {
				return nil, FormatError("a component without its quantisation table")
			}
		}
		return c, nil
	}
	return nil, FormatError("a scan of an unknown component")
}

// mcus decodes the units of a scan: blocks of one component in rows, or interleaved MCUs.
func (d *decoder) mcus(s *scan) error {
	across, down := d.mcux, d.mcuy
	if len(s.components) == 1 {
		across, down = s.components[0].across, s.components[0].down
	}
	d.restart(s)
	left := d.interval
	for my := range down {
		for mx := range across {
			if d.interval > 0 && left == 0 {
				if err := d.nextInterval(s); err != nil {
					return err
				}
				left = d.interval
			}
			left--
			if err := d.mcu(s, my, mx); err != nil {
				return err
			}
			if d.bits.ended && d.bits.over > d.bits.nheld {
				return FormatError("the file ends early")
			}
		}
	}
	return nil
}

func (d *decoder) mcu(s *scan, my, mx int) error {
	if len(s.components) == 1 {
		c := s.components[0]
		return s.decodeBlock(d, c, my*c.mcuAcross+mx)
	}
	for _, c := range s.components {
		for y := range c.v {
			for x := range c.h {
				if err := s.decodeBlock(d, c, (my*c.v+y)*c.mcuAcross+mx*c.h+x); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *decoder) restart(s *scan) {
	for _, c := range s.components {
		c.dc = 0
	}
	d.eobrun = 0
}

// nextInterval passes a restart marker.
func (d *decoder) nextInterval(s *scan) error {
	d.at = d.bits.at
	marker, err := d.marker()
	if err != nil {
		return err
	}
	if marker < markRST0 || marker > markRST7 {
		return FormatError("a restart marker is missing")
	}
	d.bits = bitReader{data: d.data, at: d.at}
	d.restart(s)
	return nil
}

// sequential decodes a whole block (T.81, F.2.2) and transforms it.
func (d *decoder) sequential(c *component, number int) error {
	r := &d.bits
	size, diff, err := r.value(c.dcTable)
	if err != nil {
		return err
	}
	if size > 15 {
		return FormatError("a DC difference of more than 15 bits")
	}
	c.dc += diff
	var b [64]int32
	b[0] = int32(int16(c.dc)) * c.quant[0]
	flat := true
	for k := 1; k < 64; k++ {
		symbol, v, err := r.value(c.acTable)
		if err != nil {
			return err
		}
		run := int(symbol >> 4)
		if symbol&15 == 0 {
			if run != 15 {
				break
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return FormatError("a run beyond its block")
		}
		z := zigzag[k] & 63
		b[z] = v * c.quant[z]
		flat = false
	}
	y, x := number/c.mcuAcross, number%c.mcuAcross
	if !c.seen.holds(x, y) {
		return nil
	}
	samples := c.plane.pix[8*(y*c.plane.stride+x):]
	if flat {
		inverseDC(b[0], samples, c.plane.stride)
	} else {
		inverse(&b, samples, c.plane.stride)
	}
	return nil
}

// dcBlock decodes a DC coefficient or one more bit of it (T.81, G.1.2.1).
func (s *scan) dcBlock(d *decoder, c *component, number int) error {
	b := &c.coefs[number]
	if s.fine {
		if d.bits.read(1) == 1 {
			b[0] |= 1 << s.low
		}
		return nil
	}
	size, diff, err := d.bits.value(c.dcTable)
	if err != nil {
		return err
	}
	if size > 15 {
		return FormatError("a DC difference of more than 15 bits")
	}
	c.dc += diff
	b[0] = int16(c.dc << s.low)
	return nil
}

// acBlock decodes a band of coefficients for the first time (T.81, G.1.2.2).
func (s *scan) acBlock(d *decoder, c *component, number int) error {
	if d.eobrun > 0 {
		d.eobrun--
		return nil
	}
	b, r := &c.coefs[number], &d.bits
	for k := s.first; k <= s.last; k++ {
		sym, v, err := r.value(c.acTable)
		if err != nil {
			return err
		}
		run := int(sym >> 4)
		if sym&15 == 0 {
			if run != 15 {
				d.eobrun = 1<<run - 1 + int(r.read(uint(run)))
				return nil
			}
			k += 15
			continue
		}
		k += run
		if k > s.last {
			return FormatError("a run beyond its band")
		}
		b[zigzag[k]] = int16(v << s.low)
	}
	return nil
}

// refineBlock adds one bit to a band of coefficients (T.81, G.1.2.3).
func (s *scan) refineBlock(d *decoder, c *component, number int) error {
	b, r := &c.coefs[number], &d.bits
	k := s.first
	for d.eobrun == 0 && k <= s.last {
		sym, err := r.symbol(c.acTable)
		if err != nil {
			return err
		}
		run, size := int(sym>>4), sym&15
		value := int16(0)
		switch {
		case size == 0 && run != 15:
			d.eobrun = 1<<run + int(r.read(uint(run)))
		case size > 1:
			return FormatError("a new coefficient of more than one bit")
		case size == 1:
			value = -1 << s.low
			if r.read(1) == 1 {
				value = 1 << s.low
			}
		}
		if d.eobrun > 0 {
			break
		}
		k = s.pass(b, r, k, run)
		if k > s.last {
			if value != 0 {
				return FormatError("a run beyond its band")
			}
			break
		}
		if value != 0 {
			b[zigzag[k]] = value
		}
		k++
	}
	if d.eobrun > 0 {
		s.pass(b, r, k, bits.UintSize)
		d.eobrun--
	}
	return nil
}

// pass reads a correction bit for every coefficient that is not zero, from k on, until run zeros
// are passed and the next zero or the band's end is reached; it returns the place reached.
func (s *scan) pass(b *[64]int16, r *bitReader, k, run int) int {
	for ; k <= s.last; k++ {
		v := &b[zigzag[k]]
		if *v == 0 {
			if run == 0 {
				return k
			}
			run--
			continue
		}
		if r.read(1) == 1 && *v&(1<<s.low) == 0 {
			if *v > 0 {
				*v += 1 << s.low
			} else {
				*v -= 1 << s.low
			}
		}
	}
	return k
}
