package backend

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"striate/internal/fault"
)

// New returns a backend by name: "go", or the configuration of one registered with GoMLX, such as
// "xla:cuda". Options follow a colon: "go:parallelism=4".
//
// The Go backend runs one operation at a time, each on all processors: operations side by side can
// wait for each other for ever, as soon as all workers are in large matrix products.
func New(config string) (compute.Backend, error) {
	name, options, _ := strings.Cut(config, ":")
	if name == gobackend.BackendName {
		if !strings.Contains(options, "ops_") {
			options = strings.TrimPrefix(options+",ops_sequential", ",")
		}
		b, err := gobackend.New(options)
		if err != nil {
			return nil, fault.Invalidf("backend %q: %w", config, err)
		}
		return Lower(b), nil
	}
	if !registered(name) {
		return nil, fault.Unavailablef("backend %q is not in this build: there is %s", config, strings.Join(compute.List(), ", "))
	}
	b, err := compute.NewWithConfig(config)
	if err != nil {
		return nil, fmt.Errorf("start backend %q: %w", config, err)
	}
	return b, nil
}

func registered(name string) bool {
	for _, n := range compute.List() {
		if n == name {
			return true
		}
	}
	return false
}
