package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"

	"striate/internal/fault"
	"striate/train/backend"
	"striate/train/network"
	"striate/train/speed"
)

// pytorchImagesPerSecond is what the authors' code reaches in PyTorch 1.13 (oneDNN, float32, two threads
// of an AMD EPYC): network, task, batch, images/s. Its step is plain SGD.
//
//go:embed reference/pytorch_images_per_s.json
var pytorchImagesPerSecond []byte

type benchNetworksCmd struct {
	Networks []string `help:"Networks to measure; all for every one." default:"all" placeholder:"NAME,…"`
	Backends []string `help:"Backends to measure on." default:"go" placeholder:"NAME,…"`
	Batch    []int    `help:"Images a run." default:"1,8,32"`
	Tasks    []string `help:"forward (inference), step (training step)." default:"forward,step" enum:"forward,step"`
	Seconds  float64  `help:"Time for each measurement, after one run to warm up." default:"3"`
	JSON     bool     `help:"Print JSON instead of a table." name:"json"`
}

// Help shows an example.
func (benchNetworksCmd) Help() string {
	return `Example: striate bench networks --networks resnet50,composite_a --backends go,onnx

Runs networks at the paper's size with random parameters: the forward pass, and the training step
(forward, cross entropy, gradients, SGD with momentum and weight decay). images/s is that of the
fastest run; the column PyTorch is the authors' code on the processors of a machine of two cores.`
}

// Run measures and prints a table.
func (c *benchNetworksCmd) Run(ctx context.Context, g *globals) error {
	if c.Seconds < 0 || len(c.Batch) == 0 || slices.Min(c.Batch) < 1 {
		return fault.Misusef("--seconds and --batch must be positive")
	}
	names := c.Networks
	if slices.Contains(names, "all") {
		names = network.Presets()
	}
	var reference map[string]map[speed.Task]map[string]float64
	if err := json.Unmarshal(pytorchImagesPerSecond, &reference); err != nil {
		return fmt.Errorf("figures of PyTorch: %w", err)
	}
	table := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if !c.JSON {
		fmt.Fprintln(table, "network\tbackend\ttask\tbatch\timages/s\tCPU ms/image\tPyTorch images/s\tratio\t")
	}
	var rows []speed.Row
	for _, backendName := range c.Backends {
		for _, name := range names {
			measured, err := c.measure(ctx, g, backendName, name)
			if err != nil {
				return err
			}
			for _, r := range measured {
				printNetworkRow(table, r, reference[r.Network][r.Task][strconv.Itoa(r.Batch)])
			}
			rows = append(rows, measured...)
		}
	}
	if c.JSON {
		return json.NewEncoder(g.Stdout).Encode(rows)
	}
	return table.Flush()
}

// measure runs one network on one backend.
func (c *benchNetworksCmd) measure(ctx context.Context, g *globals, backendName, name string) ([]speed.Row, error) {
	d, err := network.Preset(name)
	if err != nil {
		return nil, err
	}
	b, err := backend.New(backendName)
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	var rows []speed.Row
	for _, task := range c.Tasks {
		for _, batch := range c.Batch {
			if !g.Quiet {
				fmt.Fprintf(g.Stderr, "%s on %s: %s, batch %d\n", name, backendName, task, batch)
			}
			r, err := speed.Measure(ctx, b, d, speed.Task(task), batch, c.Seconds)
			if err != nil {
				return nil, err
			}
			r.Backend = backendName
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// printNetworkRow prints a row beside PyTorch's figure, 0 where there is none.
func printNetworkRow(table *tabwriter.Writer, r speed.Row, pytorch float64) {
	beside := "-\t-"
	if pytorch > 0 {
		beside = fmt.Sprintf("%.1f\t%.2f", pytorch, r.ImagesPerSecond/pytorch)
	}
	fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%.1f\t%.1f\t%s\t\n", r.Network, r.Backend, r.Task, r.Batch, r.ImagesPerSecond, 1e3*r.CPU, beside)
}
