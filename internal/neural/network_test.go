package neural

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"striate/analysis/predictivity"
)

// pixels is a network whose units are the red channel of its 4 × 4 input.
type pixels struct{ fail error }

func (pixels) InputSize() (height, width int)       { return 4, 4 }
func (pixels) Units() (channels, height, width int) { return 1, 4, 4 }
func (p pixels) Responses(ctx context.Context, images []uint8, dst []float32) error {
	for i := range dst {
		dst[i] = float32(images[3*i])
	}
	return errors.Join(p.fail, ctx.Err())
}

// pictures is a recording with images of 8 × 8 pixels, uniform but for a dark frame, that span 8
// degrees. Its one neuron is their brightness.
func pictures(t testing.TB, n int) *Recording {
	dir := t.TempDir()
	text := "file,degrees\n"
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "images"), 0o755))
	r := mat.NewDense(n, 1, nil)
	for i := range n {
		img := image.NewGray(image.Rect(0, 0, 8, 8))
		for y := 2; y < 6; y++ {
			for x := 2; x < 6; x++ {
				img.SetGray(x, y, color.Gray{uint8(10 * (i*7%n + 1))})
			}
		}
		name := fmt.Sprintf("%02d.png", i)
		f, err := os.Create(filepath.Join(dir, "images", name))
		require.NoError(t, err)
		require.NoError(t, png.Encode(f, img))
		require.NoError(t, f.Close())
		text += name + ",8\n"
		r.Set(i, 0, float64(i*7%n))
	}
	write(t, dir, "stimuli.csv", text)
	out := &Recording{Mean: r, Source: dir}
	require.NoError(t, (&Recording{Mean: r, Table: table(t, text)}).Write(dir))
	out, err := ReadFolder(dir)
	require.NoError(t, err)
	require.Len(t, out.Images, n)
	return out
}

func TestNetworkFeatures(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	r := pictures(t, 20)
	read := func(view View) []float64 {
		shown := 0
		f, err := NetworkFeatures(context.Background(), pixels{}, r, view, func(n int) { shown += n })
		require.NoError(t, err)
		defer f.Close()
		require.Equal(t, 20, shown)
		require.NotNil(t, f.Names)
		x, err := Align(f, r, false)
		require.NoError(t, err)
		block := make([]float64, 20*16)
		require.NoError(t, x.Block(context.Background(), block, 0, 16))
		return block
	}
	whole := read(View{})
	require.Equal(t, 0.0, whole[0], "the dark frame")
	require.Equal(t, whole, read(View{MemoryBytes: 1}), "the same from a temporary file")
	near := read(View{Degrees: 4}) // the middle 4 of the 8 degrees: no frame
	require.Equal(t, 10.0, near[0])
	require.Equal(t, 10.0, near[15])
	far := read(View{Degrees: 16}) // gray around the image
	require.InDelta(t, 128, far[0], 4, "the filter reaches the frame")

	_, err := NetworkFeatures(context.Background(), pixels{errors.New("broken")}, r, View{MemoryBytes: 1}, func(int) {})
	require.ErrorContains(t, err, "broken")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left, "temporary files are removed")
	r.Images = nil
	_, err = NetworkFeatures(context.Background(), pixels{}, r, View{}, func(int) {})
	require.ErrorContains(t, err, "no images")
}

func TestPredictNetwork(t *testing.T) {
	o := DefaultOptions()
	o.Method = predictivity.PLS{Components: 1}
	rep, err := PredictNetwork(context.Background(), pixels{}, pictures(t, 24), View{}, o, func(int) {})
	require.NoError(t, err)
	require.InDelta(t, 1, float64(rep.Pooled.Median), 1e-3, "pixels are rounded")
	require.Nil(t, rep.Ceiling)
}
