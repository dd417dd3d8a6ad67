package hdf5

import (
	"math/bits"

	"striate/internal/fault"
)

// fractalHeap stores objects of any length in blocks that double in size, row by row of a table.
type fractalHeap struct {
	f             *File
	idLength      int
	offsetBytes   int // of an offset in the heap
	lengthBytes   int // of the length of an object
	hugeTree      uint64
	width         uint64 // blocks in a row
	start         uint64 // size of a block of the first row
	maxDirect     uint64 // size of the largest block that holds objects itself
	root          uint64
	rows          int // of the root; 0 when it is a single block
	maxDirectRows int
}

func (f *File) fractalHeap(address uint64) (*fractalHeap, error) {
	c, err := f.block(address, uint64(22+12*f.lengthSize+3*f.offsetSize), "FRHP")
	if err != nil {
		return nil, err
	}
	c.skip(1)
	h := &fractalHeap{f: f, idLength: int(c.u16())}
	filters := c.u16()
	c.skip(1)
	maxManaged := uint64(c.u32())
	c.skip(f.lengthSize)
	h.hugeTree = c.offset()
	c.skip(f.lengthSize + f.offsetSize + 8*f.lengthSize)
	h.width, h.start, h.maxDirect = uint64(c.u16()), c.length(), c.length()
	heapBits := int(c.u16())
	c.skip(2)
	h.root, h.rows = c.offset(), int(c.u16())
	if c.err != nil {
		return nil, c.err
	}
	if filters != 0 {
		return nil, fault.Unsupportedf("HDF5 attributes or links in a compressed heap are not read")
	}
	if !power(h.width) || !power(h.start) || !power(h.maxDirect) || h.maxDirect < h.start || heapBits > 64 || h.rows > 64 {
		return nil, fault.Invalidf("damaged HDF5 file: a fractal heap of impossible block sizes")
	}
	h.offsetBytes = (heapBits + 7) / 8
	h.lengthBytes = min((bits.Len64(h.maxDirect)-1+7)/8, encodedBytes(maxManaged))
	h.maxDirectRows = bits.Len64(h.maxDirect) - bits.Len64(h.start) + 2
	return h, nil
}

func power(v uint64) bool { return v != 0 && v&(v-1) == 0 }

// object returns the bytes behind a heap identifier.
func (h *fractalHeap) object(id []byte) ([]byte, error) {
	c := h.f.cursor(id)
	switch head := c.u8(); head >> 4 & 3 {
	case 0:
		offset, length := c.uint(h.offsetBytes), c.uint(h.lengthBytes)
		if c.err != nil {
			return nil, c.err
		}
		if h.rows == 0 {
			return h.within(h.root, offset, length, h.start)
		}
		return h.find(h.root, h.rows, offset, length)
	case 1:
		return h.huge(c)
	case 2:
		n := int(head&15) + 1
		if len(id) > 17 {
			n = int(head&15)<<8 | int(c.u8()) + 1
		}
		return c.bytes(n), c.err
	}
	return nil, fault.Invalidf("damaged HDF5 file: a heap identifier of unknown kind")
}

// within returns an object of a block of the size; offsets count from the start of the block.
func (h *fractalHeap) within(block, offset, length, size uint64) ([]byte, error) {
	if offset > h.maxDirect || length > h.maxDirect || (h.rows > 0 && offset+length > size) {
		return nil, fault.Invalidf("damaged HDF5 file: a heap object outside its block")
	}
	if block == undefined {
		return nil, fault.Invalidf("damaged HDF5 file: a heap object in a block that is not there")
	}
	return h.f.read(block+offset, length)
}

// blockSize is the size of the blocks of a row: the first two rows are equal, then it doubles.
func (h *fractalHeap) blockSize(row int) uint64 {
	if row == 0 {
		return h.start
	}
	return h.start << (row - 1)
}

// find descends the indirect block of that many rows to the block with the offset.
func (h *fractalHeap) find(address uint64, rows int, offset, length uint64) ([]byte, error) {
	for range 64 {
		row, before := 0, uint64(0)
		for row < rows && offset-before >= h.width*h.blockSize(row) {
			before += h.width * h.blockSize(row)
			row++
		}
		if row == rows {
			return nil, fault.Invalidf("damaged HDF5 file: a heap offset beyond its heap")
		}
		size := h.blockSize(row)
		column := (offset - before) / size
		head := uint64(5 + h.f.offsetSize + h.offsetBytes)
		entry := uint64(row)*h.width + column
		c, err := h.f.block(address, head+(entry+1)*uint64(h.f.offsetSize), "FHIB")
		if err != nil {
			return nil, err
		}
		c.skip(int(head) - 4 + int(entry)*h.f.offsetSize)
		child := c.offset()
		if c.err != nil {
			return nil, c.err
		}
		offset -= before + column*size
		if row < h.maxDirectRows {
			return h.within(child, offset, length, size)
		}
		address, rows = child, bits.Len64(size)-bits.Len64(h.start*h.width)+1
	}
	return nil, fault.Invalidf("damaged HDF5 file: a heap without end")
}

// huge reads an object kept outside the heap, found by its number in a B-tree.
func (h *fractalHeap) huge(c *cursor) (object []byte, err error) {
	if h.hugeTree == undefined {
		return nil, fault.Unsupportedf("HDF5 attributes addressed directly from a heap identifier are not read")
	}
	want := c.uint(min(h.idLength-1, 8))
	if c.err != nil {
		return nil, c.err
	}
	err = h.f.walkBTree2(h.hugeTree, func(record []byte) error {
		r := h.f.cursor(record)
		address, length, id := r.offset(), r.length(), r.length()
		if r.err != nil || id != want {
			return r.err
		}
		object, err = h.f.read(address, length)
		return err
	})
	if err == nil && object == nil {
		err = fault.Invalidf("damaged HDF5 file: a large heap object is not listed")
	}
	return object, err
}
