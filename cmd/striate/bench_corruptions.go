package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"text/tabwriter"

	"striate/analysis/corruption"
	"striate/internal/corruptset"
	"striate/internal/cputime"
	"striate/internal/jpegturbo"
	"striate/internal/picture"
)

type benchCorruptionsCmd struct {
	Image string `help:"Image of 64×64 pixels; default: a synthetic one." placeholder:"FILE"`
	Frost string `help:"Folder of the pictures of frost; default: synthetic ones, which cost the same." placeholder:"DIR"`
	Runs  int    `help:"Times that each severity is computed." default:"40"`
}

// Help shows an example.
func (benchCorruptionsCmd) Help() string {
	return `Example: striate bench corruptions

CPU time of one 64×64 image on one thread, mean over the severities, beside the reference programs in
Python (numpy 1.24, scipy 1.10, scikit-image 0.19, OpenCV 4.6, ImageMagick 6.9).`
}

// pythonCPU are milliseconds of CPU time of the reference programs: per corruption the mean over the
// severities of one 64×64 image, single thread, truncated to 8 bits.
var pythonCPU = map[string]float64{
	"gaussian_noise": 0.275, "shot_noise": 0.838, "impulse_noise": 0.223, "defocus_blur": 0.441, "glass_blur": 36.032,
	"motion_blur": 3.95, "zoom_blur": 10.383, "snow": 4.866, "frost": 4.788, "fog": 0.557, "brightness": 1.271, "contrast": 0.136,
	"elastic_transform": 2.617, "pixelate": 0.059, "jpeg_compression": 0.104, "speckle_noise": 0.261, "gaussian_blur": 0.184,
	"spatter": 0.555, "saturate": 1.178,
}

// Run measures and prints a table.
func (c *benchCorruptionsCmd) Run(ctx context.Context, g *globals) error {
	b := corruption.TinyImageNetC()
	img, err := c.image(b)
	if err != nil {
		return err
	}
	ws := corruption.NewWorkspace(b.Size)
	if err := c.setFrost(b, ws); err != nil {
		return err
	}
	out := make([]uint8, len(img))
	src := corruption.NewRandom(1, "", 0, img)
	table := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(g.Stdout, "one 64×64 image, one thread, mean over the severities, %d runs each; milliseconds of CPU time\n", c.Runs)
	fmt.Fprintln(table, "corruption\tstriate\tPython\ttimes faster\t")
	ours, theirs := 0.0, 0.0
	for i := range b.Corruptions {
		if err := ctx.Err(); err != nil {
			return err
		}
		one := &b.Corruptions[i]
		ms := cpu(c.Runs, func() {
			for s := 1; s <= corruption.Severities; s++ {
				one.Apply(ws, out, img, s, src)
			}
		}) / corruption.Severities
		python := pythonCPU[one.Name]
		fmt.Fprintf(table, "%s\t%.3f\t%.3f\t%.1f\t\n", one.Name, ms, python, python/ms)
		if one.Group != corruption.Extra {
			ours += corruption.Severities * ms
			theirs += corruption.Severities * python
		}
	}
	fmt.Fprintf(table, "fifteen × five\t%.1f\t%.1f\t%.1f\t\n", ours, theirs, theirs/ours)
	if err := table.Flush(); err != nil {
		return err
	}
	return c.files(g, out, b.Size)
}

// files measures the coding that a folder needs besides.
func (c *benchCorruptionsCmd) files(g *globals, img []uint8, n int) error {
	var codec jpegturbo.Codec
	ms := cpu(5*c.Runs, func() { codec.Encode(io.Discard, img, n, n, corruptset.Quality) }) //nolint:errcheck // nothing is written
	_, err := fmt.Fprintf(g.Stdout, "JPEG file of quality %d: %.3f ms\n", corruptset.Quality, ms)
	return err
}

// image reads the image, or makes one with edges, gradients and noise.
func (c *benchCorruptionsCmd) image(b *corruption.Benchmark) ([]uint8, error) {
	if c.Image != "" {
		m, _, err := picture.ReadFile(c.Image, picture.Limits{})
		if err != nil {
			return nil, err
		}
		return corruptset.Fit(m, b, true)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	img := make([]uint8, b.Size*b.Size*3)
	for i := range img {
		y, x, channel := float64(i/3/b.Size), float64(i/3%b.Size), float64(i%3)
		img[i] = uint8(128 + 70*math.Sin(0.15*x+channel) + 40*math.Copysign(1, math.Sin(0.2*y+0.1*x)) + 15*rng.Float64())
	}
	return img, nil
}

func (c *benchCorruptionsCmd) setFrost(b *corruption.Benchmark, ws *corruption.Workspace) error {
	if c.Frost != "" {
		prepared, err := corruptset.ReadFrost(c.Frost, b, []string{"frost"})
		ws.SetFrost(prepared)
		return err
	}
	pictures := make([]corruption.Picture, corruption.FrostPictures)
	for i := range pictures {
		pictures[i] = corruption.Picture{Pix: make([]uint8, 400*300*3), Width: 400, Height: 300}
	}
	prepared, err := b.PrepareFrost(pictures)
	ws.SetFrost(prepared)
	return err
}

// cpu returns the milliseconds of CPU time, of the whole process, that a run of f takes.
func cpu(runs int, f func()) float64 {
	f()
	before := cputime.Seconds()
	for range runs {
		f()
	}
	return (cputime.Seconds() - before) * 1e3 / float64(runs)
}
