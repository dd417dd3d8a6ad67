package onnxruntime

import "striate/export/recorder"

// chain computes tensors of one shape from others of that shape and from scalars, a piece of all of
// them at a time.
type chain struct {
	size    int
	reads   []*recorder.Node // tensors; operand i is reads[i]
	scalars []*recorder.Node
	steps   []instruction // step i makes operand len(reads)+i
	results []result
	slots   int // of scratch, each for a piece of what is not a result
}

// instruction makes r = a ∘ b, r = a ∘ s or, for sums and differences, r = a ∘ s·b, for tensors a, b
// and a scalar s.
type instruction struct {
	op   operation
	a, b int // operands; b is -1 where there is none
	s    int // scalar; -1 where there is none
	slot int // of scratch; -1 for a result
}

type operation int

const (
	add operation = iota
	sub
	subFrom // s − a
	mul
)

// result is an operand that is an output of the graph.
type result struct {
	node    *recorder.Node
	operand int
	// over are the operands among reads whose memory the result may take: nothing reads them later.
	over []int
}

// piece is how many elements are computed at a time: those of a few tensors stay in the first cache.
const piece = 2048

// bound is a chain with the memory to run on. The memory of a result may be that of a tensor read.
type bound struct {
	*chain
	operands [][]float32 // nil for what is kept in scratch
	scalars  []float32
}

// run computes elements lo to hi.
func (c *bound) run(lo, hi int) {
	views := make([][]float32, len(c.operands))
	scratch := make([]float32, c.slots*piece)
	for ; lo < hi; lo += piece {
		end := min(lo+piece, hi)
		for i, o := range c.operands {
			if o != nil {
				views[i] = o[lo:end]
			}
		}
		for i, step := range c.steps {
			r := len(c.reads) + i
			if step.slot >= 0 {
				views[r] = scratch[step.slot*piece:][:end-lo]
			}
			step.run(views, c.scalars, views[r])
		}
	}
}

// run computes one instruction.
func (i instruction) run(operands [][]float32, scalars []float32, r []float32) {
	a := operands[i.a][:len(r)]
	switch {
	case i.b < 0:
		i.withScalar(r, a, scalars[i.s])
	case i.s < 0:
		i.withTensor(r, a, operands[i.b][:len(r)])
	default:
		i.withScaled(r, a, scalars[i.s], operands[i.b][:len(r)])
	}
}

func (i instruction) withScalar(r, a []float32, s float32) {
	switch i.op {
	case add:
		for k, x := range a {
			r[k] = x + s
		}
	case sub:
		for k, x := range a {
			r[k] = x - s
		}
	case subFrom:
		for k, x := range a {
			r[k] = s - x
		}
	case mul:
		for k, x := range a {
			r[k] = x * s
		}
	}
}

func (i instruction) withTensor(r, a, b []float32) {
	switch i.op {
	case add:
		for k, x := range a {
			r[k] = x + b[k]
		}
	case sub:
		for k, x := range a {
			r[k] = x - b[k]
		}
	case mul:
		for k, x := range a {
			r[k] = x * b[k]
		}
	}
}

// withScaled rounds the product before it is added, as separate operations do.
func (i instruction) withScaled(r, a []float32, s float32, b []float32) {
	switch i.op {
	case add:
		for k, x := range a {
			r[k] = x + float32(s*b[k])
		}
	case sub:
		for k, x := range a {
			r[k] = x - float32(s*b[k])
		}
	}
}
