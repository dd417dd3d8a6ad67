package lower

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"

	"striate/export/onnx"
	"striate/export/recorder"
)

// tensor is a constant: little-endian, row-major.
type tensor struct {
	kind onnx.DataType
	dims []int
	raw  []byte
}

// dataType is the ONNX type of a GoMLX type, Undefined where there is none.
func dataType(d dtypes.DType) onnx.DataType {
	return map[dtypes.DType]onnx.DataType{
		dtypes.Bool: onnx.Bool, dtypes.Int8: onnx.Int8, dtypes.Int16: onnx.Int16, dtypes.Int32: onnx.Int32, dtypes.Int64: onnx.Int64,
		dtypes.Uint8: onnx.Uint8, dtypes.Uint16: onnx.Uint16, dtypes.Uint32: onnx.Uint32, dtypes.Uint64: onnx.Uint64,
		dtypes.Float16: onnx.Float16, dtypes.BFloat16: onnx.BFloat16, dtypes.Float32: onnx.Float32, dtypes.Float64: onnx.Float64,
	}[d]
}

// constantOf is the value of a constant node.
func constantOf(n *recorder.Node, flat any) *value {
	raw := slices.Clone(dtypes.UnsafeByteSliceFromAny(flat))
	return &value{dims: n.Dims(), data: &tensor{dataType(n.Shape.DType), n.Dims(), raw}}
}

func intTensor(values []int) *tensor {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return &tensor{onnx.Int64, []int{len(values)}, raw}
}

func floatTensor(dims []int, values []float32) *tensor {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return &tensor{onnx.Float32, dims, raw}
}

// floats returns the values of a float32 or float64 tensor.
func (t *tensor) floats() ([]float64, bool) {
	values := make([]float64, t.size())
	for i := range values {
		switch t.kind {
		case onnx.Float32:
			values[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(t.raw[4*i:])))
		case onnx.Float64:
			values[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.raw[8*i:]))
		default:
			return nil, false
		}
	}
	return values, true
}

func (t *tensor) size() int { return product(t.dims) }

// all tells whether the tensor is of a float type and has one value throughout.
func (t *tensor) all(want float64) bool {
	if t == nil || t.size() == 0 || t.size() > 1<<16 {
		return false
	}
	values, ok := t.floats()
	return ok && !slices.ContainsFunc(values, func(v float64) bool { return v != want })
}

// normal returns the bytes with zeros in place of subnormal float32 numbers, below 1.2e-38: they change
// no sum, and processors take tens of times longer to multiply them.
func (t *tensor) normal() []byte {
	if t.kind != onnx.Float32 {
		return t.raw
	}
	const exponent, magnitude = 0x7f800000, 0x7fffffff
	var raw []byte
	for i := 0; i < len(t.raw); i += 4 {
		if bits := binary.LittleEndian.Uint32(t.raw[i:]); bits&exponent == 0 && bits&magnitude != 0 {
			if raw == nil {
				raw = slices.Clone(t.raw)
			}
			binary.LittleEndian.PutUint32(raw[i:], 0)
		}
	}
	if raw == nil {
		return t.raw
	}
	return raw
}

// as returns the same values in other dimensions.
func (t *tensor) as(dims []int) *tensor { return &tensor{t.kind, dims, t.raw} }

// transpose returns the tensor with axis i of the result being axis perm[i].
func (t *tensor) transpose(perm []int) *tensor {
	from := stridesOf(t.dims)
	dims, step := make([]int, len(perm)), make([]int, len(perm))
	for i, p := range perm {
		dims[i], step[i] = t.dims[p], from[p]
	}
	return t.gather(dims, step, 0)
}

// reverse returns the tensor with the order of elements along axes turned round.
func (t *tensor) reverse(axes []int) *tensor {
	step, start := stridesOf(t.dims), 0
	for _, axis := range axes {
		start += (t.dims[axis] - 1) * step[axis]
		step[axis] = -step[axis]
	}
	return t.gather(t.dims, step, start)
}

// expand broadcasts the tensor to dims, aligned at the right.
func (t *tensor) expand(dims []int) *tensor {
	from, step := stridesOf(t.dims), make([]int, len(dims))
	for i := range t.dims {
		if t.dims[i] != 1 {
			step[len(dims)-len(t.dims)+i] = from[i]
		}
	}
	return t.gather(dims, step, 0)
}

// gather returns a tensor whose element at an index is the one at start plus the sum of index times
// step.
func (t *tensor) gather(dims, step []int, start int) *tensor {
	size := t.kind.Size()
	raw := make([]byte, 0, product(dims)*size)
	index := make([]int, len(dims))
	at := start
	for range product(dims) {
		raw = append(raw, t.raw[at*size:(at+1)*size]...)
		for axis := len(dims) - 1; axis >= 0; axis-- {
			index[axis]++
			at += step[axis]
			if index[axis] < dims[axis] {
				break
			}
			at -= step[axis] * dims[axis]
			index[axis] = 0
		}
	}
	return &tensor{t.kind, dims, raw}
}

// part returns elements lo to hi of the first axis.
func (t *tensor) part(lo, hi int) *tensor {
	row := len(t.raw) / t.dims[0]
	return &tensor{t.kind, append([]int{hi - lo}, t.dims[1:]...), t.raw[lo*row : hi*row]}
}

func stridesOf(dims []int) []int {
	strides := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		strides[i] = n
		n *= dims[i]
	}
	return strides
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

func int64s(dims []int) []int64 {
	out := make([]int64, len(dims))
	for i, d := range dims {
		out[i] = int64(d)
	}
	return out
}

// broadcast returns the dimensions of an element-wise operation on a and b.
func broadcast(a, b []int) []int {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i := range b {
		j := len(a) - len(b) + i
		switch {
		case out[j] == 1:
			out[j] = b[i]
		case b[i] != 1 && b[i] != out[j]:
			panic(fmt.Sprintf("lower: shapes %v and %v do not broadcast", a, b))
		}
	}
	return out
}
