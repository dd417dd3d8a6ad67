package main

import (
	"context"
	"fmt"
)

// benchCmd holds the measurements behind the README's figures, one a field. Each prints what it
// measured beside what it is held against.
type benchCmd struct {
	All          benchAllCmd          `cmd:"" default:"1" help:"Those of the README, one after the other (the default)."`
	Export       benchExportCmd       `cmd:"" help:"Exported networks in ONNX Runtime, beside other exporters' files."`
	Networks     benchNetworksCmd     `cmd:"" help:"Forward passes and training steps of the networks, beside the authors' PyTorch."`
	Train        benchTrainCmd        `cmd:"" help:"Training: images/s and the share of time spent waiting for images."`
	Data         benchDataCmd         `cmd:"" help:"Decoding and transforming images, per core."`
	Serve        benchServeCmd        `cmd:"" help:"HTTP queries beside bare runs of the network."`
	Predictivity benchPredictivityCmd `cmd:"" help:"Cross-validated PLS, beside scikit-learn."`
	Corruptions  benchCorruptionsCmd  `cmd:"" help:"Corruptions of one image, beside the reference programs."`
	Properties   benchPropertiesCmd   `cmd:"" help:"Stimuli, V1 properties and their similarity, beside the reference in Python."`
}

// Help shows an example.
func (benchCmd) Help() string {
	return `Example: striate bench serve`
}

type benchAllCmd struct{}

// Help shows an example.
func (benchAllCmd) Help() string {
	return `Example: striate bench

Takes some five minutes on two cores; --help of each one says what it measures.`
}

// Run measures everything with the settings of the README.
func (benchAllCmd) Run(ctx context.Context, g *globals, bench *benchCmd) error {
	bench.Train.Backends = []string{"onnx"}
	for _, b := range []struct {
		name string
		run  func(context.Context, *globals) error
	}{
		{"serve", bench.Serve.Run}, {"export", bench.Export.Run}, {"train", bench.Train.Run}, {"data", bench.Data.Run},
		{"properties", bench.Properties.Run}, {"predictivity", bench.Predictivity.Run}, {"corruptions", bench.Corruptions.Run},
	} {
		fmt.Fprintf(g.Stdout, "\n%s\n\n", b.name)
		if err := b.run(ctx, g); err != nil {
			return fmt.Errorf("bench %s: %w", b.name, err)
		}
	}
	return nil
}
