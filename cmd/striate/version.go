package main

import (
	"fmt"

	"striate/internal/provenance"
)

type versionCmd struct{}

// Help shows an example.
func (versionCmd) Help() string { return "Example: striate version" }

// Run prints the version.
func (versionCmd) Run(g *globals) error {
	_, err := fmt.Fprintln(g.Stdout, "striate", provenance.Version())
	return err
}
