package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/npy"
	"striate/internal/picture"
	"striate/internal/progress"
	"striate/serve/engine"
)

type activationsCmd struct {
	modelFlags `embed:""`
	Layers     []string `help:"Layers, separated by commas: names of the card or any tensor of the graph." required:"" placeholder:"L"`
	Input      string   `help:"Array of images as the network reads them, float32 N×C×H×W." xor:"what" required:"" placeholder:"X.npy"`
	Images     []string `help:"Image files, or folders of them." xor:"what" required:"" placeholder:"PATH" sep:"none"`
	More       []string `arg:"" optional:"" help:"More image files or folders."`
	Out        string   `help:"Archive to write: one array a layer." required:"" placeholder:"A.npz"`
}

// Help shows an example.
func (activationsCmd) Help() string {
	return `Example: striate activations --model voneblock --layers v1 --images photos/ --out v1.npz

Images are resized to the input size and normalised as the model card says; their order, names and
digests are written beside the archive as a .csv.`
}

// Run computes and writes the responses.
func (c *activationsCmd) Run(ctx context.Context, g *globals) error {
	if len(c.More) > 0 && c.Input != "" {
		return fault.Misusef("unexpected argument %s: --input takes one file", c.More[0])
	}
	if !strings.HasSuffix(c.Out, ".npz") {
		return fault.Misusef("--out %s: the archive's name must end in .npz", c.Out)
	}
	m, err := c.find()
	if err != nil {
		return err
	}
	if err := m.HasLayers(c.Layers); err != nil {
		return err
	}
	e, err := engine.New(engine.Config{Device: c.Device})
	if err != nil {
		return err
	}
	defer e.Close()
	source, files, err := c.source(ctx, m)
	if err != nil {
		return err
	}
	bar := progress.New(g.Stderr, "images", int64(source.Len()), g.Quiet)
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		return e.WriteNpz(ctx, m, c.Layers, source, w, filepath.Dir(c.Out), bar.Add)
	})
	if err != nil {
		return err
	}
	bar.Close()
	if files != nil {
		return writeManifest(strings.TrimSuffix(c.Out, ".npz")+".csv", files)
	}
	return nil
}

// source is the array or the image files; files is nil for an array.
func (c *activationsCmd) source(ctx context.Context, m *engine.Model) (engine.Source, *engine.Files, error) {
	if c.Input != "" {
		a, err := npy.ReadFile(c.Input)
		if err != nil {
			return nil, nil, err
		}
		source, err := engine.FromArray(a)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.Input, err)
		}
		return source, nil, nil
	}
	paths, err := picture.Collect(append(c.Images, c.More...))
	if err != nil {
		return nil, nil, err
	}
	files, err := m.Files(ctx, paths)
	return files, files, err
}

// writeManifest says which row of the arrays is which file.
func writeManifest(path string, files *engine.Files) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		table := csv.NewWriter(w)
		table.Write([]string{"index", "file", "sha256"}) //nolint:errcheck // Error below reports it
		for i, p := range files.Paths {
			table.Write([]string{strconv.Itoa(i), p, files.SHA256[i]}) //nolint:errcheck
		}
		table.Flush()
		return table.Error()
	})
}
