package onnxruntime

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"

	"striate/export/lower"
	"striate/export/recorder"
	"striate/internal/fault"
	"striate/internal/ortlib"
)

// Name of the backend in GoMLX's configurations.
const Name = "onnx"

func init() { compute.Register(Name, New) }

// Backend runs graphs in ONNX Runtime.
type Backend struct {
	notimplemented.Backend
	threads int
	profile string
	library ortlib.Library
	pool    pool

	mu       sync.Mutex
	ended    bool
	compiled map[*executable]bool // those not finalized
}

var _ compute.Backend = (*Backend)(nil)

// New returns a backend. It is an Unavailable fault that there is no ONNX Runtime.
func New(config string) (compute.Backend, error) {
	b := &Backend{compiled: map[*executable]bool{}}
	for option := range strings.SplitSeq(config, ",") {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "":
		case "threads":
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return nil, fault.Invalidf("backend onnx: threads=%s is not a number of cores", value)
			}
			b.threads = n
		case "profile":
			b.profile = value
		default:
			return nil, fault.Invalidf("backend onnx: option %q is not known; there are threads=N and profile=PREFIX", name)
		}
	}
	var err error
	b.library, err = ortlib.Open()
	if err != nil {
		return nil, fmt.Errorf("backend onnx: %w", err)
	}
	return b, nil
}

// Name returns "onnx".
func (*Backend) Name() string { return Name }

// String returns the same as Name.
func (*Backend) String() string { return Name }

// Description names the library.
func (b *Backend) Description() string { return b.library.String() + " on the processor" }

// DeviceDescription describes the only device.
func (b *Backend) DeviceDescription(compute.DeviceNum) string { return "processor" }

// NumDevices is 1.
func (*Backend) NumDevices() int { return 1 }

// Capabilities are the operations that can be written as ONNX, and the types for which ONNX Runtime
// has kernels.
func (*Backend) Capabilities() compute.Capabilities {
	c := recorder.Capabilities()
	for op := range c.Operations {
		c.Operations[op] = lower.Supports(op)
	}
	c.DTypes = map[dtypes.DType]bool{dtypes.Bool: true, dtypes.Uint8: true, dtypes.Int32: true, dtypes.Int64: true, dtypes.Float32: true}
	return c
}

// Builder starts a computation.
func (b *Backend) Builder(name string) compute.Builder {
	return recorder.NewBuilder(name, func(t *recorder.Tape) (compute.Executable, error) { return b.compile(t) })
}

// BufferFromFlatData copies a slice into a buffer.
func (b *Backend) BufferFromFlatData(_ compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	if err := fits(flat, shape); err != nil {
		return nil, err
	}
	buffer := b.pool.get(b, shape)
	dtypes.CopyAnySlice(buffer.flat, flat)
	return buffer, nil
}

// HasSharedBuffers is true: buffers are Go memory.
func (*Backend) HasSharedBuffers() bool { return true }

// NewSharedBuffer returns a buffer and its values.
func (b *Backend) NewSharedBuffer(_ compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	buffer := b.pool.get(b, shape)
	return buffer, buffer.flat, nil
}

// Finalize frees the graphs, each as soon as it does not run, and the memory kept for reuse.
func (b *Backend) Finalize() {
	b.mu.Lock()
	b.ended = true
	left := slices.Collect(maps.Keys(b.compiled))
	b.mu.Unlock()
	for _, e := range left {
		e.Finalize()
	}
	b.pool.close()
}

// IsFinalized tells whether Finalize was called.
func (b *Backend) IsFinalized() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

// keep remembers a graph, to free it with the backend. It frees it at once if that has ended.
func (b *Backend) keep(e *executable) error {
	b.mu.Lock()
	ended := b.ended
	b.compiled[e] = true
	b.mu.Unlock()
	if ended {
		e.Finalize()
		return fmt.Errorf("compiling graph %s: the backend was finalized", e.tape.Name)
	}
	return nil
}

func (b *Backend) forget(e *executable) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.compiled, e)
}
