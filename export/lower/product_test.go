package lower_test

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"striate/internal/fault"
)

// convolution is one with everything that a recorded one may have.
type convolution struct {
	axes                             compute.ConvolveAxesConfig
	x, kernel, out                   []int // dimensions
	strides, inDilation, kerDilation []int
	paddings                         [][2]int
	turned                           bool // the kernel is turned round in space first
}

// Convolutions of one to three spatial axes in any order of axes, with strides, dilations, paddings on
// either side, negative ones too, and kernels beyond the input, equal their definition, or are refused.
// Their result is an output, is read, or both.
func TestConvolutionsEqualTheirDefinition(t *testing.T) {
	onnx, _ := backends(t)
	compared := 0
	rapid.Check(t, func(r *rapid.T) {
		c := drawConvolution(r)
		read, asked := rapid.Bool().Draw(r, "read"), rapid.Bool().Draw(r, "asked")
		exec, err := c.compile(r, onnx, read, asked || !read)
		if fault.CodeOf(err) == fault.Unsupported {
			return
		}
		require.NoError(r, err)
		defer exec.Finalize()
		x, kernel := flat(t, input("x", c.x...)), flat(t, input("kernel", c.kernel...))
		buffers := make([]compute.Buffer, 2)
		for i, in := range []struct {
			data []float64
			dims []int
		}{{x, c.x}, {kernel, c.kernel}} {
			narrow := make([]float32, len(in.data))
			for k, v := range in.data {
				narrow[k] = float32(v)
			}
			buffers[i], err = onnx.BufferFromFlatData(0, narrow, shapes.Make(dtypes.Float32, in.dims...))
			require.NoError(r, err)
		}
		results, err := exec.Execute(buffers, nil, 0)
		require.NoError(r, err)
		want := c.definition(x, kernel)
		compared++
		for i, result := range results {
			data, err := result.Data()
			require.NoError(r, err)
			for k, v := range data.([]float32) {
				w := want[k]
				if at := position(c.out, k); i == len(results)-1 && read {
					last := len(at) - 1
					at[last] = c.out[last] - 1 - at[last]
					w = want[place(c.out, at)]
				}
				require.InDelta(r, w, v, rounding*float64(1+c.terms()), "result %d, element %d", i, k)
			}
		}
	})
	require.Greater(t, compared, 25, "nearly all were refused")
}

func drawConvolution(r *rapid.T) *convolution {
	rank := rapid.IntRange(1, 3).Draw(r, "rank")
	order := func(what string) []int {
		axes := make([]int, rank+2)
		for i := range axes {
			axes[i] = i
		}
		if rapid.Bool().Draw(r, what+" is plain") {
			return axes
		}
		return rapid.Permutation(axes).Draw(r, what)
	}
	in, ker, out := order("axes of the input"), order("axes of the kernel"), order("axes of the output")
	c := &convolution{
		axes: compute.ConvolveAxesConfig{InputBatch: in[0], InputChannels: in[1], InputSpatial: in[2:], KernelInputChannels: ker[1],
			KernelOutputChannels: ker[0], KernelSpatial: ker[2:], OutputBatch: out[0], OutputChannels: out[1], OutputSpatial: out[2:]},
		x: make([]int, rank+2), kernel: make([]int, rank+2), out: make([]int, rank+2),
		turned: rapid.Bool().Draw(r, "turned"),
	}
	dilated := !c.turned && rapid.Bool().Draw(r, "dilated")
	number := func(lo, hi int, what string) int { return rapid.IntRange(lo, hi).Draw(r, what) }
	c.x[in[0]], c.x[in[1]], c.kernel[ker[0]] = number(1, 3, "images"), number(1, 20, "channels"), number(1, 40, "filters")
	c.out[out[0]], c.out[out[1]], c.kernel[ker[1]] = c.x[in[0]], c.kernel[ker[0]], c.x[in[1]]
	for i := range rank {
		longest := []int{18, 7, 4}[rank-1]
		size, span := number(1, longest, "size"), number(1, longest, "kernel size")
		stride, inner, step := 1, 1, number(1, 2, "kernel dilation")
		if dilated {
			inner = number(1, 3, "input dilation")
		} else if !c.turned {
			stride = number(1, 3, "stride")
		}
		pad := [2]int{rapid.SampledFrom([]int{0, 1, 2, 3, -1}).Draw(r, "start"), number(-2, 3, "end")}
		room := (size-1)*inner + 1 + pad[0] + pad[1] - (span-1)*step - 1
		if room < 0 { // no output: pad until there is one
			pad[1], room = pad[1]-room, 0
		}
		c.x[in[2+i]], c.kernel[ker[2+i]], c.out[out[2+i]] = size, span, room/stride+1
		c.strides, c.inDilation, c.kerDilation = append(c.strides, stride), append(c.inDilation, inner), append(c.kerDilation, step)
		c.paddings = append(c.paddings, pad)
	}
	return c
}

// terms is how many products an element of the result sums.
func (c *convolution) terms() int {
	n := 1
	for _, d := range c.kernel {
		n *= d
	}
	return n / c.out[c.axes.OutputChannels]
}

// compile returns the graph of the convolution. If it is read, the last output is its mirror image along
// the last axis.
func (c *convolution) compile(r *rapid.T, b compute.Backend, read, asked bool) (compute.Executable, error) {
	builder := b.Builder("convolution")
	f := builder.Main()
	x, err := f.Parameter("x", shapes.Make(dtypes.Float32, c.x...), nil)
	require.NoError(r, err)
	kernel, err := f.Parameter("kernel", shapes.Make(dtypes.Float32, c.kernel...), nil)
	require.NoError(r, err)
	if c.turned {
		kernel, err = f.Reverse(kernel, c.axes.KernelSpatial...)
		require.NoError(r, err)
	}
	y, err := f.ConvGeneral(x, kernel, c.axes, c.strides, c.paddings, c.inDilation, c.kerDilation, 1, 1)
	require.NoError(r, err)
	var outputs []compute.Value
	if asked {
		outputs = append(outputs, y)
	}
	if read {
		z, err := f.Reverse(y, len(c.out)-1)
		require.NoError(r, err)
		outputs = append(outputs, z)
	}
	require.NoError(r, f.Return(outputs, nil))
	return builder.Compile()
}

// definition sums products one by one.
func (c *convolution) definition(x, kernel []float64) []float64 {
	out := make([]float64, size(c.out))
	a := c.axes
	for to := range out {
		at := position(c.out, to)
		for from := range kernel {
			k := position(c.kernel, from)
			if k[a.KernelOutputChannels] != at[a.OutputChannels] {
				continue
			}
			in := make([]int, len(c.x))
			in[a.InputBatch], in[a.InputChannels] = at[a.OutputBatch], k[a.KernelInputChannels]
			inside := true
			for i, axis := range a.InputSpatial {
				element := k[a.KernelSpatial[i]]
				if c.turned {
					element = c.kernel[a.KernelSpatial[i]] - 1 - element
				}
				p := at[a.OutputSpatial[i]]*c.strides[i] + element*c.kerDilation[i] - c.paddings[i][0]
				inside = inside && p >= 0 && p%c.inDilation[i] == 0 && p/c.inDilation[i] < c.x[axis]
				in[axis] = p / c.inDilation[i]
			}
			if inside {
				out[to] += x[place(c.x, in)] * kernel[from]
			}
		}
	}
	return out
}

func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// position is the index along each axis of element i.
func position(dims []int, i int) []int {
	at := make([]int, len(dims))
	for axis, d := range slices.Backward(dims) {
		at[axis], i = i%d, i/d
	}
	return at
}

// place is the inverse of position.
func place(dims, at []int) int {
	i := 0
	for axis, d := range dims {
		i = i*d + at[axis]
	}
	return i
}
