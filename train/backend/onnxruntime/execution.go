package onnxruntime

import (
	"github.com/gomlx/compute"

	"striate/export/recorder"
	"striate/internal/parallel"
)

// execution is one run of a graph whose session has done its share.
type execution struct {
	*executable
	inputs   []*buffer
	donated  []bool                     // whether the memory of an input is there to be taken
	computed []*buffer                  // by the session
	results  map[*recorder.Node]*buffer // of the chains
}

// finish runs the chains, returns the results and puts back the memory that nobody needs any more.
func (x *execution) finish() []compute.Buffer {
	x.runChains()
	buffers := make([]compute.Buffer, len(x.tape.Outputs))
	returned := map[*buffer]bool{}
	next := 0 // outputs come first, in their order, among what the session computes
	for i, n := range x.tape.Outputs {
		b := x.results[n]
		if b == nil {
			b, next = x.computed[next], next+1
		}
		if returned[b] { // a tensor that is two outputs is two buffers
			b = x.clone(b)
		}
		returned[b], buffers[i] = true, b
	}
	for _, b := range x.computed {
		if !returned[b] {
			x.backend.pool.put(b)
		}
	}
	for i, b := range x.inputs {
		if x.donated[i] {
			x.backend.pool.put(b)
		}
	}
	return buffers
}

func (x *execution) clone(b *buffer) *buffer {
	c := x.backend.pool.get(x.backend, b.shape)
	copy(c.flat.([]float32), b.flat.([]float32))
	return c
}

// runChains computes the tail, pieces of all its tensors side by side.
func (x *execution) runChains() {
	type job struct {
		bound  *bound
		lo, hi int
	}
	const most = 32 * piece
	var jobs []job
	x.results = map[*recorder.Node]*buffer{}
	for _, c := range x.tail.chains {
		b := x.bind(c)
		for lo := 0; lo < c.size; lo += most {
			jobs = append(jobs, job{b, lo, min(lo+most, c.size)})
		}
	}
	parallel.ForOn(x.backend.threads, len(jobs), 1, func(lo, hi int) {
		for _, j := range jobs[lo:hi] {
			j.bound.run(j.lo, j.hi)
		}
	})
}

// bind gives a chain its memory.
func (x *execution) bind(c *chain) *bound {
	b := &bound{chain: c, operands: make([][]float32, len(c.reads)+len(c.steps)), scalars: make([]float32, len(c.scalars))}
	for i, n := range c.reads {
		b.operands[i] = x.tensor(n)
	}
	for i, n := range c.scalars {
		b.scalars[i] = x.tensor(n)[0]
	}
	for _, r := range c.results {
		result := x.take(c, r)
		x.results[r.node], b.operands[r.operand] = result, result.flat.([]float32)
	}
	return b
}

// tensor is the value of a node that a chain reads.
func (x *execution) tensor(n *recorder.Node) []float32 {
	if i, ok := x.output[n]; ok {
		return x.computed[i].flat.([]float32)
	}
	return x.inputs[x.parameter[n]].flat.([]float32)
}

// take returns memory for a result: that of a donated input which nothing reads later, or other.
func (x *execution) take(c *chain, r result) *buffer {
	for _, k := range r.over {
		i := x.parameter[c.reads[k]]
		if !x.donated[i] {
			continue
		}
		x.donated[i] = false
		given := x.inputs[i]
		b := &buffer{x.backend, r.node.Shape.Clone(), given.flat}
		given.flat = nil
		return b
	}
	return x.backend.pool.get(x.backend, r.node.Shape)
}
