package onnxruntime

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// buffer is a tensor in Go memory.
type buffer struct {
	backend *Backend
	shape   shapes.Shape
	flat    any // a slice; nil once finalized
}

var _ compute.Buffer = (*buffer)(nil)

func (b *buffer) Backend() compute.Backend { return b.backend }

// Finalize gives the memory back for reuse.
func (b *buffer) Finalize() error {
	if b.flat != nil {
		b.backend.pool.put(b)
	}
	return nil
}

func (b *buffer) Shape() (shapes.Shape, error) { return b.shape, b.check() }

func (b *buffer) DeviceNum() (compute.DeviceNum, error) { return 0, b.check() }

func (b *buffer) ToFlatData(flat any) error {
	if err := b.check(); err != nil {
		return err
	}
	if err := fits(flat, b.shape); err != nil {
		return err
	}
	dtypes.CopyAnySlice(flat, b.flat)
	return nil
}

func (b *buffer) Data() (any, error) { return b.flat, b.check() }

func (b *buffer) CopyToDevice(compute.DeviceNum) (compute.Buffer, error) {
	return nil, fmt.Errorf("backend onnx has one device")
}

// fits tells whether a slice has the type and length of a tensor.
func fits(flat any, shape shapes.Shape) error {
	v := reflect.ValueOf(flat)
	if v.Kind() != reflect.Slice || dtypes.FromGoType(v.Type().Elem()) != shape.DType || v.Len() != shape.Size() {
		return fmt.Errorf("a %T does not hold a tensor %s", flat, shape)
	}
	return nil
}

func (b *buffer) check() error {
	if b.flat == nil {
		return fmt.Errorf("the buffer was finalized")
	}
	return nil
}

// pool keeps the memory of finalized buffers: a training step gives away its parameters and takes as
// much for the new ones.
type pool struct {
	mu     sync.Mutex
	free   map[key][]any
	closed bool // keeps nothing any more
}

// key is what memory must have in common to be reused.
type key struct {
	dtype dtypes.DType
	size  int
}

// get returns a buffer whose values are arbitrary.
func (p *pool) get(b *Backend, shape shapes.Shape) *buffer {
	k := key{shape.DType, shape.Size()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.free[k]; len(list) > 0 {
		flat := list[len(list)-1]
		p.free[k] = list[:len(list)-1]
		return &buffer{b, shape.Clone(), flat}
	}
	return &buffer{b, shape.Clone(), dtypes.MakeAnySlice(k.dtype, k.size)}
}

// put takes the memory of a buffer, which is finalized by that.
func (p *pool) put(b *buffer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.flat == nil || p.closed {
		b.flat = nil
		return
	}
	if p.free == nil {
		p.free = map[key][]any{}
	}
	const most = 64 // of a size: more than a step gives back would only pile up
	k := key{b.shape.DType, b.shape.Size()}
	if len(p.free[k]) < most {
		p.free[k] = append(p.free[k], b.flat)
	}
	b.flat = nil
}

// close frees the memory.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free, p.closed = nil, true
}
