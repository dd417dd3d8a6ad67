package engine

import (
	"context"
	"fmt"
	"io"
	"os"

	"striate/internal/npy"
)

// WriteNpy writes the responses of one layer to w as they come, as one float32 array of images ×
// the layer's shape. before, if not nil, is called with that shape just before the first byte.
func (e *Engine) WriteNpy(ctx context.Context, m *Model, layer string, in Source, w io.Writer, before func(shape []int) error) error {
	return e.Responses(ctx, m, []string{layer}, in, func(from int, out []Response) error {
		r := out[0]
		if from == 0 {
			shape := append([]int{in.Len()}, r.Shape...)
			if before != nil {
				if err := before(shape); err != nil {
					return err
				}
			}
			if err := npy.WriteHeader(w, shape, "float32"); err != nil {
				return err
			}
		}
		return npy.WriteData(w, r.Data)
	})
}

// WriteNpz writes the responses of the layers to w as a .npz archive, one float32 array a layer,
// images × the layer's shape. Layers after the first wait in temporary files of the folder scratch
// ("" is the system's), as an archive holds one array after the other. progress, if not nil, is
// told how many images are done.
func (e *Engine) WriteNpz(ctx context.Context, m *Model, layers []string, in Source, w io.Writer, scratch string, progress func(images int)) error {
	layers = compact(layers)
	z := npy.NewZipWriter(w)
	waiting := make([]*os.File, len(layers))
	defer func() {
		for _, f := range waiting {
			if f != nil {
				f.Close()           //nolint:errcheck // a temporary file
				os.Remove(f.Name()) //nolint:errcheck // as above
			}
		}
	}()
	members := make([]io.Writer, len(layers))
	start := func(k int, shape []int) (err error) {
		if k == 0 {
			members[k], err = z.Member(layers[k])
		} else if waiting[k], err = os.CreateTemp(scratch, ".striate-*.npy"); err == nil {
			members[k] = waiting[k]
		}
		if err != nil {
			return fmt.Errorf("begin array of layer %s: %w", layers[k], err)
		}
		return npy.WriteHeader(members[k], append([]int{in.Len()}, shape...), "float32")
	}
	err := e.Responses(ctx, m, layers, in, func(from int, out []Response) error {
		for k, r := range out {
			if from == 0 {
				if err := start(k, r.Shape); err != nil {
					return err
				}
			}
			if err := npy.WriteData(members[k], r.Data); err != nil {
				return fmt.Errorf("write responses of layer %s: %w", r.Layer, err)
			}
		}
		if progress != nil {
			progress(len(out[0].Data) / max(1, product(out[0].Shape)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for k := 1; k < len(layers); k++ {
		member, err := z.Member(layers[k])
		if err != nil {
			return err
		}
		if _, err := waiting[k].Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read back responses of layer %s: %w", layers[k], err)
		}
		if _, err := io.Copy(member, waiting[k]); err != nil {
			return fmt.Errorf("write responses of layer %s: %w", layers[k], err)
		}
	}
	return z.Close()
}
