package main

import (
	"fmt"
	"io"

	"striate/export/onnx"
	"striate/internal/atomicfile"
	"striate/internal/fault"
)

type exportCmd struct {
	Network string `help:"Network to export." required:"" enum:"voneblock" placeholder:"NAME"`
	Init    string `help:"Rule that fills the parameters: random draws them with the seed." default:"random" enum:"random,parity"`
	Seed    uint64 `help:"Seed of the rule." default:"0"`
	Out     string `help:"File to write." required:"" placeholder:"M.onnx"`

	voneblockFlags `embed:""`
}

// Help shows an example.
func (exportCmd) Help() string {
	return "Example: striate export --network voneblock --seed 0 --out models/voneblock.onnx"
}

// Run builds the network and writes its file.
func (c *exportCmd) Run(g *globals) error {
	if c.Init == "parity" {
		return fault.Misusef("--init parity: voneblock has no trained parameters to fill by that rule; use random, or --parameters")
	}
	model, err := buildVOneBlock(c.voneblockFlags, c.Seed)
	if err != nil {
		return err
	}
	return writeModel(c.Out, model)
}

func writeModel(path string, model *onnx.Model) error {
	data, err := model.Encode()
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
