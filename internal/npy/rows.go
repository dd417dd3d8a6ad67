package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"

	"striate/internal/fault"
)

// Rows is an array in a file of which parts are read as they are wanted, for arrays that are better
// not held in memory: the first axis counts rows, the others are one.
type Rows struct {
	Shape  []int
	Rows   int
	Width  int // entries of a row
	file   *os.File
	start  int64
	double bool
}

// ErrWhole says that a file cannot be read in parts: it is compressed, in Fortran order or not of
// floating-point numbers.
var ErrWhole = errors.New("array must be read whole")

// OpenRows opens a .npy file of float32 or float64 in C order; other arrays give ErrWhole.
func OpenRows(path string) (*Rows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	r, err := newRows(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func newRows(f *os.File) (*Rows, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h, err := readHeader(f)
	if err != nil {
		if info.Size() > 2 && info.Mode().IsRegular() {
			var magic [2]byte
			if _, e := f.ReadAt(magic[:], 0); e == nil && magic == [2]byte{0x1f, 0x8b} {
				return nil, ErrWhole
			}
		}
		return nil, err
	}
	n, err := h.elements(Limits{})
	if err != nil {
		return nil, err
	}
	if h.fortran || (h.kind.name != "float32" && h.kind.name != "float64") || len(h.shape) == 0 || !info.Mode().IsRegular() {
		return nil, ErrWhole
	}
	if want := int64(n) * int64(h.kind.size); info.Size()-h.bytes != want {
		return nil, fault.Invalidf("npy array of shape %v and type %s needs %d bytes of data, but %d are there", h.shape, h.kind.name, want, info.Size()-h.bytes)
	}
	r := &Rows{Shape: h.shape, Rows: h.shape[0], file: f, start: h.bytes, double: h.kind.size == 8}
	if r.Rows > 0 {
		r.Width = n / r.Rows
	}
	return r, nil
}

// Read writes the entries [from, from+len(dst)) of a row to dst.
func (r *Rows) Read(dst []float64, row, from int) error {
	size := 4
	if r.double {
		size = 8
	}
	buf := make([]byte, len(dst)*size)
	if _, err := r.file.ReadAt(buf, r.start+int64(size)*(int64(row)*int64(r.Width)+int64(from))); err != nil {
		return fmt.Errorf("read row %d of %s: %w", row, r.file.Name(), err)
	}
	for i := range dst {
		if r.double {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(buf[8*i:]))
		} else {
			dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(buf[4*i:])))
		}
	}
	return nil
}

// Close closes the file.
func (r *Rows) Close() error { return r.file.Close() }
