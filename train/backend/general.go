package backend

import (
	"slices"

	"github.com/gomlx/compute"
)

// request is a ConvGeneral with its spatial settings filled in.
type request struct {
	x, kernel                                compute.Value
	axes                                     compute.ConvolveAxesConfig
	size, taps, positions                    [2]int // of the input, the kernel, the output
	stride, before, inputDilation, kernelGap [2]int
}

// isKernelGradient tells whether r is the gradient of a convolution for its kernel: images and
// channels have then changed places. Any undilated convolution may be computed in that way; for these
// it is the cheap one.
func (r request) isKernelGradient() bool {
	return r.inputDilation == [2]int{1, 1} && r.axes.InputBatch > r.axes.InputChannels
}

// lower emits r as matrix products.
func (e *emitter) lower(r request) compute.Value {
	if r.isKernelGradient() {
		return e.kernelGradient(r)
	}
	if y, ok := e.inputGradient(r); ok {
		return y
	}
	if reversed, ok := e.f.reversed[r.kernel]; ok && r.taps == [2]int{1, 1} {
		r.kernel = reversed.of // there is nothing to reverse in it
	}
	a := r.axes
	x := e.transpose(r.x, a.InputBatch, a.InputChannels, a.InputSpatial[0], a.InputSpatial[1])
	x = e.pad(x, compute.PadAxis{}, compute.PadAxis{},
		compute.PadAxis{Interior: r.inputDilation[0] - 1}, compute.PadAxis{Interior: r.inputDilation[1] - 1})
	kernel := e.transpose(r.kernel, a.KernelOutputChannels, a.KernelInputChannels, a.KernelSpatial[0], a.KernelSpatial[1])
	y := e.correlate(x, kernel, window{taps: r.taps, positions: r.positions, step: r.kernelGap, stride: r.stride, before: r.before})
	return e.arrange(y, a.OutputBatch, a.OutputChannels, a.OutputSpatial)
}

// kernelGradient emits r as the gradient of a convolution for its kernel. In that convolution the
// axis that r takes for channels is the batch, and strides and gaps change places.
func (e *emitter) kernelGradient(r request) compute.Value {
	a := r.axes
	x := e.transpose(r.x, a.InputChannels, a.InputBatch, a.InputSpatial[0], a.InputSpatial[1])
	v := e.transpose(r.kernel, a.KernelInputChannels, a.KernelOutputChannels, a.KernelSpatial[0], a.KernelSpatial[1])
	g := e.gradientForKernel(x, v, window{taps: r.positions, positions: r.taps, step: r.stride, stride: r.kernelGap, before: r.before})
	return e.arrange(g, a.OutputChannels, a.OutputBatch, a.OutputSpatial)
}

// inputGradient emits r as the gradient of a convolution for its input, if it is one and that is the
// cheaper way: the kernel is then a reversed one, and dilation of the input the stride.
func (e *emitter) inputGradient(r request) (y compute.Value, ok bool) {
	a := r.axes
	reversed, isReversed := e.f.reversed[r.kernel]
	if !isReversed || r.stride != [2]int{1, 1} || !slices.Equal(sorted(reversed.axes), sorted(a.KernelSpatial)) {
		return nil, false
	}
	v := e.transpose(r.x, a.InputBatch, a.InputChannels, a.InputSpatial[0], a.InputSpatial[1])
	d := e.dims(v)
	w := window{taps: r.taps, positions: r.size, step: r.kernelGap, stride: r.inputDilation}
	for i := range 2 {
		w.before[i] = r.kernelGap[i]*(r.taps[i]-1) - r.before[i]
		if w.before[i] < 0 {
			return nil, false
		}
	}
	// With stride 1 and many positions reversing the kernel is cheap, and spares the scattered sums.
	if r.inputDilation == [2]int{1, 1} && d[0]*w.positionCount() > transposeCost*d[1] {
		return nil, false
	}
	kernel := e.transpose(reversed.of, a.KernelInputChannels, a.KernelOutputChannels, a.KernelSpatial[0], a.KernelSpatial[1])
	g := e.gradientForInput(v, kernel, w, r.positions[0], r.positions[1])
	return e.arrange(g, a.OutputBatch, a.OutputChannels, a.OutputSpatial), true
}

// arrange puts axes 0, 1, 2 and 3 of x where the output of a convolution wants them.
func (e *emitter) arrange(x compute.Value, first, second int, spatial []int) compute.Value {
	axes := make([]int, 4)
	axes[first], axes[second], axes[spatial[0]], axes[spatial[1]] = 0, 1, 2, 3
	return e.transpose(x, axes...)
}

func sorted(s []int) []int {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}
