package lower

import (
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"striate/export/onnx"
	"striate/export/recorder"
)

// affine is a map scale·x + offset for each channel.
type affine struct{ scale, offset []float64 }

func (m *affine) shifts() bool {
	return slices.ContainsFunc(m.offset, func(v float64) bool { return v != 0 })
}

func (m *affine) part(lo, hi int) *affine { return &affine{m.scale[lo:hi], m.offset[lo:hi]} }

// affine writes an addition, multiplication or batch normalisation of constants per channel behind a
// convolution as part of the convolution. Between the two there may be more of them, a choice of
// channels, and a concatenation of channels all of whose parts allow it. It returns nil where that
// cannot be done: a tensor in between has another reader or is a layer that was asked for.
func (l *lowering) affine(n *recorder.Node) (*value, error) {
	if len(n.Dims()) < 3 || n.Shape.DType != dtypes.Float32 {
		return nil, nil
	}
	if l.isOpen(n.Dims()[1]) {
		return nil, nil
	}
	inner, m, err := l.constantMap(n)
	if inner == nil || err != nil {
		return nil, err
	}
	write, err := l.absorb(n, inner, m)
	switch {
	case err != nil:
		return nil, err
	case write != nil:
		return write()
	case n.Op == compute.OpTypeAdd:
		return l.scaleAndShift(n, inner, m)
	}
	return nil, nil
}

// scaleAndShift writes a multiplication and an addition per channel that no convolution takes in as
// one BatchNormalization; nil if n is not both.
func (l *lowering) scaleAndShift(n, x *recorder.Node, m *affine) (*value, error) {
	if x.Op != compute.OpTypeMul || !l.private(x) || len(n.Dims()) != 4 {
		return nil, nil
	}
	inner, before, err := l.constantMap(x)
	if inner == nil || err != nil {
		return nil, err
	}
	in, err := l.whole(inner)
	if err != nil {
		return nil, err
	}
	m = compose(m, before)
	channels := len(m.scale)
	vector := func(name string, values []float64) string {
		return l.constantNamed(layerName(x)+name, floatTensor([]int{channels}, narrow(values)))
	}
	inputs := []string{in, vector(".scale", m.scale), vector(".offset", m.offset),
		l.constant(nil, floatTensor([]int{channels}, make([]float32, channels))),
		l.constant(nil, floatTensor([]int{channels}, slices.Repeat([]float32{1}, channels)))}
	return &value{name: l.emit(n, "BatchNormalization", inputs, onnx.Attr("epsilon", 0.0)), dims: n.Dims()}, nil
}

func narrow(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}

// absorb returns what writes m∘x as the tensor of n, nil if x cannot take the map in.
func (l *lowering) absorb(n, x *recorder.Node, m *affine) (func() (*value, error), error) {
	if !l.private(x) {
		return nil, nil
	}
	switch x.Op {
	case compute.OpTypeMul, compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeBatchNormForInference:
		inner, before, err := l.constantMap(x)
		if inner == nil || err != nil {
			return nil, err
		}
		return l.absorb(n, inner, compose(m, before))
	case compute.OpTypeConvGeneral:
		if l.plainConv(x) {
			return func() (*value, error) { return l.foldedConv(n, x, 0, len(m.scale), m) }, nil
		}
	case compute.OpTypeSlice:
		if conv, lo, hi := l.channelsOfConv(x); conv != nil {
			return func() (*value, error) { return l.foldedConv(n, conv, lo, hi, m) }, nil
		}
	case compute.OpTypeConcatenate:
		return l.absorbParts(n, x, m)
	}
	return nil, nil
}

// absorbParts lets each operand of a concatenation of channels take its part of the map in.
func (l *lowering) absorbParts(n, x *recorder.Node, m *affine) (func() (*value, error), error) {
	if x.Args.(int) != 1 {
		return nil, nil
	}
	writes := make([]func() (*value, error), len(x.Inputs))
	at := 0
	for i, in := range x.Inputs {
		end := at + in.Dims()[1]
		write, err := l.absorb(in, in, m.part(at, end))
		if write == nil || err != nil {
			return nil, err
		}
		writes[i], at = write, end
	}
	return func() (*value, error) {
		names := make([]string, len(writes))
		for i, write := range writes {
			v, err := write()
			if err != nil {
				return nil, err
			}
			names[i] = v.name
		}
		return &value{name: l.emit(n, "Concat", names, onnx.Attr("axis", 1)), dims: n.Dims()}, nil
	}, nil
}

// private tells whether nothing but one reader needs the tensor of x.
func (l *lowering) private(x *recorder.Node) bool {
	return l.uses[x] == 1 && !l.asked[x] && l.values[x] == nil
}

// plainConv tells whether a convolution is one that weights can be folded into.
func (l *lowering) plainConv(x *recorder.Node) bool {
	a := x.Args.(recorder.Conv)
	kernel := l.values[x.Inputs[1]]
	return kernel != nil && kernel.data != nil && a.BatchGroups <= 1 && a.Axes.OutputChannels == 1 &&
		!slices.ContainsFunc(a.InputDilations, func(d int) bool { return d != 1 })
}

// channelsOfConv sees a slice as channels lo to hi of a convolution that nothing reads but slices of
// channels: each becomes a convolution of its own, and no tensor is copied.
func (l *lowering) channelsOfConv(x *recorder.Node) (conv *recorder.Node, lo, hi int) {
	conv = x.Inputs[0]
	if conv.Op != compute.OpTypeConvGeneral || l.asked[conv] || l.values[conv] != nil || !l.plainConv(conv) || conv.Args.(recorder.Conv).ChannelGroups > 1 {
		return nil, 0, 0
	}
	for _, reader := range l.readers[conv] {
		if reader.Op != compute.OpTypeSlice {
			return nil, 0, 0
		}
		a := reader.Args.(recorder.Slice)
		for axis, d := range conv.Dims() {
			if axis != 1 && (a.Starts[axis] != 0 || a.Limits[axis] != d) || a.Strides != nil && a.Strides[axis] != 1 {
				return nil, 0, 0
			}
		}
	}
	a := x.Args.(recorder.Slice)
	return conv, a.Starts[1], a.Limits[1]
}

// partOfConv writes a slice of channels of a convolution as a convolution; nil if n is none.
func (l *lowering) partOfConv(n *recorder.Node) (*value, error) {
	conv, lo, hi := l.channelsOfConv(n)
	if conv == nil {
		return nil, nil
	}
	return l.foldedConv(n, conv, lo, hi, nil)
}

// compose returns outer∘inner.
func compose(outer, inner *affine) *affine {
	m := &affine{make([]float64, len(outer.scale)), make([]float64, len(outer.scale))}
	for c := range m.scale {
		m.scale[c] = outer.scale[c] * inner.scale[c]
		m.offset[c] = outer.scale[c]*inner.offset[c] + outer.offset[c]
	}
	return m
}

// constantMap sees a node as an affine map of one of its inputs by constants per channel; nil if it
// is none.
func (l *lowering) constantMap(x *recorder.Node) (inner *recorder.Node, m *affine, err error) {
	channels := x.Dims()[1]
	m = &affine{slices.Repeat([]float64{1}, channels), make([]float64, channels)}
	if x.Op == compute.OpTypeBatchNormForInference {
		if x.Args.(recorder.BatchNorm).Axis != 1 {
			return nil, nil, nil
		}
		var c [4][]float64
		for i, in := range x.Inputs[1:] {
			if c[i], err = l.perChannel(in, channels, 1); c[i] == nil || err != nil {
				return nil, nil, err
			}
		}
		for i := range channels {
			m.scale[i] = c[0][i] / math.Sqrt(c[3][i]+float64(x.Args.(recorder.BatchNorm).Epsilon))
			m.offset[i] = c[1][i] - c[2][i]*m.scale[i]
		}
		return x.Inputs[0], m, nil
	}
	for i, in := range x.Inputs {
		if x.Op == compute.OpTypeSub && i == 0 || !slices.Equal(x.Inputs[1-i].Dims(), x.Dims()) {
			continue
		}
		c, err := l.perChannel(in, channels, len(x.Dims())-1)
		if err != nil {
			return nil, nil, err
		}
		if c == nil {
			continue
		}
		switch x.Op {
		case compute.OpTypeMul:
			m.scale = c
		case compute.OpTypeAdd:
			m.offset = c
		case compute.OpTypeSub:
			for k, v := range c {
				m.offset[k] = -v
			}
		}
		return x.Inputs[1-i], m, nil
	}
	return nil, nil, nil
}

// perChannel returns the values of a constant that varies along the channels alone, the axis that is
// fromEnd axes from the end; nil if it is none.
func (l *lowering) perChannel(in *recorder.Node, channels, fromEnd int) ([]float64, error) {
	v, err := l.known(in)
	if v == nil || err != nil {
		return nil, err
	}
	for i, d := range v.dims {
		if d != 1 && (len(v.dims)-i != fromEnd || d != channels) {
			return nil, nil
		}
	}
	values, ok := v.floats()
	if !ok {
		return nil, nil
	}
	if len(values) == 1 {
		values = slices.Repeat(values, channels)
	}
	return values, nil
}

// known returns the value of a constant, also of one whose broadcast is left open, and nil for other
// nodes.
func (l *lowering) known(n *recorder.Node) (*tensor, error) {
	if l.values[n] == nil {
		below := n
		for below.Op == compute.OpTypeBroadcastInDim || below.Op == compute.OpTypeReshape {
			below = below.Inputs[0]
		}
		if v := l.values[below]; below == n || v == nil || v.data == nil {
			return nil, nil
		}
	}
	v, err := l.lower(n)
	if err != nil {
		return nil, err
	}
	return v.data, nil
}
