package inspect

import (
	"math"
	"slices"

	"striate/export/onnx"
)

// pointwise is the rule of operators that map each element by itself.
func pointwise(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil {
		return nil, noShape
	}
	out := x.with(x.shape, unchanged)
	out.numbers = applied(c.op.Op, x.numbers)
	switch c.op.Op {
	case "IsNaN", "IsInf":
		out.kind = onnx.Bool
	case "QuantizeLinear", "DequantizeLinear": // of what the scale and zero point are
		out.kind = onnx.Undefined
	}
	return []*value{out}, ""
}

func applied(op string, numbers []float64) []float64 {
	f := map[string]func(float64) float64{
		"Identity": func(x float64) float64 { return x }, "Neg": func(x float64) float64 { return -x },
		"Floor": math.Floor, "Ceil": math.Ceil, "Abs": math.Abs, "Sqrt": math.Sqrt,
	}[op]
	if numbers == nil || f == nil {
		return nil
	}
	out := make([]float64, len(numbers))
	for i, x := range numbers {
		out[i] = f(x)
	}
	return out
}

// cast is the rule of Cast.
func cast(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil {
		return nil, noShape
	}
	out := x.with(x.shape, unchanged)
	out.kind = onnx.DataType(c.integer("to", 0))
	out.numbers = slices.Clone(x.numbers)
	if out.kind == onnx.Int64 || out.kind == onnx.Int32 {
		for i, v := range out.numbers {
			out.numbers[i] = math.Trunc(v)
		}
	}
	return []*value{out}, ""
}

// dropout is the rule of Dropout, whose second result is a mask.
func dropout(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil {
		return nil, noShape
	}
	return []*value{x.with(x.shape, unchanged), (&value{shape: x.shape}).of(onnx.Bool)}, ""
}

// sameShapeOnly is the rule of operators that look at nothing but the shape of their operand.
func sameShapeOnly(c *call) ([]*value, string) {
	if c.operand(0) == nil {
		return nil, noShape
	}
	return []*value{{shape: c.in[0].shape, kind: c.in[0].kind}}, ""
}

// scatter is the rule of ScatterND and ScatterElements over constants.
func scatter(c *call) ([]*value, string) {
	if !c.constant(0) {
		return nil, "the operator " + c.op.Op + " is not analysed"
	}
	return sameShapeOnly(c)
}

// broadcast is the rule of operators of several operands that are broadcast against each other.
func broadcast(c *call) ([]*value, string) {
	var operands []*value
	for _, v := range c.in {
		if v == nil {
			continue
		}
		if v.shape == nil && !v.constant() {
			return nil, noShape
		}
		operands = append(operands, v)
	}
	if len(operands) == 0 {
		return nil, noShape
	}
	out := broadcastOver(operands...)
	out.numbers = combined(c.op.Op, operands)
	switch c.op.Op {
	case "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor":
		out.kind = onnx.Bool
	case "Where":
		out.kind = operands[len(operands)-1].kind
	}
	return []*value{out}, ""
}

// broadcastOver is what depends on all operands, place by place.
func broadcastOver(operands ...*value) *value {
	rank := 0
	for _, v := range operands {
		rank = max(rank, len(v.shape))
	}
	out := &value{shape: ones(rank), kind: operands[0].kind}
	open := false // the shape of a constant is not known
	for _, v := range operands {
		open = open || v.shape == nil
		for i, d := range v.shape {
			at := rank - len(v.shape) + i
			if have := out.shape[at]; have == 1 || have < 0 && d > 1 {
				out.shape[at] = d
			}
		}
	}
	for i := range out.shape {
		if open && out.shape[i] == 1 {
			out.shape[i] = -1
		}
	}
	if open && rank == 0 {
		out.shape = nil
	}
	for _, v := range operands {
		shift := rank - len(v.shape)
		for i, r := range v.field {
			for a, d := range v.shape {
				if d == 1 && out.shape[a+shift] != 1 {
					r = r.freeze(a, 0) // the only one is repeated
				}
			}
			out.field[i] = join(out.field[i], r.rename(func(a int) int { return a + shift }), out.shape)
		}
	}
	return out
}

// combined returns the numbers of arithmetic on lists of at most one axis, nil for other operators.
func combined(op string, operands []*value) []float64 {
	n := 1
	for _, v := range operands {
		if len(v.numbers) == 0 || len(v.shape) > 1 || len(v.numbers) != 1 && n != 1 && n != len(v.numbers) {
			return nil
		}
		if len(v.numbers) != 1 {
			n = len(v.numbers)
		}
	}
	whole := operands[0].kind == onnx.Int64 || operands[0].kind == onnx.Int32
	out := make([]float64, n)
	for i := range out {
		args := make([]float64, len(operands))
		for k, v := range operands {
			args[k] = v.numbers[i%len(v.numbers)]
		}
		var ok bool
		if out[i], ok = arithmetic(op, args, whole); !ok {
			return nil
		}
	}
	return out
}

func arithmetic(op string, a []float64, whole bool) (float64, bool) {
	switch {
	case op == "Where" && len(a) == 3 && !math.IsNaN(a[0]):
		if a[0] != 0 {
			return a[1], true
		}
		return a[2], true
	case len(a) != 2:
		return 0, false
	}
	switch op {
	case "Add":
		return a[0] + a[1], true
	case "Sub":
		return a[0] - a[1], true
	case "Mul":
		return a[0] * a[1], true
	case "Div":
		if q := a[0] / a[1]; !whole {
			return q, true
		}
		return math.Trunc(a[0] / a[1]), true
	case "Mod":
		return math.Mod(a[0], a[1]), !(a[0] < 0 || a[1] <= 0) // signs follow one of two conventions
	case "Min":
		return min(a[0], a[1]), true
	case "Max":
		return max(a[0], a[1]), true
	case "Equal":
		switch {
		case math.IsNaN(a[0]) || math.IsNaN(a[1]):
			return math.NaN(), true
		case a[0] == a[1]:
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// constant is the rule of Constant.
func constant(c *call) ([]*value, string) {
	for _, v := range c.op.Attributes {
		switch v := v.(type) {
		case *Constant:
			return []*value{constantValue(v)}, ""
		case int64:
			return []*value{{shape: []int{}, kind: onnx.Int64, numbers: []float64{float64(v)}}}, ""
		case float32:
			return []*value{{shape: []int{}, kind: onnx.Float32, numbers: []float64{float64(v)}}}, ""
		case []int64:
			return []*value{{shape: []int{len(v)}, kind: onnx.Int64, numbers: floats(v)}}, ""
		case []float32:
			return []*value{{shape: []int{len(v)}, kind: onnx.Float32, numbers: floats(v)}}, ""
		}
	}
	return []*value{{}}, ""
}

// shapeOf is the rule of Shape: sizes do not depend on what the image shows.
func shapeOf(c *call) ([]*value, string) {
	out := &value{kind: onnx.Int64, shape: []int{-1}}
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return []*value{out}, ""
	}
	rank := len(x.shape)
	bound := func(name string, otherwise int) int {
		i := c.integer(name, otherwise)
		if i < 0 {
			i += rank
		}
		return max(0, min(rank, i))
	}
	from, to := bound("start", 0), bound("end", rank)
	out.numbers = []float64{}
	for a := from; a < to; a++ {
		n := math.NaN()
		if x.shape[a] >= 0 {
			n = float64(x.shape[a])
		}
		out.numbers = append(out.numbers, n)
	}
	out.shape[0] = len(out.numbers)
	return []*value{out}, ""
}

// sizeOf is the rule of Size.
func sizeOf(c *call) ([]*value, string) {
	out := &value{kind: onnx.Int64, shape: []int{}, numbers: []float64{math.NaN()}}
	if x := c.operand(0); x != nil && x.shape != nil && product(x.shape) >= 0 {
		out.numbers[0] = float64(product(x.shape))
	}
	return []*value{out}, ""
}

// constantOfShape is the rule of ConstantOfShape.
func constantOfShape(c *call) ([]*value, string) {
	out := &value{kind: onnx.Float32}
	fill := 0.0
	if v, ok := c.op.Attributes["value"].(*Constant); ok {
		out.kind = v.Type
		if numbers := constantValue(v).numbers; len(numbers) == 1 {
			fill = numbers[0]
		} else {
			fill = math.NaN()
		}
	}
	if x := c.operand(0); x != nil && x.numbers != nil {
		out.shape = sizesOf(x.numbers)
	}
	if n := product(out.shape); out.shape != nil && len(out.shape) < 2 && n >= 0 && n <= maxNumbers {
		out.numbers = slices.Repeat([]float64{fill}, n)
	}
	return []*value{out}, ""
}

// rangeRule is the rule of Range.
func rangeRule(c *call) ([]*value, string) {
	if len(c.in) != 3 || c.in[0] == nil {
		return nil, noShape
	}
	out := &value{kind: c.in[0].kind, shape: []int{-1}}
	var bounds [3]float64
	for i := range bounds {
		if c.in[i] == nil || len(c.in[i].numbers) != 1 {
			return []*value{out}, ""
		}
		bounds[i] = c.in[i].numbers[0]
	}
	n := math.Ceil((bounds[1] - bounds[0]) / bounds[2])
	if !(n <= maxNumbers) {
		return []*value{out}, ""
	}
	out.numbers = []float64{}
	for i := 0.0; i < n; i++ {
		out.numbers = append(out.numbers, bounds[0]+i*bounds[2])
	}
	out.shape[0] = len(out.numbers)
	return []*value{out}, ""
}
