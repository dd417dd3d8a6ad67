package recorder

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// Evaluate computes nodes of a tape on a backend. values gives the parameters they depend on, as
// slices of their Go type. The results are such slices, row-major.
func Evaluate(backend compute.Backend, nodes []*Node, values func(parameter *Node) (any, error)) ([]any, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	b := backend.Builder("constants")
	e := &evaluation{backend: backend, f: b.Main(), done: map[*Node]compute.Value{}, values: values}
	outputs := make([]compute.Value, len(nodes))
	for i, n := range nodes {
		var err error
		if outputs[i], err = e.value(n); err != nil {
			return nil, err
		}
	}
	if err := e.f.Return(outputs, nil); err != nil {
		return nil, fmt.Errorf("folding constants: %w", err)
	}
	x, err := b.Compile()
	if err != nil {
		return nil, fmt.Errorf("folding constants: %w", err)
	}
	defer x.Finalize()
	buffers, err := x.Execute(e.inputs, make([]bool, len(e.inputs)), 0)
	if err != nil {
		return nil, fmt.Errorf("folding constants: %w", err)
	}
	flats := make([]any, len(nodes))
	for i, buffer := range buffers {
		flats[i] = dtypes.MakeAnySlice(nodes[i].Shape.DType, nodes[i].Shape.Size())
		if err := buffer.ToFlatData(flats[i]); err != nil {
			return nil, fmt.Errorf("folding constants: %w", err)
		}
	}
	return flats, nil
}

// evaluation repeats nodes on another backend.
type evaluation struct {
	backend compute.Backend
	f       compute.Function
	done    map[*Node]compute.Value
	inputs  []compute.Buffer
	values  func(*Node) (any, error)
}

func (e *evaluation) value(n *Node) (compute.Value, error) {
	if v, ok := e.done[n]; ok {
		return v, nil
	}
	in := make([]compute.Value, len(n.Inputs))
	for i, input := range n.Inputs {
		var err error
		if in[i], err = e.value(input); err != nil {
			return nil, err
		}
	}
	if n.Op == compute.OpTypeParameter {
		flat, err := e.values(n)
		if err != nil {
			return nil, err
		}
		buffer, err := e.backend.BufferFromFlatData(0, flat, n.Shape)
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", n.Name, err)
		}
		e.inputs = append(e.inputs, buffer)
	}
	v, err := n.replay(e.f, in)
	if err != nil {
		return nil, fmt.Errorf("folding constants: %s: %w", n, err)
	}
	e.done[n] = v
	return v, nil
}
