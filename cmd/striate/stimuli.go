package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"striate/analysis/stimulus"
	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/graypng"
	"striate/internal/progress"
	"striate/internal/v1data"
)

type stimuliCmd struct {
	Set string `help:"Stimulus set: blank, receptive_field, orientation, spatial_frequency or size." required:"" placeholder:"SET"`
	Out string `help:"Folder for the images and stimuli.csv." required:"" placeholder:"DIR"`
}

// Help shows an example.
func (stimuliCmd) Help() string {
	return `Example: striate stimuli --set orientation --out stimuli/orientation

Images span 12 degrees of visual angle at 56 pixels a degree (the blank: 448 pixels). Their names sort
in canonical order; stimuli.csv lists them with their parameters.`
}

// Run renders the set.
func (c *stimuliCmd) Run(ctx context.Context, g *globals) error {
	set, ok := stimulus.NewSet(stimulus.SetName(c.Set))
	if !ok {
		return fault.Misusef("--set %s: the sets are %v", c.Set, stimulus.GratingSets)
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("make folder for the stimuli: %w", err)
	}
	bar := progress.New(g.Stderr, "images", int64(set.Len()), g.Quiet)
	if err := renderSet(ctx, set, c.Out, bar.Add); err != nil {
		return err
	}
	bar.Close()
	return atomicfile.Write(filepath.Join(c.Out, "stimuli.csv"), func(w io.Writer) error {
		return v1data.WriteStimuli(w, set, stimulusFile)
	})
}

// stimulusFile names the image with the index so that names sort as indices do.
func stimulusFile(i int) string { return fmt.Sprintf("%04d.png", i) }

// renderSet writes all images of a set into a folder.
func renderSet(ctx context.Context, set stimulus.Set, dir string, done func(int)) error {
	var next atomic.Int64
	work, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() error {
			renderer := stimulus.NewRenderer(set.Canvas())
			pix := make([]uint8, set.Pixels*set.Pixels)
			var encoder graypng.Encoder
			for i := int(next.Add(1)) - 1; i < set.Len(); i = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				set.Draw(renderer, pix, i)
				if err := writeImage(filepath.Join(dir, stimulusFile(i)), &encoder, pix, set.Pixels); err != nil {
					return err
				}
				done(1)
			}
			return nil
		})
	}
	return work.Wait()
}

// writeImage writes a whole image or none. It does not wait for the disk as atomicfile does, which
// would take longer than all else: an image lost with the power is rendered again in a millisecond.
func writeImage(path string, encoder *graypng.Encoder, pix []uint8, size int) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".*.png")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	w := bufio.NewWriter(f)
	if err := encoder.Encode(w, pix, size, size); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
