package onnx

import (
	"cmp"
	"slices"

	"striate/export/onnx/onnxpb"
)

// Value is a tensor of a graph as far as the file describes it.
type Value struct {
	Name string
	Type DataType // Undefined where the file does not say
	// Shape is nil where the file does not say; a scalar has a shape of length 0.
	Shape []Dim
	// Node makes the tensor; nil for inputs and initialisers.
	Node *onnxpb.NodeProto
	// Constant says that the tensor is an initialiser.
	Constant bool
}

// Dim is an axis of a shape.
type Dim struct {
	Size int64  // -1 where it is not fixed
	Name string // of an axis that is not fixed; may be empty
}

// Inputs returns the inputs that a caller must feed: those of the graph without its initialisers.
func (m *Model) Inputs() []Value {
	x := indexOf(m.pb.Graph)
	var values []Value
	for _, info := range m.pb.Graph.Input {
		if v := x.value(info.GetName()); !v.Constant {
			values = append(values, v)
		}
	}
	return values
}

// Outputs returns the graph's outputs in order.
func (m *Model) Outputs() []Value {
	x := indexOf(m.pb.Graph)
	values := make([]Value, len(m.pb.Graph.Output))
	for i, info := range m.pb.Graph.Output {
		values[i] = x.value(info.GetName())
	}
	return values
}

// Tensors returns every tensor of the graph: inputs, initialisers, then what the nodes make in
// the order of the nodes. Tensors inside the branches and bodies of If, Loop and Scan are not
// the graph's and are left out.
func (m *Model) Tensors() []Value {
	x := indexOf(m.pb.Graph)
	values := make([]Value, len(x.names))
	for i, name := range x.names {
		values[i] = x.value(name)
	}
	return values
}

// Tensor returns the tensor called name, and whether there is one.
func (m *Model) Tensor(name string) (Value, bool) {
	x := indexOf(m.pb.Graph)
	if !x.has(name) {
		return Value{}, false
	}
	return x.value(name), true
}

// Layers returns the names of the tensors that can be asked for as a layer: what the graph's
// nodes make, and its inputs.
func (m *Model) Layers() []string {
	x := indexOf(m.pb.Graph)
	return slices.DeleteFunc(slices.Clone(x.names), func(name string) bool { return x.constant[name] })
}

// Nodes returns the graph's nodes.
func (m *Model) Nodes() []*onnxpb.NodeProto { return m.pb.Graph.Node }

// OpCounts returns how many nodes of each operator the graph has, its branches and bodies not
// counted. Operators of other domains than the standard's are named "domain.operator".
func (m *Model) OpCounts() map[string]int {
	counts := map[string]int{}
	for _, node := range m.pb.Graph.Node {
		name := node.GetOpType()
		if d := node.GetDomain(); d != "" && d != "ai.onnx" {
			name = d + "." + name
		}
		counts[name]++
	}
	return counts
}

// Opset returns the version of the operator set of a domain ("" for the standard's), 0 if the
// model does not import it.
func (m *Model) Opset(domain string) int64 {
	for _, o := range m.pb.OpsetImport {
		if d := o.GetDomain(); d == domain || domain == "" && d == "ai.onnx" {
			return o.GetVersion()
		}
	}
	return 0
}

// Metadata returns the model's metadata_props.
func (m *Model) Metadata() map[string]string {
	props := make(map[string]string, len(m.pb.MetadataProps))
	for _, p := range m.pb.MetadataProps {
		props[p.GetKey()] = p.GetValue()
	}
	return props
}

// SetMetadata changes the model: it sets the given metadata_props and leaves the others. An empty
// value takes its key out. New ones are added in the order of their keys.
func (m *Model) SetMetadata(props map[string]string) {
	m.pb.MetadataProps = withMetadata(m.pb.MetadataProps, props)
}

// SetProducer changes the model: it sets the program, and its version, that made the file.
func (m *Model) SetProducer(name, version string) {
	m.pb.ProducerName, m.pb.ProducerVersion = &name, &version
}

func withMetadata(have []*onnxpb.StringStringEntryProto, props map[string]string) []*onnxpb.StringStringEntryProto {
	out := slices.DeleteFunc(slices.Clone(have), func(p *onnxpb.StringStringEntryProto) bool {
		_, replaced := props[p.GetKey()]
		return replaced
	})
	added := make([]*onnxpb.StringStringEntryProto, 0, len(props))
	for k, v := range props {
		if v == "" {
			continue
		}
		added = append(added, &onnxpb.StringStringEntryProto{Key: &k, Value: &v})
	}
	slices.SortFunc(added, func(a, b *onnxpb.StringStringEntryProto) int { return cmp.Compare(a.GetKey(), b.GetKey()) })
	return append(out, added...)
}

// index finds a graph's tensors by name.
type index struct {
	names    []string // inputs, initialisers, node outputs; each once
	info     map[string]*onnxpb.ValueInfoProto
	tensor   map[string]*onnxpb.TensorProto // dense initialisers
	constant map[string]bool
	maker    map[string]*onnxpb.NodeProto // nil for inputs and initialisers
}

func indexOf(g *onnxpb.GraphProto) *index {
	x := &index{
		info:     map[string]*onnxpb.ValueInfoProto{},
		tensor:   map[string]*onnxpb.TensorProto{},
		constant: map[string]bool{},
		maker:    make(map[string]*onnxpb.NodeProto, len(g.Node)),
	}
	add := func(name string, maker *onnxpb.NodeProto) {
		if _, seen := x.maker[name]; !seen && name != "" {
			x.names = append(x.names, name)
			x.maker[name] = maker
		}
	}
	for _, v := range g.Input {
		add(v.GetName(), nil)
	}
	for _, t := range g.Initializer {
		add(t.GetName(), nil)
		x.tensor[t.GetName()], x.constant[t.GetName()] = t, true
	}
	for _, t := range g.SparseInitializer {
		add(t.GetValues().GetName(), nil)
		x.constant[t.GetValues().GetName()] = true
	}
	for _, node := range g.Node {
		for _, name := range node.Output {
			add(name, node)
		}
	}
	for _, infos := range [][]*onnxpb.ValueInfoProto{g.ValueInfo, g.Input, g.Output} {
		for _, v := range infos {
			if v.Type != nil || x.info[v.GetName()] == nil {
				x.info[v.GetName()] = v
			}
		}
	}
	return x
}

func (x *index) has(name string) bool {
	_, ok := x.maker[name]
	return ok
}

func (x *index) value(name string) Value {
	v := Value{Name: name, Node: x.maker[name], Constant: x.constant[name]}
	if t := x.info[name].GetType().GetTensorType(); t != nil {
		v.Type, v.Shape = DataType(t.GetElemType()), shapeOf(t.Shape)
	}
	if t := x.tensor[name]; t != nil && v.Shape == nil {
		v.Type, v.Shape = DataType(t.GetDataType()), make([]Dim, len(t.Dims))
		for i, d := range t.Dims {
			v.Shape[i].Size = d
		}
	}
	return v
}

func shapeOf(pb *onnxpb.TensorShapeProto) []Dim {
	if pb == nil {
		return nil
	}
	shape := make([]Dim, len(pb.Dim))
	for i, d := range pb.Dim {
		switch v := d.GetValue().(type) {
		case *onnxpb.TensorShapeProto_Dimension_DimValue:
			shape[i].Size = v.DimValue
		case *onnxpb.TensorShapeProto_Dimension_DimParam:
			shape[i] = Dim{-1, v.DimParam}
		default:
			shape[i].Size = -1
		}
	}
	return shape
}
