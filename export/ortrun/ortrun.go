// Package ortrun runs whole ONNX models in ONNX Runtime, once: for the verification of exports and
// for benchmarks. Serving is package engine's work.
package ortrun

import (
	"context"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"striate/export"
	"striate/internal/fault"
	"striate/internal/ortlib"
)

// Session is a model that is ready to run on the CPU.
type Session struct {
	session         *ort.DynamicAdvancedSession
	inputs, outputs []string
}

// Open prepares a model for the given inputs and outputs. threads is the number of processor cores
// it may use, 0 for all.
func Open(model []byte, inputs, outputs []string, threads int) (*Session, error) {
	if len(inputs) == 0 { // the library's binding indexes its first input
		return nil, fault.Unsupportedf("the model has no inputs: there is nothing to run")
	}
	if _, err := ortlib.Open(); err != nil {
		return nil, err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime options: %w", err)
	}
	defer options.Destroy() //nolint:errcheck // freeing memory
	if err := options.SetIntraOpNumThreads(threads); err != nil {
		return nil, fmt.Errorf("ONNX Runtime options: %w", err)
	}
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(model, inputs, outputs, options)
	if err != nil {
		return nil, fault.Invalidf("ONNX Runtime refuses the model: %w", err)
	}
	return &Session{s, inputs, outputs}, nil
}

// Close frees the session.
func (s *Session) Close() error { return s.session.Destroy() }

// Run returns the outputs in their order, for inputs in theirs. A cancelled context ends it between
// two nodes.
func (s *Session) Run(ctx context.Context, inputs []export.Tensor) ([]export.Tensor, error) {
	in, out := make([]ort.Value, len(s.inputs)), make([]ort.Value, len(s.outputs))
	defer func() {
		for _, v := range append(in, out...) {
			if v != nil {
				v.Destroy() //nolint:errcheck // freeing memory
			}
		}
	}()
	for i, t := range inputs {
		dims := make([]int64, len(t.Dims))
		for axis, d := range t.Dims {
			dims[axis] = int64(d)
		}
		v, err := ort.NewTensor(dims, t.Data)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", s.inputs[i], err)
		}
		in[i] = v
	}
	if err := s.run(ctx, in, out); err != nil {
		return nil, err
	}
	results := make([]export.Tensor, len(out))
	for i, v := range out {
		t, ok := v.(*ort.Tensor[float32])
		if !ok {
			return nil, fault.Unsupportedf("output %s of the model is not float32", s.outputs[i])
		}
		for _, d := range t.GetShape() {
			results[i].Dims = append(results[i].Dims, int(d))
		}
		results[i].Data = append([]float32(nil), t.GetData()...)
	}
	return results, nil
}

func (s *Session) run(ctx context.Context, in, out []ort.Value) error {
	options, err := ort.NewRunOptions()
	if err != nil {
		return fmt.Errorf("ONNX Runtime options: %w", err)
	}
	defer options.Destroy()                                        //nolint:errcheck // freeing memory
	stop := context.AfterFunc(ctx, func() { options.Terminate() }) //nolint:errcheck // the run ends or has ended
	err = s.session.RunWithOptions(in, out, options)
	stop()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fault.Invalidf("ONNX Runtime cannot run the model: %w", err)
	}
	return nil
}

// Run is an export.Runner.
func Run(ctx context.Context, model []byte, inputs map[string]export.Tensor, outputs []string) (map[string]export.Tensor, error) {
	var names []string
	var values []export.Tensor
	for name, t := range inputs {
		names, values = append(names, name), append(values, t)
	}
	s, err := Open(model, names, outputs, 0)
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // freeing memory
	results, err := s.Run(ctx, values)
	if err != nil {
		return nil, err
	}
	named := map[string]export.Tensor{}
	for i, t := range results {
		named[outputs[i]] = t
	}
	return named, nil
}
