package hdf5

import (
	"context"
	"fmt"

	"striate/internal/fault"
)

// Dataset is an array of the root group.
type Dataset struct {
	Name       string
	Address    uint64 // what references to it hold
	Shape      []int  // empty for a scalar
	Type       Type
	Attributes []*Attribute

	f       *File
	layout  layout
	filters []filter
	fill    []byte // element of chunks that were never written; nil for zeros
}

// Attribute returns the attribute with the name, nil when there is none.
func (d *Dataset) Attribute(name string) *Attribute {
	for _, a := range d.Attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// dataset reads a header; it returns nil for what is not a dataset.
func (f *File) dataset(l link) (*Dataset, error) {
	messages, err := f.messages(l.address)
	if err != nil {
		return nil, err
	}
	d := &Dataset{Name: l.name, Address: l.address, f: f}
	var hasType, hasSpace, hasLayout bool
	for _, m := range messages {
		c := f.cursor(m.data)
		switch m.kind {
		case msgDatatype:
			hasType = true
			if m.flags&flagShared == 0 { // else a committed type, of kind Other
				d.Type, err = parseType(c)
			}
		case msgDataspace:
			hasSpace = true
			d.Shape, err = parseSpace(c)
		case msgLayout:
			hasLayout = true
			d.layout, err = parseLayout(c)
		case msgFilters:
			d.filters, err = parseFilters(c)
		case msgFill:
			d.fill, err = parseFill(c)
		}
		if err != nil {
			return nil, err
		}
	}
	if !hasType || !hasSpace || !hasLayout {
		return nil, nil
	}
	if d.layout.chunk != nil && len(d.layout.chunk) != len(d.Shape) {
		return nil, fault.Invalidf("damaged HDF5 file: %d-dimensional chunks of a %d-dimensional array", len(d.layout.chunk), len(d.Shape))
	}
	if d.fill != nil && len(d.fill) != d.Type.Size {
		d.fill = nil
	}
	d.Attributes, err = f.attributes(messages)
	return d, err
}

func parseFill(c *cursor) ([]byte, error) {
	switch version := c.u8(); version {
	case 1, 2:
		c.skip(2)
		if defined := c.u8(); defined == 0 && version == 2 {
			return nil, c.err
		}
	case 3:
		if flags := c.u8(); flags&0x20 == 0 {
			return nil, c.err
		}
	default:
		return nil, fault.Unsupportedf("HDF5 fill value version %d is not known", version)
	}
	n := int(c.u32())
	if c.err != nil || n <= 0 {
		return nil, c.err
	}
	return c.bytes(n), c.err
}

// maxElements bounds what is read into memory at once: 4 GB of float64.
const maxElements = 1 << 29

// Floats returns all values of a numeric dataset in row-major order.
func (d *Dataset) Floats(ctx context.Context) ([]float64, error) {
	n, err := count(d.Shape, maxElements)
	if err != nil {
		return nil, err
	}
	if err := d.backed(n); err != nil {
		return nil, err
	}
	out := make([]float64, n)
	err = d.EachFloats(ctx, func(start, size []int, values []float64) error {
		scatter(out, d.Shape, start, size, values)
		return nil
	})
	return out, err
}

// EachFloats calls fn with the values of a numeric dataset one block after the other, each in
// row-major order, so that datasets larger than memory can be read. fn must not keep its arguments.
func (d *Dataset) EachFloats(ctx context.Context, fn func(start, size []int, values []float64) error) error {
	if !d.Type.Numeric() {
		return fault.Unsupportedf("HDF5 dataset %s does not hold numbers", d.Name)
	}
	var values []float64
	return d.each(ctx, func(start, size []int, raw []byte) error {
		n := len(raw) / d.Type.Size
		if cap(values) < n {
			values = make([]float64, n)
		}
		d.Type.floats(values[:n], raw)
		return fn(start, size, values[:n])
	})
}

// Ints returns all values of an integer dataset.
func (d *Dataset) Ints(ctx context.Context) ([]int64, error) {
	if d.Type.Kind != Int {
		return nil, fault.Unsupportedf("HDF5 dataset %s does not hold integers", d.Name)
	}
	return collect(ctx, d, func(n int, raw []byte) ([]int64, error) {
		out := make([]int64, n)
		d.Type.ints(out, raw)
		return out, nil
	})
}

// Texts returns all values of a text dataset.
func (d *Dataset) Texts(ctx context.Context) ([]string, error) {
	if !d.Type.Text() {
		return nil, fault.Unsupportedf("HDF5 dataset %s does not hold text", d.Name)
	}
	return collect(ctx, d, func(n int, raw []byte) ([]string, error) { return d.f.texts(d.Type, n, raw) })
}

func collect[T any](ctx context.Context, d *Dataset, decode func(n int, raw []byte) ([]T, error)) ([]T, error) {
	n, err := count(d.Shape, maxElements/8)
	if err != nil {
		return nil, err
	}
	if err := d.backed(n); err != nil {
		return nil, err
	}
	out := make([]T, n)
	err = d.each(ctx, func(start, size []int, raw []byte) error {
		values, err := decode(len(raw)/d.Type.Size, raw)
		if err == nil {
			scatter(out, d.Shape, start, size, values)
		}
		return err
	})
	return out, err
}

// backed returns an error when the file is too short to hold n elements at the highest ratio
// deflate reaches, so that a small file cannot announce a large array.
func (d *Dataset) backed(n uint64) error {
	ratio := uint64(1)
	if len(d.filters) > 0 || d.layout.chunk != nil || d.layout.address == undefined {
		ratio = maxDeflateRatio
	}
	if n > (d.f.size*ratio)/uint64(d.Type.Size)+1<<20 {
		return fault.Invalidf("HDF5 dataset %s announces %d entries, more than a file of %d bytes can hold", d.Name, n, d.f.size)
	}
	return nil
}

// scatter copies a block of the size, in row-major order, to its place in an array of the shape.
func scatter[T any](dst []T, shape, start, size []int, block []T) {
	if len(shape) == 0 {
		copy(dst, block)
		return
	}
	last := len(shape) - 1
	width := size[last]
	index := make([]int, len(shape))
	for at := 0; at < len(block); at += width {
		to := 0
		for k := range shape {
			to = to*shape[k] + start[k] + index[k]
		}
		copy(dst[to:to+width], block[at:at+width])
		for k := last - 1; k >= 0; k-- {
			if index[k]++; index[k] < size[k] {
				break
			}
			index[k] = 0
		}
	}
}

// String describes the dataset.
func (d *Dataset) String() string { return fmt.Sprintf("%s%v", d.Name, d.Shape) }
