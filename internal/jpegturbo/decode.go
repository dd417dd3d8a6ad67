package jpegturbo

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Markers (T.81, table B.1).
const (
	markSOF0  = 0xc0 // baseline
	markSOF1  = 0xc1 // extended sequential
	markSOF2  = 0xc2 // progressive
	markDHT   = 0xc4
	markDAC   = 0xcc
	markRST0  = 0xd0
	markRST7  = 0xd7
	markSOI   = 0xd8
	markEOI   = 0xd9
	markSOS   = 0xda
	markDQT   = 0xdb
	markDRI   = 0xdd
	markAPP0  = 0xe0
	markAPP14 = 0xee
)

// Colours says how the components of a file are to be read.
type Colours int

// The colour models of a file.
const (
	Grey Colours = iota
	YCbCr
	RGB
	CMYK
	YCCK
)

// Config is what the headers of a file state.
type Config struct {
	Width, Height int // pixels
	Colours       Colours
}

// Image is a decoded image: Height×Width×3 samples, RGB. Grey images have equal channels; CMYK is
// converted as Pillow's convert("RGB") does, taken as Adobe's programs store it.
type Image struct {
	Pix           []uint8
	Width, Height int
	Colours       Colours // of the file
}

// component is one colour of the frame.
type component struct {
	id, h, v, table  int
	across, down     int        // blocks that hold the component's own samples
	mcuAcross        int        // blocks between block rows: padded to whole MCUs
	quant            *[64]int32 // row order; fixed at the component's first scan
	seen             blockRange // the blocks that the region needs
	plane            plane
	coefs            [][64]int16 // row order; progressive files only
	dcTable, acTable *huffmanTable
	dc               int32
}

// Region is a rectangle of an image, in pixels.
type Region struct{ Left, Top, Width, Height int }

// blockRange are the blocks of a component from left and top up to but without right and bottom.
type blockRange struct{ left, top, right, bottom int }

func (r blockRange) holds(x, y int) bool {
	return x >= r.left && x < r.right && y >= r.top && y < r.bottom
}

type decoder struct {
	data          []byte
	at            int
	maxPixels     int
	choose        func(width, height int) Region
	region        Region
	headersOnly   bool
	width, height int
	progressive   bool
	framed        bool
	scans         int
	interval      int // MCUs between restarts
	hmax, vmax    int
	mcux, mcuy    int
	quants        [4]*[64]int32
	huffman       [2][4]huffmanTable // DC, AC
	components    []component
	jfif          bool
	adobe         int // transform of the Adobe segment, −1 without one
	bits          bitReader
	eobrun        int
}

// Decode reads a whole file. It refuses images of more than maxPixels pixels before it allocates
// them. Errors are FormatError, UnsupportedError or LimitError.
func Decode(data []byte, maxPixels int) (*Image, error) {
	return DecodeRegion(data, maxPixels, func(width, height int) Region { return Region{0, 0, width, height} })
}

// DecodeRegion is Decode for a part of the image, which choose names when the size is known: the same
// pixels, and the same errors wherever in the file a fault is, in less time. It panics when the region
// is not inside the image.
func DecodeRegion(data []byte, maxPixels int, choose func(width, height int) Region) (*Image, error) {
	d := &decoder{data: data, maxPixels: maxPixels, choose: choose, adobe: -1}
	if err := d.segments(); err != nil {
		return nil, err
	}
	return d.image()
}

// DecodeConfig reads the headers only.
func DecodeConfig(data []byte) (Config, error) {
	d := &decoder{data: data, maxPixels: math.MaxInt, headersOnly: true, adobe: -1}
	if err := d.segments(); err != nil {
		return Config{}, err
	}
	return Config{d.width, d.height, d.colours()}, nil
}

// segments reads markers up to the end of the image, or up to the first scan.
func (d *decoder) segments() error {
	if len(d.data) < 2 || d.data[0] != 0xff || d.data[1] != markSOI {
		return FormatError("no start of image")
	}
	d.at = 2
	for {
		marker, err := d.marker()
		if err != nil {
			return err
		}
		if marker == markEOI {
			if d.scans == 0 {
				return FormatError("no image data before the end")
			}
			return nil
		}
		if marker >= markRST0 && marker <= markRST7 || marker == 0x01 {
			continue
		}
		body, err := d.body()
		if err != nil {
			return err
		}
		if marker == markSOS && d.headersOnly {
			if !d.framed {
				return FormatError("a scan before the frame")
			}
			return nil
		}
		if err := d.segment(marker, body); err != nil {
			return err
		}
	}
}

// marker finds the next marker, skipping what is no marker.
func (d *decoder) marker() (byte, error) {
	for d.at+1 < len(d.data) {
		if d.data[d.at] == 0xff && d.data[d.at+1] != 0 && d.data[d.at+1] != 0xff {
			d.at += 2
			return d.data[d.at-1], nil
		}
		d.at++
	}
	return 0, FormatError("the file ends early")
}

// body returns the content of a segment.
func (d *decoder) body() ([]byte, error) {
	if d.at+2 > len(d.data) {
		return nil, FormatError("the file ends early")
	}
	n := int(binary.BigEndian.Uint16(d.data[d.at:]))
	if n < 2 || d.at+n > len(d.data) {
		return nil, FormatError("a segment is longer than the file")
	}
	b := d.data[d.at+2 : d.at+n]
	d.at += n
	return b, nil
}

func (d *decoder) segment(marker byte, b []byte) error {
	switch marker {
	case markSOF0, markSOF1, markSOF2:
		d.progressive = marker == markSOF2
		return d.frame(b)
	case markDHT:
		return d.defineHuffman(b)
	case markDQT:
		return d.defineQuant(b)
	case markDRI:
		if len(b) != 2 {
			return FormatError("a restart interval of the wrong length")
		}
		d.interval = int(binary.BigEndian.Uint16(b))
	case markSOS:
		return d.startScan(b)
	case markAPP0:
		d.jfif = d.jfif || len(b) >= 5 && string(b[:5]) == "JFIF\x00"
	case markAPP14:
		if len(b) >= 12 && string(b[:5]) == "Adobe" {
			d.adobe = int(b[11])
		}
	case markDAC:
		return UnsupportedError("arithmetic coding")
	default:
		if marker > markSOF2 && marker <= 0xcf && marker != markDHT {
			return UnsupportedError(fmt.Sprintf("frame type %d", marker-markSOF0))
		}
	}
	return nil
}

func (d *decoder) defineQuant(b []byte) error {
	for len(b) > 0 {
		wide, id := int(b[0]>>4), int(b[0]&15)
		n := 64 * (1 + wide)
		if wide > 1 || id > 3 || len(b) < 1+n {
			return FormatError("a wrong quantisation table")
		}
		t := new([64]int32)
		for k, z := range zigzag {
			if wide == 1 {
				t[z] = int32(binary.BigEndian.Uint16(b[1+2*k:]))
			} else {
				t[z] = int32(b[1+k])
			}
		}
		d.quants[id] = t
		b = b[1+n:]
	}
	return nil
}

func (d *decoder) defineHuffman(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 || b[0]>>4 > 1 || b[0]&15 > 3 {
			return FormatError("a wrong Huffman table")
		}
		var spec huffmanSpec
		total := 0
		for l := 1; l <= 16; l++ {
			spec.counts[l] = b[l]
			total += int(b[l])
		}
		if total > 256 || len(b) < 17+total {
			return FormatError("a wrong Huffman table")
		}
		spec.symbols = b[17 : 17+total]
		if err := d.huffman[b[0]>>4][b[0]&15].build(&spec); err != nil {
			return err
		}
		b = b[17+total:]
	}
	return nil
}

// frame reads the frame header (T.81, B.2.2) and lays out the components.
func (d *decoder) frame(b []byte) error {
	if d.framed {
		return FormatError("two frames")
	}
	if len(b) < 6 || len(b) != 6+3*int(b[5]) {
		return FormatError("a frame header of the wrong length")
	}
	if b[0] != 8 {
		return UnsupportedError(fmt.Sprintf("%d bits a sample", b[0]))
	}
	d.height, d.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if d.width == 0 || d.height == 0 {
		return FormatError("an image without pixels")
	}
	if n := int(b[5]); n != 1 && n != 3 && n != 4 {
		return UnsupportedError(fmt.Sprintf("%d components", n))
	}
	if d.width*d.height > d.maxPixels {
		return LimitError{d.width, d.height, d.maxPixels}
	}
	d.components = make([]component, b[5])
	for i := range d.components {
		c := &d.components[i]
		p := b[6+3*i:]
		*c = component{id: int(p[0]), h: int(p[1] >> 4), v: int(p[1] & 15), table: int(p[2])}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.table > 3 {
			return FormatError("a wrong component")
		}
		d.hmax, d.vmax = max(d.hmax, c.h), max(d.vmax, c.v)
	}
	d.mcux, d.mcuy = ceilDiv(d.width, 8*d.hmax), ceilDiv(d.height, 8*d.vmax)
	for i := range d.components {
		c := &d.components[i]
		if d.hmax%c.h != 0 || d.vmax%c.v != 0 {
			return UnsupportedError("fractional subsampling")
		}
		w, h := ceilDiv(d.width*c.h, d.hmax), ceilDiv(d.height*c.v, d.vmax)
		c.across, c.down, c.mcuAcross = blocks(w), blocks(h), d.mcux*c.h
		if !d.headersOnly {
			c.plane.resize(w, h, c.mcuAcross, d.mcuy*c.v)
			if d.progressive {
				c.coefs = make([][64]int16, c.mcuAcross*d.mcuy*c.v)
			}
		}
	}
	d.framed = true
	if !d.headersOnly {
		d.look(d.choose(d.width, d.height))
	}
	return nil
}

// look settles which part of the image is wanted, and with it which blocks. Enlarging needs one sample
// more on each side.
func (d *decoder) look(r Region) {
	if r.Left < 0 || r.Top < 0 || r.Width <= 0 || r.Height <= 0 || r.Left+r.Width > d.width || r.Top+r.Height > d.height {
		panic(fmt.Sprintf("jpegturbo: region %v of an image of %d×%d pixels", r, d.width, d.height))
	}
	d.region = r
	for i := range d.components {
		c := &d.components[i]
		h, v := d.hmax/c.h, d.vmax/c.v
		c.seen = blockRange{max(r.Left/h-1, 0) / 8, max(r.Top/v-1, 0) / 8, (r.Left+r.Width-1)/h/8 + 2, (r.Top+r.Height-1)/v/8 + 2}
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// colours follows libjpeg: a JFIF file is YCbCr, an Adobe segment names its transform, and
// component names R, G, B speak for themselves.
func (d *decoder) colours() Colours {
	switch len(d.components) {
	case 1:
		return Grey
	case 3:
		ids := [3]int{d.components[0].id, d.components[1].id, d.components[2].id}
		switch {
		case d.jfif:
			return YCbCr
		case d.adobe >= 0:
			if d.adobe == 0 {
				return RGB
			}
			return YCbCr
		case ids == [3]int{'R', 'G', 'B'}:
			return RGB
		}
		return YCbCr
	}
	if d.adobe > 0 {
		return YCCK
	}
	return CMYK
}

// image turns the planes into pixels.
func (d *decoder) image() (*Image, error) {
	for i := range d.components {
		c := &d.components[i]
		if c.quant == nil {
			return nil, FormatError("a component without data")
		}
		if d.progressive {
			c.reconstruct()
		}
	}
	r := d.region
	m := &Image{make([]uint8, r.Width*r.Height*3), r.Width, r.Height, d.colours()}
	buffers, rows := make([][]uint8, len(d.components)), make([][]uint8, len(d.components))
	for i := range buffers {
		buffers[i] = make([]uint8, r.Width+4*d.hmax)
	}
	sums := make([]int32, len(buffers[0]))
	for y := range r.Height {
		for i := range d.components {
			c := &d.components[i]
			rows[i] = c.plane.part(buffers[i], sums, r.Left, r.Width, r.Top+y, d.hmax/c.h, d.vmax/c.v)
		}
		join(m.Pix[y*r.Width*3:(y+1)*r.Width*3], rows, m.Colours)
	}
	return m, nil
}

// join writes one row of pixels from the rows of the components, which it may overwrite.
func join(rgb []uint8, rows [][]uint8, colours Colours) {
	switch colours {
	case Grey:
		for i, v := range rows[0] {
			rgb[3*i], rgb[3*i+1], rgb[3*i+2] = v, v, v
		}
	case YCbCr:
		toRGB(rgb, rows[0], rows[1], rows[2])
	case RGB:
		for i, v := range rows[0] {
			rgb[3*i], rgb[3*i+1], rgb[3*i+2] = v, rows[1][i], rows[2][i]
		}
	case YCCK:
		toRGB(rgb, rows[0], rows[1], rows[2])
		for i := range rows[0] { // the inks are what the colours lack
			rows[0][i], rows[1][i], rows[2][i] = 255-rgb[3*i], 255-rgb[3*i+1], 255-rgb[3*i+2]
		}
		inkToRGB(rgb, rows[0], rows[1], rows[2], rows[3])
	case CMYK:
		inkToRGB(rgb, rows[0], rows[1], rows[2], rows[3])
	}
}

// reconstruct transforms all blocks of a progressive file.
func (c *component) reconstruct() {
	for at := range c.coefs {
		if c.seen.holds(at%c.mcuAcross, at/c.mcuAcross) {
			c.put(&c.coefs[at], at)
		}
	}
	c.coefs = nil
}

// put writes the samples of the block of that number.
func (c *component) put(coefs *[64]int16, number int) {
	var b [64]int32
	for i, v := range coefs {
		b[i] = int32(v) * c.quant[i]
	}
	y, x := number/c.mcuAcross, number%c.mcuAcross
	inverse(&b, c.plane.pix[8*(y*c.plane.stride+x):], c.plane.stride)
}
