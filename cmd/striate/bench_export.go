package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"

	"striate/export"
	"striate/export/onnx"
	"striate/export/speed"
	"striate/internal/fault"
	"striate/train/network"
)

type benchExportCmd struct {
	Networks []string `help:"Networks to export and measure; all for every one." default:"resnet50,composite_a" placeholder:"NAME,…"`
	Against  []string `help:"ONNX files of other exporters to measure beside them, such as PyTorch's resnet50." type:"existingfile" placeholder:"FILE.onnx"`
	Batch    []int    `help:"Images a run." default:"1,8,32"`
	Seconds  float64  `help:"Time for each file and batch." default:"5"`
	Threads  int      `help:"Processor cores; 0 for all." default:"0"`
	JSON     bool     `help:"Print JSON instead of a table." name:"json"`
}

// Help shows an example.
func (benchExportCmd) Help() string {
	return `Example: striate bench export --networks resnet50,composite_a --against torch_resnet50.onnx

Networks are exported at the paper's size with random parameters. All files run in turn in the same
ONNX Runtime, so that a busy machine slows all alike; images/s is that of the fastest run, and the
share is against the first file of --against, or the first network.`
}

// Run exports, measures and prints a table.
func (c *benchExportCmd) Run(ctx context.Context, g *globals) error {
	if c.Seconds <= 0 || len(c.Batch) == 0 || slices.Min(c.Batch) < 1 {
		return fault.Misusef("--seconds and --batch must be positive")
	}
	models, err := c.models()
	if err != nil {
		return err
	}
	rows, err := speed.Measure(ctx, models, c.Batch, c.Seconds, c.Threads)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(g.Stdout).Encode(rows)
	}
	table := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "file\tnodes\tMB\tbatch\timages/s\tmedian\tCPU ms/image\tshare\t")
	first := map[int]float64{}
	for _, r := range rows {
		if first[r.Batch] == 0 {
			first[r.Batch] = r.ImagesPerSecond
		}
		fmt.Fprintf(table, "%s\t%d\t%.1f\t%d\t%.1f\t%.1f\t%.2f\t%.2f\t\n", r.Model, r.Nodes, float64(r.Bytes)/1e6, r.Batch,
			r.ImagesPerSecond, r.Median, 1e3*r.CPU, r.ImagesPerSecond/first[r.Batch])
	}
	return table.Flush()
}

// models returns what is measured: other exporters' files first.
func (c *benchExportCmd) models() ([]speed.Model, error) {
	var models []speed.Model
	for _, path := range c.Against {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		m, err := onnx.Decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		models = append(models, speed.Model{Name: strings.TrimSuffix(filepath.Base(path), ".onnx") + " (given)", ONNX: m})
	}
	names := c.Networks
	if slices.Equal(names, []string{"all"}) {
		names = network.Presets()
	}
	for _, name := range names {
		d, err := network.Preset(name)
		if err != nil {
			return nil, err
		}
		store := model.NewStore()
		if err := d.Init(store, network.Random(0), dtypes.Float32); err != nil {
			return nil, err
		}
		graph, err := export.Network(d, store, "")
		if err != nil {
			return nil, err
		}
		m, err := export.Model(graph, d, export.Options{Origin: "init random, seed 0"})
		if err != nil {
			return nil, err
		}
		models = append(models, speed.Model{Name: name, ONNX: m})
	}
	if len(models) == 0 {
		return nil, fault.Misusef("nothing to measure: give --networks or --against")
	}
	return models, nil
}
