package inspect

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
)

// differences returns the first thing in which two readings of a file differ, nil if they agree:
// operations in order with attributes, operands and results; initialisers with type, shape and
// values. Tensors of a that nothing in b corresponds to and that no operation makes are removed from
// a: onnx-go gives operations without operands one of its own.
func differences(a, b *Graph) error {
	if len(a.Operations) != len(b.Operations) {
		return fmt.Errorf("%d operations against %d", len(a.Operations), len(b.Operations))
	}
	mine, theirs := a.byName(), b.byName()
	for name, t := range mine {
		if theirs[name] == nil && t.Maker == nil && t.Constant == nil {
			a.RemoveNode(t.id)
		}
	}
	for i, op := range b.Operations {
		if err := sameOperation(a, b, a.Operations[i], op); err != nil {
			return fmt.Errorf("operation %d (%s): %w", i, op.Op, err)
		}
	}
	x, y := initialisers(mine), initialisers(theirs)
	for _, name := range slices.Sorted(maps.Keys(x)) {
		if y[name] == nil {
			return fmt.Errorf("initialiser %q is in one only", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(y)) {
		if x[name] == nil {
			return fmt.Errorf("initialiser %q is in one only", name)
		}
		if err := sameConstant(x[name], y[name]); err != nil {
			return fmt.Errorf("initialiser %q: %w", name, err)
		}
	}
	return nil
}

func initialisers(tensors map[string]*Tensor) map[string]*Constant {
	found := map[string]*Constant{}
	for name, t := range tensors {
		if t.Constant != nil {
			found[name] = t.Constant
		}
	}
	return found
}

func sameOperation(a, b *Graph, x, y *Operation) error {
	if x.Op != y.Op {
		return fmt.Errorf("it is a %s", x.Op)
	}
	if got, want := namesOf(x.Outputs), namesOf(y.Outputs); !slices.Equal(got, want) {
		return fmt.Errorf("it makes %q against %q", got, want)
	}
	if got, want := namesOf(a.Operands(x)), namesOf(b.Operands(y)); !slices.Equal(got, want) {
		return fmt.Errorf("it reads %q against %q", got, want)
	}
	if len(x.Attributes) != len(y.Attributes) {
		return fmt.Errorf("%d attributes against %d", len(x.Attributes), len(y.Attributes))
	}
	for name, want := range y.Attributes {
		got, there := x.Attributes[name]
		if c, ok := got.(*Constant); ok {
			d, _ := want.(*Constant)
			if err := sameConstant(c, d); err != nil {
				return fmt.Errorf("attribute %s: %w", name, err)
			}
		} else if !there || !reflect.DeepEqual(got, want) {
			return fmt.Errorf("attribute %s is %v against %v", name, got, want)
		}
	}
	return nil
}

func namesOf(tensors []*Tensor) []string {
	names := make([]string, len(tensors))
	for i, t := range tensors {
		if t != nil {
			names[i] = t.Name
		}
	}
	return names
}

func sameConstant(x, y *Constant) error {
	switch {
	case x == nil || y == nil:
		return fmt.Errorf("one has no value")
	case x.Type != y.Type:
		return fmt.Errorf("its elements are %s against %s", x.Type, y.Type)
	case !slices.Equal(x.Shape, y.Shape):
		return fmt.Errorf("its shape is %v against %v", x.Shape, y.Shape)
	case !sameValues(x.values, y.values):
		return fmt.Errorf("its values differ")
	}
	return nil
}

// sameValues compares floats by their bits, so that NaN equals itself.
func sameValues(x, y any) bool {
	switch x := x.(type) {
	case []float32:
		if raw, ok := y.(bits); ok && len(raw) == 4*len(x) {
			for i, v := range x {
				if math.Float32bits(v) != binary.LittleEndian.Uint32(raw[4*i:]) {
					return false
				}
			}
			return true
		}
		y, ok := y.([]float32)
		return ok && slices.EqualFunc(x, y, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
	case []float64:
		y, ok := y.([]float64)
		return ok && slices.EqualFunc(x, y, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
	}
	return reflect.DeepEqual(x, y)
}
