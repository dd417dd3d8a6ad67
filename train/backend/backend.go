// Package backend makes the compute backends that networks are trained on.
package backend

import (
	"fmt"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // registers "go"
)

// New returns a backend by its GoMLX configuration, such as "go".
func New(config string) (compute.Backend, error) {
	if config == "go" {
		config = "go:ops_sequential"
	}
	b, err := compute.NewWithConfig(config)
	if err != nil {
		return nil, fmt.Errorf("backend %q: %w", config, err)
	}
	return b, nil
}
