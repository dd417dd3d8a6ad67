package parameters

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"

	"striate/internal/fault"
	"striate/internal/npy"
	"striate/train/network"
)

// The safetensors format: the length of a JSON header (8 bytes, little-endian), the header, which gives
// type, shape and byte range of each entry, and the bytes. nlpodyssey/safetensors refuses entries
// without a dimension, which every batch normalisation of PyTorch has.

// maxFile bounds what is read into memory: the largest network of the paper has 0.2 GB.
const maxFile = 8 << 30

// metadataKey is the one key of a header that is no entry.
const metadataKey = "__metadata__"

// safeEntry is an entry of the header.
type safeEntry struct {
	Type    string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// element is how a number of a type is read.
type element struct {
	size int
	read func(b []byte) float32
}

var le = binary.LittleEndian

var elements = map[string]element{
	"F64":  {8, func(b []byte) float32 { return float32(math.Float64frombits(le.Uint64(b))) }},
	"F32":  {4, func(b []byte) float32 { return math.Float32frombits(le.Uint32(b)) }},
	"F16":  {2, func(b []byte) float32 { return float16.FromBits(le.Uint16(b)).Float32() }},
	"BF16": {2, func(b []byte) float32 { return bfloat16.FromBits(le.Uint16(b)).Float32() }},
	"I64":  {8, func(b []byte) float32 { return float32(int64(le.Uint64(b))) }},
}

// readSafetensors reads a file; all entries become float32.
func readSafetensors(path string) (Arrays, error) {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return nil, fault.NotFoundf("no such file: %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if info.Size() > maxFile {
		return nil, fault.TooLargef("%s has %d bytes: more than the limit of %d", path, info.Size(), int64(maxFile))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	arrays, err := decodeSafetensors(data)
	if err != nil {
		return nil, fault.Invalidf("%s is no safetensors file: %w", path, err)
	}
	return arrays, nil
}

// decodeSafetensors reads the bytes of a file.
func decodeSafetensors(data []byte) (Arrays, error) {
	if len(data) < 8 || le.Uint64(data) > uint64(len(data)-8) {
		return nil, fmt.Errorf("it ends before its header does")
	}
	split := 8 + le.Uint64(data)
	var header map[string]json.RawMessage
	if err := json.Unmarshal(data[8:split], &header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	arrays := Arrays{}
	for name, raw := range header {
		if name == metadataKey {
			continue
		}
		var e safeEntry
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("entry %q: %w", name, err)
		}
		values, err := e.decode(data[split:])
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", name, err)
		}
		arrays[name] = &npy.Array{Shape: e.Shape, Data: values}
	}
	return arrays, nil
}

// decode returns the elements of an entry. Its size is checked against the bytes that are there before
// anything is allocated.
func (e safeEntry) decode(data []byte) ([]float32, error) {
	kind, ok := elements[e.Type]
	if !ok {
		return nil, fmt.Errorf("type %s: parameters are floating-point numbers", e.Type)
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin < 0 || begin > end || end > int64(len(data)) {
		return nil, fmt.Errorf("bytes %d to %d of %d", begin, end, len(data))
	}
	want := int64(kind.size)
	for _, d := range e.Shape {
		if d < 0 || (d > 0 && want > maxFile/int64(d)) {
			return nil, fmt.Errorf("shape %v", e.Shape)
		}
		want *= int64(d)
	}
	if want != end-begin {
		return nil, fmt.Errorf("shape %v of type %s needs %d bytes, not %d", e.Shape, e.Type, want, end-begin)
	}
	data = data[begin:end]
	values := make([]float32, len(data)/kind.size)
	for i := range values {
		values[i] = kind.read(data[i*kind.size:])
	}
	return values, nil
}

// writeSafetensors writes arrays with the types PyTorch has them in: the polar masks are half
// precision.
func writeSafetensors(w io.Writer, d network.Description, arrays Arrays) error {
	header := map[string]any{metadataKey: map[string]string{"format": "pt"}}
	var offset int64
	for _, p := range d.Parameters() {
		dtype, size := typeOf(p)
		n := int64(size) * int64(p.Size())
		header[p.PyTorch] = safeEntry{dtype, append([]int{}, p.Shape...), [2]int64{offset, offset + n}}
		offset += n
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("safetensors header: %w", err)
	}
	text = append(text, bytes.Repeat([]byte(" "), (8-len(text)%8)%8)...) // entries begin at a multiple of 8
	if _, err := w.Write(append(le.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return fmt.Errorf("write safetensors header: %w", err)
	}
	for _, p := range d.Parameters() {
		if _, err := w.Write(encode(arrays[p.PyTorch], p)); err != nil {
			return fmt.Errorf("write entry %s: %w", p.PyTorch, err)
		}
	}
	return nil
}

// typeOf is the type PyTorch has an entry in, and the bytes of an element.
func typeOf(p network.Parameter) (name string, size int) {
	switch p.Kind {
	case network.BatchesTracked:
		return "I64", 8
	case network.PoolingMasks, network.PoolingCounts:
		return "F16", 2
	default:
		return "F32", 4
	}
}

// encode returns the elements of an entry as bytes.
func encode(a *npy.Array, p network.Parameter) []byte {
	dtype, size := typeOf(p)
	data := make([]byte, 0, size*p.Size())
	for _, v := range a.Float32s() {
		switch dtype {
		case "I64":
			data = le.AppendUint64(data, uint64(int64(v)))
		case "F16":
			data = le.AppendUint16(data, uint16(float16.FromFloat32(v)))
		default:
			data = le.AppendUint32(data, math.Float32bits(v))
		}
	}
	return data
}
