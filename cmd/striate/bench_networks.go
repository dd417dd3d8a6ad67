package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"striate/internal/fault"
	"striate/internal/progress"
	"striate/train/backend"
	"striate/train/network"
	"striate/train/speed"
)

// pytorchSpeed is what the authors' code reaches in PyTorch 1.13 (oneDNN, float32, two threads of an AMD
// EPYC): network, task, batch. Its step is plain SGD.
//
//go:embed reference/pytorch_speed.json
var pytorchSpeed []byte

// referenceSpeed is an entry of pytorchSpeed; zero where there is none.
type referenceSpeed struct {
	ImagesPerSecond float64 `json:"images_per_s"`
	CPU             float64 `json:"cpu_s_per_image"`
}

// referenceSpeeds are by network, task and batch.
type referenceSpeeds map[string]map[speed.Task]map[string]referenceSpeed

func pytorchSpeeds() (referenceSpeeds, error) {
	var s referenceSpeeds
	if err := json.Unmarshal(pytorchSpeed, &s); err != nil {
		return nil, fmt.Errorf("figures of PyTorch: %w", err)
	}
	return s, nil
}

func (s referenceSpeeds) at(name string, task speed.Task, batch int) referenceSpeed {
	return s[name][task][strconv.Itoa(batch)]
}

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
fastest run, CPU that of the run that took least, which other programs on the machine disturb less. The
columns of PyTorch are the authors' code on a machine of two cores.`
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
	reference, err := pytorchSpeeds()
	if err != nil {
		return err
	}
	if !c.JSON {
		fmt.Fprintf(g.Stdout, networkRow+"\n", "network", "backend", "task", "batch", "images/s", "CPU ms/image", "PyTorch images/s", "CPU ms/image")
	}
	var rows []speed.Row
	for _, backendName := range c.Backends {
		for _, name := range names {
			err := c.measure(ctx, g, backendName, name, func(r speed.Row) {
				rows = append(rows, r)
				if !c.JSON { // as they come: the whole table takes long
					printNetworkRow(g.Stdout, r, reference.at(r.Network, r.Task, r.Batch))
				}
			})
			if err != nil {
				return err
			}
		}
	}
	if c.JSON {
		return json.NewEncoder(g.Stdout).Encode(rows)
	}
	return nil
}

// networkRow is the layout of the table.
const networkRow = "%-22s  %-8s  %-7s  %5v  %8v  %12v  %16v  %12v"

// measure runs one network on one backend and hands over what it measures.
func (c *benchNetworksCmd) measure(ctx context.Context, g *globals, backendName, name string, done func(speed.Row)) error {
	d, err := network.Preset(name)
	if err != nil {
		return err
	}
	b, err := backend.New(backendName)
	if err != nil {
		return err
	}
	defer b.Finalize()
	bar := progress.New(g.Stderr, name+" on "+backendName, int64(len(c.Tasks)*len(c.Batch)), g.Quiet)
	defer bar.Close()
	for _, task := range c.Tasks {
		for _, batch := range c.Batch {
			r, err := speed.Measure(ctx, b, d, speed.Task(task), batch, c.Seconds)
			if err != nil {
				return err
			}
			r.Backend = backendName
			done(r)
			bar.Add(1)
		}
	}
	return nil
}

// printNetworkRow prints a row beside PyTorch's figures, where there are any.
func printNetworkRow(w io.Writer, r speed.Row, pytorch referenceSpeed) {
	theirs, theirCPU := "-", "-"
	if pytorch.ImagesPerSecond > 0 {
		theirs, theirCPU = fmt.Sprintf("%.1f", pytorch.ImagesPerSecond), fmt.Sprintf("%.1f", 1e3*pytorch.CPU)
	}
	fmt.Fprintf(w, networkRow+"\n", r.Network, r.Backend, r.Task, r.Batch,
		fmt.Sprintf("%.1f", r.ImagesPerSecond), fmt.Sprintf("%.1f", 1e3*r.CPU), theirs, theirCPU)
}
