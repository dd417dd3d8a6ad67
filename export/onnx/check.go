package onnx

import (
	"strings"

	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
)

// check holds what the rest of the package, and every runtime, relies on. Nodes may be in any
// order: runtimes sort them.
func (m *Model) check() error {
	if m.pb.Graph == nil {
		return fault.Invalidf("not an ONNX file: there is no graph in it")
	}
	if len(m.pb.Graph.Node) == 0 && len(m.pb.Graph.Output) == 0 {
		return fault.Invalidf("ONNX file without a single node or output")
	}
	return checkGraph(m.pb.Graph, nil)
}

// scope is the names of a graph and, inside a branch or body, those of the graphs around it.
type scope struct {
	names map[string]bool
	outer *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.names[name] {
			return true
		}
	}
	return false
}

func checkGraph(g *onnxpb.GraphProto, outer *scope) error {
	s := &scope{map[string]bool{}, outer}
	for _, v := range g.Input {
		if v.GetName() == "" || s.names[v.GetName()] {
			return fault.Invalidf("broken ONNX graph: input %q is nameless or there twice", v.GetName())
		}
		s.names[v.GetName()] = true
	}
	constants := map[string]bool{}
	for _, t := range constantsOf(g) {
		if err := checkTensor(t); err != nil {
			return err
		}
		if t.GetName() == "" || constants[t.GetName()] {
			return fault.Invalidf("broken ONNX graph: initialiser %q is nameless or there twice", t.GetName())
		}
		constants[t.GetName()], s.names[t.GetName()] = true, true
	}
	for _, node := range g.Node {
		for _, name := range node.Output {
			if name != "" && s.names[name] {
				return fault.Invalidf("broken ONNX graph: tensor %q is made twice", name)
			}
			s.names[name] = name != ""
		}
	}
	for _, node := range g.Node {
		if err := checkNode(node, s); err != nil {
			return err
		}
	}
	for _, v := range g.Output {
		if !s.has(v.GetName()) {
			return fault.Invalidf("broken ONNX graph: nothing makes its output %q", v.GetName())
		}
	}
	return nil
}

func checkNode(node *onnxpb.NodeProto, s *scope) error {
	if node.GetOpType() == "" {
		return fault.Invalidf("broken ONNX graph: node %q has no operator", nodeName(node))
	}
	for _, name := range node.Input {
		if name != "" && !s.has(name) {
			return fault.Invalidf("broken ONNX graph: node %q (%s) reads %q, which nothing makes", nodeName(node), node.GetOpType(), name)
		}
	}
	for _, g := range subgraphs(node) {
		if err := checkGraph(g, s); err != nil {
			return err
		}
	}
	return nil
}

// constantsOf returns the initialisers of g; of sparse ones, the values, which carry the name.
func constantsOf(g *onnxpb.GraphProto) []*onnxpb.TensorProto {
	constants := g.Initializer
	for _, t := range g.SparseInitializer {
		constants = append(constants[:len(constants):len(constants)], t.GetValues())
	}
	return constants
}

// checkTensor compares a constant's length with its shape.
func checkTensor(t *onnxpb.TensorProto) error {
	n := int64(1)
	for _, d := range t.GetDims() {
		if d < 0 || d > 0 && n > MaxBytes*8/d {
			return fault.Invalidf("broken ONNX graph: initialiser %q has the impossible shape %v", t.GetName(), t.GetDims())
		}
		n *= d
	}
	size := DataType(t.GetDataType()).Size()
	if t.RawData != nil && size > 0 && int64(len(t.RawData)) != n*int64(size) {
		return fault.Invalidf("broken ONNX graph: initialiser %q of shape %v (%s) holds %d bytes where %d are needed",
			t.GetName(), t.GetDims(), DataType(t.GetDataType()), len(t.RawData), n*int64(size))
	}
	return nil
}

// nodeName returns what a node is called in messages: its name, or the tensors it makes.
func nodeName(node *onnxpb.NodeProto) string {
	if name := node.GetName(); name != "" {
		return name
	}
	return strings.Join(node.Output, ",")
}

// subgraphs returns the branches and bodies of a node.
func subgraphs(node *onnxpb.NodeProto) []*onnxpb.GraphProto {
	var graphs []*onnxpb.GraphProto
	for _, a := range node.Attribute {
		if a.G != nil {
			graphs = append(graphs, a.G)
		}
		graphs = append(graphs, a.Graphs...)
	}
	return graphs
}
