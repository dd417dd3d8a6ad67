package hdf5

import (
	"encoding/binary"
	"math"
	"strings"

	"striate/internal/fault"
)

// Kind is what an element is.
type Kind int

// The kinds that are read; Other stands for the rest.
const (
	Other Kind = iota
	Int
	Float
	String
	VarString
	Reference
	VarReference
)

// Type describes an element.
type Type struct {
	Kind      Kind
	Size      int // bytes in the file
	BigEndian bool
	Signed    bool
}

// Numeric tells whether values are numbers.
func (t Type) Numeric() bool { return t.Kind == Int || t.Kind == Float }

// Text tells whether values are strings.
func (t Type) Text() bool { return t.Kind == String || t.Kind == VarString }

func parseType(c *cursor) (Type, error) {
	head := c.u8()
	flags := c.uint(3)
	t := Type{Size: int(c.u32()), BigEndian: flags&1 != 0, Signed: flags&8 != 0}
	switch head & 15 {
	case 0:
		if t.Size == 1 || t.Size == 2 || t.Size == 4 || t.Size == 8 {
			t.Kind = Int
		}
	case 1:
		if (t.Size == 4 || t.Size == 8) && flags&0x40 == 0 {
			t.Kind = Float
		}
	case 3:
		t.Kind = String
	case 7:
		if t.Size == c.offsets {
			t.Kind = Reference
		}
	case 8: // an enumeration is read as its integers; booleans are written so
		base, err := parseType(c)
		if err != nil {
			return t, err
		}
		if base.Kind == Int && base.Size == t.Size {
			t = base
		}
	case 9:
		t.Kind = VarString
		if flags&15 == 0 {
			base, err := parseType(c)
			if err != nil {
				return t, err
			}
			t.Kind = Other
			if base.Kind == Reference {
				t.Kind = VarReference
			}
		}
		if t.Size != 8+c.offsets {
			t.Kind = Other
		}
	}
	if c.err == nil && t.Size <= 0 {
		c.err = fault.Invalidf("damaged HDF5 file: elements of %d bytes", t.Size)
	}
	return t, c.err
}

const maxRank = 32

// parseSpace returns the shape: empty for a scalar, nil for no value at all.
func parseSpace(c *cursor) ([]int, error) {
	version, rank, flags := c.u8(), int(c.u8()), c.u8()
	kind := uint8(1)
	switch version {
	case 1:
		c.skip(5)
	case 2:
		kind = c.u8()
	default:
		return nil, fault.Unsupportedf("HDF5 dataspace version %d is not known", version)
	}
	_ = flags // says whether the largest shape follows, which nobody needs
	if rank > maxRank {
		return nil, fault.Invalidf("damaged HDF5 file: %d dimensions", rank)
	}
	if kind == 2 {
		return nil, c.err
	}
	shape := make([]int, rank)
	for i := range shape {
		n := c.length()
		if n > math.MaxInt32*1024 {
			return nil, fault.TooLargef("an HDF5 dimension of %d entries", n)
		}
		shape[i] = int(n)
	}
	return shape, c.err
}

// count is the number of elements of a shape, with a limit on it.
func count(shape []int, limit uint64) (uint64, error) {
	n := uint64(1)
	for _, d := range shape {
		if d == 0 {
			return 0, nil
		}
	}
	for _, d := range shape {
		if uint64(d) > limit/n {
			return 0, fault.TooLargef("an HDF5 array of shape %v has more than %d entries, the limit", shape, limit)
		}
		n *= uint64(d)
	}
	if n > limit { // a scalar where nothing is
		return 0, fault.TooLargef("an HDF5 scalar of more bytes than are there")
	}
	return n, nil
}

// floats decodes numbers.
func (t Type) floats(dst []float64, raw []byte) {
	for i := range dst {
		b := t.word(raw, i)
		switch {
		case t.Kind == Float && t.Size == 8:
			dst[i] = math.Float64frombits(b)
		case t.Kind == Float:
			dst[i] = float64(math.Float32frombits(uint32(b)))
		case t.Signed:
			dst[i] = float64(t.extend(b))
		default:
			dst[i] = float64(b)
		}
	}
}

// ints decodes integers.
func (t Type) ints(dst []int64, raw []byte) {
	for i := range dst {
		dst[i] = int64(t.word(raw, i))
		if t.Signed {
			dst[i] = t.extend(uint64(dst[i]))
		}
	}
}

// word returns the bits of element i.
func (t Type) word(raw []byte, i int) uint64 {
	var b [8]byte
	element := raw[i*t.Size : (i+1)*t.Size]
	if t.BigEndian {
		copy(b[8-t.Size:], element)
		return binary.BigEndian.Uint64(b[:])
	}
	copy(b[:], element)
	return binary.LittleEndian.Uint64(b[:])
}

// extend continues the sign bit of a shorter integer.
func (t Type) extend(b uint64) int64 {
	shift := 64 - 8*t.Size
	return int64(b<<shift) >> shift
}

// texts decodes strings.
func (f *File) texts(t Type, n int, raw []byte) ([]string, error) {
	out := make([]string, n)
	for i := range out {
		element := raw[i*t.Size : (i+1)*t.Size]
		if t.Kind == String {
			out[i] = strings.TrimRight(cString(element), " ")
			continue
		}
		text, err := f.variable(element)
		if err != nil {
			return nil, err
		}
		out[i] = cString([]byte(text))
	}
	return out, nil
}

// references decodes object references, or the first of each list of them.
func (f *File) references(t Type, n int, raw []byte) ([]uint64, error) {
	out := make([]uint64, n)
	for i := range out {
		element := raw[i*t.Size : (i+1)*t.Size]
		if t.Kind == VarReference {
			list, err := f.variable(element)
			if err != nil {
				return nil, err
			}
			element = []byte(list)
		}
		c := f.cursor(element)
		if out[i] = c.offset(); c.err != nil {
			return nil, c.err
		}
	}
	return out, nil
}
