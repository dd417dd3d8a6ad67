package lower

import (
	"slices"

	"github.com/gomlx/compute"

	"striate/export/onnx"
	"striate/export/recorder"
)

// rules say what becomes of each operation. A missing one cannot be exported.
var rules map[compute.OpType]func(*lowering, *recorder.Node) (*value, error)

func init() {
	rules = map[compute.OpType]func(*lowering, *recorder.Node) (*value, error){
		compute.OpTypeRsqrt:    compound((*lowering).rsqrt),
		compute.OpTypeExpm1:    compound((*lowering).expm1),
		compute.OpTypeLog1p:    compound((*lowering).log1p),
		compute.OpTypeMax:      (*lowering).max,
		compute.OpTypeMul:      (*lowering).mul,
		compute.OpTypeAdd:      (*lowering).add,
		compute.OpTypeSub:      (*lowering).sub,
		compute.OpTypeRem:      (*lowering).rem,
		compute.OpTypeWhere:    (*lowering).where,
		compute.OpTypeClamp:    (*lowering).clamp,
		compute.OpTypeNotEqual: (*lowering).notEqual,
		compute.OpTypeIsFinite: (*lowering).isFinite,

		compute.OpTypeConvertDType:   (*lowering).convert,
		compute.OpTypeBroadcastInDim: (*lowering).broadcastInDim,
		compute.OpTypeReshape:        (*lowering).reshapeNode,
		compute.OpTypeTranspose:      (*lowering).transposeNode,
		compute.OpTypeSlice:          (*lowering).slice,
		compute.OpTypeReverse:        (*lowering).reverse,
		compute.OpTypeConcatenate:    (*lowering).concatenate,
		compute.OpTypePad:            (*lowering).pad,
		compute.OpTypeIota:           (*lowering).iota,

		compute.OpTypeReduceSum:     (*lowering).reduceSum,
		compute.OpTypeReduceMax:     reduction("ReduceMax"),
		compute.OpTypeReduceMin:     reduction("ReduceMin"),
		compute.OpTypeReduceProduct: reduction("ReduceProd"),
		compute.OpTypeArgMinMax:     (*lowering).argMinMax,
		compute.OpTypeCumSum:        (*lowering).cumSum,

		compute.OpTypeConvGeneral:           (*lowering).conv,
		compute.OpTypeDotGeneral:            (*lowering).dot,
		compute.OpTypeBatchNormForInference: (*lowering).batchNorm,
		compute.OpTypeReduceWindow:          (*lowering).reduceWindow,
		compute.OpTypeSelectAndScatterMax:   (*lowering).selectAndScatter,
	}
	for op, name := range map[compute.OpType]string{
		compute.OpTypeAbs: "Abs", compute.OpTypeCeil: "Ceil", compute.OpTypeCos: "Cos", compute.OpTypeErf: "Erf",
		compute.OpTypeExp: "Exp", compute.OpTypeFloor: "Floor", compute.OpTypeIsNaN: "IsNaN", compute.OpTypeLog: "Log",
		compute.OpTypeLogicalNot: "Not", compute.OpTypeLogistic: "Sigmoid", compute.OpTypeNeg: "Neg", compute.OpTypeRound: "Round",
		compute.OpTypeSign: "Sign", compute.OpTypeSin: "Sin", compute.OpTypeSqrt: "Sqrt", compute.OpTypeTanh: "Tanh",
		compute.OpTypeDiv: "Div", compute.OpTypePow: "Pow", compute.OpTypeMin: "Min", compute.OpTypeEqual: "Equal",
		compute.OpTypeGreaterThan: "Greater", compute.OpTypeGreaterOrEqual: "GreaterOrEqual",
		compute.OpTypeLessThan: "Less", compute.OpTypeLessOrEqual: "LessOrEqual",
		compute.OpTypeLogicalAnd: "And", compute.OpTypeLogicalOr: "Or", compute.OpTypeLogicalXor: "Xor",
	} {
		rules[op] = elementwise(name)
	}
}

// Supports tells whether an operation can be lowered, as far as that does not depend on its arguments.
func Supports(op compute.OpType) bool {
	switch op {
	case compute.OpTypeParameter, compute.OpTypeConstant, compute.OpTypeIdentity, compute.OpTypeOptimizationBarrier, compute.OpTypeSchedulingBarrier:
		return true
	}
	return rules[op] != nil
}

// elementwise is the rule of an operation that is one ONNX node and broadcasts as ONNX does.
func elementwise(op string) func(*lowering, *recorder.Node) (*value, error) {
	return func(l *lowering, n *recorder.Node) (*value, error) { return l.simple(n, op) }
}

// simple writes one node over all inputs of n, which are broadcast against each other.
func (l *lowering) simple(n *recorder.Node, op string) (*value, error) {
	names := make([]string, len(n.Inputs))
	dims := []int{}
	for i, in := range n.Inputs {
		name, d, err := l.arg(in)
		if err != nil {
			return nil, err
		}
		names[i], dims = name, broadcast(dims, d)
	}
	return l.put(n, dims, op, names), nil
}

// compound is the rule of a float operation of one input that takes several ONNX nodes.
func compound(write func(l *lowering, x, one string) (op string, inputs []string)) func(*lowering, *recorder.Node) (*value, error) {
	return func(l *lowering, n *recorder.Node) (*value, error) {
		x, dims, err := l.arg(n.Inputs[0])
		if err != nil {
			return nil, err
		}
		if dataType(n.Shape.DType) != onnx.Float32 {
			return nil, l.unsupported(n, "only float32 is written")
		}
		op, inputs := write(l, x, l.constant(nil, floatTensor(nil, []float32{1})))
		return l.put(n, dims, op, inputs), nil
	}
}

func (l *lowering) rsqrt(x, _ string) (op string, inputs []string) {
	return "Reciprocal", []string{l.step("Sqrt", []string{x})}
}

func (l *lowering) expm1(x, one string) (op string, inputs []string) {
	return "Sub", []string{l.step("Exp", []string{x}), one}
}

func (l *lowering) log1p(x, one string) (op string, inputs []string) {
	return "Log", []string{l.step("Add", []string{x, one})}
}

// neutral returns the other input of a binary node if one of the given inputs is a constant with
// the value e throughout and the other has the whole shape of the result.
func (l *lowering) neutral(n *recorder.Node, e float64, inputs ...int) (*value, error) {
	for _, i := range inputs {
		v, err := l.known(n.Inputs[i])
		if err != nil {
			return nil, err
		}
		if other := n.Inputs[1-i]; v.all(e) && slices.Equal(other.Dims(), n.Dims()) && !l.asked[n] {
			return l.lower(other)
		}
	}
	return nil, nil
}

// max writes Max, or Relu for a maximum with zero.
func (l *lowering) max(n *recorder.Node) (*value, error) {
	for i, in := range n.Inputs {
		v, err := l.known(in)
		if err != nil {
			return nil, err
		}
		if other := n.Inputs[1-i]; v.all(0) && slices.Equal(other.Dims(), n.Dims()) {
			x, dims, err := l.arg(other)
			if err != nil {
				return nil, err
			}
			return l.put(n, dims, "Relu", []string{x}), nil
		}
	}
	return l.simple(n, "Max")
}

func (l *lowering) mul(n *recorder.Node) (*value, error) {
	if v, err := l.mean(n); v != nil || err != nil {
		return v, err
	}
	if v, err := l.affine(n); v != nil || err != nil {
		return v, err
	}
	if v, err := l.gate(n); v != nil || err != nil {
		return v, err
	}
	if v, err := l.neutral(n, 1, 0, 1); v != nil || err != nil {
		return v, err
	}
	return l.simple(n, "Mul")
}

// gate writes a product with an indicator, 1 where a comparison holds and 0 elsewhere, as a choice.
// It is what autodiff makes of a Relu: GoMLX's indicator of x ≥ 0 is sign(sign(x) + 1), and that of
// the other side one minus it. It returns nil for other products.
func (l *lowering) gate(n *recorder.Node) (*value, error) {
	for i, mask := range n.Inputs {
		x, op, err := l.indicator(mask)
		if err != nil {
			return nil, err
		}
		v := n.Inputs[1-i]
		if x == nil || !slices.Equal(v.Dims(), n.Dims()) || !slices.Equal(x.Dims(), n.Dims()) || dataType(n.Shape.DType) != onnx.Float32 {
			continue
		}
		name, _, err := l.arg(v)
		if err != nil {
			return nil, err
		}
		in, _, err := l.arg(x)
		if err != nil {
			return nil, err
		}
		zero := l.constant(nil, floatTensor(nil, []float32{0}))
		return &value{name: l.emit(n, "Where", []string{l.step(op, []string{in, zero}), name, zero}), dims: n.Dims()}, nil
	}
	return nil, nil
}

// indicator sees a node as 1 where x compares with 0 as op says and 0 elsewhere; nil if it is none.
func (l *lowering) indicator(n *recorder.Node) (x *recorder.Node, op string, err error) {
	if n.Op == compute.OpTypeSub {
		if one, err := l.known(n.Inputs[0]); !one.all(1) || err != nil {
			return nil, "", err
		}
		x, op, err := l.indicator(n.Inputs[1])
		return x, map[string]string{"GreaterOrEqual": "Less", "LessOrEqual": "Greater"}[op], err
	}
	if n.Op != compute.OpTypeSign || n.Inputs[0].Op != compute.OpTypeAdd {
		return nil, "", nil
	}
	sum := n.Inputs[0]
	for i, sign := range sum.Inputs {
		one, err := l.known(sum.Inputs[1-i])
		if err != nil {
			return nil, "", err
		}
		if sign.Op != compute.OpTypeSign || !one.all(1) {
			continue
		}
		x := sign.Inputs[0]
		if x.Op == compute.OpTypeSub { // 0 − y
			if zero, err := l.known(x.Inputs[0]); zero.all(0) || err != nil {
				return x.Inputs[1], "LessOrEqual", err
			}
		}
		return x, "GreaterOrEqual", nil
	}
	return nil, "", nil
}

func (l *lowering) add(n *recorder.Node) (*value, error) {
	if v, err := l.affine(n); v != nil || err != nil {
		return v, err
	}
	if v, err := l.gemm(n); v != nil || err != nil {
		return v, err
	}
	if v, err := l.neutral(n, 0, 0, 1); v != nil || err != nil {
		return v, err
	}
	return l.simple(n, "Add")
}

func (l *lowering) sub(n *recorder.Node) (*value, error) {
	if v, err := l.neutral(n, 0, 1); v != nil || err != nil {
		return v, err
	}
	return l.simple(n, "Sub")
}

// rem is the remainder with the sign of the dividend.
func (l *lowering) rem(n *recorder.Node) (*value, error) {
	x, dx, err := l.arg(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	y, dy, err := l.arg(n.Inputs[1])
	if err != nil {
		return nil, err
	}
	return l.put(n, broadcast(dx, dy), "Mod", []string{x, y}, onnx.Attr("fmod", 1)), nil
}

func (l *lowering) notEqual(n *recorder.Node) (*value, error) {
	x, dx, err := l.arg(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	y, dy, err := l.arg(n.Inputs[1])
	if err != nil {
		return nil, err
	}
	return l.put(n, broadcast(dx, dy), "Not", []string{l.step("Equal", []string{x, y})}), nil
}

func (l *lowering) isFinite(n *recorder.Node) (*value, error) {
	x, dims, err := l.arg(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	odd := l.step("Or", []string{l.step("IsNaN", []string{x}), l.step("IsInf", []string{x})})
	return l.put(n, dims, "Not", []string{odd}), nil
}

func (l *lowering) where(n *recorder.Node) (*value, error) { return l.simple(n, "Where") }

// clamp writes Clip for constant scalar bounds, otherwise Max and Min.
func (l *lowering) clamp(n *recorder.Node) (*value, error) {
	names, dims := make([]string, 3), []int{}
	scalars := true
	for i, in := range n.Inputs {
		name, d, err := l.arg(in)
		if err != nil {
			return nil, err
		}
		names[i], dims = name, broadcast(dims, d)
		scalars = scalars && (i == 1 || len(d) == 0)
	}
	if scalars {
		return l.put(n, dims, "Clip", []string{names[1], names[0], names[2]}), nil
	}
	low := l.step("Max", []string{names[1], names[0]})
	return l.put(n, dims, "Min", []string{low, names[2]}), nil
}

func (l *lowering) convert(n *recorder.Node) (*value, error) {
	x, dims, err := l.arg(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	to := dataType(n.Shape.DType)
	if to == onnx.Undefined {
		return nil, l.unsupported(n, "ONNX has no such type")
	}
	if n.Shape.DType == n.Inputs[0].Shape.DType {
		return &value{name: x, dims: dims}, nil
	}
	return l.put(n, dims, "Cast", []string{x}, onnx.Attr("to", int(to))), nil
}
