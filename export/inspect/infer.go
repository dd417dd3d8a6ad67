package inspect

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/topo"

	"striate/export/onnx"
	"striate/internal/fault"
)

// value is what is known of a tensor without running the network.
type value struct {
	shape   []int // nil where the rank is not known; -1 for an axis whose size is not known
	kind    onnx.DataType
	weights *Constant // of an initialiser
	numbers []float64 // the elements of a small constant, row-major, NaN for those not known; nil for others
	field   [2]reach  // along the rows (y) and the columns (x) of the image
}

// batch stands for the number of images where a file leaves it open, so that what shapes are made of
// can be computed. It is a prime beyond the sizes of axes: an axis whose size is a multiple of it
// depends on the number of images.
const batch = 1000003

// Small constants are sizes, axes, scales and indices of channels.
const maxNumbers = 1 << 14

// image is the input that the receptive fields refer to.
type image struct {
	tensor string
	layout string // NCHW or NHWC; empty where the input is no image
	axes   [2]int
	size   [2]float64 // height and width in pixels; +Inf where not known
}

// inference computes the values of all tensors.
type inference struct {
	graph  *Graph
	opset  int
	image  image
	images int
	values map[*Tensor]*value
}

// infer computes what can be known of every tensor for so many images, where the graph leaves their
// number open. A graph with a cycle is an Invalid fault.
func infer(g *Graph, opset int, im image, images int) (map[*Tensor]*value, error) {
	order, err := topo.SortStabilized(g, func(nodes []graph.Node) {
		slices.SortFunc(nodes, func(a, b graph.Node) int { return int(a.ID() - b.ID()) })
	})
	if err != nil {
		return nil, fault.Invalidf("broken ONNX graph: a tensor depends on itself")
	}
	f := &inference{g, opset, im, images, make(map[*Tensor]*value, len(order))}
	done := map[*Operation]bool{}
	for _, n := range order {
		t := n.(*Tensor)
		if t.Maker == nil {
			f.values[t] = f.source(t)
		} else if !done[t.Maker] {
			done[t.Maker] = true
			f.apply(t.Maker)
		}
	}
	return f.values, nil
}

// source is the value of an initialiser or an input.
func (f *inference) source(t *Tensor) *value {
	if t.Constant != nil {
		return constantValue(t.Constant)
	}
	v := &value{shape: slices.Clone(t.Shape), kind: t.Type}
	if t.Name != f.image.tensor || f.image.layout == "" {
		return v
	}
	if v.shape[0] < 0 {
		v.shape[0] = f.images
	}
	for i, axis := range f.image.axes {
		size := f.image.size[i]
		if v.shape[axis] < 0 && !math.IsInf(size, 1) {
			v.shape[axis] = int(size)
		}
		v.field[i] = reach{kind: local, axes: []int{axis}, size: 1, stride: 1, seen: [2]float64{0, size}}
	}
	return v
}

func constantValue(c *Constant) *value {
	v := &value{shape: c.Shape, kind: c.Type, weights: c}
	if c.Len() > maxNumbers {
		return v
	}
	switch values := c.values.(type) {
	case []int64:
		v.numbers = floats(values)
	case []int32:
		v.numbers = floats(values)
	case []float32:
		v.numbers = floats(values)
	case []float64:
		v.numbers = slices.Clone(values)
	case []bool:
		v.numbers = make([]float64, len(values))
		for i, b := range values {
			if b {
				v.numbers[i] = 1
			}
		}
	}
	return v
}

func floats[T int64 | int32 | float32](values []T) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

// apply computes the values of what an operation makes.
func (f *inference) apply(op *Operation) {
	c := &call{op: op, opset: f.opset, image: f.image.size}
	for _, t := range f.graph.Operands(op) {
		if t == nil {
			c.in = append(c.in, nil)
		} else {
			c.in = append(c.in, f.values[t])
		}
	}
	out, why := c.evaluate()
	if why != "" {
		out = c.notKnown(why)
	}
	for i, t := range op.Outputs {
		if t == nil {
			continue
		}
		v := &value{}
		if i < len(out) {
			v = out[i].checked()
		} else if len(out) > 0 { // a rule gives one value where all outputs are alike
			copied := *out[0]
			v = copied.checked()
		}
		if t.Type != onnx.Undefined {
			v.kind = t.Type
		}
		v.shape = complete(v.shape, t.Shape)
		for i, r := range v.field {
			v.field[i] = r.settled(f.image.size[i])
		}
		f.values[t] = v
	}
}

// checked drops numbers that do not fill the shape.
func (v *value) checked() *value {
	if v.shape == nil || len(v.numbers) != product(v.shape) {
		v.numbers = nil
	}
	return v
}

// complete adds what the file says to what follows from the graph.
func complete(shape, stated []int) []int {
	if shape == nil {
		return slices.Clone(stated)
	}
	shape = slices.Clone(shape)
	for i := range shape {
		if shape[i] < 0 && len(stated) == len(shape) {
			shape[i] = stated[i]
		}
	}
	return shape
}

// open returns the shape with -1 for axes that depend on the number of images.
func open(shape []int) []int {
	shape = slices.Clone(shape)
	for i, n := range shape {
		if n > 0 && n%batch == 0 {
			shape[i] = -1
		}
	}
	return shape
}
