package inspect

import (
	"cmp"
	"slices"
	"strings"
)

const noShape = "the shape of an operand is not known"

// geometry is how the windows of a convolution or pooling lie, for each axis from the third on.
type geometry struct {
	kernel, stride, dilation, before, after []int
	auto                                    string // the attribute auto_pad
	ceil                                    bool
}

// largest is beyond any size in a network, and small enough that products of two do not overflow.
const largest = 1 << 24

// geometry reads the attributes of windows over data of the given rank. weight, if there is one,
// tells the size of the kernel where no attribute does.
func (c *call) geometry(rank int, weight *value) (g geometry, why string) {
	n := rank - 2
	if n < 1 {
		return g, "the data has no rows or columns"
	}
	g.kernel = c.integers("kernel_shape", -1)
	if g.kernel == nil && weight != nil && len(weight.shape) == rank {
		g.kernel = weight.shape[2:]
	}
	pads := c.listOr("pads", make([]int, 2*n)...)
	g.stride, g.dilation = c.listOr("strides", ones(n)...), c.listOr("dilations", ones(n)...)
	if len(g.kernel) != n || len(pads) != 2*n || len(g.stride) != n || len(g.dilation) != n {
		return g, "the kernel's shape is not known or does not fit the data"
	}
	for i := range n {
		for _, v := range []int{g.kernel[i], g.stride[i], g.dilation[i]} {
			if v < 1 || v > largest {
				return g, "the kernel, stride or dilation is not a usable number"
			}
		}
	}
	g.before, g.after = slices.Clone(pads[:n]), slices.Clone(pads[n:])
	g.auto = c.text("auto_pad", "NOTSET")
	g.ceil = c.integer("ceil_mode", 0) != 0
	return g, ""
}

func (c *call) listOr(name string, otherwise ...int) []int {
	if list := c.integers(name, -1); list != nil {
		return list
	}
	return otherwise
}

func ones(n int) []int {
	list := make([]int, max(n, 0))
	for i := range list {
		list[i] = 1
	}
	return list
}

// pad settles auto_pad on spatial axis i for a size of n, -1 if not known. It reports whether it
// could.
func (g *geometry) pad(i, n int) bool {
	span := (g.kernel[i]-1)*g.dilation[i] + 1
	switch {
	case g.auto == "VALID":
		g.before[i], g.after[i] = 0, 0
	case strings.HasPrefix(g.auto, "SAME"):
		total := span - 1
		if g.stride[i] > 1 {
			if n < 0 {
				return false
			}
			total = max(0, (ceilDiv(n, g.stride[i])-1)*g.stride[i]+span-n)
		}
		g.before[i], g.after[i] = total/2, total-total/2
		if g.auto == "SAME_LOWER" {
			g.before[i], g.after[i] = g.after[i], g.before[i]
		}
	}
	return true
}

// windows returns how many windows there are over n units of spatial axis i, -1 if not known. The
// last one begins inside of the data or its front padding (the operators MaxPool and AveragePool).
func (g *geometry) windows(i, n int) int {
	if n < 0 {
		return -1
	}
	room := n + g.before[i] + g.after[i] - (g.kernel[i]-1)*g.dilation[i] - 1
	if room < 0 {
		return 0
	}
	if !g.ceil {
		return room/g.stride[i] + 1
	}
	count := ceilDiv(room, g.stride[i]) + 1
	if (count-1)*g.stride[i] >= n+g.before[i] {
		count--
	}
	return count
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// slide applies the windows to a value; channels is the number of channels of the result.
func (g *geometry) slide(v *value, channels int) (*value, string) {
	out := v.with(slices.Clone(v.shape), unchanged)
	out.shape[1] = channels
	for i := range g.kernel {
		axis := i + 2
		if !g.pad(i, v.shape[axis]) {
			return nil, "auto_pad needs the size of the image: give --size"
		}
		n := g.windows(i, v.shape[axis])
		out.shape[axis] = n
		for k, r := range out.field {
			out.field[k] = r.window(axis, g.kernel[i], g.dilation[i], g.stride[i], g.before[i], n)
		}
	}
	return out, ""
}

// convolution is the rule of convolutions whose kernels are operand w.
func convolution(w int) rule {
	return func(c *call) ([]*value, string) {
		x, kernels := c.operand(0), c.operand(w)
		if x == nil || x.shape == nil || kernels == nil {
			return nil, noShape
		}
		g, why := c.geometry(len(x.shape), kernels)
		if why != "" {
			return nil, why
		}
		channels := -1
		if len(kernels.shape) > 0 {
			channels = kernels.shape[0]
		}
		summed := x.with(x.shape, func(r reach) reach {
			if c.integer("group", 1) != 1 && r.moves(1) {
				return unknownReach("a convolution in groups over rows or columns")
			}
			return r.gather([]int{1})
		})
		out, why := g.slide(summed, channels)
		return []*value{out}, why
	}
}

// pooling is the rule of MaxPool, AveragePool and LpPool.
func pooling(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || len(x.shape) < 3 {
		return nil, noShape
	}
	g, why := c.geometry(len(x.shape), nil)
	if why != "" {
		return nil, why
	}
	out, why := g.slide(x, x.shape[1])
	return []*value{out}, why
}

// transposedConvolution is the rule of ConvTranspose without output_shape.
func transposedConvolution(c *call) ([]*value, string) {
	x, w := c.operand(0), c.operand(1)
	if x == nil || w == nil || x.shape == nil {
		return nil, noShape
	}
	g, why := c.geometry(len(x.shape), w)
	switch {
	case why != "":
		return nil, why
	case c.has("output_shape") || g.auto != "NOTSET" && g.auto != "VALID":
		return nil, "ConvTranspose with output_shape or auto_pad is not analysed"
	}
	extra := c.listOr("output_padding", make([]int, len(g.kernel))...)
	if len(extra) != len(g.kernel) {
		return nil, "output_padding does not fit the data"
	}
	out := x.with(slices.Clone(x.shape), func(r reach) reach { return r.gather([]int{1}) })
	out.shape[1] = -1
	if len(w.shape) > 1 && w.shape[1] > 0 {
		out.shape[1] = w.shape[1] * c.integer("group", 1)
	}
	for i := range g.kernel {
		axis, s := i+2, float64(g.stride[i])
		last := (g.kernel[i] - 1) * g.dilation[i]
		if x.shape[axis] >= 0 {
			out.shape[axis] = (x.shape[axis]-1)*g.stride[i] + extra[i] + last + 1 - g.before[i] - g.after[i]
		}
		loose := ""
		if g.stride[i] > 1 {
			loose = "a transposed convolution spreads units unevenly"
		}
		for k, r := range out.field {
			out.field[k] = r.finer(axis, s, float64(g.before[i]-last)/s, float64(g.before[i])/s, cmp.Or(loose, r.loose))
		}
	}
	return []*value{out}, ""
}

// globalPooling is the rule of GlobalAveragePool and its like.
func globalPooling(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || len(x.shape) < 3 {
		return nil, noShape
	}
	shape := slices.Clone(x.shape)
	for i := 2; i < len(shape); i++ {
		shape[i] = 1
	}
	return []*value{x.with(shape, func(r reach) reach { return r.gather(span(2, len(shape))) })}, ""
}

// pad is the rule of Pad. Where it repeats or mirrors the data, units at the border see pixels that
// are not in their field.
func pad(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	pads := c.integers("pads", 1)
	if pads == nil {
		pads = c.integers("paddings", -1) // operator set 1
	}
	which := span(0, len(x.shape))
	if c.operand(3) != nil {
		var ok bool
		if which, ok = axes(c.integers("", 3), len(x.shape)); !ok {
			return nil, "the axes of Pad are not known"
		}
	}
	if len(pads) != 2*len(which) {
		return nil, "the widths of Pad are not known"
	}
	out := x.with(slices.Clone(x.shape), unchanged)
	for k, axis := range which {
		before, after := pads[k], pads[k+len(which)]
		if before == 0 && after == 0 {
			continue
		}
		if out.shape[axis] >= 0 {
			out.shape[axis] = max(0, out.shape[axis]+before+after)
		}
		for i, r := range out.field {
			out.field[i] = r.shift(axis, -before, 1, out.shape[axis])
			if r.moves(axis) && c.text("mode", "constant") != "constant" {
				out.field[i].loose = "units at the border also see mirrored or repeated pixels"
			}
		}
	}
	return []*value{out}, ""
}

// spaceToDepth is the rule of SpaceToDepth; which of the block's pixels a channel holds is left open.
func spaceToDepth(c *call) ([]*value, string) {
	x, b := c.operand(0), c.integer("blocksize", 0)
	if x == nil || len(x.shape) != 4 || b < 1 {
		return nil, noShape
	}
	shape := []int{x.shape[0], times(x.shape[1], b*b), over(x.shape[2], b), over(x.shape[3], b)}
	out := x.with(shape, unchanged)
	for i, r := range out.field {
		if r.moves(1) {
			return nil, "SpaceToDepth of rows or columns that are no axis"
		}
		for _, axis := range []int{2, 3} {
			r = r.window(axis, b, 1, b, 0, shape[axis])
		}
		out.field[i] = r
	}
	return []*value{out}, ""
}

// depthToSpace is the rule of DepthToSpace.
func depthToSpace(c *call) ([]*value, string) {
	x, b := c.operand(0), c.integer("blocksize", 0)
	if x == nil || len(x.shape) != 4 || b < 1 {
		return nil, noShape
	}
	out := x.with([]int{x.shape[0], over(x.shape[1], b*b), times(x.shape[2], b), times(x.shape[3], b)}, unchanged)
	for i, r := range out.field {
		if r.moves(1) {
			return nil, "DepthToSpace of rows or columns that are no axis"
		}
		for _, axis := range []int{2, 3} {
			r = r.finer(axis, float64(b), -float64(b-1)/float64(b), 0, "units of a block see the same")
		}
		out.field[i] = r
	}
	return []*value{out}, ""
}

func times(size, by int) int {
	if size < 0 {
		return -1
	}
	return size * by
}

func over(size, by int) int {
	if size < 0 {
		return -1
	}
	return size / by
}
