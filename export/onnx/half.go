package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
)

// largestHalf is the largest finite float16.
const largestHalf = 65504

// ToFloat16 returns a model that computes in float16 and takes and gives float32 as before. Graphs
// with branches or bodies are refused, as is a constant beyond ±65504.
func ToFloat16(m *Model) (*Model, error) {
	pb := proto.Clone(m.pb).(*onnxpb.ModelProto)
	g := pb.Graph
	constant := map[string]bool{}
	for _, t := range g.Initializer {
		constant[t.GetName()] = true
		if err := halve(t); err != nil {
			return nil, err
		}
	}
	renamed := map[string]string{}
	var first, last []*onnxpb.NodeProto
	for _, v := range g.Input {
		if isFloat(v) && !constant[v.GetName()] {
			renamed[v.GetName()] = v.GetName() + "/float16"
			first = append(first, cast(v.GetName(), renamed[v.GetName()], Float16))
		}
	}
	for _, v := range g.Output {
		if isFloat(v) && renamed[v.GetName()] == "" {
			renamed[v.GetName()] = v.GetName() + "/float16"
		}
		if isFloat(v) {
			last = append(last, cast(renamed[v.GetName()], v.GetName(), Float32))
		}
	}
	for _, node := range g.Node {
		if len(subgraphs(node)) > 0 {
			return nil, fault.Unsupportedf("node %s (%s) has a branch or body: only plain graphs are converted to float16", nodeName(node), node.GetOpType())
		}
		rename(node.Input, renamed)
		rename(node.Output, renamed)
		for _, a := range node.Attribute {
			if node.GetOpType() == "Cast" && a.GetName() == "to" && a.GetI() == int64(Float32) {
				a.I = proto.Int64(int64(Float16))
			}
			if a.T != nil {
				if err := halve(a.T); err != nil {
					return nil, err
				}
			}
		}
	}
	g.Node = append(append(first, g.Node...), last...)
	g.ValueInfo = nil // of the tensors that change their type
	return FromProto(pb)
}

func isFloat(v *onnxpb.ValueInfoProto) bool {
	return DataType(v.GetType().GetTensorType().GetElemType()) == Float32
}

func cast(from, to string, t DataType) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{OpType: proto.String("Cast"), Name: proto.String(to + "/Cast"), Input: []string{from}, Output: []string{to},
		Attribute: []*onnxpb.AttributeProto{Attr("to", int(t))}}
}

func rename(names []string, renamed map[string]string) {
	for i, name := range names {
		if to, ok := renamed[name]; ok {
			names[i] = to
		}
	}
}

// halve changes a float32 constant to float16; others stay.
func halve(t *onnxpb.TensorProto) error {
	if DataType(t.GetDataType()) != Float32 {
		return nil
	}
	values, err := Float32s(t)
	if err != nil {
		return fmt.Errorf("converting to float16: %w", err)
	}
	raw := make([]byte, 0, 2*len(values))
	for _, v := range values {
		if v > largestHalf || v < -largestHalf {
			return fault.Unsupportedf("constant %q holds %g, which float16 cannot: its largest number is %d; keep float32", t.GetName(), v, largestHalf)
		}
		raw = binary.LittleEndian.AppendUint16(raw, Half(v))
	}
	t.DataType, t.RawData, t.FloatData = proto.Int32(int32(Float16)), raw, nil
	return nil
}

// Half returns the bits of the float16 nearest to v, ties to even (IEEE 754 binary16).
func Half(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits >> 16 & 0x8000)
	magnitude := bits & 0x7fffffff
	switch {
	case magnitude > 0x7f800000: // not a number
		return sign | 0x7e00
	case magnitude >= 0x47800000: // 65536 and above
		return sign | 0x7c00
	case magnitude < 0x38800000: // below 2⁻¹⁴: multiples of 2⁻²⁴
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(magnitude))*(1<<24)))
	}
	rounded := magnitude + 0xfff + magnitude>>13&1
	return sign | uint16((rounded-0x38000000)>>13)
}
