package inspect

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/export/onnx"
	"striate/internal/card"
	"striate/internal/ortlib"
	"striate/serve/engine"
)

func testEngine(t testing.TB) *engine.Engine {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skip(err)
	}
	e, err := engine.New(engine.Config{Device: "cpu"})
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e
}

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

// Every pixel of an image is changed by itself. What is seen to change through ONNX Runtime, unit by
// unit and layer by layer, is what the receptive fields say: no unit changes for a pixel outside of
// its field, and it changes for pixels up to all four edges of it (for every pixel of it, in a dense
// network).
func TestReceptiveFieldsAreWhatPixelsChange(t *testing.T) {
	const height, width = 17, 20
	e := testEngine(t)
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			l := newLab()
			n.build(l, l.Input("image", onnx.Float32, onnx.Shape("N", 3, height, width)))
			data, report := l.finish(t)
			j := changes(t, e, data, report, 3, height, width)
			require.NotEmpty(t, j.layers)
			for _, layer := range j.layers {
				j.check(t, layer, n.tight, n.dense)
			}
		})
	}
}

// jacobian tells which pixels change which units.
type jacobian struct {
	height, width int
	layers        []Layer
	reach         map[string][2]reach
	changed       map[string][]bool // by layer: unit × pixel
}

// changes changes each pixel of a network's image by a little and by a lot.
func changes(t *testing.T, e *engine.Engine, data []byte, r *Report, channels, height, width int) jacobian {
	j := jacobian{height, width, nil, map[string][2]reach{}, map[string][]bool{}}
	model, err := onnx.Decode(data)
	require.NoError(t, err)
	values, err := infer(r.graph, int(r.Opset[""]), imageOf(model.Inputs(), card.Card{}), 1)
	require.NoError(t, err)
	tensors := r.graph.byName()
	var names []string
	for _, l := range r.Layers {
		if !l.Constant && len(l.Shape) > 0 && l.Shape[0] == -1 {
			j.layers, names = append(j.layers, l), append(names, l.Name)
			j.reach[l.Name] = values[tensors[l.Name]].field
		}
	}
	plane := height * width
	images := make([]float32, (1+2*plane)*channels*plane)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range channels * plane {
		images[i] = float32(0.5 + rng.Float64())
	}
	for k := range 2 * plane {
		image := images[(k+1)*channels*plane : (k+2)*channels*plane]
		copy(image, images)
		for c := range channels {
			image[c*plane+k/2] += []float32{0.5, 1e4}[k%2]
		}
	}
	m, err := engine.NewModel("net", data)
	require.NoError(t, err)
	before := map[string][]float32{}
	err = e.Responses(context.Background(), m, names, engine.Array{Sample: []int{channels, height, width}, Data: images}, func(from int, out []engine.Response) error {
		for _, r := range out {
			units := 1
			for _, d := range r.Shape {
				units *= d
			}
			if from == 0 {
				before[r.Layer] = slices.Clone(r.Data[:units])
				j.changed[r.Layer] = make([]bool, units*plane)
				require.Equal(t, r.Shape, report(r.Layer, j.layers).Shape[1:], r.Layer)
			}
			for i, v := range r.Data {
				if k := from + i/units - 1; k >= 0 && v != before[r.Layer][i%units] {
					j.changed[r.Layer][i%units*plane+k/2] = true
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	return j
}

func report(name string, layers []Layer) Layer {
	return layers[slices.IndexFunc(layers, func(l Layer) bool { return l.Name == name })]
}

// check compares what was seen with what was predicted.
func (j jacobian) check(t *testing.T, l Layer, tight, dense bool) {
	fields, size := j.reach[l.Name], [2]int{j.height, j.width}
	plane := j.height * j.width
	type place [4]int            // the indices along the axes that the fields move along
	places := map[place][]bool{} // pixels that change units at one place, whatever the channel
	ranges := map[place][2][2]int{}
	for unit := range len(j.changed[l.Name]) / plane {
		index := unravel(unit, l.Shape)
		var key place
		var span [2][2]int
		for i, r := range fields {
			span[i] = r.pixels(index, size[i])
			for k, a := range r.axes {
				key[2*i+k] = index[a]
			}
		}
		if places[key] == nil {
			places[key] = make([]bool, plane)
		}
		for p, changed := range j.changed[l.Name][unit*plane : (unit+1)*plane] {
			places[key][p] = places[key][p] || changed
		}
		ranges[key] = span
	}
	largest := [2]int{}
	for key, pixels := range places {
		box, count := bounds(pixels, j.width)
		for i, r := range fields {
			want := ranges[key][i]
			inside := want[0] > 0 && want[1] < size[i]
			switch {
			case r.kind == unknown, l.Operator == "Pad" && count == 0: // a unit of padding
			case r.loose == "" && (tight || inside):
				require.Equal(t, want, box[i], "%s, units at %v, axis %d of the image (%+v)", l.Name, key, i, r)
			case inside || r.loose == uneven || r.loose == "":
				require.True(t, box[i][0] >= want[0] && box[i][1] <= want[1], "%s, units at %v: %v is beyond %v", l.Name, key, box[i], want)
				largest[i] = max(largest[i], box[i][1]-box[i][0])
			}
		}
		if dense && count > 0 && fields[0].kind != unknown {
			require.Equal(t, (box[0][1]-box[0][0])*(box[1][1]-box[1][0]), count, "%s, units at %v: pixels are left out", l.Name, key)
		}
	}
	for i, r := range fields {
		if r.kind == local && r.loose != "" {
			require.GreaterOrEqual(t, float64(largest[i]), r.size-3*r.stride*2, "%s: the bound is far from what is seen", l.Name)
		}
	}
}

// pixels returns the range of pixels of an image that a unit sees, from one to the one after the last.
func (r reach) pixels(index []int, image int) [2]int {
	from, to := r.at(func(axis int) int { return index[axis] })
	from, to = max(from, 0), min(to, float64(image))
	if r.kind != global {
		from, to = max(from, r.seen[0]), min(to, r.seen[1])
	}
	if from >= to {
		return [2]int{}
	}
	return [2]int{int(math.Floor(from)), int(math.Ceil(to))}
}

// bounds returns the rows and columns that pixels lie in, and how many they are.
func bounds(pixels []bool, width int) (box [2][2]int, count int) {
	for p, changed := range pixels {
		if !changed {
			continue
		}
		for i, at := range [2]int{p / width, p % width} {
			if count == 0 {
				box[i] = [2]int{at, at + 1}
			}
			box[i] = [2]int{min(box[i][0], at), max(box[i][1], at+1)}
		}
		count++
	}
	return box, count
}

func unravel(unit int, shape []int) []int {
	index := make([]int, len(shape))
	for a := len(shape) - 1; a > 0; a-- {
		index[a] = unit % shape[a]
		unit /= shape[a]
	}
	return index
}

// The shipped V1 front end: of a pixel's change, exactly the predicted units of every layer know.
// Pixels lie in a corner, at an edge and inside.
func TestUnitsOfTheShippedModelSeeTheirField(t *testing.T) {
	e := testEngine(t)
	m, err := engine.ReadModel("../../models/voneblock.onnx")
	require.NoError(t, err)
	r, err := ReadFile("../../models/voneblock.onnx", card.Override{})
	require.NoError(t, err)
	const size, side, channels = 224, 56, 512
	places := [][2]int{{0, 0}, {0, 113}, {100, 87}, {221, 223}, {150, 12}}
	images := make([]float32, (1+len(places))*3*size*size)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 3 * size * size {
		images[i] = float32(rng.Float64()*2 - 1)
	}
	for k, at := range places {
		image := images[(k+1)*3*size*size : (k+2)*3*size*size]
		copy(image, images)
		for c := range 3 {
			image[(c*size+at[0])*size+at[1]] += 1e6 // the Gabor kernels fade towards their rim
		}
	}
	field := r.LayerOf("v1").Field
	half := *field.Y.Size / 2
	sees := func(unit, pixel int) bool {
		centre := *field.Y.Start + float64(unit)**field.Y.Stride
		return centre-half <= float64(pixel) && float64(pixel)+1 <= centre+half
	}
	var all []float32
	err = e.Responses(context.Background(), m, []string{"v1"}, engine.Array{Sample: []int{3, size, size}, Data: images}, func(_ int, out []engine.Response) error {
		all = append(all, out[0].Data...)
		return nil
	})
	require.NoError(t, err)
	before := all[:channels*side*side]
	for k, at := range places {
		after := all[(k+1)*len(before) : (k+2)*len(before)]
		for y := range side {
			for x := range side {
				changed := false
				for c := range channels {
					i := (c*side+y)*side + x
					changed = changed || before[i] != after[i]
				}
				require.Equal(t, sees(y, at[0]) && sees(x, at[1]), changed, "unit %d,%d and pixel %v", y, x, at)
			}
		}
	}
}
