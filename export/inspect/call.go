package inspect

import (
	"math"
	"slices"

	"striate/export/onnx"
)

// call is one operation with the values of its operands.
type call struct {
	op    *Operation
	in    []*value // nil where an optional operand is left out
	opset int
	image [2]float64
}

// rule computes the values of what an operation makes, one for each output or one for all. why is
// not empty where it cannot: the reason.
type rule func(c *call) (out []*value, why string)

func (c *call) evaluate() ([]*value, string) {
	if c.op.Subgraphs {
		return nil, "the branches and bodies of " + c.op.Op + " are not analysed"
	}
	apply, ok := rules[c.op.Op]
	if !ok || c.op.Domain != "" {
		return nil, "the operator " + c.op.FullName() + " is not analysed"
	}
	for i := range c.in {
		if i > 0 && !c.constant(i) && !merging[c.op.Op] {
			return nil, "a parameter of " + c.op.Op + " depends on the image"
		}
	}
	return apply(c)
}

// notKnown is what can be said of the results without a rule: they depend on the image only if an
// operand does (or a branch or body may), and see all of it where every operand does.
func (c *call) notKnown(why string) []*value {
	v := &value{}
	for i := range v.field {
		all, some := true, c.op.Subgraphs
		for _, in := range c.in {
			if in == nil || in.field[i].kind == nothing {
				continue
			}
			if in.field[i].kind == unknown {
				why = in.field[i].why // the first cause is the one to look into
			}
			all = all && in.field[i].kind == global
			some = true
		}
		switch {
		case some && all && !c.op.Subgraphs:
			v.field[i] = reach{kind: global}
		case some:
			v.field[i] = unknownReach(why)
		}
	}
	return []*value{v}
}

// hint says how to mend what follows from an image of unknown size.
func (c *call) hint() string {
	if math.IsInf(c.image[0], 1) || math.IsInf(c.image[1], 1) {
		return ": give --size"
	}
	return ""
}

// operand returns operand i, nil if there is none.
func (c *call) operand(i int) *value {
	if i < len(c.in) {
		return c.in[i]
	}
	return nil
}

// constant tells whether operand i is absent or does not depend on the image.
func (c *call) constant(i int) bool {
	v := c.operand(i)
	return v == nil || v.constant()
}

func (v *value) constant() bool { return v.field[0].kind == nothing && v.field[1].kind == nothing }

func (c *call) has(name string) bool {
	_, ok := c.op.Attributes[name]
	return ok
}

func (c *call) integer(name string, otherwise int) int {
	if v, ok := c.op.Attributes[name].(int64); ok {
		return int(v)
	}
	return otherwise
}

func (c *call) text(name, otherwise string) string {
	if v, ok := c.op.Attributes[name].(string); ok {
		return v
	}
	return otherwise
}

// integers returns a list attribute, or otherwise the numbers of operand i; nil where there are
// neither or they are not known.
func (c *call) integers(name string, i int) []int {
	if list, ok := c.op.Attributes[name].([]int64); ok {
		out := make([]int, len(list))
		for k, v := range list {
			out[k] = int(v)
		}
		return out
	}
	if i < 0 {
		return nil
	}
	v := c.operand(i)
	if v == nil || v.numbers == nil {
		return nil
	}
	out := make([]int, len(v.numbers))
	for k, x := range v.numbers {
		if math.IsNaN(x) {
			return nil
		}
		out[k] = int(max(-math.MaxInt32, min(math.MaxInt32, x))) // slices end at the largest int64
	}
	return out
}

// axes returns list with negative numbers counted from the end; ok is false where one is beyond the
// rank.
func axes(list []int, rank int) (out []int, ok bool) {
	out = make([]int, len(list))
	for i, a := range list {
		if a < 0 {
			a += rank
		}
		if a < 0 || a >= rank {
			return nil, false
		}
		out[i] = a
	}
	return out, true
}

func (c *call) axis(otherwise, rank int) (int, bool) {
	list, ok := axes([]int{c.integer("axis", otherwise)}, rank)
	if !ok {
		return 0, false
	}
	return list[0], true
}

// with returns the value with other fields and shape.
func (v *value) with(shape []int, change func(reach) reach) *value {
	out := &value{shape: shape, kind: v.kind}
	for i, r := range v.field {
		if out.field[i] = r; r.kind != nothing {
			out.field[i] = change(r)
		}
	}
	return out
}

func (v *value) of(kind onnx.DataType) *value {
	v.kind = kind
	return v
}

func unchanged(r reach) reach { return r }

// product returns the number of elements, -1 if an axis is not known or there are absurdly many.
func product(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt64/d {
			return -1
		}
		n *= d
	}
	return n
}

func span(from, to int) []int {
	var list []int
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

func replaced(shape []int, at, size int) []int {
	shape = slices.Clone(shape)
	shape[at] = size
	return shape
}
