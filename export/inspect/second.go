package inspect

import (
	"fmt"

	second "github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"

	"striate/export/onnx"
)

// maxSecond is the size of the largest file that onnx-go is given: reading a file both ways takes
// eight times its size in memory.
const maxSecond = 640 << 20

// decodeSecond reads a file with onnx-go. Names of operators' domains, types and shapes of inner
// tensors, which onnx-go does not hand on, are left out.
func decodeSecond(data []byte) (g *Graph, err error) {
	if len(data) > maxSecond {
		return nil, fmt.Errorf("the file has more than %d bytes", maxSecond)
	}
	defer func() {
		if p := recover(); p != nil {
			g, err = nil, fmt.Errorf("it panicked: %v", p)
		}
	}()
	bare, err := withoutNotes(data)
	if err != nil {
		return nil, err
	}
	b := &backend{newGraph()}
	if err := second.NewModel(b).UnmarshalBinary(bare); err != nil {
		return nil, err
	}
	return b.Graph, nil
}

// withoutNotes drops what a file says about the types and shapes of tensors other than constants.
// onnx-go forgets axes that are not fixed, so that the others change place, and allocates a tensor
// for each shape, so that a few bytes could ask for any amount of memory.
func withoutNotes(data []byte) ([]byte, error) {
	const graphField, input, output, valueInfo, name = 7, 11, 12, 13, 1
	keepName := func(b []byte) ([]byte, error) {
		return rewrite(b, func(num protowire.Number, field []byte) ([]byte, bool, error) { return field, num == name, nil })
	}
	return rewrite(data, func(num protowire.Number, field []byte) ([]byte, bool, error) {
		if num != graphField {
			return field, true, nil
		}
		field, err := rewrite(field, func(num protowire.Number, field []byte) ([]byte, bool, error) {
			if num == input || num == output {
				field, err := keepName(field)
				return field, true, err
			}
			return field, num != valueInfo, nil
		})
		return field, true, err
	})
}

// rewrite copies a message. change gets each field of length-delimited type and returns what takes
// its place and whether it is kept.
func rewrite(b []byte, change func(num protowire.Number, field []byte) ([]byte, bool, error)) ([]byte, error) {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		m := protowire.ConsumeFieldValue(num, typ, b[n:])
		if m < 0 {
			return nil, protowire.ParseError(m)
		}
		if typ != protowire.BytesType {
			out, b = append(out, b[:n+m]...), b[n+m:]
			continue
		}
		field, _ := protowire.ConsumeBytes(b[n:])
		field, keep, err := change(num, field)
		if err != nil {
			return nil, err
		}
		if keep {
			out = protowire.AppendBytes(protowire.AppendTag(out, num, typ), field)
		}
		b = b[n+m:]
	}
	return out, nil
}

// backend receives from onnx-go what it reads (its interface Backend).
type backend struct{ *Graph }

// node is a Tensor under construction.
type node struct{ *Tensor }

// NewNode returns a tensor that AddNode will add.
func (b *backend) NewNode() graph.Node {
	b.next++
	return &node{&Tensor{id: b.next - 1}}
}

// SetName sets the tensor's name (interface Namer of onnx-go).
func (n *node) SetName(name string) { n.Name = name }

// GetName returns the tensor's name.
func (n *node) GetName() string { return n.Name }

// SetTensor sets the value of an initialiser (interface DataCarrier of onnx-go).
func (n *node) SetTensor(t tensor.Tensor) (err error) {
	n.Constant, err = constantOf(t)
	return err
}

// GetTensor returns nil: values are kept as Constant.
func (n *node) GetTensor() tensor.Tensor { return nil }

// AddNode adds a tensor. The node called "" that stands for all operands and results that are left
// out is none.
func (b *backend) AddNode(n graph.Node) {
	if t := n.(*node).Tensor; t.Name != "" {
		b.WeightedDirectedGraph.AddNode(t)
	}
}

// NewWeightedEdge returns an edge from a result to an operand, as onnx-go makes them.
func (b *backend) NewWeightedEdge(from, to graph.Node, weight float64) graph.WeightedEdge {
	return simple.WeightedEdge{F: from, T: to, W: weight}
}

// SetWeightedEdge adds an edge from the operand to the result, whatever edges there are between them.
func (b *backend) SetWeightedEdge(e graph.WeightedEdge) {
	result, operand := e.From().(*node).Tensor, e.To().(*node).Tensor
	if result.Name != "" && operand.Name != "" {
		b.SetWeightedLine(b.NewWeightedLine(operand, result, e.Weight()))
	}
}

// ApplyOperation says which operation makes the tensors.
func (b *backend) ApplyOperation(o second.Operation, results ...graph.Node) error {
	op := &Operation{Op: o.Name, Attributes: map[string]any{}, Outputs: make([]*Tensor, len(results))}
	for name, value := range o.Attributes {
		if t, ok := value.(tensor.Tensor); ok {
			c, err := constantOf(t)
			if err != nil {
				return fmt.Errorf("attribute %s of a %s: %w", name, o.Name, err)
			}
			value = c
		}
		op.Attributes[name] = value
	}
	for i, r := range results {
		if t := r.(*node).Tensor; t.Name != "" {
			op.Outputs[i], t.Maker = t, op
		}
	}
	b.Operations = append(b.Operations, op)
	return nil
}

// constantOf takes over a tensor's values.
func constantOf(t tensor.Tensor) (*Constant, error) {
	c := &Constant{Shape: append([]int{}, t.Shape()...)}
	switch v := t.Data().(type) {
	case float32:
		c.Type, c.values = onnx.Float32, []float32{v}
	case []float32:
		c.Type, c.values = onnx.Float32, v
	case float64:
		c.Type, c.values = onnx.Float64, []float64{v}
	case []float64:
		c.Type, c.values = onnx.Float64, v
	case int64:
		c.Type, c.values = onnx.Int64, []int64{v}
	case []int64:
		c.Type, c.values = onnx.Int64, v
	case int32:
		c.Type, c.values = onnx.Int32, []int32{v}
	case []int32:
		c.Type, c.values = onnx.Int32, v
	case bool:
		c.Type, c.values = onnx.Bool, []bool{v}
	case []bool:
		c.Type, c.values = onnx.Bool, v
	default:
		return nil, fmt.Errorf("a constant of elements %v", t.Dtype())
	}
	return c, nil
}
