package inspect

import (
	"fmt"
	"io"
	"strings"

	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/encoding"
	"gonum.org/v1/gonum/graph/encoding/dot"
	"gonum.org/v1/gonum/graph/multi"
)

// WriteDOT writes the graph for Graphviz: inputs and layers with operator, shape, parameters and
// receptive field; an edge for each use of a tensor. Constants are left out.
func (r *Report) WriteDOT(w io.Writer) error {
	g := picture{multi.NewDirectedGraph()}
	drawn := map[*Tensor]*box{}
	add := func(t *Tensor, b box) {
		b.Node = multi.Node(t.id)
		drawn[t] = &b
		g.AddNode(drawn[t])
	}
	inputs := map[string]TensorInfo{}
	for _, v := range r.Inputs {
		inputs[v.Name] = v
	}
	for _, t := range r.graph.Tensors() {
		if v, ok := inputs[t.Name]; ok && t.Maker == nil {
			add(t, box{lines: []string{t.Name, v.Type + " " + shapeText(v.Shape)}, colour: "lightblue"})
		} else if l := r.LayerOf(t.Name); l != nil && !l.Constant {
			add(t, l.box())
		}
	}
	for _, op := range r.graph.Operations {
		for _, out := range op.Outputs {
			for _, in := range r.graph.Operands(op) {
				if drawn[in] != nil && drawn[out] != nil {
					g.SetLine(g.NewLine(drawn[in], drawn[out]))
				}
			}
		}
	}
	text, err := dot.MarshalMulti(g, quote(r.Name), "", "\t")
	if err != nil {
		return fmt.Errorf("write graph: %w", err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func (l *Layer) box() box {
	b := box{lines: []string{l.Name, l.Operator + " → " + shapeText(l.Shape)}, colour: "white"}
	if l.Named {
		b.colour = "lightyellow"
	}
	if l.Parameters > 0 {
		b.lines = append(b.lines, fmt.Sprintf("%d parameters", l.Parameters))
	}
	if cells := l.Field.cells(false); cells != nil {
		b.lines = append(b.lines, "RF "+cells[0]+", stride "+cells[1])
	}
	return b
}

// picture is a graph with attributes for Graphviz.
type picture struct{ *multi.DirectedGraph }

// DOTAttributers returns the looks of the graph, its nodes and its edges.
func (picture) DOTAttributers() (graph, node, edge encoding.Attributer) {
	return encoding.Attributer(looks{{Key: "rankdir", Value: "TB"}}),
		looks{{Key: "shape", Value: "box"}, {Key: "style", Value: `"rounded,filled"`}, {Key: "fontname", Value: "Helvetica"}}, looks{}
}

type looks []encoding.Attribute

// Attributes returns the attributes themselves.
func (l looks) Attributes() []encoding.Attribute { return l }

// box is a node of the picture.
type box struct {
	graph.Node
	lines  []string
	colour string
}

// Attributes returns the label and the colour.
func (b *box) Attributes() []encoding.Attribute {
	return []encoding.Attribute{{Key: "label", Value: quote(strings.Join(b.lines, "\n"))}, {Key: "fillcolor", Value: b.colour}}
}

// quote writes a string of the DOT language.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
