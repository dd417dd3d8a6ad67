package inspect

// rules of the standard's operators. The data of an operation is operand 0 unless said otherwise.
var rules map[string]rule

// merging are the operators whose operands all are data; of others, those from the second on are
// parameters, which are to be constants.
var merging = map[string]bool{"Concat": true, "Gemm": true, "MatMul": true, "MatMulInteger": true, "QLinearMatMul": true}

func init() { // in a function, since rules look up each other
	rules = map[string]rule{
		"Conv": convolution(1), "ConvInteger": convolution(1), "QLinearConv": convolution(3),
		"ConvTranspose": transposedConvolution,
		"MaxPool":       pooling, "AveragePool": pooling, "LpPool": pooling,
		"GlobalAveragePool": globalPooling, "GlobalMaxPool": globalPooling, "GlobalLpPool": globalPooling,
		"Pad": pad, "Resize": resize, "Upsample": resize,
		"DepthToSpace": depthToSpace, "SpaceToDepth": spaceToDepth,

		"Concat": concat, "Split": split, "Slice": slice, "Gather": gatherRule,
		"Transpose": transpose, "Reshape": reshape, "Flatten": flatten, "Squeeze": squeeze, "Unsqueeze": unsqueeze,
		"Expand": expand,

		"Gemm": gemm, "MatMul": matMul(1), "MatMulInteger": matMul(1), "QLinearMatMul": matMul(3),
		"Softmax": softmax, "LogSoftmax": softmax, "Hardmax": softmax,
		"LpNormalization":           normalised(func(c *call, rank int) []int { return []int{c.integer("axis", -1)} }),
		"LayerNormalization":        normalised(func(c *call, rank int) []int { return fromAxis(c.integer("axis", -1), rank) }),
		"InstanceNormalization":     normalised(func(c *call, rank int) []int { return span(2, rank) }),
		"GroupNormalization":        normalised(func(c *call, rank int) []int { return span(1, rank) }),
		"MeanVarianceNormalization": normalised(func(c *call, rank int) []int { return c.listOr("axes", 0, 2, 3) }),
		"DynamicQuantizeLinear":     normalised(func(c *call, rank int) []int { return span(0, rank) }),
		"BatchNormalization":        batchNormalization, "LRN": normalised(func(c *call, rank int) []int { return []int{1} }),
		"CumSum":            cumulative,
		"ArgMax":            argument,
		"ArgMin":            argument,
		"TopK":              topK,
		"Constant":          constant,
		"Shape":             shapeOf,
		"Size":              sizeOf,
		"ConstantOfShape":   constantOfShape,
		"Range":             rangeRule,
		"Cast":              cast,
		"Dropout":           dropout,
		"RandomNormalLike":  sameShapeOnly,
		"RandomUniformLike": sameShapeOnly,
		"ScatterND":         scatter, "ScatterElements": scatter,
		"EyeLike": sameShapeOnly,
	}
	for _, op := range []string{"Relu", "LeakyRelu", "ThresholdedRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Tanh", "Elu",
		"Selu", "Celu", "Gelu", "Mish", "Softplus", "Softsign", "Shrink", "Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Neg", "Sign", "Ceil",
		"Floor", "Round", "Erf", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Identity", "Not",
		"IsNaN", "IsInf", "BitwiseNot"} {
		rules[op] = pointwise
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Sum", "Mean", "PRelu", "And", "Or", "Xor",
		"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Where",
		"Equal"} {
		rules[op], merging[op] = broadcast, true
	}
	for _, op := range []string{"Clip", "QuantizeLinear", "DequantizeLinear"} {
		rules[op] = pointwise
	}
	for _, op := range []string{"Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"} {
		rules["Reduce"+op] = reduction
	}
}
