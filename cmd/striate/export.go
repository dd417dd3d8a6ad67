package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/alecthomas/kong"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"

	"striate/export"
	"striate/export/onnx"
	"striate/export/ortrun"
	"striate/internal/atomicfile"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/provenance"
	"striate/train/backend"
	"striate/train/network"
)

type exportCmd struct {
	network.Flags `embed:""`

	Checkpoint string `help:"Trained parameters: the folder of a training run, or a file .npz or .safetensors." type:"path" placeholder:"RUN"`
	Init       string `help:"Instead of trained parameters: random (as before training) or parity (numbers that depend on names, for comparisons)." enum:"random,parity," default:"" placeholder:"random|parity"`
	Seed       uint64 `help:"Seed of --init." default:"0"`
	Out        string `help:"File to write." required:"" placeholder:"M.onnx"`
	UpTo       string `help:"Last layer of the file; what is behind it is left out." name:"upto" placeholder:"LAYER"`
	Gradient   string `help:"Write the gradient of this layer for the image instead: inputs image and cotangent (the weights of the layer's units)." placeholder:"LAYER"`
	Dtype      string `help:"Type to compute in; inputs and outputs stay float32." enum:"float32,float16" default:"float32"`
	Verify     bool   `help:"Compare the file in ONNX Runtime with the network in GoMLX, layer by layer, before it is written." default:"true" negatable:""`

	voneblockFlags `embed:""`
}

// Help shows an example.
func (exportCmd) Help() string {
	return `Examples:
  striate export --network composite_a --checkpoint runs/a --out models/composite_a.onnx
  striate export --network resnet50 --init random --seed 1 --upto layer1.2 --out v1.onnx
  striate export --network resnet50 --checkpoint runs/r --gradient layer1.2 --out gradient.onnx
  striate export --network voneblock --seed 0 --out models/voneblock.onnx

The file takes batches of any size, gives every named layer as an output and carries its model card.`
}

// Run builds the network, writes it as ONNX, compares the two and keeps the file.
func (c *exportCmd) Run(ctx context.Context, g *globals, k *kong.Context) error {
	if c.Checkpoint != "" && c.Init != "" { // kong's xor takes the empty default of --init for a value
		return fault.Misusef("--checkpoint and --init can't be used together")
	}
	if c.UpTo != "" && c.Gradient != "" {
		return fault.Misusef("--upto and --gradient exclude each other: a gradient ends at its layer")
	}
	if !(c.Degrees > 0 && c.Degrees <= 180) {
		return fault.Misusef("--degrees %v: give more than 0, at most 180", c.Degrees)
	}
	if err := c.unused(given(k)); err != nil {
		return err
	}
	if c.Network == "voneblock" {
		return c.voneblock(g)
	}
	t, err := c.parameters(given(k))
	if err != nil {
		return err
	}
	var graph export.Graph
	if c.Gradient != "" {
		graph, err = export.Gradient(t.network, t.store, c.Gradient)
	} else {
		graph, err = export.Network(t.network, t.store, c.UpTo)
	}
	if err != nil {
		return err
	}
	m, err := export.Model(graph, t.network, export.Options{Origin: t.origin, Degrees: c.Degrees, Classes: t.classes, Version: provenance.Version()})
	if err != nil {
		return err
	}
	m, tolerance, err := c.typed(m)
	if err != nil {
		return err
	}
	if c.Verify {
		if err := verify(ctx, g, graph, m, tolerance); err != nil {
			return err
		}
	}
	return c.write(g, m)
}

// unused refuses flags that mean nothing for the network.
func (c *exportCmd) unused(given map[string]bool) error {
	foreign := []string{"image-size", "units", "parameters"}
	if c.Network == "voneblock" {
		foreign = []string{"classes", "size", "width", "blocks", "pool", "v1", "norm", "dropout", "dog"}
	}
	for _, flag := range foreign {
		if given[flag] {
			return fault.Misusef("--%s means nothing for network %s (see 'striate export --help')", flag, c.Network)
		}
	}
	return nil
}

// typed converts the model to the type asked for and returns the tolerance of a comparison.
func (c *exportCmd) typed(m *onnx.Model) (*onnx.Model, float64, error) {
	if c.Dtype != "float16" {
		return m, export.Tolerance, nil
	}
	m, err := onnx.ToFloat16(m)
	return m, export.HalfTolerance, err
}

// parameters returns the network with its parameters.
func (c *exportCmd) parameters(given map[string]bool) (*trained, error) {
	for flag, value := range map[string]int{"classes": c.Classes, "size": c.Size, "width": c.Width} {
		if given[flag] && value < 1 { // 0 would mean the preset's
			return nil, fault.Misusef("--%s %d: at least 1 is needed", flag, value)
		}
	}
	d, err := c.Description()
	if err != nil {
		return nil, err
	}
	if c.Checkpoint != "" {
		t, err := loadTrained(c.Flags, c.Checkpoint)
		if err != nil {
			return nil, err
		}
		return t, t.agrees(c.Checkpoint, d, given)
	}
	from := network.Random(c.Seed)
	switch c.Init {
	case "parity":
		from = network.Parity(c.Seed)
	case "":
		return nil, fault.Misusef("say where the parameters come from: --checkpoint RUN, or --init random or parity with a --seed")
	}
	t := &trained{network: d, store: model.NewStore(), origin: fmt.Sprintf("init %s, seed %d", c.Init, c.Seed)}
	return t, d.Init(t.store, from, dtypes.Float32)
}

// verify compares both sides and says how far apart they are.
func verify(ctx context.Context, g *globals, graph export.Graph, m *onnx.Model, tolerance float64) error {
	b, err := backend.New("go")
	if err != nil {
		return err
	}
	report, err := export.Verify(ctx, graph, m, b, ortrun.Run, tolerance)
	if fault.CodeOf(err) == fault.Unavailable {
		return fmt.Errorf("verification: %w; --no-verify writes the file unchecked", err)
	}
	if err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	if err := report.Err(); err != nil {
		return err
	}
	worst := report.Worst()
	if !g.Quiet {
		fmt.Fprintf(g.Stderr, "ONNX Runtime equals GoMLX: the layer that differs most is %s, by %.1e (relative)\n", worst.Layer, worst.Relative)
	}
	return nil
}

// voneblock writes the V1 front end, which is not a GoMLX network.
func (c *exportCmd) voneblock(g *globals) error {
	switch {
	case c.Checkpoint != "":
		return fault.Misusef("--checkpoint: voneblock is not trained; give --seed or --parameters")
	case c.Init == "parity":
		return fault.Misusef("--init parity: voneblock has no trained parameters to fill by that rule; use random, or --parameters")
	case c.Gradient != "":
		return fault.Misusef("--gradient: voneblock is not made in GoMLX, which takes the gradients")
	}
	m, err := buildVOneBlock(c.voneblockFlags, c.Seed)
	if err != nil {
		return err
	}
	if c.UpTo != "" {
		if m, err = onnx.Cut(m, []string{c.UpTo}); err != nil {
			return err
		}
		if err := onlyLayer(m, c.UpTo); err != nil {
			return err
		}
	}
	if m, _, err = c.typed(m); err != nil {
		return err
	}
	return c.write(g, m)
}

// onlyLayer takes the other layers out of a model's card.
func onlyLayer(m *onnx.Model, layer string) error {
	facts, _, err := card.Decode(m.Metadata())
	if err != nil {
		return err
	}
	facts.Layers = slices.DeleteFunc(facts.Layers, func(l card.Layer) bool { return l.Name != layer })
	if facts.V1Layer != layer {
		facts.V1Layer = ""
	}
	m.SetMetadata(map[string]string{"striate.v1_layer": "", "striate.layers": ""})
	m.SetMetadata(facts.Encode())
	return nil
}

// write puts the model into its file and says what is in it.
func (c *exportCmd) write(g *globals, m *onnx.Model) error {
	data, err := m.Encode()
	if err != nil {
		return fmt.Errorf("export %s: %w", c.Out, err)
	}
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	if !g.Quiet {
		fmt.Fprintf(g.Stderr, "%s: %d nodes, %d outputs, %.1f MB\n", c.Out, len(m.Nodes()), len(m.Outputs()), float64(len(data))/1e6)
	}
	return nil
}
