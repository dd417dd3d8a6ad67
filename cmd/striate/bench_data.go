package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"striate/internal/atomicfile"
	"striate/internal/cputime"
	"striate/internal/fault"
	"striate/internal/jpegturbo"
	"striate/train/dataset"
)

type benchDataCmd struct {
	Data      string  `help:"Images to read; default: made-up photographs of 500×375 and of 64×64 pixels." placeholder:"DIR"`
	Transform string  `help:"imagenet, tiny, or auto." enum:"auto,imagenet,tiny" default:"auto"`
	Batch     int     `help:"Images of a batch." default:"32"`
	Workers   int     `help:"Batches decoded at once; 0: one a processor." default:"0"`
	Seconds   float64 `help:"Time for each measurement." default:"5"`
}

// Help shows an example.
func (benchDataCmd) Help() string {
	return `Example: striate bench data --data tin10_mini.zip

Reads, decodes and transforms training images as fast as the processors can, without a network.`
}

// Run measures and prints a table.
func (c *benchDataCmd) Run(ctx context.Context, g *globals) error {
	if c.Seconds <= 0 || c.Batch < 1 {
		return fault.Misusef("--seconds and --batch must be positive")
	}
	table := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "images\ttransform\timages/s\tper core\tCPU ms/image\t")
	if c.Data != "" {
		if err := c.measure(ctx, table, filepath.Base(c.Data), c.Data); err != nil {
			return err
		}
		return table.Flush()
	}
	dir, err := os.MkdirTemp("", "striate-bench-")
	if err != nil {
		return fmt.Errorf("make images: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, size := range [][2]int{{500, 375}, {64, 64}} {
		name := fmt.Sprintf("%d×%d", size[0], size[1])
		for i := range 4 * c.Batch {
			file := filepath.Join(dir, name, "train", "class", fmt.Sprintf("%04d.jpg", i))
			if err := writePhotograph(file, size[0], size[1], uint64(i)); err != nil {
				return err
			}
		}
		if err := c.measure(ctx, table, name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return table.Flush()
}

// measure reads one folder for the time given.
func (c *benchDataCmd) measure(ctx context.Context, table io.Writer, name, data string) error {
	source, err := dataset.Open(data)
	if err != nil {
		return err
	}
	defer source.Close()
	split, err := source.Split("train", nil)
	if err != nil {
		return err
	}
	const size = 64
	transform := dataset.Transform(c.Transform)
	if c.Transform == "auto" {
		transform = dataset.Detect(split, size)
	}
	loader := dataset.NewLoader(split, dataset.Options{Batch: c.Batch, Size: size, Transform: transform, Workers: c.Workers})
	begun, cpu, images := time.Now(), cputime.Seconds(), 0
	for batch, err := range loader.Training(0).Iter() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		images += batch.Inputs[0].Shape().Dimensions[0]
		if err := batch.Finalize(); err != nil {
			return fmt.Errorf("free batch: %w", err)
		}
		if time.Since(begun).Seconds() > c.Seconds {
			break
		}
	}
	spent, used := time.Since(begun).Seconds(), cputime.Seconds()-cpu
	fmt.Fprintf(table, "%s\t%s\t%.0f\t%.0f\t%.3f\t\n", name, transform, float64(images)/spent, float64(images)/used, 1e3*used/float64(images))
	return nil
}

// writePhotograph writes a JPEG with the statistics of a photograph: smooth shades, edges, noise.
func writePhotograph(path string, width, height int, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 1))
	pixels := make([]uint8, 3*width*height)
	var wave [6][4]float64
	for i := range wave {
		wave[i] = [4]float64{r.NormFloat64() * 8, r.NormFloat64() * 8, 2 * math.Pi * r.Float64(), 60 / float64(i+2)}
	}
	edge := r.Float64() * float64(width)
	for y := range height {
		for x := range width {
			v := 110.0
			for _, w := range wave {
				v += w[3] * math.Sin(w[0]*float64(x)/float64(width)+w[1]*float64(y)/float64(height)+w[2])
			}
			if float64(x)+0.3*float64(y) > edge {
				v += 50
			}
			for channel := range 3 {
				pixels[3*(y*width+x)+channel] = uint8(min(max(v+float64(12*channel)+6*r.NormFloat64(), 0), 255))
			}
		}
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		var codec jpegturbo.Codec
		return codec.Encode(w, pixels, width, height, 90)
	})
}
