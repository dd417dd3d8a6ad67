package onnx

import (
	"fmt"
	"slices"

	"striate/export/onnx/onnxpb"
)

// Builder makes a model node by node. Tensors go by their names. Its methods panic on the mistakes
// of a programmer: a name that is taken or that nothing made.
//
//	b := onnx.NewBuilder("edges", 17)
//	x := b.Input("image", onnx.Float32, onnx.Shape("N", 3, 64, 64))
//	w := b.Constant(onnx.Float32Tensor("weight", []int64{8, 3, 3, 3}, weights))
//	y := b.Node("Conv", "", []string{x, w}, onnx.Attr("pads", 1, 1, 1, 1))
//	b.Output(b.Node("Relu", "edges", []string{y}), onnx.Float32, onnx.Shape("N", 8, 64, 64))
//	model, err := b.Model()
type Builder struct {
	pb    *onnxpb.ModelProto
	taken map[string]bool
	count map[string]int // of generated names, by operator
}

// irVersion is the version of the file format that each operator set came with or after.
func irVersion(opset int64) int64 {
	switch {
	case opset <= 18:
		return 8
	case opset <= 20:
		return 9
	}
	return 10
}

// NewBuilder returns a builder of a graph called name that uses the given version of the
// standard's operator set.
func NewBuilder(name string, opset int64) *Builder {
	ir, domain, producer := irVersion(opset), "", "striate"
	return &Builder{
		pb: &onnxpb.ModelProto{
			IrVersion:    &ir,
			ProducerName: &producer,
			OpsetImport:  []*onnxpb.OperatorSetIdProto{{Domain: &domain, Version: &opset}},
			Graph:        &onnxpb.GraphProto{Name: &name},
		},
		taken: map[string]bool{},
		count: map[string]int{},
	}
}

// Shape returns a shape: an int is a fixed size, a string names an axis that is not fixed.
func Shape(dims ...any) []Dim {
	shape := make([]Dim, len(dims))
	for i, d := range dims {
		switch d := d.(type) {
		case int:
			shape[i].Size = int64(d)
		case string:
			shape[i] = Dim{-1, d}
		default:
			panic(fmt.Sprintf("onnx: an axis is an int or a string, not %T", d))
		}
	}
	return shape
}

// Input adds an input and returns its name.
func (b *Builder) Input(name string, t DataType, shape []Dim) string {
	b.take(name)
	b.pb.Graph.Input = append(b.pb.Graph.Input, valueInfo(Value{Name: name, Type: t, Shape: shape}))
	return name
}

// Constant adds an initialiser and returns its name; a nameless one is given a name.
func (b *Builder) Constant(t *onnxpb.TensorProto) string {
	if t.GetName() == "" {
		name := b.fresh("constant")
		t.Name = &name
	}
	b.take(t.GetName())
	b.pb.Graph.Initializer = append(b.pb.Graph.Initializer, t)
	return t.GetName()
}

// Node adds a node of the standard's operator op with one output and returns that output's name:
// the given one, or a new one if it is empty. An empty input leaves out an optional one.
func (b *Builder) Node(op, output string, inputs []string, attrs ...*onnxpb.AttributeProto) string {
	if output == "" {
		output = b.fresh(op)
	}
	b.NodeN(op, []string{output}, inputs, attrs...)
	return output
}

// NodeN adds a node whose outputs all are named; an empty name leaves out an optional one.
func (b *Builder) NodeN(op string, outputs, inputs []string, attrs ...*onnxpb.AttributeProto) {
	for _, name := range inputs {
		if name != "" && !b.taken[name] {
			panic(fmt.Sprintf("onnx: %s reads %q, which nothing made", op, name))
		}
	}
	for _, name := range outputs {
		if name != "" {
			b.take(name)
		}
	}
	b.pb.Graph.Node = append(b.pb.Graph.Node, &onnxpb.NodeProto{
		OpType: &op, Name: &outputs[0], Input: slices.Clone(inputs), Output: outputs, Attribute: attrs,
	})
}

// Output makes a tensor that exists an output. An Undefined type is left to the runtime.
func (b *Builder) Output(name string, t DataType, shape []Dim) {
	if !b.taken[name] {
		panic(fmt.Sprintf("onnx: output %q is not made by anything", name))
	}
	info := &onnxpb.ValueInfoProto{Name: &name}
	if t != Undefined {
		info = valueInfo(Value{Name: name, Type: t, Shape: shape})
	}
	b.pb.Graph.Output = append(b.pb.Graph.Output, info)
}

// Metadata sets metadata_props.
func (b *Builder) Metadata(props map[string]string) {
	b.pb.MetadataProps = withMetadata(b.pb.MetadataProps, props)
}

// Doc sets the descriptions of the model and its producer's version.
func (b *Builder) Doc(text, producerVersion string) {
	b.pb.DocString, b.pb.ProducerVersion = &text, &producerVersion
}

// Model returns the model. The builder is not to be used afterwards.
func (b *Builder) Model() (*Model, error) { return FromProto(b.pb) }

func (b *Builder) take(name string) {
	if name == "" || b.taken[name] {
		panic(fmt.Sprintf("onnx: the name %q is empty or taken", name))
	}
	b.taken[name] = true
}

func (b *Builder) fresh(kind string) string {
	for {
		b.count[kind]++
		if name := fmt.Sprintf("%s_%d", kind, b.count[kind]); !b.taken[name] {
			return name
		}
	}
}

// Attr returns an attribute. One int, float64 (stored as float32), string, bool (stored as 0 or
// 1) or *onnxpb.TensorProto gives a single value; several ints or float64s, or a slice []int,
// []int64, []float32 or []string, give a list, also of length one. It panics on anything else.
func Attr(name string, values ...any) *onnxpb.AttributeProto {
	if len(values) == 1 {
		return attrOne(name, values[0])
	}
	ints, floats := make([]int64, 0, len(values)), make([]float32, 0, len(values))
	for _, v := range values {
		switch v := v.(type) {
		case int:
			ints = append(ints, int64(v))
		case float64:
			floats = append(floats, float32(v))
		}
	}
	switch len(values) {
	case len(ints):
		return attrOne(name, ints)
	case len(floats):
		return attrOne(name, floats)
	}
	panic(fmt.Sprintf("onnx: attribute %q of mixed values", name))
}

func attrOne(name string, value any) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: &name}
	kind := onnxpb.AttributeProto_INT
	switch v := value.(type) {
	case int:
		i := int64(v)
		a.I = &i
	case bool:
		i := int64(0)
		if v {
			i = 1
		}
		a.I = &i
	case float64:
		f := float32(v)
		a.F, kind = &f, onnxpb.AttributeProto_FLOAT
	case string:
		a.S, kind = []byte(v), onnxpb.AttributeProto_STRING
	case *onnxpb.TensorProto:
		a.T, kind = v, onnxpb.AttributeProto_TENSOR
	case []int:
		for _, i := range v {
			a.Ints = append(a.Ints, int64(i))
		}
		kind = onnxpb.AttributeProto_INTS
	case []int64:
		a.Ints, kind = slices.Clone(v), onnxpb.AttributeProto_INTS
	case []float32:
		a.Floats, kind = slices.Clone(v), onnxpb.AttributeProto_FLOATS
	case []string:
		for _, s := range v {
			a.Strings = append(a.Strings, []byte(s))
		}
		kind = onnxpb.AttributeProto_STRINGS
	default:
		panic(fmt.Sprintf("onnx: attribute %q cannot be a %T", name, value))
	}
	a.Type = &kind
	return a
}
