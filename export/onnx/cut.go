package onnx

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
	"striate/internal/nearest"
)

// Tap returns a model with the tensors called names as outputs after those it has. A name that is
// an output already stays where it is. Types and shapes are given where the file has them;
// elsewhere the runtime infers them. The two models share everything else.
//
// A name that the graph does not have is a NotFound fault with near matches.
func Tap(m *Model, names []string) (*Model, error) {
	x := indexOf(m.pb.Graph)
	have := map[string]bool{}
	for _, v := range m.pb.Graph.Output {
		have[v.GetName()] = true
	}
	outputs := m.pb.Graph.Output[:len(m.pb.Graph.Output):len(m.pb.Graph.Output)]
	for _, name := range names {
		if !x.has(name) {
			return nil, m.unknown(name)
		}
		if !have[name] {
			outputs = append(outputs, x.output(name))
			have[name] = true
		}
	}
	g := shallow(m.pb.Graph)
	g.Output = outputs
	pb := shallow(m.pb)
	pb.Graph = g
	return &Model{pb}, nil
}

// Cut returns a model with the tensors called names as its only outputs, in this order (a name
// that comes again is dropped), and of the graph only what they depend on: nodes, initialisers,
// inputs, notes on types and quantisation. Training information, which speaks of the whole graph,
// is dropped. Local functions stay. A graph input stays also where only a branch or body of If,
// Loop or Scan reads it. The two models share what they have in common.
//
// A name that the graph does not have is a NotFound fault with near matches.
func Cut(m *Model, names []string) (*Model, error) {
	if len(names) == 0 {
		return nil, fault.Invalidf("no layer asked for")
	}
	old := m.pb.Graph
	x := indexOf(old)
	var outputs []*onnxpb.ValueInfoProto
	asked := map[string]bool{}
	for _, name := range names {
		if !x.has(name) {
			return nil, m.unknown(name)
		}
		if !asked[name] {
			outputs = append(outputs, x.output(name))
			asked[name] = true
		}
	}
	names = make([]string, len(outputs))
	for i, v := range outputs {
		names[i] = v.GetName()
	}
	c := cut{x: x, tensors: map[string]bool{}, nodes: map[*onnxpb.NodeProto]bool{}, notes: annotations(old)}
	c.keep(names)

	g := shallow(old)
	g.Output = outputs
	g.Node = filter(old.Node, func(n *onnxpb.NodeProto) bool { return c.nodes[n] })
	g.Input = filter(old.Input, func(v *onnxpb.ValueInfoProto) bool { return c.tensors[v.GetName()] })
	g.Initializer = filter(old.Initializer, func(t *onnxpb.TensorProto) bool { return c.tensors[t.GetName()] })
	g.SparseInitializer = filter(old.SparseInitializer, func(t *onnxpb.SparseTensorProto) bool { return c.tensors[t.GetValues().GetName()] })
	g.ValueInfo = filter(old.ValueInfo, func(v *onnxpb.ValueInfoProto) bool {
		return c.tensors[v.GetName()] && !asked[v.GetName()]
	})
	g.QuantizationAnnotation = filter(old.QuantizationAnnotation, func(a *onnxpb.TensorAnnotation) bool { return c.tensors[a.GetTensorName()] })
	pb := shallow(m.pb)
	pb.Graph, pb.TrainingInfo = g, nil
	return &Model{pb}, nil
}

// unknown is the error for a tensor that the graph does not have.
func (m *Model) unknown(name string) error {
	return fault.NotFoundf("the network has no layer %q%s", name, nearest.Phrase(name, m.Layers()))
}

// output returns the description of name as an output.
func (x *index) output(name string) *onnxpb.ValueInfoProto {
	if v := x.info[name]; v != nil {
		return v
	}
	if t := x.tensor[name]; t != nil {
		return valueInfo(x.value(name))
	}
	return &onnxpb.ValueInfoProto{Name: &name}
}

// cut gathers the ancestors of tensors.
type cut struct {
	x       *index
	tensors map[string]bool
	nodes   map[*onnxpb.NodeProto]bool
	notes   map[string][]string // tensor → tensors that its quantisation annotation names
}

func (c *cut) keep(names []string) {
	for todo := slices.Clone(names); len(todo) > 0; {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c.tensors[name] || !c.x.has(name) {
			continue
		}
		c.tensors[name] = true
		todo = append(todo, c.notes[name]...)
		node := c.x.maker[name]
		if node == nil || c.nodes[node] {
			continue
		}
		c.nodes[node] = true
		todo = append(todo, node.Input...)
		for _, g := range subgraphs(node) {
			todo = append(todo, captures(g)...)
		}
		// Tensors that the node makes beside the asked one keep their notes on types.
		for _, sibling := range node.Output {
			if sibling != "" {
				c.tensors[sibling] = true
				todo = append(todo, c.notes[sibling]...)
			}
		}
	}
}

// captures returns the names that a branch or body takes from the graphs around it.
func captures(g *onnxpb.GraphProto) []string {
	own := indexOf(g)
	var free []string
	use := func(names []string) {
		for _, name := range names {
			if name != "" && !own.has(name) {
				free = append(free, name)
			}
		}
	}
	for _, node := range g.Node {
		use(node.Input)
		for _, inner := range subgraphs(node) {
			use(captures(inner))
		}
	}
	for _, v := range g.Output {
		use([]string{v.GetName()})
	}
	return free
}

func annotations(g *onnxpb.GraphProto) map[string][]string {
	notes := map[string][]string{}
	for _, a := range g.QuantizationAnnotation {
		for _, p := range a.QuantParameterTensorNames {
			notes[a.GetTensorName()] = append(notes[a.GetTensorName()], p.GetValue())
		}
	}
	return notes
}

func filter[T any](list []T, keep func(T) bool) []T {
	var kept []T
	for _, v := range list {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// shallow copies a message, not what it holds; fields unknown to this package come along.
func shallow[M proto.Message](m M) M {
	from := m.ProtoReflect()
	to := from.New()
	from.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(fd, v)
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return to.Interface().(M)
}
