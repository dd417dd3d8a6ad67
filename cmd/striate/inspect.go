package main

import (
	"encoding/json"

	"striate/export/inspect"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/serve/engine"
)

type inspectCmd struct {
	Model         string `arg:"" help:"Name in the models folder, or path of an .onnx file."`
	Models        string `help:"Models folder; default: the one of the installation." placeholder:"DIR" env:"STRIATE_MODELS"`
	JSON          bool   `help:"Print everything as JSON." name:"json"`
	Dot           bool   `help:"Print the graph for Graphviz."`
	card.Override `embed:""`
}

// Help shows an example.
func (inspectCmd) Help() string {
	return `Example: striate inspect voneblock
         striate inspect net.onnx --degrees 8 --json
         striate inspect net.onnx --dot | dot -Tsvg -o net.svg

Prints operators, parameters, the model card and, for every layer, its shape and what part of the
image a unit sees: size, stride and start of its receptive field, in pixels and, where the field of
view is known, in degrees. The network is not run.`
}

// Run prints the report.
func (c *inspectCmd) Run(g *globals) error {
	if c.JSON && c.Dot {
		return fault.Misusef("--json and --dot exclude each other")
	}
	path, err := engine.Locate(modelsFolder(c.Models), c.Model)
	if err != nil {
		return err
	}
	report, err := inspect.ReadFile(path, c.Override)
	if err != nil {
		return err
	}
	switch {
	case c.Dot:
		return report.WriteDOT(g.Stdout)
	case c.JSON:
		enc := json.NewEncoder(g.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(report)
	}
	return report.WriteText(g.Stdout)
}
