package main

import (
	"context"
	"os"

	"striate/internal/corruptset"
	"striate/internal/fault"
	"striate/internal/progress"
)

type corruptCmd struct {
	Type      []string `help:"Corruption, or several: names, groups (noise, blur, weather, digital, extra) or all, which is the first four groups." required:"" placeholder:"T"`
	Severity  []int    `help:"Severity 1 to 5, or several." required:"" placeholder:"S"`
	In        string   `help:"Image, or folder (or .zip) of images, with folders of classes in it or not." required:"" placeholder:"PATH"`
	Out       string   `help:"Image to write (.png: before the benchmark's final JPEG pass; .jpg or .jpeg: after it), or folder." required:"" placeholder:"PATH"`
	Seed      uint64   `help:"Seed of what is random." default:"0"`
	Frost     string   `help:"Folder of the pictures of frost, for the corruption frost." placeholder:"DIR"`
	Benchmark string   `help:"${enum}: parameters and size of the images, 64×64 or 224×224." enum:"tiny-imagenet-c,imagenet-c" default:"tiny-imagenet-c"`
	Resize    bool     `help:"Bring images of another size to the benchmark's, as it does itself."`
}

// Help shows an example.
func (corruptCmd) Help() string {
	return `Examples:
  striate corrupt --type fog --severity 3 --in cat.png --out foggy.png
  striate corrupt --type all --severity 1,2,3,4,5 --frost frost/ --in val/ --out val-c/

A folder gives the tree <corruption>/<severity>/<class>/<file>; files that are there already are kept.
What an image becomes depends on its pixels, the corruption, the severity and the seed alone.`
}

// Run corrupts.
func (c *corruptCmd) Run(ctx context.Context, g *globals) error {
	b, err := corruptset.Benchmark(c.Benchmark)
	if err != nil {
		return err
	}
	names, err := corruptset.Names(b, c.Type)
	if err != nil {
		return err
	}
	if err := corruptset.CheckSeverities(c.Severity); err != nil {
		return err
	}
	info, err := os.Stat(c.In)
	if err != nil {
		return fault.NotFoundf("--in %s: no such image or folder", c.In)
	}
	frost, err := corruptset.ReadFrost(c.Frost, b, names)
	if err != nil {
		return err
	}
	m := &corruptset.Maker{Benchmark: b, Names: names, Severities: c.Severity, Seed: c.Seed, Frost: frost, Resize: c.Resize}
	if info.IsDir() || corruptset.IsArchive(c.In) {
		return c.tree(ctx, g, m)
	}
	if len(names) > 1 || len(c.Severity) > 1 {
		return fault.Misusef("--in %s is one image: give one --type and one --severity, or a folder", c.In)
	}
	return m.File(c.In, c.Out)
}

func (c *corruptCmd) tree(ctx context.Context, g *globals, m *corruptset.Maker) error {
	in, err := corruptset.Open(c.In)
	if err != nil {
		return err
	}
	defer in.Close()
	files, err := in.Images(".")
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fault.Invalidf("--in %s holds no .png, .jpg or .jpeg file", c.In)
	}
	bar := progress.New(g.Stderr, "images", int64(len(files)*len(m.Names)*len(m.Severities)), g.Quiet)
	if err := m.Tree(ctx, in, files, c.Out, bar.Add); err != nil {
		return err
	}
	bar.Close()
	return nil
}
