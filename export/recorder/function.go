package recorder

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"
)

// function records the operations of a graph. Its values are *Node.
type function struct {
	notimplemented.Function
	builder *builder
	inner   compute.Function // the same function on the Go backend, for shapes and legality
	tape    *Tape
	known   map[compute.Value]*Node // by the value of inner, which finds equal operations
}

func (f *function) Name() string { return compute.MainName }

func (f *function) Builder() compute.Builder { return f.builder }

func (f *function) Shape(v compute.Value) (shapes.Shape, error) {
	n, ok := v.(*Node)
	if !ok {
		return shapes.Invalid(), fmt.Errorf("%T is not a value of the recording backend", v)
	}
	return n.Shape, nil
}

// Parameter records an input; Args is nil.
func (f *function) Parameter(name string, shape shapes.Shape, _ *compute.ShardingSpec) (compute.Value, error) {
	n, err := f.record(compute.OpTypeParameter, nil, nil, func(g compute.Function, _ []compute.Value) (compute.Value, error) {
		return g.Parameter(name, shape, nil)
	})
	if err != nil {
		return nil, err
	}
	n.Name = name
	f.tape.Parameters = append(f.tape.Parameters, n)
	return n, nil
}

// Constant records a constant; Args is the slice of its values.
func (f *function) Constant(flat any, dims ...int) (compute.Value, error) {
	return f.node(compute.OpTypeConstant, flat, nil, func(g compute.Function, _ []compute.Value) (compute.Value, error) {
		return g.Constant(flat, dims...)
	})
}

func (f *function) Return(outputs []compute.Value, _ []*compute.ShardingSpec) error {
	f.tape.Outputs = make([]*Node, len(outputs))
	for i, v := range outputs {
		f.tape.Outputs[i] = v.(*Node)
	}
	return nil
}

// node is record with the signature of a backend's methods.
func (f *function) node(op compute.OpType, args any, inputs []compute.Value, r replay) (compute.Value, error) {
	n, err := f.record(op, args, inputs, r)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// record appends an operation, or returns the equal one that is there already.
func (f *function) record(op compute.OpType, args any, inputs []compute.Value, r replay) (*Node, error) {
	n := &Node{Op: op, Args: args, Inputs: make([]*Node, len(inputs)), replay: r, index: len(f.tape.Nodes)}
	in := make([]compute.Value, len(inputs))
	for i, v := range inputs {
		input, ok := v.(*Node)
		if !ok {
			return nil, fmt.Errorf("input %d of %s is a %T, not a value of the recording backend", i, op, v)
		}
		n.Inputs[i], in[i] = input, input.inner
	}
	var err error
	if n.inner, err = r(f.inner, in); err != nil {
		return nil, fmt.Errorf("operation %s at %s: %w", op, place(), err)
	}
	if same := f.known[n.inner]; same != nil {
		return same, nil
	}
	if n.Shape, err = f.inner.Shape(n.inner); err != nil {
		return nil, fmt.Errorf("operation %s at %s: %w", op, place(), err)
	}
	n.Place = place()
	f.known[n.inner] = n
	f.tape.Nodes = append(f.tape.Nodes, n)
	return n, nil
}
