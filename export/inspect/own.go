package inspect

import (
	"encoding/binary"
	"math"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
)

// graphOf returns the graph as striate/export/onnx reads it.
func graphOf(m *onnx.Model) *Graph {
	g := newGraph()
	tensors := map[string]*Tensor{}
	for _, v := range m.Tensors() {
		t := &Tensor{Name: v.Name, id: g.next}
		g.next++
		if v.Constant {
			t.Constant = &Constant{Type: v.Type, Shape: sizes(v.Shape)}
			if pb := m.Initializer(v.Name); pb != nil {
				t.Constant = ownConstant(pb)
			}
		}
		tensors[v.Name] = t
		g.AddNode(t)
	}
	for _, n := range m.Nodes() {
		op := &Operation{Op: n.GetOpType(), Attributes: map[string]any{}, Outputs: make([]*Tensor, len(n.Output))}
		for _, a := range n.Attribute {
			op.Attributes[a.GetName()] = ownAttribute(a)
		}
		for i, out := range n.Output {
			t := tensors[out]
			if t == nil {
				continue
			}
			op.Outputs[i], t.Maker = t, op
			for at, in := range n.Input {
				if from := tensors[in]; from != nil {
					g.SetWeightedLine(g.NewWeightedLine(from, t, float64(at)))
				}
			}
		}
		g.Operations = append(g.Operations, op)
	}
	return g
}

// annotate adds what the file says beside the graph itself: names and domains of operations, types
// and shapes of tensors. g holds the operations of m in the same order.
func annotate(g *Graph, m *onnx.Model) {
	tensors := g.byName()
	for _, v := range m.Tensors() {
		if t := tensors[v.Name]; t != nil {
			t.Type, t.Shape = v.Type, sizes(v.Shape)
		}
	}
	for i, n := range m.Nodes() {
		op := g.Operations[i]
		if op.Name = n.GetName(); n.GetDomain() != "ai.onnx" {
			op.Domain = n.GetDomain()
		}
		for _, a := range n.Attribute {
			op.Subgraphs = op.Subgraphs || a.G != nil || len(a.Graphs) > 0
		}
	}
}

func sizes(shape []onnx.Dim) []int {
	if shape == nil {
		return nil
	}
	out := make([]int, len(shape))
	for i, d := range shape {
		out[i] = int(d.Size)
	}
	return out
}

// ownAttribute returns the value of an attribute in the types of [Operation]; struct{}{} for others.
func ownAttribute(a *onnxpb.AttributeProto) any {
	switch a.GetType() {
	case onnxpb.AttributeProto_INT:
		return a.GetI()
	case onnxpb.AttributeProto_FLOAT:
		return a.GetF()
	case onnxpb.AttributeProto_STRING:
		return string(a.GetS())
	case onnxpb.AttributeProto_INTS:
		return a.GetInts()
	case onnxpb.AttributeProto_FLOATS:
		return a.GetFloats()
	case onnxpb.AttributeProto_STRINGS:
		list := make([]string, len(a.GetStrings()))
		for i, s := range a.GetStrings() {
			list[i] = string(s)
		}
		return list
	case onnxpb.AttributeProto_TENSOR:
		return ownConstant(a.GetT())
	}
	return struct{}{}
}

// bits are the values of a large float32 constant, little-endian, as they lie in the file.
type bits []byte

// float32At returns access to the values of a float32 constant and their number, 0 if they were not
// read.
func (c *Constant) float32At() (at func(i int) float32, n int) {
	switch v := c.values.(type) {
	case []float32:
		return func(i int) float32 { return v[i] }, len(v)
	case bits:
		return func(i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(v[4*i:])) }, len(v) / 4
	}
	return nil, 0
}

// ownConstant reads a constant; of types that hold neither shapes nor weights of common networks,
// and of constants in other files, the values are left out.
func ownConstant(t *onnxpb.TensorProto) *Constant {
	c := &Constant{Type: onnx.DataType(t.GetDataType()), Shape: make([]int, len(t.GetDims()))}
	for i, d := range t.GetDims() {
		c.Shape[i] = int(d)
	}
	if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
		return c
	}
	raw := t.RawData
	switch c.Type {
	case onnx.Float32:
		if c.Len() > maxNumbers && raw != nil {
			c.values = bits(raw)
		} else if v, err := onnx.Float32s(t); err == nil {
			c.values = v
		}
	case onnx.Float64:
		c.values = either(t.DoubleData, raw, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	case onnx.Int64:
		c.values = either(t.Int64Data, raw, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	case onnx.Int32:
		c.values = either(t.Int32Data, raw, 4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
	case onnx.Bool:
		typed := make([]bool, len(t.Int32Data))
		for i, v := range t.Int32Data {
			typed[i] = v != 0
		}
		c.values = either(typed, raw, 1, func(b []byte) bool { return b[0] != 0 })
	}
	return c
}

// either returns the raw values where there are some, else the typed ones.
func either[T any](typed []T, raw []byte, size int, read func([]byte) T) []T {
	if raw == nil {
		return typed
	}
	values := make([]T, len(raw)/size)
	for i := range values {
		values[i] = read(raw[i*size:])
	}
	return values
}
