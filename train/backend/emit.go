package backend

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// emitter adds operations to the inner function. The first error sticks and later calls do nothing.
type emitter struct {
	f     *function
	dtype dtypes.DType
	err   error
}

// do runs one operation unless something failed before.
func (e *emitter) do(op func(f compute.Function) (compute.Value, error)) compute.Value {
	if e.err != nil {
		return nil
	}
	v, err := op(e.f.Function)
	if err != nil {
		e.err = err
	}
	return v
}

func (e *emitter) dims(x compute.Value) []int {
	if e.err != nil {
		return make([]int, 4)
	}
	s, err := e.f.Shape(x)
	if err != nil {
		e.err = err
		return make([]int, 4)
	}
	return s.Dimensions
}

func (e *emitter) reshape(x compute.Value, dims ...int) compute.Value {
	return e.do(func(f compute.Function) (compute.Value, error) { return f.Reshape(x, dims...) })
}

// transpose permutes axes; it does nothing for the identity.
func (e *emitter) transpose(x compute.Value, axes ...int) compute.Value {
	if slices.IsSorted(axes) {
		return x
	}
	return e.do(func(f compute.Function) (compute.Value, error) { return f.Transpose(x, axes...) })
}

func (e *emitter) slice(x compute.Value, starts, limits, strides []int) compute.Value {
	return e.do(func(f compute.Function) (compute.Value, error) { return f.Slice(x, starts, limits, strides) })
}

func (e *emitter) concatenate(axis int, parts ...compute.Value) compute.Value {
	if len(parts) == 1 {
		return parts[0]
	}
	return e.do(func(f compute.Function) (compute.Value, error) { return f.Concatenate(axis, parts...) })
}

// pad adds zeros; it does nothing where none are asked for.
func (e *emitter) pad(x compute.Value, axes ...compute.PadAxis) compute.Value {
	return e.padWith(0, x, axes...)
}

// padWith adds elements of a value.
func (e *emitter) padWith(value float64, x compute.Value, axes ...compute.PadAxis) compute.Value {
	if !slices.ContainsFunc(axes, func(a compute.PadAxis) bool { return a != compute.PadAxis{} }) {
		return x
	}
	return e.do(func(f compute.Function) (compute.Value, error) {
		fill, err := e.f.scalar(e.dtype, value)
		if err != nil {
			return nil, err
		}
		return f.Pad(x, fill, axes...)
	})
}

func (e *emitter) add(x, y compute.Value) compute.Value {
	return e.do(func(f compute.Function) (compute.Value, error) { return f.Add(x, y) })
}

func (e *emitter) max(x, y compute.Value) compute.Value {
	return e.do(func(f compute.Function) (compute.Value, error) { return f.Max(x, y) })
}

// dot is the matrix product over one axis of each operand, batched over axis 0 if batched.
func (e *emitter) dot(x compute.Value, xAxis int, y compute.Value, yAxis int, batched bool) compute.Value {
	var batch []int
	if batched {
		batch = []int{0}
	}
	return e.do(func(f compute.Function) (compute.Value, error) {
		return f.DotGeneral(x, []int{xAxis}, batch, y, []int{yAxis}, batch, compute.DotGeneralConfig{})
	})
}

// repeat stacks n copies of a matrix.
func (e *emitter) repeat(x compute.Value, n int) compute.Value {
	return e.do(func(f compute.Function) (compute.Value, error) {
		s, err := f.Shape(x)
		if err != nil {
			return nil, err
		}
		s = s.Clone()
		s.Dimensions = append([]int{n}, s.Dimensions...)
		return f.BroadcastInDim(x, s, []int{1, 2})
	})
}

func (e *emitter) sum(x compute.Value, axes ...int) compute.Value {
	return e.do(func(f compute.Function) (compute.Value, error) { return f.ReduceSum(x, axes...) })
}
