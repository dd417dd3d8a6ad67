package engine

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
)

// Names of the tensors that this package adds to a graph; the prefix keeps them apart from others'.
const (
	castInput  = "striate:input"
	castOutput = "striate:output:"
	ranked     = "striate:ranked:"
	one        = "striate:one"
)

// castable tells whether ONNX's Cast converts between the type and float32.
func castable(t onnx.DataType) bool { return t != onnx.String }

// prepared is a graph that is ready for a session: one float32 input, float32 outputs.
type prepared struct {
	data    []byte
	input   string
	outputs []string
}

// prepare cuts the graph to the layers and puts a Cast to float32 where a layer, or the input, is of
// another type or of one that the file does not state, and a product with the list of one 1 where a
// layer may be a single number: that makes it a list, without which it could not be handed out. ONNX
// Runtime removes both where they do nothing.
func prepare(data []byte, layers []string) (*prepared, error) {
	graph, err := onnx.Decode(data)
	if err != nil {
		return nil, err
	}
	for _, name := range layers {
		if t, ok := graph.Tensor(name); ok && t.Constant {
			return nil, fault.Invalidf("layer %q is a constant of the network: ask for a tensor that depends on the image", name)
		}
	}
	cut, err := onnx.Cut(graph, layers)
	if err != nil {
		return nil, err
	}
	inputs := cut.Inputs()
	if len(inputs) != 1 {
		return nil, fault.Invalidf("the asked layers do not depend on the network's input")
	}
	p := &prepared{input: inputs[0].Name}
	g := cut.Proto().Graph // made by Cut: its lists are its own
	if inputs[0].Type != onnx.Float32 {
		p.input = castInput
		replaceInput(g, inputs[0])
	}
	for i, out := range cut.Outputs() {
		if out.Type == onnx.Float32 && out.Node != nil && len(out.Shape) > 0 {
			p.outputs = append(p.outputs, out.Name)
			continue
		}
		if !castable(out.Type) {
			return nil, fault.Unsupportedf("layer %q holds %s, not numbers", out.Name, out.Type)
		}
		name := castOutput + out.Name
		g.Node = append(g.Node, castNode(out.Name, name, onnx.Float32))
		if len(out.Shape) == 0 { // not stated, or none
			name = ranked + out.Name
			g.Node = append(g.Node, &onnxpb.NodeProto{OpType: proto.String("Mul"), Name: &name, Input: []string{castOutput + out.Name, one}, Output: []string{name}})
		}
		g.Output[i] = &onnxpb.ValueInfoProto{Name: &name}
		p.outputs = append(p.outputs, name)
	}
	if slices.ContainsFunc(p.outputs, func(name string) bool { return strings.HasPrefix(name, ranked) }) {
		g.Initializer = append(g.Initializer, onnx.Float32Tensor(one, []int64{1}, []float32{1}))
	}
	p.data, err = cut.Encode()
	return p, err
}

// replaceInput makes the graph take float32 and cast it to what it took.
func replaceInput(g *onnxpb.GraphProto, in onnx.Value) {
	name := castInput
	kind := int32(onnx.Float32)
	var shape *onnxpb.TensorShapeProto
	for i, v := range g.Input {
		if v.GetName() == in.Name {
			shape = v.GetType().GetTensorType().GetShape()
			g.Input[i] = &onnxpb.ValueInfoProto{Name: &name, Type: &onnxpb.TypeProto{
				TensorType: &onnxpb.TypeProto_Tensor{ElemType: &kind, Shape: shape}}}
		}
	}
	g.Node = append([]*onnxpb.NodeProto{castNode(castInput, in.Name, in.Type)}, g.Node...)
}

func castNode(from, to string, t onnx.DataType) *onnxpb.NodeProto {
	op := "Cast"
	return &onnxpb.NodeProto{OpType: &op, Name: &to, Input: []string{from}, Output: []string{to},
		Attribute: []*onnxpb.AttributeProto{onnx.Attr("to", int(t))}}
}
