package inspect

import (
	"slices"
	"strings"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
)

// read decodes the bytes a second time and compares.
func read(data []byte, model *onnx.Model) (g *Graph, d Decoder) {
	own := graphOf(model)
	g, err := decodeSecond(data)
	switch {
	case err != nil:
		g, d.Note = own, "could not read: "+reason(err, model)
	default:
		if err := differences(g, own); err != nil {
			g, d.Note = own, "reads the file otherwise: "+err.Error()
		}
	}
	d.Agree = g != own
	annotate(g, model)
	return g, d
}

// reason says in one line why onnx-go could not read a file: its own words, and what in the file it
// is known not to read.
func reason(err error, m *onnx.Model) string {
	const longest = 200
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "<nil>: ")), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	if known := unreadable(m); len(known) > 0 {
		text += " (the file has " + strings.Join(known, ", ") + ")"
	}
	return text
}

// unreadable lists what a file has that onnx-go does not read.
func unreadable(m *onnx.Model) []string {
	var found []string
	add := func(what string) {
		if !slices.Contains(found, what) {
			found = append(found, what)
		}
	}
	constant := func(t *onnxpb.TensorProto) {
		kind := onnx.DataType(t.GetDataType())
		switch {
		case t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL:
			add("constants in other files")
		case slices.Contains(t.GetDims(), 0):
			add("constants without elements")
		case kind != onnx.Float32 && kind != onnx.Float64 && kind != onnx.Int64 && kind != onnx.Int32:
			add("constants of " + kind.String())
		}
	}
	for _, t := range m.Proto().Graph.Initializer {
		constant(t)
	}
	for _, n := range m.Nodes() {
		for _, a := range n.Attribute {
			if a.T != nil {
				constant(a.T)
			}
			if a.G != nil || len(a.Graphs) > 0 {
				add("branches or bodies of " + n.GetOpType())
			}
		}
	}
	return found
}
