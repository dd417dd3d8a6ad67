package neural

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"striate/analysis"
	"striate/analysis/predictivity"
	"striate/analysis/stimulus"
	"striate/internal/fault"
	"striate/internal/npy"
	"striate/internal/picture"
)

// View says how images are shown to a network.
type View struct {
	// Degrees of visual angle that the network's input spans; 0 when not known. Stimuli that span
	// another angle (column degrees of the table of stimuli) are placed on gray or cropped, not
	// resampled, before they are resized to the input; other stimuli fill the input.
	Degrees float64
	// MemoryBytes is how much the responses may take before they go to a temporary file; 0 for 1 GiB.
	MemoryBytes int64
}

// imageBatch is how many images are shown at a time.
const imageBatch = 8

// NetworkFeatures shows every stimulus of the recording to the network and returns the responses,
// in the order of the recording. step is called with the number of images done since the last call.
// The caller closes the features.
func NetworkFeatures(ctx context.Context, net analysis.Network, r *Recording, view View, step func(int)) (*Features, error) {
	if r.Images == nil {
		return nil, fault.Invalidf("%s has no images that a network could be shown: put the files of the column file under images/", r.Source)
	}
	degrees, err := r.degrees()
	if err != nil {
		return nil, err
	}
	c, h, w := net.Units()
	units, n := c*h*w, len(r.Images)
	if view.MemoryBytes == 0 {
		view.MemoryBytes = 1 << 30
	}
	show := func(keep func(from int, responses []float32) error) error {
		dst := make([]float32, imageBatch*units)
		for from := 0; from < n; from += imageBatch {
			to := min(from+imageBatch, n)
			batch, err := r.batch(net, view, degrees, from, to)
			if err != nil {
				return err
			}
			if err := net.Responses(ctx, batch, dst[:(to-from)*units]); err != nil {
				return err
			}
			if err := keep(from, dst[:(to-from)*units]); err != nil {
				return err
			}
			step(to - from)
		}
		return nil
	}
	if int64(n)*int64(units)*4 > view.MemoryBytes {
		f, err := spool(n, units, show)
		if err != nil {
			return nil, err
		}
		f.Names = r.Names
		return f, nil
	}
	m := predictivity.Matrix[float32]{Stimuli: n, Units: units, Data: make([]float32, n*units)}
	err = show(func(from int, responses []float32) error {
		copy(m.Data[from*units:], responses)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Features{Features: m, Names: r.Names, close: func() error { return nil }}, nil
}

// spool keeps the responses in a temporary file.
func spool(n, units int, show func(keep func(from int, responses []float32) error) error) (_ *Features, err error) {
	f, err := os.CreateTemp("", "striate-features-*.npy")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file for the responses: %w", err)
	}
	remove := func() error { return os.Remove(f.Name()) }
	defer func() {
		f.Close()
		if err != nil {
			remove() //nolint:errcheck // the first error counts
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := npy.WriteHeader(w, []int{n, units}, "float32"); err != nil {
		return nil, err
	}
	if err := show(func(_ int, responses []float32) error { return npy.WriteData(w, responses) }); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, fmt.Errorf("keep responses in %s: %w", filepath.Dir(f.Name()), err)
	}
	rows, err := npy.OpenRows(f.Name())
	if err != nil {
		return nil, err
	}
	return &Features{Features: fileFeatures{rows}, close: func() error { return errors.Join(rows.Close(), remove()) }}, nil
}

// degrees is the visual angle of every stimulus, nil when the table does not say.
func (r *Recording) degrees() ([]float64, error) {
	if r.Table == nil {
		return nil, nil
	}
	fields := r.Table.Column("degrees")
	if fields == nil {
		return nil, nil
	}
	out := make([]float64, len(fields))
	for i, f := range fields {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || !(v > 0) || v > 360 {
			return nil, fault.Invalidf("%s, line %d: %q degrees is not an angle", r.Table.name, i+2, f)
		}
		out[i] = v
	}
	return out, nil
}

func (r *Recording) batch(net analysis.Network, view View, degrees []float64, from, to int) ([]uint8, error) {
	height, width := net.InputSize()
	out := make([]uint8, 0, (to-from)*height*width*3)
	for i := from; i < to; i++ {
		img, _, err := picture.ReadFile(r.Images[i], picture.Limits{})
		if err != nil {
			return nil, err
		}
		if degrees != nil && view.Degrees > 0 && degrees[i] != view.Degrees {
			screen := stimulus.NewScreen(img.Width, img.Height, degrees[i], view.Degrees)
			if int64(screen.Width)*int64(screen.Height) > picture.DefaultMaxPixels || screen.Width < 1 || screen.Height < 1 {
				return nil, fault.Invalidf("%s spans %v degrees, which cannot be shown in %v: check the field of view", r.Images[i], degrees[i], view.Degrees)
			}
			placed := &picture.RGB{Width: screen.Width, Height: screen.Height, Pix: make([]uint8, 3*screen.Width*screen.Height)}
			screen.Place(placed.Pix, img.Pix, img.Width, img.Height, 3)
			img = placed
		}
		out = append(out, img.Resize(height, width).Pix...)
	}
	return out, nil
}
