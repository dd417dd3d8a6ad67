package onnxruntime

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"

	"striate/export/recorder"
)

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
