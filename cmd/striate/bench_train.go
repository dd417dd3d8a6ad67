package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"striate/internal/fault"
	"striate/train"
	"striate/train/network"
	runfolder "striate/train/run"
	"striate/train/speed"
)

type benchTrainCmd struct {
	Networks    []string `help:"Networks to train; all for every one." default:"resnet50,composite_a" placeholder:"NAME,…"`
	Backends    []string `help:"Backends to train on." default:"auto" placeholder:"NAME,…"`
	Batch       []int    `help:"Images of a step." default:"8,16,32"`
	Width       int      `help:"Channels of conv1." default:"64"`
	Blocks      []int    `help:"Blocks of layer1 to layer4." default:"3,4,6,3"`
	Data        string   `help:"Images to train on; default: made-up ones of 64×64 pixels." placeholder:"DIR"`
	Precision   string   `help:"float32, or bfloat16 on xla." enum:"float32,bfloat16" default:"float32"`
	Adversarial string   `help:"none, free, fast or pgd." enum:"none,free,fast,pgd" default:"none"`
	Seconds     float64  `help:"Time for each measurement, after one step that compiles." default:"10"`
	JSON        bool     `help:"Print JSON instead of a table." name:"json"`
}

// Help shows an example.
func (benchTrainCmd) Help() string {
	return `Example: striate bench train --networks composite_a --backends go,onnx --batch 16

Trains with all that training does: images are read, decoded, transformed and sent ahead while the step
runs (forward, gradients, momentum, weight decay). "wait" is the share of the time that the step waits
for images. The column of PyTorch is the authors' code (torchvision's for resnet50) with plain SGD on a
machine of two cores; "times" is the median against it.`
}

// Run measures and prints a table.
func (c *benchTrainCmd) Run(ctx context.Context, g *globals) error {
	if c.Seconds <= 0 || len(c.Batch) == 0 || slices.Min(c.Batch) < 2 {
		return fault.Misusef("--seconds must be positive and --batch at least 2")
	}
	names := c.Networks
	if slices.Contains(names, "all") {
		names = network.Presets()
	}
	data, remove, err := c.images()
	if err != nil {
		return err
	}
	defer remove()
	pytorch, err := pytorchSpeeds()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if !c.JSON {
		fmt.Fprintln(table, "network\tbackend\tbatch\timages/s\tmedian\tPyTorch\ttimes\tCPU ms/image\twait\tfirst step s\t")
	}
	var rows []*train.Speed
	for _, backend := range c.Backends {
		for _, name := range names {
			for _, batch := range c.Batch {
				s, err := c.measure(ctx, backend, name, batch, data)
				if err != nil {
					return err
				}
				rows = append(rows, s)
				if !c.JSON {
					printTraining(table, s, pytorch.at(c.paper(s.Network), speed.Step, batch))
				}
			}
		}
	}
	if c.JSON {
		return json.NewEncoder(g.Stdout).Encode(rows)
	}
	return table.Flush()
}

// paper returns the name of a network that is measured as PyTorch was, else nothing.
func (c *benchTrainCmd) paper(name string) string {
	if c.Width == 64 && slices.Equal(c.Blocks, []int{3, 4, 6, 3}) && c.Adversarial == "none" && c.Precision == "float32" && c.Data == "" {
		return name
	}
	return ""
}

func printTraining(w io.Writer, s *train.Speed, pytorch referenceSpeed) {
	theirs, times := "-", "-"
	if v := pytorch.ImagesPerSecond; v > 0 {
		theirs, times = fmt.Sprintf("%.1f", v), fmt.Sprintf("%.2f", s.MedianPerS/v)
	}
	fmt.Fprintf(w, "%s\t%s\t%d\t%.1f\t%.1f\t%s\t%s\t%.1f\t%.2f %%\t%.1f\t\n", s.Network, s.Backend, s.Batch, s.ImagesPerS, s.MedianPerS,
		theirs, times, 1e3*s.CPUPerImage, 100*s.DataWait, s.FirstStep)
}

func (c *benchTrainCmd) measure(ctx context.Context, backend, name string, batch int, data string) (*train.Speed, error) {
	d, err := network.Flags{Network: name, Width: c.Width, Blocks: c.Blocks}.Description()
	if err != nil {
		return nil, err
	}
	d.Classes = 0
	transform, err := detect(data, "train", d.Size)
	if err != nil {
		return nil, err
	}
	flags := trainCmd{adversarialFlags: adversarialFlags{Adversarial: c.Adversarial, Epsilon: 4. / 255, AttackSteps: 7, Replays: 4}}
	config := &runfolder.Config{Network: d, Mode: train.ModeTrain, Data: runfolder.Data{Path: data}, Epochs: 1 << 20, Batch: batch, LR: 0.01,
		Schedule: train.Multistep, Gamma: 0.1, Momentum: 0.9, WeightDecay: 1e-5, Transform: transform, Precision: c.Precision,
		Accumulate: 1, Adversarial: flags.adversarial()}
	return train.Measure(ctx, config, train.Options{Backend: backend}, c.Seconds)
}

// images returns the folder to train on: that given, or one of made-up photographs that is removed
// afterwards.
func (c *benchTrainCmd) images() (dir string, remove func(), err error) {
	if c.Data != "" {
		return c.Data, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "striate-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("make images: %w", err)
	}
	remove = func() { os.RemoveAll(dir) }
	for i := range 10 * max(26, (slices.Max(c.Batch)+9)/10) {
		name := filepath.Join(dir, "train", fmt.Sprintf("class%d", i%10), fmt.Sprintf("%04d.jpg", i))
		if err := writePhotograph(name, 64, 64, uint64(i)); err != nil {
			remove()
			return "", nil, err
		}
	}
	return dir, remove, nil
}
