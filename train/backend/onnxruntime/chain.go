package onnxruntime

import (
	"slices"

	"github.com/gomlx/compute"

	"striate/export/recorder"
)

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

// newChain writes the instructions for nodes and returns also all that they read.
func newChain(t *recorder.Tape, nodes []*recorder.Node) (*chain, []*recorder.Node) {
	w := &chainWriter{chain: &chain{size: nodes[0].Shape.Size()}, tape: t, operand: map[*recorder.Node]int{}}
	w.collect(nodes)
	for _, n := range nodes {
		if !w.merged[n] {
			w.write(n)
		}
	}
	w.allocate()
	return w.chain, slices.Concat(w.reads, w.scalars)
}

// chainWriter makes a chain.
type chainWriter struct {
	*chain
	tape    *recorder.Tape
	operand map[*recorder.Node]int
	merged  map[*recorder.Node]bool // products that become part of their only reader
}

// collect finds the tensors that are read and the products with a scalar that need no step of their own.
func (w *chainWriter) collect(nodes []*recorder.Node) {
	inside, readers := map[*recorder.Node]bool{}, map[*recorder.Node]int{}
	for _, n := range nodes {
		inside[n] = true
		for _, in := range n.Inputs {
			readers[in]++
		}
	}
	w.merged = map[*recorder.Node]bool{}
	for _, n := range nodes {
		taken := false
		for i, in := range n.Inputs {
			_, isScalar := scalar(in)
			if _, known := w.operand[in]; !isScalar && !inside[in] && !known {
				w.operand[in] = len(w.reads)
				w.reads = append(w.reads, in)
			}
			_, otherScalar := scalar(n.Inputs[1-i])
			if inside[in] && !taken && !otherScalar && n.Op != compute.OpTypeMul && (n.Op == compute.OpTypeAdd || i == 1) &&
				readers[in] == 1 && !slices.Contains(w.tape.Outputs, in) && scaled(in) {
				w.merged[in], taken = true, true
			}
		}
	}
}

// scaled tells whether a node is a tensor times a scalar.
func scaled(n *recorder.Node) bool {
	if n.Op != compute.OpTypeMul {
		return false
	}
	_, left := scalar(n.Inputs[0])
	_, right := scalar(n.Inputs[1])
	return left != right
}

// write appends the instruction for a node.
func (w *chainWriter) write(n *recorder.Node) {
	i := instruction{op: map[compute.OpType]operation{compute.OpTypeAdd: add, compute.OpTypeSub: sub, compute.OpTypeMul: mul}[n.Op], b: -1, s: -1, slot: -1}
	left, right := n.Inputs[0], n.Inputs[1]
	_, swap := scalar(left)
	if swap = swap || w.merged[left]; swap {
		left, right = right, left
		if i.op == sub {
			i.op = subFrom
		}
	}
	i.a = w.operand[left]
	if s, isScalar := scalar(right); isScalar {
		i.s = w.scalar(s)
	} else if w.merged[right] {
		tensor, factor := right.Inputs[0], right.Inputs[1]
		if _, isScalar := scalar(tensor); isScalar {
			tensor, factor = factor, tensor
		}
		s, _ := scalar(factor)
		i.b, i.s = w.operand[tensor], w.scalar(s)
	} else {
		i.b = w.operand[right]
	}
	w.operand[n] = len(w.reads) + len(w.steps)
	w.steps = append(w.steps, i)
}

func (w *chainWriter) scalar(n *recorder.Node) int {
	if i := slices.Index(w.scalars, n); i >= 0 {
		return i
	}
	w.scalars = append(w.scalars, n)
	return len(w.scalars) - 1
}

// allocate finds the memory of each step: that of a result, or a slot of scratch.
func (w *chainWriter) allocate() {
	last := make([]int, len(w.reads)+len(w.steps)) // the last step that reads an operand
	for i, step := range w.steps {
		last[step.a] = i
		if step.b >= 0 {
			last[step.b] = i
		}
	}
	for n, operand := range w.operand {
		if slices.Contains(w.tape.Outputs, n) && operand >= len(w.reads) {
			w.results = append(w.results, result{node: n, operand: operand})
		}
	}
	slices.SortFunc(w.results, func(a, b result) int { return a.operand - b.operand })
	for i := range w.results {
		for k, read := range w.reads {
			if read.Op == compute.OpTypeParameter && last[k] <= w.results[i].operand-len(w.reads) {
				w.results[i].over = append(w.results[i].over, k)
			}
		}
	}
	var free []int
	for i := range w.steps {
		operand := len(w.reads) + i
		if !slices.ContainsFunc(w.results, func(r result) bool { return r.operand == operand }) {
			if len(free) == 0 {
				free = append(free, w.slots)
				w.slots++
			}
			w.steps[i].slot, free = free[len(free)-1], free[:len(free)-1]
		}
		for k := range i + 1 { // what nothing reads later
			if slot := w.steps[k].slot; slot >= 0 && last[len(w.reads)+k] == i {
				free = append(free, slot)
			}
		}
	}
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
