package lower

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"striate/export/onnx"
	"striate/export/recorder"
	"striate/internal/fault"
)

// Opset is the version of the ONNX operator set that the graphs use.
const Opset = 17

// Options say how a tape becomes a graph.
type Options struct {
	// Batch, if not zero, is the number that stands for the size of the batch in the tape. Dimensions
	// that are a multiple of it are left open in the graph. It must be a prime above every other
	// dimension; see [BatchSize].
	Batch int
	// Input returns the name under which a parameter is fed when the graph runs, and false for a
	// parameter whose value is part of the graph.
	Input func(p *recorder.Node) (name string, fed bool)
	// Value returns the value of a parameter that is part of the graph: a slice, row-major.
	Value func(p *recorder.Node) (any, error)
	// AnyShape is for a caller who passes memory and goes by the number of elements alone: inputs and
	// outputs that are scalars become vectors of length one, and outputs keep the shape that they are
	// computed in.
	AnyShape bool
	// Outputs are the graph's outputs in order.
	Outputs []Output
	// Labels are names for inner tensors. A tensor that becomes part of another node has none.
	Labels map[*recorder.Node]string
}

// Output is an output of a graph.
type Output struct {
	Name string
	Node *recorder.Node
}

// BatchSize is a prime to stand for the size of the batch, above any dimension of a network and low
// enough for the number of bytes of its tensors.
const BatchSize = 1_073_741_789

// BatchName is the name of the open axis.
const BatchName = "N"

// Model returns the graph of a tape, as a model called name. An operation that has no counterpart is
// an Unsupported fault that names it and its place in the network.
func Model(name string, t *recorder.Tape, o Options) (*onnx.Model, error) {
	l := &lowering{
		options: o, b: onnx.NewBuilder(name, Opset), values: map[*recorder.Node]*value{},
		uses: map[*recorder.Node]int{}, readers: map[*recorder.Node][]*recorder.Node{}, labels: map[*recorder.Node]string{}, asked: map[*recorder.Node]bool{}, shared: map[string]string{}, taken: map[string]int{},
	}
	for n, label := range o.Labels {
		l.labels[n] = label
	}
	for i := len(o.Outputs) - 1; i >= 0; i-- {
		l.labels[o.Outputs[i].Node] = o.Outputs[i].Name
		l.asked[o.Outputs[i].Node] = true
	}
	for _, label := range l.labels {
		l.taken[label] = 1
	}
	l.inputs(t)
	if err := l.fold(t); err != nil {
		return nil, err
	}
	for _, out := range o.Outputs {
		if err := l.output(out); err != nil {
			return nil, err
		}
	}
	m, err := l.b.Model()
	if err != nil {
		return nil, fmt.Errorf("lowering %s: %w", name, err)
	}
	return m, nil
}

// lowering is a graph in the making.
type lowering struct {
	options Options
	b       *onnx.Builder
	values  map[*recorder.Node]*value
	uses    map[*recorder.Node]int // readers of a node, an output counting as one
	readers map[*recorder.Node][]*recorder.Node
	labels  map[*recorder.Node]string
	asked   map[*recorder.Node]bool // outputs
	shared  map[string]string       // small constants by their content
	taken   map[string]int          // names of tensors
	current string                  // name of the last parameter used, for naming what follows
	batch   string                  // name of the input that has the batch as first axis
}

// value is what a node of the tape has become.
type value struct {
	name string // of the ONNX tensor; empty for a constant that is not in the graph yet
	// dims are the dimensions of the ONNX tensor. Aligned at the right, they are those of the node or
	// 1 where a broadcast is left to the reader.
	dims []int
	data *tensor // of a constant
}

// inputs declares the parameters that are fed.
func (l *lowering) inputs(t *recorder.Tape) {
	for _, p := range t.Parameters {
		name, fed := l.options.Input(p)
		if !fed {
			continue
		}
		l.taken[name]++
		if l.options.AnyShape && len(p.Dims()) == 0 {
			l.b.Input(name, dataType(p.Shape.DType), l.shape([]int{1}))
			name = l.step("Squeeze", []string{name})
		} else {
			l.b.Input(name, dataType(p.Shape.DType), l.shape(p.Dims()))
		}
		l.values[p] = &value{name: name, dims: p.Dims()}
		if l.batch == "" && len(p.Dims()) > 0 && p.Dims()[0] == l.options.Batch {
			l.batch = name
		}
	}
}

// fold counts readers and computes the constants that anything else reads.
func (l *lowering) fold(t *recorder.Tape) error {
	constant := map[*recorder.Node]bool{}
	for _, n := range t.Nodes {
		constant[n] = l.values[n] == nil && n.Op != compute.OpTypeRNGBitGenerator && !slices.ContainsFunc(n.Inputs, func(in *recorder.Node) bool { return !constant[in] })
	}
	var edge []*recorder.Node
	visited := map[*recorder.Node]bool{}
	var visit func(n *recorder.Node)
	visit = func(n *recorder.Node) {
		if l.uses[n]++; visited[n] {
			return
		}
		visited[n] = true
		if constant[n] && !l.lazy(n) {
			edge = append(edge, n)
			return
		}
		for _, in := range n.Inputs {
			l.readers[in] = append(l.readers[in], n)
			visit(in)
		}
	}
	for _, out := range l.options.Outputs {
		visit(out.Node)
	}
	var needed []*recorder.Node
	for _, n := range edge {
		if l.open(n.Dims()) {
			return l.unsupported(n, "it depends on the size of the batch")
		}
		flat, known, err := l.given(n)
		if err != nil {
			return err
		}
		if known {
			l.values[n] = constantOf(n, flat)
		} else {
			needed = append(needed, n)
		}
	}
	flats, err := recorder.Evaluate(gobackend.GetBackend(), needed, l.options.Value)
	if err != nil {
		return err
	}
	for i, n := range needed {
		l.values[n] = constantOf(n, flats[i])
	}
	return nil
}

// lazy tells whether a constant is left to be lowered because its broadcast may never be written.
func (l *lowering) lazy(n *recorder.Node) bool {
	switch n.Op {
	case compute.OpTypeBroadcastInDim, compute.OpTypeIota:
		return true
	case compute.OpTypeReshape:
		return l.open(n.Dims())
	default:
		return l.open(n.Dims()) && len(n.Inputs) > 0
	}
}

// given returns the values of constants that need no computing.
func (l *lowering) given(n *recorder.Node) (flat any, known bool, err error) {
	switch n.Op {
	case compute.OpTypeConstant:
		return n.Args, true, nil
	case compute.OpTypeParameter:
		flat, err = l.options.Value(n)
		return flat, true, err
	}
	return nil, false, nil
}

// output makes a node an output under its name.
func (l *lowering) output(out Output) error {
	v, err := l.lower(out.Node)
	if err == nil && !(l.options.AnyShape && product(v.dims) == product(out.Node.Dims())) {
		v, err = l.full(out.Node)
	}
	if err != nil {
		return err
	}
	if l.options.AnyShape && len(out.Node.Dims()) == 0 {
		vector := l.b.Node("Unsqueeze", out.Name+".vector", []string{l.name(out.Node, v), l.ints(0)})
		l.b.Output(vector, dataType(out.Node.Shape.DType), l.shape([]int{1}))
		return nil
	}
	if v.name != out.Name { // the tensor is an input, a constant or another output
		l.b.Node("Identity", out.Name, []string{l.name(out.Node, v)})
	}
	l.b.Output(out.Name, dataType(out.Node.Shape.DType), l.shape(v.dims))
	return nil
}

// lower returns what a node has become, making it and what it reads first.
func (l *lowering) lower(n *recorder.Node) (*value, error) {
	if v := l.values[n]; v != nil {
		return v, nil
	}
	rule := rules[n.Op]
	if rule == nil {
		return nil, l.unsupported(n, "ONNX has no counterpart of it here")
	}
	v, err := rule(l, n)
	if err != nil {
		return nil, err
	}
	l.values[n] = v
	return v, nil
}

// unsupported is the error for an operation that cannot be written: what, where, why.
func (l *lowering) unsupported(n *recorder.Node, why string) error {
	near := ""
	if p := nearestParameter(n, map[*recorder.Node]bool{}); p != nil {
		near = ", after " + strings.TrimPrefix(p.Name, "/")
	}
	return fault.Unsupportedf("the network cannot be exported: %s%s: %s", n, near, why)
}

// nearestParameter is the last parameter that a node depends on.
func nearestParameter(n *recorder.Node, seen map[*recorder.Node]bool) *recorder.Node {
	if seen[n] {
		return nil
	}
	seen[n] = true
	if n.Op == compute.OpTypeParameter {
		return n
	}
	var last *recorder.Node
	for _, in := range n.Inputs {
		if p := nearestParameter(in, seen); p != nil && (last == nil || p.Index() > last.Index()) {
			last = p
		}
	}
	return last
}

// open tells whether dims contain the batch.
func (l *lowering) open(dims []int) bool { return slices.ContainsFunc(dims, l.isOpen) }

func (l *lowering) isOpen(d int) bool {
	return l.options.Batch != 0 && d != 0 && d%l.options.Batch == 0
}

// shape describes dims for inputs and outputs.
func (l *lowering) shape(dims []int) []onnx.Dim {
	shape := make([]onnx.Dim, len(dims))
	for i, d := range dims {
		switch {
		case d == l.options.Batch && d != 0:
			shape[i] = onnx.Dim{Size: -1, Name: BatchName}
		case l.isOpen(d):
			shape[i] = onnx.Dim{Size: -1}
		default:
			shape[i].Size = int64(d)
		}
	}
	return shape
}
