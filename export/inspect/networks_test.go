package inspect

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/export/onnx"
)

// lab builds small networks whose weights are positive, so that no change is cancelled.
type lab struct {
	*onnx.Builder
	rng *rand.Rand
}

func (l lab) weight(dims ...int64) string {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(0.2+0.8*l.rng.Float64()) / float32(n/dims[0])
	}
	return l.Constant(onnx.Float32Tensor("", dims, data))
}

func (l lab) ints(values ...int64) string {
	return l.Constant(onnx.Int64Tensor("", []int64{int64(len(values))}, values))
}

func (l lab) conv(name, x string, out, in, kh, kw int64, attrs ...any) string {
	list := []string{x, l.weight(out, in, kh, kw)}
	node := l.Node("Conv", name, list)
	set := l.last()
	for i := 0; i < len(attrs); i += 2 {
		set(attrs[i].(string), attrs[i+1])
	}
	return node
}

// last returns a function that adds attributes to the node added last.
func (l lab) last() func(name string, value any) {
	m, err := l.Model()
	if err != nil {
		panic(err)
	}
	node := m.Nodes()[len(m.Nodes())-1]
	return func(name string, value any) { node.Attribute = append(node.Attribute, onnx.Attr(name, value)) }
}

// finish makes the last tensor the output and returns the file and its report.
func (l lab) finish(t testing.TB) ([]byte, *Report) {
	t.Helper()
	model, err := l.Model()
	require.NoError(t, err)
	nodes := model.Nodes()
	l.Output(nodes[len(nodes)-1].Output[0], onnx.Undefined, nil)
	data, err := model.Encode()
	require.NoError(t, err)
	report, err := Bytes(data)
	require.NoError(t, err)
	return data, report
}

func newLab() lab { return lab{onnx.NewBuilder("net", 17), rand.New(rand.NewPCG(1, 2))} }

// networks of a 3×17×20 image, by the rules they exercise.
var networks = []struct {
	name string
	// tight says that a field's edges are seen also where the border of the image cuts it: there are
	// no gaps along rows or columns. dense says that every pixel of a field is seen.
	tight, dense bool
	build        func(l lab, x string)
}{
	{"convolutions", true, true, func(l lab, x string) {
		x = l.conv("valid", x, 4, 3, 3, 4)
		x = l.conv("padded", x, 4, 4, 3, 5, "pads", []int{1, 2, 1, 2})
		x = l.conv("strided", x, 4, 4, 3, 3, "strides", []int{2, 1}, "pads", []int{1, 0, 0, 2})
		l.conv("depthwise", x, 4, 1, 3, 3, "group", 4, "pads", []int{1, 1, 1, 1}, "strides", []int{2, 2})
	}},
	{"dilated", false, false, func(l lab, x string) {
		x = l.conv("one", x, 4, 3, 3, 3, "dilations", []int{2, 3}, "pads", []int{2, 3, 2, 3})
		x = l.conv("two", x, 4, 4, 1, 1, "strides", []int{3, 2})
		l.conv("three", x, 4, 4, 2, 3, "pads", []int{1, 1, 0, 1})
	}},
	{"automatic padding", true, true, func(l lab, x string) {
		x = l.conv("upper", x, 4, 3, 4, 3, "auto_pad", "SAME_UPPER", "strides", []int{2, 2})
		x = l.conv("lower", x, 4, 4, 4, 3, "auto_pad", "SAME_LOWER", "strides", []int{2, 1})
		x = l.conv("valid", x, 4, 4, 2, 2, "auto_pad", "VALID")
		l.Node("MaxPool", "pool", []string{x}, onnx.Attr("kernel_shape", 3, 2), onnx.Attr("auto_pad", "SAME_UPPER"))
	}},
	{"pooling", true, true, func(l lab, x string) {
		x = l.Node("MaxPool", "max", []string{x}, onnx.Attr("kernel_shape", 3, 3), onnx.Attr("strides", 2, 2), onnx.Attr("ceil_mode", 1))
		x = l.Node("AveragePool", "average", []string{x}, onnx.Attr("kernel_shape", 2, 3), onnx.Attr("strides", 2, 1), onnx.Attr("pads", 1, 1, 0, 1), onnx.Attr("ceil_mode", 1))
		l.conv("after", x, 4, 3, 3, 3, "pads", []int{1, 1, 1, 1})
	}},
	{"border left over", true, true, func(l lab, x string) {
		x = l.conv("leaves", x, 4, 3, 3, 3, "strides", []int{3, 3}) // the last two rows and columns are seen by nobody
		x = l.conv("padded", x, 4, 4, 3, 3, "pads", []int{1, 1, 1, 1})
		l.Node("GlobalMaxPool", "all", []string{x})
	}},
	{"branches", true, true, func(l lab, x string) {
		a := l.conv("tall", x, 4, 3, 5, 1, "pads", []int{2, 0, 2, 0})
		b := l.conv("wide", x, 4, 3, 1, 3, "pads", []int{0, 1, 0, 1})
		c := l.conv("large", x, 4, 3, 5, 5, "pads", []int{2, 2, 2, 2})
		l.Node("Concat", "joined", []string{a, c}, onnx.Attr("axis", 1))
		sum := l.Node("Add", "sum", []string{c, l.Node("Mul", "square", []string{b, b})})
		down := l.conv("down", sum, 4, 4, 3, 3, "strides", []int{2, 2}, "pads", []int{1, 1, 1, 1})
		short := l.conv("shortcut", sum, 4, 4, 1, 1, "strides", []int{2, 2})
		l.Node("Relu", "block", []string{l.Node("Add", "residual", []string{down, short})})
	}},
	{"channels", true, true, func(l lab, x string) {
		x = l.conv("conv", x, 6, 3, 3, 3)
		l.NodeN("Split", []string{"left", "right"}, []string{x, l.ints(2, 4)}, onnx.Attr("axis", 1))
		l.Node("Gather", "picked", []string{x, l.ints(5, 0, 3)}, onnx.Attr("axis", 1))
		l.Node("Slice", "part", []string{x, l.ints(1), l.ints(3), l.ints(1)})
		scale := l.weight(6)
		l.Node("BatchNormalization", "norm", []string{x, scale, scale, scale, scale})
		l.Node("LRN", "lrn", []string{x}, onnx.Attr("size", 3))
		l.Node("Softmax", "softmax", []string{x}, onnx.Attr("axis", 1))
		five := l.Node("Reshape", "groups", []string{x, l.ints(0, 2, 3, 15, 18)})
		turned := l.Node("Transpose", "turned", []string{five}, onnx.Attr("perm", 0, 2, 1, 3, 4))
		l.conv("shuffled", l.Node("Reshape", "shuffle", []string{turned, l.ints(0, -1, 15, 18)}), 3, 6, 2, 2)
	}},
	{"crops", true, true, func(l lab, x string) {
		x = l.conv("conv", x, 3, 3, 2, 2)
		cut := l.Node("Slice", "cut", []string{x, l.ints(3, -15), l.ints(-2, 1<<62), l.ints(2, 3)})
		l.Node("Slice", "steps", []string{cut, l.ints(1), l.ints(100), l.ints(3), l.ints(2)})
		l.NodeN("Split", []string{"top", "bottom"}, []string{cut, l.ints(4, 7)}, onnx.Attr("axis", 2))
		l.conv("low", "bottom", 3, 3, 3, 3, "pads", []int{1, 1, 1, 1})
		l.Node("Gather", "row", []string{x, l.Constant(onnx.Int64Tensor("", nil, []int64{-4}))}, onnx.Attr("axis", 2))
		l.Node("Gather", "rows", []string{x, l.ints(2, 5, 8)}, onnx.Attr("axis", 2))
		pad := l.Node("Pad", "zeros", []string{x, l.ints(0, 0, 2, 1, 0, 0, 0, -3)})
		l.conv("padded", pad, 3, 3, 4, 4)
	}},
	{"whole image", true, true, func(l lab, x string) {
		x = l.conv("conv", x, 4, 3, 3, 3, "pads", []int{1, 1, 1, 1})
		squeezed := l.Node("Sigmoid", "gate", []string{l.conv("excite", l.Node("GlobalAveragePool", "squeeze", []string{x}), 4, 4, 1, 1)})
		l.conv("after", l.Node("Mul", "excited", []string{x, squeezed}), 4, 4, 3, 3)
		l.Node("InstanceNormalization", "instance", []string{x, l.weight(4), l.weight(4)})
		l.Node("Softmax", "rows", []string{x}, onnx.Attr("axis", 2))
		l.Node("ReduceMean", "columns", []string{x}, onnx.Attr("axes", []int{3}), onnx.Attr("keepdims", 0))
		flat := l.Node("Flatten", "flat", []string{x})
		l.Node("Gemm", "dense", []string{flat, l.weight(1360, 5)})
	}},
	{"channels last", true, true, func(l lab, x string) {
		x = l.Node("Transpose", "last", []string{l.conv("conv", x, 4, 3, 3, 3)}, onnx.Attr("perm", 0, 2, 3, 1))
		mean := l.Node("ReduceMean", "mean", []string{x}, onnx.Attr("axes", []int{-1}))
		x = l.Node("Add", "centred", []string{l.Node("MatMul", "mixed", []string{x, l.weight(4, 6)}), mean})
		x = l.Node("Transpose", "first", []string{x}, onnx.Attr("perm", 0, 3, 1, 2))
		l.conv("again", x, 2, 6, 3, 3, "strides", []int{2, 2})
	}},
	{"tokens", true, false, func(l lab, x string) {
		x = l.conv("patches", x, 6, 3, 4, 4, "strides", []int{4, 4}) // 4×5
		size := l.Node("Shape", "", []string{x})
		batch := l.Node("Gather", "", []string{size, l.ints(0)}, onnx.Attr("axis", 0))
		x = l.Node("Reshape", "joined", []string{x, l.Node("Concat", "", []string{batch, l.ints(6, -1)}, onnx.Attr("axis", 0))})
		x = l.Node("Transpose", "tokens", []string{x}, onnx.Attr("perm", 0, 2, 1))
		q, v := l.Node("MatMul", "query", []string{x, l.weight(6, 6)}), l.Node("MatMul", "values", []string{x, l.weight(6, 6)})
		k := l.Node("Transpose", "keys", []string{x}, onnx.Attr("perm", 0, 2, 1))
		map_ := l.Node("Softmax", "", []string{l.Node("MatMul", "", []string{q, k})})
		l.Node("Add", "attended", []string{x, l.Node("MatMul", "context", []string{map_, v})})
	}},
	{"windows", true, false, func(l lab, x string) {
		x = l.Node("Transpose", "last", []string{l.conv("patches", x, 4, 3, 2, 2, "strides", []int{2, 2}, "pads", []int{0, 0, 1, 0})}, onnx.Attr("perm", 0, 2, 3, 1)) // 9×10
		begin, end, back := l.ints(2), l.ints(1<<62), l.ints(1)
		x = l.Node("Concat", "rolled", []string{l.Node("Slice", "", []string{x, begin, end, back}), l.Node("Slice", "", []string{x, l.ints(0), begin, back})}, onnx.Attr("axis", 1))
		x = l.Node("Reshape", "split", []string{x, l.ints(-1, 3, 3, 2, 5, 4)})
		x = l.Node("Transpose", "windows", []string{x}, onnx.Attr("perm", 0, 1, 3, 2, 4, 5))
		x = l.Node("Reshape", "listed", []string{x, l.ints(-1, 6, 15, 4)})
		mean := l.Node("ReduceMean", "mean", []string{x}, onnx.Attr("axes", []int{2}))
		x = l.Node("Add", "mixed", []string{x, l.Node("MatMul", "", []string{mean, l.weight(4, 4)})})
		x = l.Node("Transpose", "", []string{l.Node("Reshape", "", []string{x, l.ints(-1, 3, 2, 3, 5, 4)})}, onnx.Attr("perm", 0, 1, 3, 2, 4, 5))
		x = l.Node("Transpose", "map", []string{l.Node("Reshape", "", []string{x, l.ints(-1, 9, 10, 4)})}, onnx.Attr("perm", 0, 3, 1, 2))
		l.conv("again", x, 4, 4, 3, 3, "pads", []int{1, 1, 1, 1})
	}},
	{"own weights at each place", true, true, func(l lab, x string) {
		x = l.conv("conv", x, 4, 3, 3, 3, "strides", []int{2, 2}) // 8×9
		var moved []string
		for dy := range 3 {
			for dx := range 3 {
				moved = append(moved, l.Node("Pad", "", []string{x, l.ints(0, 0, int64(1-dy), int64(1-dx), 0, 0, int64(dy-1), int64(dx-1))}))
			}
		}
		x = l.Node("Concat", "moved", moved, onnx.Attr("axis", 1))
		x = l.Node("Transpose", "places", []string{l.Node("Reshape", "", []string{x, l.ints(-1, 36, 72)})}, onnx.Attr("perm", 2, 0, 1))
		x = l.Node("MatMul", "", []string{x, l.weight(72, 36, 4)})
		x = l.Node("Reshape", "summed", []string{l.Node("Transpose", "", []string{x}, onnx.Attr("perm", 1, 2, 0)), l.ints(-1, 4, 8, 9)})
		l.conv("after", x, 4, 4, 3, 3, "pads", []int{1, 1, 1, 1})
	}},
	{"picked pixels", true, false, func(l lab, x string) {
		x = l.conv("conv", x, 4, 3, 3, 3, "strides", []int{2, 2}) // 8×9
		weights := make([]float32, 72*20)
		for i := range 20 { // coarser away from the corner
			for k := range 1 + i/5 {
				weights[min(71, i*i/6+k)*20+i] = 1
			}
		}
		flat := l.Node("Reshape", "flat", []string{x, l.ints(0, 4, -1)})
		sampled := l.Node("MatMul", "sampled", []string{flat, l.Constant(onnx.Float32Tensor("", []int64{72, 20}, weights))})
		grid := l.Node("Reshape", "grid", []string{sampled, l.ints(0, 4, 4, 5)})
		l.Node("MaxPool", "pooled", []string{l.conv("smooth", grid, 4, 4, 3, 3, "pads", []int{1, 1, 1, 1})}, onnx.Attr("kernel_shape", 2, 2), onnx.Attr("strides", 2, 1))
		l.Node("Slice", "reversed", []string{x, l.ints(-1), l.ints(-100), l.ints(2), l.ints(-2)})
		l.Node("Gather", "uneven", []string{x, l.ints(0, 5, 1, -1)}, onnx.Attr("axis", 3))
		l.Node("Concat", "stacked", []string{x, l.Node("Relu", "", []string{x})}, onnx.Attr("axis", 2))
		l.Node("Add", "fixed", []string{x, l.Node("Slice", "", []string{x, l.ints(3), l.ints(4), l.ints(2)})})
	}},
	{"resampling", false, false, func(l lab, x string) {
		x = l.conv("conv", x, 4, 3, 3, 3, "pads", []int{1, 1, 1, 1}, "strides", []int{2, 2})
		up := l.Node("Resize", "nearest", []string{x, "", l.Constant(onnx.Float32Tensor("", []int64{4}, []float32{1, 1, 2, 3}))}, onnx.Attr("nearest_mode", "floor"), onnx.Attr("coordinate_transformation_mode", "asymmetric"))
		l.conv("smooth", up, 4, 4, 3, 3, "pads", []int{1, 1, 1, 1})
		l.Node("Resize", "linear", []string{x, "", l.Constant(onnx.Float32Tensor("", []int64{4}, []float32{1, 1, 2, 2}))}, onnx.Attr("mode", "linear"))
		l.Node("Resize", "odd", []string{x, "", l.Constant(onnx.Float32Tensor("", []int64{4}, []float32{1, 1, 1.5, 0.75}))}, onnx.Attr("mode", "linear"))
		l.Node("Resize", "corners", []string{x, "", "", l.ints(1, 4, 17, 20)}, onnx.Attr("mode", "cubic"), onnx.Attr("coordinate_transformation_mode", "align_corners"))
		l.Node("ConvTranspose", "transposed", []string{x, l.weight(4, 3, 4, 4)}, onnx.Attr("strides", 2, 2), onnx.Attr("pads", 1, 1, 1, 1), onnx.Attr("output_padding", 1, 0))
		l.Node("ConvTranspose", "plain", []string{x, l.weight(4, 3, 3, 3)}, onnx.Attr("pads", 1, 1, 0, 2))
		l.Node("DepthToSpace", "depth", []string{x}, onnx.Attr("blocksize", 2))
		even := l.Node("Slice", "even", []string{x, l.ints(1), l.ints(9), l.ints(2)})
		l.Node("SpaceToDepth", "space", []string{even}, onnx.Attr("blocksize", 2))
		l.Node("Resize", "halved", []string{even, "", l.Constant(onnx.Float32Tensor("", []int64{4}, []float32{1, 1, 0.5, 0.5}))}, onnx.Attr("mode", "linear"))
		mirrored := l.Node("Pad", "mirrored", []string{x, l.ints(0, 0, 2, 2, 0, 0, 2, 2)}, onnx.Attr("mode", "reflect"))
		l.conv("blurred", mirrored, 4, 4, 5, 5)
	}},
}
