package inspect

import (
	"slices"

	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/multi"

	"striate/export/onnx"
)

// Graph is a network as a directed multigraph. Its nodes are tensors; an edge leads from each operand
// of an operation to each tensor that the operation makes, and its weight is the index of the operand.
// An operand that is used twice (x·x) has two edges.
type Graph struct {
	*multi.WeightedDirectedGraph
	Operations []*Operation // in the order of the file
	next       int64        // number of the next node
}

// Tensor is a node of a Graph.
type Tensor struct {
	Name     string
	Constant *Constant     // of an initialiser; else nil
	Maker    *Operation    // nil for inputs and initialisers
	Type     onnx.DataType // Undefined where the file does not say
	Shape    []int         // nil where the file does not say; -1 for an axis that is not fixed
	id       int64
}

// ID returns the number of the node in its graph.
func (t *Tensor) ID() int64 { return t.id }

// Operation makes tensors out of tensors.
type Operation struct {
	Op     string
	Domain string // empty for the standard's operators
	Name   string // of the ONNX node; may be empty
	// Attributes are int64, float32, string, []int64, []float32, []string or *Constant.
	Attributes map[string]any
	Outputs    []*Tensor // nil for an optional one that is left out
	// Subgraphs says that the operation has branches or a body, which may read tensors of the graph
	// that are none of its operands.
	Subgraphs bool
}

// Constant is a tensor that the file holds.
type Constant struct {
	Type  onnx.DataType
	Shape []int
	// values are []float32, []float64, []int64, []int32, []bool or bits, row-major; nil where they
	// were not read.
	values any
}

// Len returns the number of elements.
func (c *Constant) Len() int64 {
	n := int64(1)
	for _, d := range c.Shape {
		n *= int64(d)
	}
	return n
}

func newGraph() *Graph {
	return &Graph{WeightedDirectedGraph: multi.NewWeightedDirectedGraph()}
}

// Tensors returns the tensors in the order in which they were added.
func (g *Graph) Tensors() []*Tensor {
	nodes := graph.NodesOf(g.Nodes())
	tensors := make([]*Tensor, len(nodes))
	for i, n := range nodes {
		tensors[i] = n.(*Tensor)
	}
	slices.SortFunc(tensors, func(a, b *Tensor) int { return int(a.id - b.id) })
	return tensors
}

// Operands returns the operands of an operation in order; nil stands for an optional one that is
// left out.
func (g *Graph) Operands(op *Operation) []*Tensor {
	var operands []*Tensor
	for _, out := range op.Outputs {
		if out == nil {
			continue
		}
		from := g.To(out.id)
		for from.Next() {
			t := from.Node().(*Tensor)
			lines := g.WeightedLines(t.id, out.id)
			for lines.Next() {
				at := int(lines.WeightedLine().Weight())
				for len(operands) <= at {
					operands = append(operands, nil)
				}
				operands[at] = t
			}
		}
		break // every output has the same operands
	}
	return operands
}

// OpCounts returns how many operations of each operator there are; those of other domains than the
// standard's are named "domain.operator".
func (g *Graph) OpCounts() map[string]int {
	counts := map[string]int{}
	for _, op := range g.Operations {
		counts[op.FullName()]++
	}
	return counts
}

// FullName returns the operator with its domain, unless that is the standard's.
func (op *Operation) FullName() string {
	if op.Domain == "" {
		return op.Op
	}
	return op.Domain + "." + op.Op
}

// forget drops the values of large constants, which only the comparison needs.
func (g *Graph) forget() {
	for _, t := range g.Tensors() {
		if t.Constant != nil && t.Constant.Len() > maxNumbers {
			t.Constant.values = nil
		}
	}
}

func (g *Graph) byName() map[string]*Tensor {
	names := map[string]*Tensor{}
	for _, t := range g.Tensors() {
		names[t.Name] = t
	}
	return names
}
