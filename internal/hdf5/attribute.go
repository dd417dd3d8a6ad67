package hdf5

import (
	"fmt"

	"striate/internal/fault"
)

// Attribute is a named value of a dataset or of the root group.
type Attribute struct {
	Name  string
	Shape []int // empty for a scalar, nil for no value
	Type  Type
	raw   []byte
	f     *File
}

func (f *File) attributes(messages []message) (out []*Attribute, err error) {
	for _, m := range messages {
		switch m.kind {
		case msgAttribute:
			if m.flags&flagShared != 0 {
				return nil, fault.Unsupportedf("shared HDF5 attributes are not read")
			}
			a, err := f.attribute(m.data)
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		case msgAttributes:
			c := f.cursor(m.data)
			c.skip(1)
			if flags := c.u8(); flags&1 != 0 {
				c.skip(2)
			}
			heap, tree := c.offset(), c.offset()
			if c.err != nil {
				return nil, c.err
			}
			if heap == undefined {
				continue
			}
			dense, err := f.denseAttributes(heap, tree)
			if err != nil {
				return nil, err
			}
			out = append(out, dense...)
		}
	}
	return out, nil
}

// denseAttributes reads attributes kept in a fractal heap, indexed by a B-tree of records that
// start with a heap identifier.
func (f *File) denseAttributes(heap, tree uint64) (out []*Attribute, err error) {
	h, err := f.fractalHeap(heap)
	if err != nil {
		return nil, err
	}
	err = f.walkBTree2(tree, func(record []byte) error {
		if len(record) < h.idLength {
			return fault.Invalidf("damaged HDF5 file: attribute record of %d bytes", len(record))
		}
		object, err := h.object(record[:h.idLength])
		if err != nil {
			return err
		}
		a, err := f.attribute(object)
		out = append(out, a)
		return err
	})
	return out, err
}

func (f *File) attribute(b []byte) (*Attribute, error) {
	c := f.cursor(b)
	version, flags := c.u8(), c.u8()
	nameSize, typeSize, spaceSize := int(c.u16()), int(c.u16()), int(c.u16())
	pad := func(n int) int { return n }
	switch version {
	case 1:
		pad = func(n int) int { return (n + 7) &^ 7 }
	case 2:
	case 3:
		c.skip(1)
	default:
		return nil, fault.Unsupportedf("HDF5 attribute version %d is not known", version)
	}
	a := &Attribute{f: f, Name: cString(c.bytes(pad(nameSize)))}
	typ, space := c.bytes(pad(typeSize)), c.bytes(pad(spaceSize))
	if c.err != nil {
		return nil, c.err
	}
	if version > 1 && flags&3 != 0 {
		return a, nil // a type of its own kept elsewhere: the value is left out
	}
	var err error
	if a.Type, err = parseType(f.cursor(typ)); err != nil {
		return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
	}
	if a.Shape, err = parseSpace(f.cursor(space)); err != nil {
		return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
	}
	a.raw = c.b[c.at:]
	return a, nil
}

// size is the number of values, which are all in the file.
func (a *Attribute) size() (int, error) {
	if a.Shape == nil {
		return 0, nil
	}
	n, err := count(a.Shape, uint64(len(a.raw))/uint64(max(a.Type.Size, 1)))
	if err != nil {
		return 0, fault.Invalidf("damaged HDF5 file: attribute %s is cut", a.Name)
	}
	return int(n), nil
}

// Floats returns the values of a numeric attribute.
func (a *Attribute) Floats() ([]float64, error) {
	n, err := a.size()
	if err != nil || !a.Type.Numeric() {
		return nil, orNot(err, a.Name, "numbers")
	}
	out := make([]float64, n)
	a.Type.floats(out, a.raw)
	return out, nil
}

// Ints returns the values of an integer attribute.
func (a *Attribute) Ints() ([]int64, error) {
	n, err := a.size()
	if err != nil || a.Type.Kind != Int {
		return nil, orNot(err, a.Name, "integers")
	}
	out := make([]int64, n)
	a.Type.ints(out, a.raw)
	return out, nil
}

// Texts returns the values of a text attribute.
func (a *Attribute) Texts() ([]string, error) {
	n, err := a.size()
	if err != nil || !a.Type.Text() {
		return nil, orNot(err, a.Name, "text")
	}
	return a.f.texts(a.Type, n, a.raw)
}

// References returns the addresses of the objects an attribute refers to, the first of each list.
func (a *Attribute) References() ([]uint64, error) {
	n, err := a.size()
	if err != nil || (a.Type.Kind != Reference && a.Type.Kind != VarReference) {
		return nil, orNot(err, a.Name, "references")
	}
	return a.f.references(a.Type, n, a.raw)
}

func orNot(err error, name, what string) error {
	if err != nil {
		return err
	}
	return fault.Invalidf("HDF5 attribute %s does not hold %s", name, what)
}
