package recorder

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"
)

// Backend records. Its executables cannot be run: take their tape with [TapeOf].
type Backend struct {
	notimplemented.Backend
}

// New returns a recording backend.
func New() *Backend { return &Backend{} }

// Name returns "recorder".
func (*Backend) Name() string { return "recorder" }

// String returns the same as Name.
func (*Backend) String() string { return "recorder" }

// Description says what the backend is for.
func (*Backend) Description() string { return "records the operations of a graph for export" }

// Capabilities are those of GoMLX's Go backend.
func (*Backend) Capabilities() compute.Capabilities { return Capabilities() }

// Builder returns a builder whose executables hold a tape.
func (*Backend) Builder(name string) compute.Builder {
	return NewBuilder(name, func(t *Tape) (compute.Executable, error) { return executable{t}, nil })
}

// Capabilities are those of a backend that records and then runs: the Go backend's, without
// functions and dynamic axes.
func Capabilities() compute.Capabilities {
	c := gobackend.GetBackend().Capabilities().Clone()
	c.Functions, c.DynamicShapes = false, compute.DynamicShapesNone
	c.DynamicAxes = false //lint:ignore SA1019 GoMLX still reads it
	return c
}

// TapeOf returns the tape of a graph compiled for a [Backend].
func TapeOf(e compute.Executable) (*Tape, error) {
	x, ok := e.(executable)
	if !ok {
		return nil, fmt.Errorf("%T was not made by the recording backend", e)
	}
	return x.tape, nil
}

// executable holds a tape that is not run.
type executable struct{ tape *Tape }

// Finalize does nothing: there is nothing but the tape.
func (executable) Finalize() {}

// Inputs returns names and shapes of the parameters.
func (e executable) Inputs() ([]string, []shapes.Shape) { return e.tape.Inputs() }

// Outputs returns the shapes of the outputs.
func (e executable) Outputs() []shapes.Shape { return e.tape.OutputShapes() }

// Execute is refused.
func (executable) Execute([]compute.Buffer, []bool, compute.DeviceNum) ([]compute.Buffer, error) {
	return nil, fmt.Errorf("a graph built on the recording backend cannot be run")
}

// Inputs returns names and shapes of the parameters, as a compute.Executable does.
func (t *Tape) Inputs() ([]string, []shapes.Shape) {
	names, list := make([]string, len(t.Parameters)), make([]shapes.Shape, len(t.Parameters))
	for i, p := range t.Parameters {
		names[i], list[i] = p.Name, p.Shape
	}
	return names, list
}

// OutputShapes returns the shapes of the outputs.
func (t *Tape) OutputShapes() []shapes.Shape {
	list := make([]shapes.Shape, len(t.Outputs))
	for i, o := range t.Outputs {
		list[i] = o.Shape
	}
	return list
}

// builder records one computation.
type builder struct {
	notimplemented.Builder
	name    string
	main    *function
	compile func(*Tape) (compute.Executable, error)
}

// NewBuilder returns a builder that records; compile makes the executable of the finished tape.
// Backends that run tapes are made of it.
func NewBuilder(name string, compile func(*Tape) (compute.Executable, error)) compute.Builder {
	inner := gobackend.GetBackend().Builder(name)
	b := &builder{name: name, compile: compile}
	b.main = &function{builder: b, inner: inner.Main(), tape: &Tape{Name: name}, known: map[compute.Value]*Node{}}
	b.main.ErrFn = func(op compute.OpType) error {
		return fmt.Errorf("operation %s at %s: %w", op, place(), compute.ErrNotImplemented)
	}
	return b
}

// Name returns the name of the computation.
func (b *builder) Name() string { return b.name }

// Main returns the only function there is.
func (b *builder) Main() compute.Function { return b.main }

// NewFunction is refused.
func (b *builder) NewFunction(name string) (compute.Function, error) {
	return nil, fmt.Errorf("function %q: %w", name, compute.ErrNotImplemented)
}

func (b *builder) OpShape(v compute.Value) (shapes.Shape, error) { return b.main.Shape(v) }

func (b *builder) Compile() (compute.Executable, error) {
	if b.main.tape.Outputs == nil {
		return nil, fmt.Errorf("graph %q has no outputs", b.name)
	}
	return b.compile(b.main.tape)
}
