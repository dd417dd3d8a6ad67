package train

import (
	"os"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"striate/internal/fault"
	"striate/train/backend"
	"striate/train/run"
)

// Auto chooses the fastest backend there is.
const Auto = "auto"

// newBackend starts the backend and refuses what it cannot do.
func newBackend(o Options, c *run.Config) (compute.Backend, error) {
	b, err := openBackend(o.Backend)
	if err != nil {
		return nil, err
	}
	if n := b.NumDevices(); o.Devices > n {
		return nil, fault.Unavailablef("backend %s has %d device(s), not %d: lower --devices", b.Name(), n, o.Devices)
	}
	if c.Precision == BFloat16 && b.Name() == "onnx" {
		return nil, fault.Unsupportedf("ONNX Runtime computes in float32 only on a processor: leave out --precision bfloat16, or use xla")
	}
	return b, nil
}

// openBackend opens a backend by name. Auto is a GPU through XLA where the program was built with XLA
// and there is one, else ONNX Runtime where its library is found, else pure Go.
func openBackend(name string) (compute.Backend, error) {
	if name != "" && name != Auto {
		return backend.New(name)
	}
	registered := compute.List()
	if slices.Contains(registered, "xla") && hasGPU() {
		return backend.New("xla:cuda")
	}
	if slices.Contains(registered, "onnx") {
		if b, err := backend.New("onnx"); err == nil {
			return b, nil
		}
	}
	return backend.New("go")
}

// hasGPU tells of a driver of NVIDIA's. Without one XLA is not even asked, since it would try to fetch
// its plug-in.
func hasGPU() bool {
	_, err := os.Stat("/dev/nvidiactl")
	return err == nil
}

// onAccelerator tells of backends that have memory of their own.
func onAccelerator(b compute.Backend) bool {
	return strings.HasPrefix(strings.ToLower(b.Name()), "xla")
}

// closeBackend frees what the backend holds. The client of a GPU is left to the end of the program:
// XLA's programs are freed when the garbage collector finds them, and must find it alive.
func (s *session) closeBackend() {
	if !onAccelerator(s.backend) {
		s.backend.Finalize()
	}
}
