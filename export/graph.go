package export

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"striate/export/lower"
	"striate/export/onnx"
	"striate/export/recorder"
)

// Graph is any GoMLX computation on batches of float32 tensors, with the variables it uses.
type Graph struct {
	Name   string
	Store  *model.Store
	Inputs []Input
	// Build makes the computation. Outputs come in the order in which they are wanted; inner tensors
	// are only given their names.
	Build func(scope *model.Scope, inputs []*graph.Node) (outputs, inner []Layer)
}

// Input is an input of a graph: N×Dims.
type Input struct {
	Name string
	Dims []int
}

// Layer is a node with a name.
type Layer struct {
	Name string
	Node *graph.Node
}

// Model returns the graph in ONNX, variables as constants, the size of the batch open. An operation
// that cannot be written is an Unsupported fault that names it and its place in the network.
func (g Graph) Model() (*onnx.Model, error) {
	var outputs, inner []Layer
	exec, err := model.NewExec(recorder.New(), g.Store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		outputs, inner = g.Build(scope, inputs)
		return nodes(outputs)
	})
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", g.Name, err)
	}
	defer exec.Finalize()
	compiled, err := exec.Compile(g.shapes(lower.BatchSize)...)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", g.Name, firstLine(err))
	}
	tape, err := recorder.TapeOf(compiled.Executable())
	if err != nil {
		return nil, err
	}
	options := lower.Options{Batch: lower.BatchSize, Input: g.input, Value: g.value, Labels: map[*recorder.Node]string{}}
	for _, l := range outputs {
		options.Outputs = append(options.Outputs, lower.Output{Name: l.Name, Node: recorded(l.Node)})
	}
	for _, l := range inner {
		options.Labels[recorded(l.Node)] = l.Name
	}
	for i, p := range tape.Parameters[:len(g.Inputs)] {
		p.Name = g.Inputs[i].Name // the first parameters are the inputs, under names of GoMLX's
	}
	return lower.Model(g.Name, tape, options)
}

// Run computes the graph on a backend. Every input has the same number of images.
func (g Graph) Run(backend compute.Backend, inputs []Tensor) (map[string]Tensor, error) {
	var names []string
	exec, err := model.NewExec(backend, g.Store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		outputs, _ := g.Build(scope, in)
		for _, l := range outputs {
			names = append(names, l.Name)
		}
		return nodes(outputs)
	})
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", g.Name, backend.Name(), err)
	}
	defer exec.Finalize()
	args := make([]any, len(inputs))
	for i, t := range inputs {
		args[i] = tensors.FromFlatDataAndDimensions(t.Data, t.Dims...)
	}
	results, err := exec.Call(args...)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", g.Name, backend.Name(), firstLine(err))
	}
	out := map[string]Tensor{}
	for i, r := range results {
		data, err := tensors.CopyFlatData[float32](r)
		if err != nil {
			return nil, fmt.Errorf("%s on %s: %w", g.Name, backend.Name(), err)
		}
		out[names[i]] = Tensor{r.Shape().Dimensions, data}
		if err := r.FinalizeAll(); err != nil {
			return nil, fmt.Errorf("%s on %s: %w", g.Name, backend.Name(), err)
		}
	}
	return out, nil
}

// shapes returns the shapes of the inputs for a batch.
func (g Graph) shapes(batch int) []shapes.Shape {
	list := make([]shapes.Shape, len(g.Inputs))
	for i, in := range g.Inputs {
		list[i] = shapes.Make(dtypes.Float32, append([]int{batch}, in.Dims...)...)
	}
	return list
}

// input tells inputs from variables: the path of a variable begins with the root scope.
func (g Graph) input(p *recorder.Node) (string, bool) {
	return p.Name, !strings.HasPrefix(p.Name, model.ScopeSeparator)
}

// value returns the value of a variable.
func (g Graph) value(p *recorder.Node) (flat any, err error) {
	v := g.Store.GetVariable(p.Name)
	if v == nil {
		return nil, fmt.Errorf("variable %s has no value", p.Name)
	}
	t, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("variable %s: %w", p.Name, err)
	}
	err = t.ConstFlatData(func(data any) { flat = data })
	return flat, err
}

// recorded is what the recording backend made of a node.
func recorded(n *graph.Node) *recorder.Node {
	return graph.InternalBackendOutputs(n)[0].(*recorder.Node)
}

func nodes(layers []Layer) []*graph.Node {
	list := make([]*graph.Node, len(layers))
	for i, l := range layers {
		list[i] = l.Node
	}
	return list
}
