package hdf5

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"striate/internal/fault"
)

// layout says where the elements are.
type layout struct {
	inline  []byte // compact
	address uint64 // contiguous: of the data; chunked: of the B-tree
	chunk   []int  // shape of a chunk, nil unless chunked
}

func parseLayout(c *cursor) (l layout, err error) {
	l.address = undefined
	if version := c.u8(); version != 3 {
		if c.err != nil {
			return l, c.err
		}
		return parseLayout4(c, version)
	}
	switch class := c.u8(); class {
	case 0:
		l.inline = c.bytes(int(c.u16()))
		if l.inline == nil {
			l.inline = []byte{}
		}
	case 1:
		l.address = c.offset()
	case 2:
		rank := int(c.u8())
		l.address = c.offset()
		if c.err == nil && (rank < 2 || rank > maxRank+1) {
			return l, fault.Invalidf("damaged HDF5 file: chunks of %d dimensions", rank-1)
		}
		for range rank - 1 { // the last is the size of an element
			l.chunk = append(l.chunk, int(c.u32()))
		}
	default:
		return l, fault.Unsupportedf("HDF5 storage class %d is not read", class)
	}
	return l, c.err
}

// parseLayout4 reads what the layout of newer files has in common with the older: not chunks.
func parseLayout4(c *cursor, version uint8) (l layout, err error) {
	class := c.u8()
	if version != 4 || class > 1 {
		return l, fault.Unsupportedf("HDF5 storage layout %d, class %d is not read: save the file again with the default (earliest) library version, e.g. h5repack or xarray's to_netcdf", version, class)
	}
	l.address = undefined
	if class == 0 {
		l.inline = c.bytes(int(c.u16()))
	} else {
		l.address = c.offset()
	}
	return l, c.err
}

// The filters that are read, by their registered numbers.
const (
	filterDeflate  = 1
	filterShuffle  = 2
	filterFletcher = 3
)

type filter struct {
	id      uint16
	element int // of shuffle: bytes of an element
}

func parseFilters(c *cursor) (out []filter, err error) {
	version, n := c.u8(), int(c.u8())
	if version == 1 {
		c.skip(6)
	}
	for range n {
		fl := filter{id: c.u16()}
		nameSize := 0
		if version == 1 || fl.id >= 256 {
			nameSize = int(c.u16())
		}
		c.skip(2)
		values := int(c.u16())
		if version == 1 {
			nameSize = (nameSize + 7) &^ 7
		}
		c.skip(nameSize)
		for k := range values {
			if v := c.u32(); k == 0 {
				fl.element = int(v)
			}
		}
		if version == 1 && values%2 == 1 {
			c.skip(4)
		}
		if c.err != nil {
			return nil, c.err
		}
		out = append(out, fl)
	}
	return out, nil
}

const (
	maxDeflateRatio = 1032      // of zlib, by its own documentation
	maxChunkBytes   = 1 << 30   // one chunk is held in memory
	slabElements    = 1<<22 - 1 // contiguous data are read so many elements at a time
)

// each calls fn with every block of raw elements.
func (d *Dataset) each(ctx context.Context, fn func(start, size []int, raw []byte) error) error {
	if d.Shape == nil {
		return nil
	}
	n, err := count(d.Shape, 1<<50)
	if err != nil || n == 0 {
		return err
	}
	switch {
	case d.layout.chunk != nil:
		return d.eachChunk(ctx, fn)
	case d.layout.inline != nil:
		if uint64(len(d.layout.inline)) < n*uint64(d.Type.Size) {
			return fault.Invalidf("damaged HDF5 file: dataset %s is cut", d.Name)
		}
		return fn(make([]int, len(d.Shape)), d.Shape, d.layout.inline[:n*uint64(d.Type.Size)])
	}
	return d.eachSlab(ctx, fn)
}

// eachSlab reads contiguous data, some rows of the first dimension at a time.
func (d *Dataset) eachSlab(ctx context.Context, fn func(start, size []int, raw []byte) error) error {
	if len(d.Shape) == 0 {
		raw, err := d.contiguous(0, 1)
		if err != nil {
			return err
		}
		return fn(nil, nil, raw)
	}
	row, err := count(d.Shape[1:], maxElements)
	if err != nil {
		return err
	}
	start, size := make([]int, len(d.Shape)), append([]int(nil), d.Shape...)
	step := max(1, slabElements/int(row))
	for i := 0; i < d.Shape[0]; i += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		start[0], size[0] = i, min(step, d.Shape[0]-i)
		raw, err := d.contiguous(uint64(i)*row, uint64(size[0])*row)
		if err != nil {
			return err
		}
		if err := fn(start, size, raw); err != nil {
			return err
		}
	}
	return nil
}

// contiguous returns n elements; data that were never written are the fill value.
func (d *Dataset) contiguous(from, n uint64) ([]byte, error) {
	size := uint64(d.Type.Size)
	if d.layout.address == undefined {
		if err := d.backed(n); err != nil {
			return nil, err
		}
		raw := make([]byte, n*size)
		d.filled(raw)
		return raw, nil
	}
	return d.f.read(d.layout.address+from*size, n*size)
}

func (d *Dataset) filled(raw []byte) {
	if d.fill == nil {
		clear(raw)
		return
	}
	for at := 0; at < len(raw); at += len(d.fill) {
		copy(raw[at:], d.fill)
	}
}

// eachChunk reads the chunks that were written, then gives the fill value where none was.
func (d *Dataset) eachChunk(ctx context.Context, fn func(start, size []int, raw []byte) error) error {
	rank := len(d.Shape)
	grid := make([]int, rank)
	for k, c := range d.layout.chunk {
		if c <= 0 {
			return fault.Invalidf("damaged HDF5 file: chunks of shape %v", d.layout.chunk)
		}
		grid[k] = (d.Shape[k] + c - 1) / c
	}
	elements, err := count(d.layout.chunk, maxChunkBytes/uint64(d.Type.Size))
	if err != nil {
		return err
	}
	if err := d.backed(elements); err != nil {
		return err
	}
	chunks, err := count(grid, maxBlocks)
	if err != nil {
		return err
	}
	seen := make([]bool, chunks)
	r := &chunkReader{d: d, bytes: elements * uint64(d.Type.Size)}
	r.budget = d.budget()
	walk := treeWalk{f: d.f, kind: 1, keySize: 8 + 8*(rank+1), leaf: func(key []byte, child uint64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		start, number, err := r.place(key, grid)
		if err != nil {
			return err
		}
		if seen[number] {
			return fault.Invalidf("damaged HDF5 file: dataset %s has a chunk twice", d.Name)
		}
		seen[number] = true
		raw, err := r.read(key, child)
		if err != nil {
			return fmt.Errorf("dataset %s: %w", d.Name, err)
		}
		size, raw := r.clip(start, raw)
		return fn(start, size, raw)
	}}
	if d.layout.address != undefined {
		if err := walk.node(d.layout.address, 0, 0); err != nil {
			return err
		}
	}
	return d.eachMissing(seen, grid, r, fn)
}

func (d *Dataset) eachMissing(seen []bool, grid []int, r *chunkReader, fn func(start, size []int, raw []byte) error) error {
	for number, there := range seen {
		if there {
			continue
		}
		start := make([]int, len(grid))
		for k, rest := len(grid)-1, number; k >= 0; k-- {
			start[k] = rest % grid[k] * d.layout.chunk[k]
			rest /= grid[k]
		}
		size, elements := r.size(start)
		raw := make([]byte, elements*d.Type.Size)
		d.filled(raw)
		if err := fn(start, size, raw); err != nil {
			return err
		}
	}
	return nil
}

type chunkReader struct {
	d      *Dataset
	bytes  uint64 // of a whole chunk
	budget uint64 // bytes that may still be decoded
}

// budget bounds what the chunks of a dataset are inflated to: chunks may overhang the shape, but
// not by so much that a small file keeps the reader busy for hours.
func (d *Dataset) budget() uint64 {
	n, err := count(d.Shape, 1<<50)
	if err != nil {
		return 0
	}
	return 8*n*uint64(d.Type.Size) + 1<<28
}

// place returns the first element of a chunk and its number in the grid of chunks.
func (r *chunkReader) place(key []byte, grid []int) (start []int, number int, err error) {
	start = make([]int, len(grid))
	for k, c := range r.d.layout.chunk {
		at := binary.LittleEndian.Uint64(key[8+8*k:])
		if at%uint64(c) != 0 || at >= uint64(r.d.Shape[k]) {
			return nil, 0, fault.Invalidf("damaged HDF5 file: dataset %s has a chunk outside its shape", r.d.Name)
		}
		start[k] = int(at)
		number = number*grid[k] + start[k]/c
	}
	return start, number, nil
}

// read returns the elements of a chunk with its filters undone.
func (r *chunkReader) read(key []byte, address uint64) ([]byte, error) {
	if r.bytes > r.budget {
		return nil, fault.TooLargef("the chunks are many times larger than the array they hold")
	}
	r.budget -= r.bytes
	raw, err := r.d.f.read(address, uint64(binary.LittleEndian.Uint32(key)))
	if err != nil {
		return nil, err
	}
	skipped := binary.LittleEndian.Uint32(key[4:])
	for k := len(r.d.filters) - 1; k >= 0; k-- {
		if skipped>>k&1 != 0 {
			continue
		}
		switch fl := r.d.filters[k]; fl.id {
		case filterDeflate:
			raw, err = inflate(raw, r.bytes+4) // a checksum may be inside
		case filterShuffle:
			raw = unshuffle(raw, fl.element)
		case filterFletcher:
			if len(raw) < 4 || !checked(raw[:len(raw)-4], binary.LittleEndian.Uint32(raw[len(raw)-4:])) {
				return nil, fault.Invalidf("damaged HDF5 file: a checksum does not hold")
			}
			raw = raw[:len(raw)-4]
		default:
			return nil, fault.Unsupportedf("HDF5 filter %d is not read: save the file with deflate or without compression", fl.id)
		}
		if err != nil {
			return nil, err
		}
	}
	if uint64(len(raw)) != r.bytes {
		return nil, fault.Invalidf("damaged HDF5 file: a chunk of %d bytes where %d belong", len(raw), r.bytes)
	}
	return raw, nil
}

// size is the shape, and the number of elements, of the part of a chunk that lies in the dataset.
func (r *chunkReader) size(start []int) (size []int, elements int) {
	size, elements = make([]int, len(start)), 1
	for k := range start {
		size[k] = min(r.d.layout.chunk[k], r.d.Shape[k]-start[k])
		elements *= size[k]
	}
	return size, elements
}

// clip cuts off what of a chunk lies beyond the shape.
func (r *chunkReader) clip(start []int, raw []byte) ([]int, []byte) {
	chunk, element := r.d.layout.chunk, r.d.Type.Size
	size, total := r.size(start)
	if total *= element; total == len(raw) {
		return size, raw
	}
	last := len(chunk) - 1
	width := size[last] * element
	clipped := make([]byte, 0, total)
	index := make([]int, len(chunk))
	for len(clipped) < total {
		from := 0
		for k := range chunk {
			from = from*chunk[k] + index[k]
		}
		clipped = append(clipped, raw[from*element:from*element+width]...)
		for k := last - 1; k >= 0; k-- {
			if index[k]++; index[k] < size[k] {
				break
			}
			index[k] = 0
		}
	}
	return size, clipped
}

func inflate(raw []byte, limit uint64) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fault.Invalidf("damaged HDF5 file: a chunk that is not deflated: %v", err)
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(z, int64(limit)+1))
	if err != nil || uint64(n) > limit {
		return nil, fault.Invalidf("damaged HDF5 file: a chunk that does not inflate to its size")
	}
	return out.Bytes(), nil
}

// unshuffle puts the bytes of each element, stored first bytes first, together again.
func unshuffle(raw []byte, element int) []byte {
	if element <= 1 || element > len(raw) { // the latter in damaged files only
		return raw
	}
	n := len(raw) / element
	out := make([]byte, len(raw))
	for k := range element {
		for i, v := range raw[k*n : (k+1)*n] {
			out[i*element+k] = v
		}
	}
	copy(out[n*element:], raw[n*element:])
	return out
}

// checked tells whether the checksum of b is sum; either half of it may write 0 as 65535.
func checked(b []byte, sum uint32) bool {
	return fletcher32(b) == sum>>16%65535<<16|sum&65535%65535
}

// fletcher32 is the checksum of the HDF5 filter: over 16-bit big-endian words.
func fletcher32(b []byte) uint32 {
	var s1, s2 uint32
	for i := 0; i+1 < len(b); i += 2 {
		s1 = (s1 + uint32(b[i])<<8 + uint32(b[i+1])) % 65535
		s2 = (s2 + s1) % 65535
	}
	if len(b)%2 == 1 {
		s1 = (s1 + uint32(b[len(b)-1])<<8) % 65535
		s2 = (s2 + s1) % 65535
	}
	return s2<<16 | s1
}
