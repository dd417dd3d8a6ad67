// Package hdf5 reads the HDF5 files that netCDF-4 libraries write: the datasets of the root group
// with their attributes, numbers and strings.
//
// Read are superblocks 0 to 3, object headers 1 and 2, symbol tables, compact and dense links and
// attributes (version 2 B-trees over fractal heaps), compact, contiguous and chunked storage
// (version 1 B-trees), the filters shuffle, deflate and Fletcher-32, integers, floating-point
// numbers, strings of fixed and of variable length (global heaps) and object references. Not read,
// with an error that says so, are the chunk indices of "libver=latest" files, other filters and
// compound data.
//
// The reader is made for files from strangers: nothing is allocated on the word of a size field
// that the file cannot back, and every walk over addresses ends.
//
// Source: The HDF Group, "HDF5 File Format Specification Version 3.0".
package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"striate/internal/fault"
)

// undefined is the address of what is not there.
const undefined = math.MaxUint64

// File is an open file. It is not safe for concurrent use.
type File struct {
	r          io.ReaderAt
	size       uint64
	base       uint64 // address 0
	offsetSize int
	lengthSize int
	heaps      map[uint64]map[uint16]string // global heap collections read so far
	closer     io.Closer

	// Datasets of the root group, in the order of the file.
	Datasets []*Dataset
	// Attributes of the root group.
	Attributes []*Attribute
}

// Open opens the file at path and reads the headers of its root group.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, fault.NotFoundf("%s does not exist", path)
		}
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	h, err := New(f, info.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	h.closer = f
	return h, nil
}

// New reads the headers of the root group from the size bytes of r.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: uint64(size), offsetSize: 8, lengthSize: 8, heaps: map[uint64]map[uint16]string{}}
	root, err := f.superblock()
	if err != nil {
		return nil, err
	}
	if err := f.readRoot(root); err != nil {
		return nil, err
	}
	return f, nil
}

// Close closes the file that Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Dataset returns the dataset of the root group with the name, nil when there is none.
func (f *File) Dataset(name string) *Dataset {
	for _, d := range f.Datasets {
		if d.Name == name {
			return d
		}
	}
	return nil
}

const signature = "\x89HDF\r\n\x1a\n"

// superblock returns the address of the header of the root group.
func (f *File) superblock() (root uint64, err error) {
	head, err := f.read(0, 8)
	if err != nil || string(head) != signature {
		return 0, fault.Invalidf("not an HDF5 (netCDF-4) file: the first bytes are not its signature")
	}
	rest := make([]byte, min(f.size, 128)-8)
	if _, err := f.r.ReadAt(rest, 8); err != nil && err != io.EOF {
		return 0, fmt.Errorf("read HDF5 superblock: %w", err)
	}
	c := f.cursor(rest)
	version := c.u8()
	switch version {
	case 0, 1:
		c.skip(4)
		f.offsetSize, f.lengthSize = int(c.u8()), int(c.u8())
		c.skip(9) // reserved, the two group ranks, flags
		if version == 1 {
			c.skip(4)
		}
		if err := f.checkSizes(); err != nil {
			return 0, err
		}
		f.base = c.offset()
		c.skip(4 * f.offsetSize) // free space, end of file, driver, name of the root entry
		root = c.offset()
	case 2, 3:
		f.offsetSize, f.lengthSize = int(c.u8()), int(c.u8())
		c.skip(1)
		if err := f.checkSizes(); err != nil {
			return 0, err
		}
		f.base = c.offset()
		c.skip(2 * f.offsetSize)
		root = c.offset()
	default:
		return 0, fault.Unsupportedf("HDF5 superblock version %d is not known", version)
	}
	return root, c.err
}

func (f *File) checkSizes() error {
	for _, n := range []int{f.offsetSize, f.lengthSize} {
		if n != 2 && n != 4 && n != 8 {
			return fault.Invalidf("damaged HDF5 file: addresses of %d bytes", n)
		}
	}
	return nil
}

// read returns n bytes at an address.
func (f *File) read(address, n uint64) ([]byte, error) {
	at := address + f.base
	if address == undefined || at < address || at > f.size || n > f.size-at {
		return nil, fault.Invalidf("damaged or cut HDF5 file: %d bytes at address %d, the file has %d", n, address, f.size)
	}
	b := make([]byte, n)
	if _, err := f.r.ReadAt(b, int64(at)); err != nil {
		return nil, fmt.Errorf("read HDF5 file: %w", err)
	}
	return b, nil
}

// block reads n bytes that start with a four-letter signature and returns a cursor behind it.
func (f *File) block(address, n uint64, name string) (*cursor, error) {
	b, err := f.read(address, n)
	if err != nil {
		return nil, err
	}
	if len(b) < 4 || !bytes.Equal(b[:4], []byte(name)) {
		return nil, fault.Invalidf("damaged HDF5 file: no %s block at address %d", name, address)
	}
	c := f.cursor(b)
	c.skip(4)
	return c, nil
}

// cursor reads fields one after the other. After a field that is not there it returns zeros, and
// err says so.
type cursor struct {
	b              []byte
	at             int
	offsets, sizes int
	err            error
}

func (f *File) cursor(b []byte) *cursor {
	return &cursor{b: b, offsets: f.offsetSize, sizes: f.lengthSize}
}

func (c *cursor) bytes(n int) []byte {
	if c.err == nil && (n < 0 || n > len(c.b)-c.at) {
		c.err = fault.Invalidf("damaged HDF5 file: a header ends inside a field")
	}
	if c.err != nil {
		return nil
	}
	c.at += n
	return c.b[c.at-n : c.at]
}

// uint returns an unsigned little-endian number of n bytes; one of all ones is undefined.
func (c *cursor) uint(n int) uint64 {
	if n > 8 {
		c.err = fault.Invalidf("damaged HDF5 file: a number of %d bytes", n)
	}
	var full [8]byte
	copy(full[:], c.bytes(n))
	return binary.LittleEndian.Uint64(full[:])
}

func (c *cursor) u8() uint8   { return uint8(c.uint(1)) }
func (c *cursor) u16() uint16 { return uint16(c.uint(2)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }
func (c *cursor) skip(n int)  { c.bytes(n) }
func (c *cursor) left() int   { return len(c.b) - c.at }
func (c *cursor) length() uint64 {
	return c.uint(c.sizes)
}

func (c *cursor) offset() uint64 {
	v := c.uint(c.offsets)
	if c.offsets < 8 && v == 1<<(8*c.offsets)-1 {
		return undefined
	}
	return v
}
