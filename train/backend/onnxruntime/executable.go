package onnxruntime

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	ort "github.com/yalue/onnxruntime_go"

	"striate/export/lower"
	"striate/export/onnx"
	"striate/export/recorder"
)

// executable is a graph ready to run.
type executable struct {
	backend *Backend
	session *ort.DynamicAdvancedSession
	tape    *recorder.Tape
	fed     []int            // the parameters that the session reads
	made    []*recorder.Node // what the session computes, and in which shape
	shapes  []ort.Shape
	tail    *tail
}

var _ compute.Executable = (*executable)(nil)

// elementTypes are ONNX Runtime's names of the types.
var elementTypes = map[dtypes.DType]ort.TensorElementDataType{
	dtypes.Float32: ort.TensorElementDataTypeFloat, dtypes.Float64: ort.TensorElementDataTypeDouble,
	dtypes.Int8: ort.TensorElementDataTypeInt8, dtypes.Int16: ort.TensorElementDataTypeInt16,
	dtypes.Int32: ort.TensorElementDataTypeInt32, dtypes.Int64: ort.TensorElementDataTypeInt64,
	dtypes.Uint8: ort.TensorElementDataTypeUint8, dtypes.Uint16: ort.TensorElementDataTypeUint16,
	dtypes.Uint32: ort.TensorElementDataTypeUint32, dtypes.Uint64: ort.TensorElementDataTypeUint64,
	dtypes.Bool: ort.TensorElementDataTypeBool, dtypes.Float16: ort.TensorElementDataTypeFloat16,
	dtypes.BFloat16: ort.TensorElementDataTypeBFloat16,
}

func (b *Backend) compile(t *recorder.Tape) (compute.Executable, error) {
	if initializes(t) {
		return &initialization{b, t}, nil
	}
	e := &executable{backend: b, tape: t, tail: findTail(t)}
	e.share()
	model, inputs, outputs, err := e.write()
	if err != nil {
		return nil, err
	}
	data, err := model.Encode()
	if err != nil {
		return nil, err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime options: %w", err)
	}
	defer options.Destroy() //nolint:errcheck // freeing memory
	if err := options.SetIntraOpNumThreads(b.threads); err != nil {
		return nil, fmt.Errorf("ONNX Runtime options: %w", err)
	}
	if b.profile != "" {
		if err := options.EnableProfiling(b.profile); err != nil {
			return nil, fmt.Errorf("ONNX Runtime options: %w", err)
		}
	}
	e.session, err = ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, options)
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime refuses graph %s: %w", t.Name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.compiled[e] = true
	return e, nil
}

// share leaves the tail of the graph to the chains, and to the session what they and the caller need.
// A graph that is nothing but tail is the session's, which must have something to compute.
func (e *executable) share() {
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
	for _, n := range e.tape.Outputs {
		if !e.tail.made[n] {
			e.made = append(e.made, n)
		}
	}
	for _, n := range e.tail.needed {
		if !slices.Contains(e.made, n) {
			e.made = append(e.made, n)
		}
	}
	for _, n := range e.made {
		use(n)
	}
	for i, p := range e.tape.Parameters {
		if used[p] {
			e.fed = append(e.fed, i)
		}
	}
	switch {
	case len(e.fed) > 0:
	case len(e.tail.chains) > 0:
		e.tail, e.made = &tail{}, nil
		e.share()
	default: // the library's binding takes no session without inputs
		for i := range e.tape.Parameters {
			e.fed = append(e.fed, i)
		}
	}
}

// write lowers the session's share, with the parameters that it reads fed.
func (e *executable) write() (m *onnx.Model, inputs, outputs []string, err error) {
	names := map[*recorder.Node]string{}
	for _, i := range e.fed {
		name := fmt.Sprintf("in%d", i)
		names[e.tape.Parameters[i]] = name
		inputs = append(inputs, name)
	}
	options := lower.Options{AnyShape: true, Input: func(p *recorder.Node) (string, bool) { name, fed := names[p]; return name, fed }}
	for i, n := range e.made {
		options.Outputs = append(options.Outputs, lower.Output{Name: fmt.Sprintf("out%d", i), Node: n})
	}
	m, err = lower.Model(e.tape.Name, e.tape, options)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, v := range m.Outputs() {
		outputs = append(outputs, v.Name)
		shape := make(ort.Shape, len(v.Shape))
		for axis, d := range v.Shape {
			shape[axis] = d.Size
		}
		e.shapes = append(e.shapes, shape)
	}
	return m, inputs, outputs, nil
}

func (e *executable) Finalize() {
	e.backend.mu.Lock()
	defer e.backend.mu.Unlock()
	delete(e.backend.compiled, e)
	if e.session != nil {
		e.session.Destroy() //nolint:errcheck // freeing memory
		e.session = nil
	}
}

func (e *executable) Inputs() ([]string, []shapes.Shape) { return e.tape.Inputs() }

func (e *executable) Outputs() []shapes.Shape { return e.tape.OutputShapes() }

// Execute runs the graph. Memory of donated inputs is reused, by results where the graph allows it.
func (e *executable) Execute(inputs []compute.Buffer, donate []bool, _ compute.DeviceNum) ([]compute.Buffer, error) {
	if e.session == nil {
		return nil, fmt.Errorf("graph %s was finalized", e.tape.Name)
	}
	if len(inputs) != len(e.tape.Parameters) {
		return nil, fmt.Errorf("graph %s takes %d inputs, got %d", e.tape.Name, len(e.tape.Parameters), len(inputs))
	}
	own := make([]*buffer, len(inputs))
	for i, input := range inputs {
		b, ok := input.(*buffer)
		if !ok || b.flat == nil || !b.shape.EqualDimensions(e.tape.Parameters[i].Shape) || b.shape.DType != e.tape.Parameters[i].Shape.DType {
			return nil, fmt.Errorf("input %d of graph %s must be a tensor %s of this backend", i, e.tape.Name, e.tape.Parameters[i].Shape)
		}
		own[i] = b
	}
	made, err := e.runSession(own)
	if err != nil {
		return nil, err
	}
	x := &execution{executable: e, inputs: own, donated: make([]bool, len(own)), made: made}
	copy(x.donated, donate)
	return x.finish(), nil
}

// runSession computes the session's share.
func (e *executable) runSession(inputs []*buffer) ([]*buffer, error) {
	var call call
	defer call.end()
	for _, i := range e.fed {
		if err := call.add(&call.in, inputs[i], dims(inputs[i].shape)); err != nil {
			return nil, fmt.Errorf("input %s: %w", e.tape.Parameters[i].Name, err)
		}
	}
	made := make([]*buffer, len(e.made))
	for i, n := range e.made {
		made[i] = e.backend.pool.get(e.backend, n.Shape)
		if err := call.add(&call.out, made[i], e.shapes[i]); err != nil {
			return nil, fmt.Errorf("output %s: %w", n, err)
		}
	}
	if err := e.session.Run(call.in, call.out); err != nil {
		return nil, fmt.Errorf("running graph %s in ONNX Runtime: %w", e.tape.Name, err)
	}
	return made, nil
}

// initializes tells whether a tape only makes values of variables: it reads nothing, or draws random
// numbers, which ONNX has no reproducible operation for.
func initializes(t *recorder.Tape) bool {
	if len(t.Parameters) == 0 {
		return true
	}
	random := false
	for _, n := range t.Nodes {
		switch n.Op {
		case compute.OpTypeRNGBitGenerator:
			random = true
		case compute.OpTypeConvGeneral, compute.OpTypeDotGeneral:
			return false
		}
	}
	return random
}

// initialization is such a tape, run by GoMLX's Go backend.
type initialization struct {
	backend *Backend
	tape    *recorder.Tape
}

func (*initialization) Finalize() {}

func (x *initialization) Inputs() ([]string, []shapes.Shape) { return x.tape.Inputs() }

func (x *initialization) Outputs() []shapes.Shape { return x.tape.OutputShapes() }

func (x *initialization) Execute(inputs []compute.Buffer, _ []bool, _ compute.DeviceNum) ([]compute.Buffer, error) {
	flats, err := recorder.Evaluate(gobackend.GetBackend(), x.tape.Outputs, func(p *recorder.Node) (any, error) {
		return inputs[slices.Index(x.tape.Parameters, p)].Data()
	})
	if err != nil {
		return nil, err
	}
	results := make([]compute.Buffer, len(flats))
	for i, flat := range flats {
		results[i] = &buffer{x.backend, x.tape.Outputs[i].Shape.Clone(), flat}
	}
	return results, nil
}

// call holds the tensors of one run, whose memory must not move or go until it ends.
type call struct {
	in, out []ort.Value
	pinner  runtime.Pinner
}

// dims are the dimensions in which a tensor is fed.
func dims(shape shapes.Shape) ort.Shape {
	list := make(ort.Shape, 0, 1)
	for _, d := range shape.Dimensions {
		list = append(list, int64(d))
	}
	if len(list) == 0 {
		list = append(list, 1)
	}
	return list
}

// add appends a tensor over the memory of b.
func (c *call) add(list *[]ort.Value, b *buffer, dims ort.Shape) error {
	raw := dtypes.UnsafeByteSliceFromAny(b.flat)
	if len(raw) == 0 {
		return fmt.Errorf("a tensor %s without elements cannot be passed", b.shape)
	}
	c.pinner.Pin(&raw[0])
	v, err := ort.NewCustomDataTensor(dims, raw, elementTypes[b.shape.DType])
	if err != nil {
		return err
	}
	*list = append(*list, v)
	return nil
}

func (c *call) end() {
	for _, v := range append(c.in, c.out...) {
		v.Destroy() //nolint:errcheck // freeing memory
	}
	c.pinner.Unpin()
}
