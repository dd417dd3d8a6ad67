package backend

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// buffer is an inner buffer that says it belongs to the lowering backend: GoMLX refuses tensors of
// another.
type buffer struct {
	compute.Buffer
	backend *lowered
}

func (b *buffer) Backend() compute.Backend { return b.backend }

func (b *buffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	return b.backend.own(b.Buffer.CopyToDevice(device))
}

// own wraps an inner buffer.
func (l *lowered) own(inner compute.Buffer, err error) (compute.Buffer, error) {
	if err != nil {
		return nil, err
	}
	return &buffer{inner, l}, nil
}

// BufferFromFlatData copies values to a device.
func (l *lowered) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	return l.own(l.Backend.BufferFromFlatData(device, flat, shape))
}

// NewSharedBuffer makes a buffer that the program can write to.
func (l *lowered) NewSharedBuffer(device compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	inner, flat, err := l.Backend.NewSharedBuffer(device, shape)
	if err != nil {
		return nil, nil, err
	}
	return &buffer{inner, l}, flat, nil
}

// executable runs an inner computation on buffers of the lowering backend.
type executable struct {
	compute.Executable
	backend *lowered
}

// Compile finishes the computation.
func (b *builder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	if err != nil {
		return nil, err
	}
	return &executable{e, b.backend}, nil
}

// Execute runs the computation.
func (e *executable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	in := make([]compute.Buffer, len(inputs))
	for i, b := range inputs {
		in[i] = b
		if w, ok := b.(*buffer); ok {
			in[i] = w.Buffer
		}
	}
	out, err := e.Executable.Execute(in, donate, device)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i] = &buffer{out[i], e.backend}
	}
	return out, nil
}
