package adversary

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/analysis/attack"
	"striate/export"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/ortlib"
	"striate/serve/engine"
	"striate/train/network"
)

// files writes a narrow network and its gradient graph.
func files(t testing.TB, seed uint64) (model, gradient string) {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skip(err)
	}
	d, err := network.Preset("resnet50")
	require.NoError(t, err)
	d.Width, d.Classes, d.Size = 8, 5, 32
	d = d.WithBlocks(1, 1, 1, 1)
	store := newStore(t, d, seed)
	dir := t.TempDir()
	write := func(name string, g export.Graph, err error) string {
		require.NoError(t, err)
		m, err := export.Model(g, d, export.Options{})
		require.NoError(t, err)
		data, err := m.Encode()
		require.NoError(t, err)
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o644))
		return path
	}
	g, err := export.Network(d, store, "")
	model = write("small.onnx", g, err)
	g, err = export.Gradient(d, store, "logits")
	return model, write("small.gradient.onnx", g, err)
}

func newStore(t testing.TB, d network.Description, seed uint64) *model.Store {
	store := model.NewStore()
	require.NoError(t, d.Init(store, network.Parity(seed), dtypes.Float32))
	return store
}

func open(t testing.TB, path string, change func(*card.Card)) (*Model, error) {
	e, err := engine.New(engine.Config{Device: "cpu"})
	require.NoError(t, err)
	t.Cleanup(e.Close)
	m, err := engine.ReadModel(path)
	require.NoError(t, err)
	c := m.Card
	change(&c)
	return New(t.Context(), e, m.WithCard(c), "logits")
}

// TestGradient holds the gradient of each channel against differences of the loss along it, with a
// normalisation that differs by channel, in BGR order. 5 % covers the kinks of the network within the
// step and single precision; a wrong channel or scale is off by 20 % or more.
func TestGradient(t *testing.T) {
	path, gradient := files(t, 3)
	a, err := open(t, path, func(c *card.Card) {
		c.Mean, c.Std, c.ChannelOrder = []float64{0.5, 0.4, 0.45}, []float64{0.5, 0.25, 0.3}, "BGR"
	})
	require.NoError(t, err)
	require.Equal(t, attack.Shape{Channels: 3, Height: 32, Width: 32}, a.Shape())
	require.Equal(t, 5, a.Classes())
	d, err := OpenGradient(t.Context(), a, gradient)
	require.NoError(t, err)
	defer d.Close()

	rng := rand.New(rand.NewPCG(1, 1))
	size := a.Shape().Size()
	images, labels := make([]float32, 2*size), []int{1, 4}
	for i := range images {
		images[i] = 0.2 + 0.6*rng.Float32()
	}
	grad, loss := make([]float32, len(images)), make([]float32, 2)
	require.NoError(t, d.LossGradient(t.Context(), images, labels, grad, loss))
	plane := 32 * 32
	for i := range labels {
		for channel := range 3 {
			at := i*size + channel*plane
			row := grad[at : at+plane]
			norm := 0.0
			for _, g := range row {
				norm += float64(g) * float64(g)
			}
			norm = math.Sqrt(norm)
			const step = 1e-3
			shifted := func(sign float64) float64 {
				moved := append([]float32(nil), images...)
				for j, g := range row {
					moved[at+j] += float32(sign * step * float64(g) / norm)
				}
				other, l := make([]float32, len(images)), make([]float32, 2)
				require.NoError(t, d.LossGradient(t.Context(), moved, labels, other, l))
				return float64(l[i])
			}
			slope := (shifted(1) - shifted(-1)) / (2 * step)
			require.InEpsilon(t, norm, slope, 0.05, "image %d, channel %d", i, channel)
		}
	}
	dst := make([]float32, len(images))
	require.NoError(t, attack.PGD(t.Context(), d, dst, images, labels, attack.PGDConfig{Epsilon: 0.03, Step: 0.01, Steps: 5}))
	after := make([]float32, 2)
	require.NoError(t, d.LossGradient(t.Context(), dst, labels, grad, after))
	require.Greater(t, after[0], loss[0])
	require.Greater(t, after[1], loss[1])
}

func TestWrongGradientGraphs(t *testing.T) {
	path, _ := files(t, 3)
	_, other := files(t, 4)
	a, err := open(t, path, func(*card.Card) {})
	require.NoError(t, err)
	_, err = OpenGradient(t.Context(), a, other)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.ErrorContains(t, err, "gradient of another network or layer")
	_, err = OpenGradient(t.Context(), a, path)
	require.ErrorContains(t, err, "is no gradient graph")
	_, err = OpenGradient(t.Context(), a, path+".gone")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.ErrorContains(t, err, "--gradient logits")
	_, err = open(t, path, func(c *card.Card) { c.Mean, c.Std = nil, nil })
	require.ErrorContains(t, err, "no card")
}
