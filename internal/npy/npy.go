// Package npy reads and writes NumPy's array files: .npy, .npy.gz and .npz (version 1 to 3 of the
// format, little-endian numbers, C or Fortran order on reading, C order on writing).
//
// The reader is made for bytes from strangers: nothing is allocated on the word of a header, sizes
// are checked against limits and against the bytes that are there, and every refusal is one line.
// github.com/sbinet/npyio, which the tests read our files with, panics on broken headers.
package npy

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"unsafe"

	"github.com/gomlx/compute/dtypes/float16"

	"striate/internal/atomicfile"
	"striate/internal/fault"
)

// Array is an n-dimensional array in row-major (C) order. Data is a slice of one of the Number
// types, or []bool, with as many entries as the product of Shape.
type Array struct {
	Shape []int
	Data  any
}

// Number lists the element types.
type Number interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// Limits bound what is read. Zero values mean no limit.
type Limits struct {
	MaxElements int64 // entries of the array
	Size        int64 // exact number of bytes that follow, if known: a file's size
}

// Len returns the number of entries.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// Float32s returns the entries as float32, without a copy when they are.
func (a *Array) Float32s() []float32 { return convert[float32](a.Data) }

// Float64s returns the entries as float64, without a copy when they are.
func (a *Array) Float64s() []float64 { return convert[float64](a.Data) }

// Ints returns the entries of an integer array; floating-point arrays are an error.
func (a *Array) Ints() ([]int, error) {
	switch a.Data.(type) {
	case []float32, []float64:
		return nil, fault.Invalidf("array holds %s where integers are expected", a.Dtype())
	}
	out := make([]int, a.Len())
	for i, v := range convert[int64](a.Data) {
		out[i] = int(v)
	}
	return out, nil
}

// Dtype returns NumPy's name of the element type: float32, uint8, ...
func (a *Array) Dtype() string {
	for _, k := range kinds {
		if k.is(a.Data) {
			return k.name
		}
	}
	return fmt.Sprintf("%T", a.Data)
}

func convert[T Number](data any) []T {
	if same, ok := data.([]T); ok {
		return same
	}
	switch d := data.(type) {
	case []int8:
		return cast[T](d)
	case []uint8:
		return cast[T](d)
	case []int16:
		return cast[T](d)
	case []uint16:
		return cast[T](d)
	case []int32:
		return cast[T](d)
	case []uint32:
		return cast[T](d)
	case []int64:
		return cast[T](d)
	case []uint64:
		return cast[T](d)
	case []float32:
		return cast[T](d)
	case []float64:
		return cast[T](d)
	case []bool:
		out := make([]T, len(d))
		for i, v := range d {
			if v {
				out[i] = 1
			}
		}
		return out
	}
	panic(fmt.Sprintf("npy: array of %T", data))
}

func cast[T, S Number](in []S) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = T(v)
	}
	return out
}

// kind is one element type of the format.
type kind struct {
	descr, name string
	size        int
	is          func(any) bool
	read        func(r io.Reader, n int) (any, error)
}

func kindOf[T Number | ~bool](descr, name string) kind {
	return kind{descr, name, binary.Size(*new(T)),
		func(v any) bool { _, ok := v.([]T); return ok },
		func(r io.Reader, n int) (any, error) { return readSlice[T](r, n) }}
}

var kinds = []kind{
	kindOf[float32]("<f4", "float32"), kindOf[float64]("<f8", "float64"),
	kindOf[uint8]("|u1", "uint8"), kindOf[int8]("|i1", "int8"), kindOf[bool]("|b1", "bool"),
	kindOf[int16]("<i2", "int16"), kindOf[uint16]("<u2", "uint16"),
	kindOf[int32]("<i4", "int32"), kindOf[uint32]("<u4", "uint32"),
	kindOf[int64]("<i8", "int64"), kindOf[uint64]("<u8", "uint64"),
	{"<f2", "float16", 2, func(any) bool { return false }, readHalf}, // becomes float32
}

// readHalf reads n entries of half precision as float32, which holds them exactly.
func readHalf(r io.Reader, n int) (any, error) {
	bits, err := readSlice[uint16](r, n)
	if err != nil {
		return nil, err
	}
	out := make([]float32, n)
	for i, b := range bits {
		out[i] = float16.FromBits(b).Float32()
	}
	return out, nil
}

// chunk is the number of bytes that are read before more memory is taken.
const chunk = 1 << 22

// readSlice reads n entries. Memory grows with what has arrived, not with what was announced.
func readSlice[T any](r io.Reader, n int) ([]T, error) {
	per := chunk / binary.Size(*new(T))
	out := make([]T, 0, min(n, per))
	for len(out) < n {
		m := min(n-len(out), per)
		if cap(out) < len(out)+m {
			grown := make([]T, len(out), min(n, max(len(out)+m, 2*cap(out))))
			copy(grown, out)
			out = grown
		}
		out = out[:len(out)+m]
		if err := readInto(r, out[len(out)-m:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// nativeLittle says that numbers in memory are as they are in a file, so that they need no
// conversion; on other machines encoding/binary turns them round.
var nativeLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func readInto[T any](r io.Reader, dst []T) error {
	if _, truth := any(dst).([]bool); truth || !nativeLittle { // a byte other than 0 and 1 is no bool in memory
		return binary.Read(r, binary.LittleEndian, dst)
	}
	_, err := io.ReadFull(r, bytesOf(dst))
	return err
}

// bytesOf is the memory of a slice of numbers.
func bytesOf[T any](d []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), len(d)*int(unsafe.Sizeof(*new(T))))
}

// Read reads one .npy array to the end of r. Too large, truncated, mis-typed and otherwise wrong
// input is a fault.Error of one line.
func Read(r io.Reader, limits Limits) (*Array, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	n, err := h.elements(limits)
	if err != nil {
		return nil, err
	}
	want := int64(n) * int64(h.kind.size)
	if limits.Size > 0 && limits.Size-h.bytes != want {
		return nil, fault.Invalidf("npy array of shape %v and type %s needs %d bytes of data, but %d are there", h.shape, h.kind.name, want, limits.Size-h.bytes)
	}
	data, err := h.kind.read(r, n)
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fault.Invalidf("npy array of shape %v and type %s ends before its %d bytes of data", h.shape, h.kind.name, want)
		}
		return nil, fmt.Errorf("read npy data: %w", err)
	}
	if extra, _ := io.ReadFull(r, make([]byte, 1)); extra > 0 {
		return nil, fault.Invalidf("npy array of shape %v and type %s is followed by more bytes than its header says", h.shape, h.kind.name)
	}
	a := &Array{h.shape, data}
	if h.fortran {
		a = fromFortran(a)
	}
	return a, nil
}

// ReadFile reads a .npy or .npy.gz file.
func ReadFile(path string) (*Array, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	var r io.Reader = f
	var limits Limits
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fault.Invalidf("%s is not a gzip file: %v", path, err)
		}
	} else if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		limits.Size = info.Size()
	}
	a, err := Read(r, limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

func openError(path string, err error) error {
	if os.IsNotExist(err) {
		return fault.NotFoundf("no such file: %s", path)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// fromFortran returns the same array in C order.
func fromFortran(a *Array) *Array {
	switch d := a.Data.(type) {
	case []int8:
		a.Data = reorder(a.Shape, d)
	case []uint8:
		a.Data = reorder(a.Shape, d)
	case []int16:
		a.Data = reorder(a.Shape, d)
	case []uint16:
		a.Data = reorder(a.Shape, d)
	case []int32:
		a.Data = reorder(a.Shape, d)
	case []uint32:
		a.Data = reorder(a.Shape, d)
	case []int64:
		a.Data = reorder(a.Shape, d)
	case []uint64:
		a.Data = reorder(a.Shape, d)
	case []float32:
		a.Data = reorder(a.Shape, d)
	case []float64:
		a.Data = reorder(a.Shape, d)
	case []bool:
		a.Data = reorder(a.Shape, d)
	}
	return a
}

func reorder[T any](shape []int, in []T) []T {
	out := make([]T, len(in))
	index := make([]int, len(shape))
	for _, v := range in { // the first axis runs fastest
		at := 0
		for k, i := range index {
			at = at*shape[k] + i
		}
		out[at] = v
		for k := range index {
			if index[k]++; index[k] < shape[k] {
				break
			}
			index[k] = 0
		}
	}
	return out
}

// Write writes data, a slice of a Number type or []bool, as a version-1 array of the shape.
// It panics when shape and length do not agree.
func Write(w io.Writer, shape []int, data any) error {
	a := Array{shape, data}
	if err := WriteHeader(w, shape, a.Dtype()); err != nil {
		return err
	}
	if n := binary.Size(data); n >= 0 {
		for _, k := range kinds {
			if k.is(data) && n != a.Len()*k.size {
				panic(fmt.Sprintf("npy: %d bytes of %s do not fill the shape %v", n, k.name, shape))
			}
		}
	}
	return WriteData(w, data)
}

// FileSize returns the length in bytes of what Write writes.
func FileSize(shape []int, dtype string) int {
	a := Array{Shape: shape}
	for _, k := range kinds {
		if k.name == dtype {
			var head bytes.Buffer
			WriteHeader(&head, shape, dtype) //nolint:errcheck // a buffer does not fail
			return head.Len() + a.Len()*k.size
		}
	}
	panic("npy: no such element type: " + dtype)
}

// WriteHeader writes the head of an array whose entries follow in one or more WriteData calls.
func WriteHeader(w io.Writer, shape []int, dtype string) error {
	descr := ""
	for _, k := range kinds {
		if k.name == dtype {
			descr = k.descr
		}
	}
	if descr == "" {
		panic("npy: no such element type: " + dtype)
	}
	dims := make([]string, len(shape))
	for i, d := range shape {
		dims[i] = fmt.Sprint(d)
	}
	tuple := strings.Join(dims, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	pad := (64 - (10+len(dict)+1)%64) % 64
	dict += strings.Repeat(" ", pad) + "\n"
	head := append([]byte(magic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(dict)))
	_, err := w.Write(append(head, dict...))
	return err
}

// WriteData writes entries after a header.
func WriteData(w io.Writer, data any) error {
	if nativeLittle {
		switch d := data.(type) {
		case []float32:
			_, err := w.Write(bytesOf(d))
			return err
		case []float64:
			_, err := w.Write(bytesOf(d))
			return err
		}
	}
	return binary.Write(w, binary.LittleEndian, data)
}

// WriteFile writes an array file, whole or not at all.
func WriteFile(path string, shape []int, data any) error {
	return atomicfile.Write(path, func(w io.Writer) error { return Write(w, shape, data) })
}

// Encode returns the array as the bytes of a .npy file.
func Encode(shape []int, data any) []byte {
	var b bytes.Buffer
	if err := Write(&b, shape, data); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	return b.Bytes()
}

// maxElements is the largest count whose bytes an int64 surely holds.
const maxElements = math.MaxInt64 / 16
