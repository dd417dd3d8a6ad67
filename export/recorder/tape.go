package recorder

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// Tape is a recorded computation. Nodes come after what they read.
type Tape struct {
	Name       string
	Nodes      []*Node
	Parameters []*Node // in the order of their creation
	Outputs    []*Node
}

// Node is one operation and the tensor that it makes.
type Node struct {
	Op     compute.OpType
	Inputs []*Node
	Shape  shapes.Shape
	// Args is what the operation takes beside its inputs: nil, or the type that its method in this
	// package names.
	Args any
	// Name is the name of a parameter; empty for other operations.
	Name string
	// Place is the line of code that asked for the operation.
	Place string

	index  int // in Tape.Nodes
	inner  compute.Value
	replay replay
}

// replay repeats an operation on a function of any backend.
type replay func(f compute.Function, in []compute.Value) (compute.Value, error)

// Index is the position of the node in its tape.
func (n *Node) Index() int { return n.index }

// Dims are the dimensions of the node's tensor.
func (n *Node) Dims() []int { return n.Shape.Dimensions }

// String names the node in messages: operation, shape and place.
func (n *Node) String() string {
	name := strings.TrimPrefix(n.Op.String(), "OpType")
	if n.Name != "" {
		name += " " + n.Name
	}
	return fmt.Sprintf("%s %s at %s", name, n.Shape, n.Place)
}

// place is the first caller outside of GoMLX and of this package.
func place() string {
	var pcs [48]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		frame, more := frames.Next()
		if f := frame.Function; !strings.HasPrefix(f, "github.com/gomlx/") && !strings.Contains(f, "export/recorder.") {
			short := f[strings.LastIndexByte(f, '/')+1:]
			return fmt.Sprintf("%s (%s:%d)", short, frame.File[strings.LastIndexByte(frame.File, '/')+1:], frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
