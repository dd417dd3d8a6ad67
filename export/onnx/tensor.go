package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
)

// DataType is the type of a tensor's elements, numbered as in the standard.
type DataType int32

// The element types that this package makes or names.
const (
	Undefined DataType = 0
	Float32   DataType = 1
	Uint8     DataType = 2
	Int8      DataType = 3
	Uint16    DataType = 4
	Int16     DataType = 5
	Int32     DataType = 6
	Int64     DataType = 7
	String    DataType = 8
	Bool      DataType = 9
	Float16   DataType = 10
	Float64   DataType = 11
	Uint32    DataType = 12
	Uint64    DataType = 13
	BFloat16  DataType = 16
)

var dataTypes = map[DataType]struct {
	name string
	size int
}{
	Undefined: {"undefined", 0}, Float32: {"float32", 4}, Uint8: {"uint8", 1}, Int8: {"int8", 1},
	Uint16: {"uint16", 2}, Int16: {"int16", 2}, Int32: {"int32", 4}, Int64: {"int64", 8},
	String: {"string", 0}, Bool: {"bool", 1}, Float16: {"float16", 2}, Float64: {"float64", 8},
	Uint32: {"uint32", 4}, Uint64: {"uint64", 8}, BFloat16: {"bfloat16", 2},
}

// String returns the name of the type as numpy spells it.
func (t DataType) String() string {
	if d, ok := dataTypes[t]; ok {
		return d.name
	}
	return fmt.Sprintf("type %d", int32(t))
}

// Size returns the bytes of an element; 0 for strings and types that this package does not know.
func (t DataType) Size() int { return dataTypes[t].size }

// Float32Tensor returns a constant. len(data) is the product of dims.
func Float32Tensor(name string, dims []int64, data []float32) *onnxpb.TensorProto {
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return RawTensor(name, Float32, dims, raw)
}

// Int64Tensor returns a constant. len(data) is the product of dims.
func Int64Tensor(name string, dims []int64, data []int64) *onnxpb.TensorProto {
	raw := make([]byte, 0, 8*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return RawTensor(name, Int64, dims, raw)
}

// RawTensor returns a constant of little-endian, row-major bytes, which it keeps. It panics where
// their number is not what the type and dims need.
func RawTensor(name string, t DataType, dims []int64, raw []byte) *onnxpb.TensorProto {
	n := int64(t.Size())
	for _, d := range dims {
		n *= d
	}
	if n != int64(len(raw)) || t.Size() == 0 {
		panic(fmt.Sprintf("onnx: constant %q of %s %v needs %d bytes, has %d", name, t, dims, n, len(raw)))
	}
	kind := int32(t)
	return &onnxpb.TensorProto{Name: &name, DataType: &kind, Dims: dims, RawData: raw}
}

// Float32s returns the values of a float32 constant, row-major.
func Float32s(t *onnxpb.TensorProto) ([]float32, error) {
	if DataType(t.GetDataType()) != Float32 {
		return nil, fault.Unsupportedf("constant %q is %s, not float32", t.GetName(), DataType(t.GetDataType()))
	}
	if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
		return nil, fault.Unsupportedf("constant %q is in another file", t.GetName())
	}
	if t.RawData == nil {
		return t.FloatData, nil
	}
	values := make([]float32, len(t.RawData)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.RawData[4*i:]))
	}
	return values, nil
}

// Initializer returns the constant called name, nil if the graph has none.
func (m *Model) Initializer(name string) *onnxpb.TensorProto {
	for _, t := range m.pb.Graph.Initializer {
		if t.GetName() == name {
			return t
		}
	}
	return nil
}

func valueInfo(v Value) *onnxpb.ValueInfoProto {
	kind := int32(v.Type)
	tensor := &onnxpb.TypeProto_Tensor{ElemType: &kind}
	if v.Shape != nil {
		tensor.Shape = &onnxpb.TensorShapeProto{}
	}
	for _, d := range v.Shape {
		dim := &onnxpb.TensorShapeProto_Dimension{}
		switch {
		case d.Size >= 0:
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: d.Size}
		case d.Name != "":
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d.Name}
		}
		tensor.Shape.Dim = append(tensor.Shape.Dim, dim)
	}
	return &onnxpb.ValueInfoProto{Name: &v.Name, Type: &onnxpb.TypeProto{TensorType: tensor}}
}
