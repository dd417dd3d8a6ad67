// Package netcdf3 writes netCDF files of the classic format with 64-bit offsets, which every netCDF
// library reads.
//
// Source: Unidata, "NetCDF Classic and 64-bit Offset File Formats" (OGC 10-092r3).
package netcdf3

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"striate/internal/fault"
)

// Dim is a dimension.
type Dim struct {
	Name string
	Len  int
}

// Attribute is a named value: string, []float64 or []int32.
type Attribute struct {
	Name  string
	Value any
}

// Var is an array in row-major order: []byte (characters), []int32, []float32 or []float64.
type Var struct {
	Name       string
	Dims       []int // positions in File.Dims
	Attributes []Attribute
	Data       any
}

// File is what is written.
type File struct {
	Dims       []Dim
	Attributes []Attribute
	Vars       []Var
}

// Tags and types of the format.
const (
	tagDimension = 10
	tagVariable  = 11
	tagAttribute = 12

	typeChar   = 2
	typeInt    = 4
	typeFloat  = 5
	typeDouble = 6
)

// Text makes the data of a variable of characters from strings: each padded with zeros to width, the
// number of bytes of the longest (at least 1).
func Text(values []string) (data []byte, width int) {
	width = 1
	for _, v := range values {
		width = max(width, len(v))
	}
	data = make([]byte, len(values)*width)
	for i, v := range values {
		copy(data[i*width:], v)
	}
	return data, width
}

// Write writes the file. It panics when a variable and its dimensions do not agree, and returns an
// error for what the format cannot hold: a dimension of no length, or more than 2³¹-1 of anything.
func Write(w io.Writer, f *File) error {
	for _, d := range f.Dims {
		if d.Len < 1 || d.Len > math.MaxInt32 {
			return fault.Invalidf("dimension %s has the length %d: netCDF-3 holds 1 to %d", d.Name, d.Len, math.MaxInt32)
		}
	}
	sizes := make([]int64, len(f.Vars))
	for i, v := range f.Vars {
		n := 1
		for _, d := range v.Dims {
			n *= f.Dims[d].Len
		}
		kind, count := kindOf(v.Data)
		if count != n {
			panic(fmt.Sprintf("netcdf3: variable %s has %d values, its dimensions %d", v.Name, count, n))
		}
		sizes[i] = padded(int64(n) * int64(width(kind)))
	}
	// The head's length does not depend on the offsets in it: measure, then write.
	measure := &writer{w: io.Discard}
	measure.head(f, sizes, 0)
	out := &writer{w: w}
	out.head(f, sizes, measure.n)
	for _, v := range f.Vars {
		out.values(v.Data)
	}
	return out.err
}

func kindOf(data any) (kind int32, count int) {
	switch d := data.(type) {
	case []byte:
		return typeChar, len(d)
	case string:
		return typeChar, len(d)
	case []int32:
		return typeInt, len(d)
	case []float32:
		return typeFloat, len(d)
	case []float64:
		return typeDouble, len(d)
	}
	panic(fmt.Sprintf("netcdf3: data of type %T", data))
}

func width(kind int32) int {
	switch kind {
	case typeChar:
		return 1
	case typeDouble:
		return 8
	}
	return 4
}

func padded(n int64) int64 { return (n + 3) &^ 3 }

// writer writes big-endian values and remembers the first error.
type writer struct {
	w   io.Writer
	n   int64
	err error
}

func (w *writer) bytes(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
	w.n += int64(len(b))
}

func (w *writer) int(v int32) { w.bytes(binary.BigEndian.AppendUint32(nil, uint32(v))) }

func (w *writer) pad(n int) { w.bytes(make([]byte, int(padded(int64(n)))-n)) }

func (w *writer) name(s string) {
	w.int(int32(len(s)))
	w.bytes([]byte(s))
	w.pad(len(s))
}

func (w *writer) list(tag int32, n int) {
	if n == 0 {
		tag = 0
	}
	w.int(tag)
	w.int(int32(n))
}

func (w *writer) head(f *File, sizes []int64, offset int64) {
	w.bytes([]byte("CDF\x02"))
	w.int(0) // no records
	w.list(tagDimension, len(f.Dims))
	for _, d := range f.Dims {
		w.name(d.Name)
		w.int(int32(d.Len))
	}
	w.attributes(f.Attributes)
	w.list(tagVariable, len(f.Vars))
	for i, v := range f.Vars {
		w.name(v.Name)
		w.int(int32(len(v.Dims)))
		for _, d := range v.Dims {
			w.int(int32(d))
		}
		w.attributes(v.Attributes)
		kind, _ := kindOf(v.Data)
		w.int(kind)
		w.bytes(binary.BigEndian.AppendUint32(nil, uint32(min(sizes[i], math.MaxUint32)))) // larger ones are computed by readers
		w.bytes(binary.BigEndian.AppendUint64(nil, uint64(offset)))
		offset += sizes[i]
	}
}

func (w *writer) attributes(list []Attribute) {
	w.list(tagAttribute, len(list))
	for _, a := range list {
		w.name(a.Name)
		kind, n := kindOf(a.Value)
		w.int(kind)
		w.int(int32(n))
		w.values(a.Value)
	}
}

// values writes numbers with the padding to four bytes.
func (w *writer) values(data any) {
	switch d := data.(type) {
	case []byte:
		w.bytes(d)
		w.pad(len(d))
	case string:
		w.bytes([]byte(d))
		w.pad(len(d))
	default:
		if w.err == nil {
			w.err = binary.Write(w.w, binary.BigEndian, data)
		}
		w.n += int64(binary.Size(data))
	}
}
