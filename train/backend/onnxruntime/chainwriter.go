package onnxruntime

import (
	"slices"

	"github.com/gomlx/compute"

	"striate/export/recorder"
)

// newChain writes the instructions for nodes and returns also all that they read.
func newChain(t *recorder.Tape, nodes []*recorder.Node) (*chain, []*recorder.Node) {
	w := &chainWriter{chain: &chain{size: nodes[0].Shape.Size()}, tape: t, operand: map[*recorder.Node]int{}, merged: map[*recorder.Node]bool{}}
	w.collect(nodes)
	w.merge(nodes)
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

// collect finds the tensors that are read.
func (w *chainWriter) collect(nodes []*recorder.Node) {
	inside := map[*recorder.Node]bool{}
	for _, n := range nodes {
		inside[n] = true
		for _, in := range n.Inputs {
			_, isScalar := scalar(in)
			if _, known := w.operand[in]; !isScalar && !inside[in] && !known {
				w.operand[in] = len(w.reads)
				w.reads = append(w.reads, in)
			}
		}
	}
}

// merge finds the products with a scalar that need no step of their own: nothing reads them but one sum,
// or one difference that takes them off.
func (w *chainWriter) merge(nodes []*recorder.Node) {
	readers := map[*recorder.Node]int{}
	for _, n := range nodes {
		for _, in := range n.Inputs {
			readers[in]++
		}
	}
	for _, n := range nodes {
		for i, in := range n.Inputs {
			_, withScalar := scalar(n.Inputs[1-i])
			if n.Op == compute.OpTypeMul || n.Op == compute.OpTypeSub && i == 0 || withScalar {
				continue
			}
			if _, isRead := w.operand[in]; !isRead && readers[in] == 1 && !slices.Contains(w.tape.Outputs, in) && scaled(in) {
				w.merged[in] = true
				break // one of two
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
