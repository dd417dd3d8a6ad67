package onnxruntime

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"striate/export/recorder"
)

// tail is the end of a graph that only touches tensors element by element, as the update of the
// parameters by their gradients does. ONNX Runtime would pass over the memory once for every
// operation and needs new memory for every result; here one pass does all of them, in place where the
// caller donates the memory.
type tail struct {
	chains []*chain
	nodes  map[*recorder.Node]bool
	// needed are the nodes that the chains read and ONNX Runtime computes.
	needed []*recorder.Node
}

// findTail returns the tail of a tape; it is empty if there is none, or nothing before it.
func findTail(t *recorder.Tape) tail {
	x := tail{nodes: tailNodes(t)}
	needed := map[*recorder.Node]bool{}
	for _, nodes := range connected(t, x.nodes) {
		c, reads := newChain(t, nodes)
		x.chains = append(x.chains, c)
		for _, n := range reads {
			if n.Op != compute.OpTypeParameter && !needed[n] {
				needed[n] = true
				x.needed = append(x.needed, n)
			}
		}
	}
	if len(parametersOf(t, x.sessionNodes(t))) == 0 {
		return tail{}
	}
	return x
}

// sessionNodes are what is left to the session: the outputs that are no part of the tail, in their
// order, and what the chains need besides.
func (x tail) sessionNodes(t *recorder.Tape) []*recorder.Node {
	var nodes []*recorder.Node
	for _, n := range t.Outputs {
		if !x.nodes[n] {
			nodes = append(nodes, n)
		}
	}
	for _, n := range x.needed {
		if !slices.Contains(nodes, n) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// parametersOf are the places of the parameters that nodes depend on.
func parametersOf(t *recorder.Tape, nodes []*recorder.Node) []int {
	used := map[*recorder.Node]bool{}
	var use func(n *recorder.Node)
	use = func(n *recorder.Node) {
		if !used[n] {
			used[n] = true
			for _, in := range n.Inputs {
				use(in)
			}
		}
	}
	for _, n := range nodes {
		use(n)
	}
	var places []int
	for i, p := range t.Parameters {
		if used[p] {
			places = append(places, i)
		}
	}
	return places
}

// tailNodes are the nodes that only outputs and other such nodes depend on.
func tailNodes(t *recorder.Tape) map[*recorder.Node]bool {
	readers := map[*recorder.Node][]*recorder.Node{}
	for _, n := range t.Nodes {
		for _, in := range n.Inputs {
			readers[in] = append(readers[in], n)
		}
	}
	tail, bridge := map[*recorder.Node]bool{}, map[*recorder.Node]bool{} // a bridge broadcasts a scalar to tail nodes
	inside := func(n *recorder.Node) bool { return tail[n] || bridge[n] }
	for _, n := range slices.Backward(t.Nodes) {
		outside := slices.ContainsFunc(readers[n], func(r *recorder.Node) bool { return !inside(r) })
		asked := slices.Contains(t.Outputs, n)
		switch {
		case outside || !asked && len(readers[n]) == 0:
		case chainable(n):
			tail[n] = true
		case !asked && n.Op == compute.OpTypeBroadcastInDim && n.Inputs[0].Shape.Size() == 1:
			bridge[n] = true
		}
	}
	return tail
}

// chainable tells whether a chain can compute a node.
func chainable(n *recorder.Node) bool {
	switch n.Op {
	case compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul:
	default:
		return false
	}
	if n.Shape.DType != dtypes.Float32 || n.Shape.Size() < 2 {
		return false
	}
	whole := false
	for _, in := range n.Inputs {
		if _, isScalar := scalar(in); !isScalar {
			if !slices.Equal(in.Dims(), n.Dims()) {
				return false
			}
			whole = true
		}
	}
	return whole
}

// scalar looks through broadcasts at a tensor of one element.
func scalar(n *recorder.Node) (*recorder.Node, bool) {
	for n.Op == compute.OpTypeBroadcastInDim && n.Inputs[0].Shape.Size() == 1 {
		n = n.Inputs[0]
	}
	return n, n.Shape.Size() == 1
}

// connected parts the nodes into groups that have no tensor in common, in the order of the tape.
func connected(t *recorder.Tape, tail map[*recorder.Node]bool) [][]*recorder.Node {
	root := map[*recorder.Node]*recorder.Node{}
	var find func(n *recorder.Node) *recorder.Node
	find = func(n *recorder.Node) *recorder.Node {
		if up, ok := root[n]; ok && up != n {
			root[n] = find(up)
			return root[n]
		}
		return n
	}
	for _, n := range t.Nodes {
		if !tail[n] {
			continue
		}
		for _, in := range n.Inputs {
			if _, isScalar := scalar(in); !isScalar {
				root[find(in)] = find(n)
			}
		}
	}
	groups := map[*recorder.Node]int{}
	var list [][]*recorder.Node
	for _, n := range t.Nodes {
		if !tail[n] {
			continue
		}
		i, ok := groups[find(n)]
		if !ok {
			i, list = len(list), append(list, nil)
			groups[find(n)] = i
		}
		list[i] = append(list[i], n)
	}
	return list
}
