package engine

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/export/onnx"
	"striate/internal/card"
)

// pyramid is three strided convolutions with padding, then a mean over the plane.
func pyramid(t testing.TB, fixed bool) *Model {
	b := onnx.NewBuilder("pyramid", 17)
	x := b.Input("image", onnx.Float32, onnx.Shape("N", 3, 64, 96))
	channels := 3
	for i := range 3 {
		weights := make([]float32, 4*channels*9)
		for k := range weights {
			weights[k] = float32((k*7+i)%5-2) / 10
		}
		w := b.Constant(onnx.Float32Tensor("w"+string(rune('0'+i)), []int64{4, int64(channels), 3, 3}, weights))
		x = b.Node("Conv", "conv"+string(rune('0'+i)), []string{x, w}, onnx.Attr("pads", 1, 1, 1, 1), onnx.Attr("strides", 2, 2))
		x = b.Node("Relu", "relu"+string(rune('0'+i)), []string{x})
		channels = 4
	}
	if fixed {
		shape := b.Constant(onnx.Int64Tensor("shape", []int64{4}, []int64{-1, 4, 8, 12}))
		x = b.Node("Reshape", "same", []string{x, shape})
	}
	mean := b.Node("GlobalAveragePool", "mean", []string{x})
	b.Node("Sub", "centred", []string{x, mean})
	b.Output(b.Node("Flatten", "flat", []string{mean}), onnx.Float32, onnx.Shape("N", 4))
	b.Metadata(card.Card{Network: "pyramid", InputSize: [2]int{64, 96}, Mean: []float64{0.5}, Std: []float64{0.5}}.Encode())
	graph, err := b.Model()
	require.NoError(t, err)
	data, err := graph.Encode()
	require.NoError(t, err)
	m, err := NewModel("pyramid", data)
	require.NoError(t, err)
	return m
}

// windowEquals compares a window with the same units of the whole layer, on images that were not
// used to find it.
func windowEquals(t *testing.T, l *Layer, y0, y1, x0, x1 int) *Window {
	t.Helper()
	ctx := context.Background()
	w, err := l.Window(ctx, y0, y1, x0, x1)
	require.NoError(t, err)
	h, width := l.InputSize()
	images := make([]uint8, 3*h*width*3)
	for i := range images {
		images[i] = uint8(i * i >> 3)
	}
	c, lh, lw := l.Units()
	full, got := make([]float32, 3*c*lh*lw), make([]float32, 3*c*(y1-y0)*(x1-x0))
	require.NoError(t, l.Responses(ctx, images, full))
	require.NoError(t, w.Responses(ctx, images, got))
	at := 0
	for i := range 3 {
		for k := range c {
			for y := y0; y < y1; y++ {
				for x := x0; x < x1; x++ {
					require.InDelta(t, full[((i*c+k)*lh+y)*lw+x], got[at], 1e-4, "image %d, unit %d,%d,%d", i, k, y, x)
					at++
				}
			}
		}
	}
	return w
}

func TestWindowEqualsLayer(t *testing.T) {
	e := testEngine(t, Config{})
	l, err := e.Layer(context.Background(), pyramid(t, false), "relu2")
	require.NoError(t, err)
	for _, at := range [][4]int{{4, 5, 6, 7}, {0, 1, 0, 1}, {7, 8, 11, 12}, {0, 2, 10, 12}, {3, 5, 0, 3}} {
		w := windowEquals(t, l, at[0], at[1], at[2], at[3])
		require.Less(t, w.Fraction(), worthwhile, "rows and columns %v", at)
	}
	require.Equal(t, 1.0, windowEquals(t, l, 0, 8, 0, 12).Fraction())
	require.Panics(t, func() { l.Window(context.Background(), 0, 9, 0, 1) }) //nolint:errcheck
}

// Where units see the whole image, or the graph fixes sizes, the whole image is used.
func TestWindowNeedsWholeImage(t *testing.T) {
	e := testEngine(t, Config{})
	for _, c := range []struct {
		fixed bool
		layer string
	}{{false, "centred"}, {true, "same"}} {
		l, err := e.Layer(context.Background(), pyramid(t, c.fixed), c.layer)
		require.NoError(t, err)
		require.Equal(t, 1.0, windowEquals(t, l, 4, 5, 6, 7).Fraction(), c.layer)
	}
	l, err := e.Layer(context.Background(), pyramid(t, false), "flat")
	require.NoError(t, err)
	require.Equal(t, 1.0, windowEquals(t, l, 0, 1, 0, 1).Fraction())
}

// A column of the shipped V1 front end sees a small part of the image.
func TestWindowOfShippedModel(t *testing.T) {
	_, file, _, _ := runtime.Caller(0)
	m, err := ReadModel(filepath.Join(filepath.Dir(file), "../../models/voneblock.onnx"))
	require.NoError(t, err)
	e := testEngine(t, Config{})
	l, err := e.Layer(context.Background(), m, m.Card.V1Layer)
	require.NoError(t, err)
	_, h, w := l.Units()
	require.Less(t, windowEquals(t, l, h/2, h/2+1, w/2, w/2+1).Fraction(), 0.1)
}
