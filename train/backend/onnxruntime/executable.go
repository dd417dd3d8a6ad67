package onnxruntime

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	ort "github.com/yalue/onnxruntime_go"

	"striate/export/lower"
	"striate/export/onnx"
	"striate/export/recorder"
)

// executable is a graph ready to run: a session of ONNX Runtime and the tail after it.
type executable struct {
	backend *Backend
	tape    *recorder.Tape
	tail    tail

	mu       sync.RWMutex // held for writing to end the session
	session  *ort.DynamicAdvancedSession
	fed      []int            // the parameters that the session reads
	computed []*recorder.Node // by the session, and in which shape
	shapes   []ort.Shape

	parameter, output map[*recorder.Node]int // places in tape.Parameters and computed
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
	e := newExecutable(b, t)
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
	if err := b.keep(e); err != nil {
		return nil, err
	}
	return e, nil
}

// newExecutable shares a tape between session and tail.
func newExecutable(b *Backend, t *recorder.Tape) *executable {
	e := &executable{backend: b, tape: t, tail: findTail(t), parameter: map[*recorder.Node]int{}, output: map[*recorder.Node]int{}}
	e.computed = e.tail.sessionNodes(t)
	for i, n := range e.computed {
		e.output[n] = i
	}
	for i, p := range t.Parameters {
		e.parameter[p] = i
	}
	e.fed = parametersOf(t, e.computed)
	if len(e.fed) == 0 { // the library's binding takes no session without inputs
		for i := range t.Parameters {
			e.fed = append(e.fed, i)
		}
	}
	return e
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
	for i, n := range e.computed {
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

// Finalize frees the session as soon as it does not run.
func (e *executable) Finalize() {
	e.backend.forget(e)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.session != nil {
		e.session.Destroy() //nolint:errcheck // freeing memory
		e.session = nil
	}
}

func (e *executable) Inputs() ([]string, []shapes.Shape) { return e.tape.Inputs() }

func (e *executable) Outputs() []shapes.Shape { return e.tape.OutputShapes() }

// Execute runs the graph. Memory of donated inputs is reused, by results where the graph allows it.
func (e *executable) Execute(inputs []compute.Buffer, donate []bool, _ compute.DeviceNum) ([]compute.Buffer, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.session == nil {
		return nil, fmt.Errorf("graph %s was finalized", e.tape.Name)
	}
	own, err := e.own(inputs)
	if err != nil {
		return nil, err
	}
	x := &execution{executable: e, inputs: own, donated: make([]bool, len(own))}
	copy(x.donated, donate)
	fed := map[*buffer]bool{} // and whether it is donated
	for i, b := range own {
		if donated, twice := fed[b]; twice && (donated || x.donated[i]) {
			return nil, fmt.Errorf("input %d of graph %s is fed twice, and donated", i, e.tape.Name)
		}
		fed[b] = x.donated[i]
	}
	if x.computed, err = e.runSession(own); err != nil {
		return nil, err
	}
	return x.finish(), nil
}

// own checks that the inputs are buffers of this backend, of the right shapes.
func (e *executable) own(inputs []compute.Buffer) ([]*buffer, error) {
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
	return own, nil
}

// runSession computes the session's share.
func (e *executable) runSession(inputs []*buffer) (computed []*buffer, err error) {
	var call call
	defer call.end()
	defer func() {
		if err != nil {
			for _, b := range computed {
				e.backend.pool.put(b)
			}
		}
	}()
	for _, i := range e.fed {
		if err := call.add(&call.in, inputs[i], dims(inputs[i].shape)); err != nil {
			return nil, fmt.Errorf("input %s: %w", e.tape.Parameters[i].Name, err)
		}
	}
	for i, n := range e.computed {
		b := e.backend.pool.get(e.backend, n.Shape)
		computed = append(computed, b)
		if err := call.add(&call.out, b, e.shapes[i]); err != nil {
			return computed, fmt.Errorf("output %s: %w", n, err)
		}
	}
	if err := e.session.Run(call.in, call.out); err != nil {
		return computed, fmt.Errorf("running graph %s in ONNX Runtime: %w", e.tape.Name, err)
	}
	return computed, nil
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
