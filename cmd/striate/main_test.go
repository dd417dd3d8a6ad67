package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"striate/internal/npy"
	"striate/internal/ortlib"
)

// striate runs one command line.
func striate(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(context.Background(), args, &out, &err)
	return code, out.String(), err.String()
}

// mustFail runs a command line that must fail with the status and say so in one line.
func mustFail(t testing.TB, code int, says string, args ...string) {
	t.Helper()
	got, _, stderr := striate(t, args...)
	require.Equal(t, code, got, stderr)
	require.Contains(t, stderr, says)
	require.Equal(t, 1, strings.Count(stderr, "\n"), "more than one line: %q", stderr)
	require.NotContains(t, stderr, "goroutine")
}

func needRuntime(t testing.TB) {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skip(err)
	}
}

func TestHelpAndMisuse(t *testing.T) {
	code, out, _ := striate(t, "--help")
	require.Equal(t, 0, code)
	require.Contains(t, out, "activations")
	code, out, _ = striate(t)
	require.Equal(t, 0, code)
	require.Contains(t, out, "Usage")
	parser, err := kong.New(&cli{})
	require.NoError(t, err)
	seen := 0
	require.NoError(t, kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error {
		if node, ok := n.(*kong.Node); ok && node.Type == kong.CommandNode {
			path := strings.Fields(node.Path())
			code, out, _ := striate(t, append(path, "--help")...)
			require.Equal(t, 0, code, path)
			require.Regexp(t, `Examples?:\s+striate `+path[0], out)
			seen++
		}
		return next(nil)
	}))
	require.Greater(t, seen, 20)
	mustFail(t, 2, "--size means nothing for network voneblock", "export", "--network", "voneblock", "--size", "64", "--out", "m.onnx")
	mustFail(t, 2, "--units means nothing for network resnet50", "export", "--init", "parity", "--units", "64", "--out", "m.onnx")
	mustFail(t, 2, "--degrees NaN: give more than 0", "export", "--init", "parity", "--degrees", "NaN", "--out", "m.onnx")
	mustFail(t, 2, "HOST:PORT", "serve", "--listen", "nonsense")
	mustFail(t, 2, "--max-body -5: a limit is at least 1", "serve", "--max-body=-5")
	mustFail(t, 2, "--frost nowhere: there is no such folder", "serve", "--frost", "nowhere")
	mustFail(t, 2, "unexpected argument", "paint")
	mustFail(t, 2, "--model", "activations", "--layers", "v1", "--input", "x.npy", "--out", "a.npz")
	mustFail(t, 2, "--out", "activations", "--model", "m", "--layers", "v1", "--input", "x.npy", "--out", "a.txt")
	mustFail(t, 2, "device", "activations", "--model", shippedModel, "--layers", "v1", "--input", "x.npy", "--out", "a.npz", "--device", "tpu")
}

const shippedModel = "../../models/voneblock.onnx"

// blockModel exports a small V1 block.
func blockModel(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "block.onnx")
	code, _, stderr := striate(t, "export", "--network", "voneblock", "--image-size", "32", "--degrees", "4", "--units", "16", "--out", path)
	require.Equal(t, 0, code, stderr)
	return path
}

func writePNG(t testing.TB, path string, w, h int) {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.SetNRGBA(i%w, i/w, color.NRGBA{uint8(7 * i), uint8(i * i), uint8(3 * i), 255})
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
}

func TestActivationsOfImages(t *testing.T) {
	needRuntime(t)
	model, dir := blockModel(t), t.TempDir()
	writePNG(t, filepath.Join(dir, "b.png"), 40, 30)
	writePNG(t, filepath.Join(dir, "a.png"), 32, 32)
	out := filepath.Join(t.TempDir(), "deep", "a.npz")
	code, _, stderr := striate(t, "activations", "--model", model, "--layers", "simple,v1", "--images", dir, filepath.Join(dir, "b.png"), "--out", out)
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stderr, "images: 3 of 3")
	arrays, err := npy.ReadZipFile(out)
	require.NoError(t, err)
	require.Equal(t, []int{3, 16, 32, 32}, arrays["v1"].Shape)
	require.Equal(t, []int{3, 8, 32, 32}, arrays["simple"].Shape)
	v1 := arrays["v1"].Float32s()
	n := 16 * 32 * 32
	require.Equal(t, v1[n:2*n], v1[2*n:], "the same picture twice")
	require.NotEqual(t, v1[:n], v1[n:2*n])
	f, err := os.Open(strings.TrimSuffix(out, ".npz") + ".csv")
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"index", "file", "sha256"}, rows[0])
	require.Equal(t, []string{"0", filepath.Join(dir, "a.png")}, rows[1][:2])
	require.Equal(t, rows[2][2], rows[3][2])
	left, err := filepath.Glob(filepath.Join(filepath.Dir(out), ".*"))
	require.NoError(t, err)
	require.Empty(t, left, "temporary files")
}

func TestActivationsOfAnArray(t *testing.T) {
	needRuntime(t)
	model, dir := blockModel(t), t.TempDir()
	x, out := filepath.Join(dir, "x.npy"), filepath.Join(dir, "a.npz")
	require.NoError(t, npy.WriteFile(x, []int{2, 3, 32, 32}, make([]float32, 2*3*32*32)))
	code, _, stderr := striate(t, "-q", "activations", "--model", model, "--layers", "bank", "--input", x, "--out", out)
	require.Equal(t, 0, code, stderr)
	require.Empty(t, stderr, "quiet")
	arrays, err := npy.ReadZipFile(out)
	require.NoError(t, err)
	require.Equal(t, []int{2, 24, 32, 32}, arrays["bank"].Shape)
	require.NoFileExists(t, filepath.Join(dir, "a.csv"))
}

func TestActivationsBadInput(t *testing.T) {
	needRuntime(t)
	model, dir := blockModel(t), t.TempDir()
	broken := filepath.Join(dir, "broken.png")
	require.NoError(t, os.WriteFile(broken, []byte("\x89PNG\r\n\x1a\n"), 0o600))
	text := filepath.Join(dir, "text.onnx")
	require.NoError(t, os.WriteFile(text, []byte("no model"), 0o600))
	double := filepath.Join(dir, "double.npy")
	require.NoError(t, npy.WriteFile(double, []int{1, 3, 32, 32}, make([]float64, 3*32*32)))
	out := filepath.Join(dir, "a.npz")
	with := func(model, layer string, rest ...string) []string {
		return append([]string{"activations", "--model", model, "--layers", layer, "--out", out}, rest...)
	}
	mustFail(t, 1, "broken.png", with(model, "v1", "--images", dir)...)
	mustFail(t, 1, "no such image", with(model, "v1", "--images", filepath.Join(dir, "none"))...)
	mustFail(t, 1, "simple", with(model, "simpel", "--images", broken)...)
	mustFail(t, 1, "no such model file", with(filepath.Join(dir, "none.onnx"), "v1", "--images", broken)...)
	mustFail(t, 1, "text.onnx", with(text, "v1", "--images", broken)...)
	mustFail(t, 1, "float32", with(model, "v1", "--input", double)...)
	mustFail(t, 1, "no such file", with(model, "v1", "--input", filepath.Join(dir, "none.npy"))...)
	mustFail(t, 1, "cuda", with(model, "v1", "--input", double, "--device", "cuda:7")...)
	mustFail(t, 1, "32×32", with(model, "v1", "--images", broken, "--size", "64")...)
	require.NoFileExists(t, out)
}

// An interrupted run leaves no file and exits with 1.
func TestInterrupt(t *testing.T) {
	needRuntime(t)
	model, dir := blockModel(t), t.TempDir()
	x, out := filepath.Join(dir, "x.npy"), filepath.Join(dir, "a.npz")
	require.NoError(t, npy.WriteFile(x, []int{1, 3, 32, 32}, make([]float32, 3*32*32)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, run(ctx, []string{"activations", "--model", model, "--layers", "v1", "--input", x, "--out", out}, &stdout, &stderr))
	require.Equal(t, "striate: interrupted\n", stderr.String())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "only x.npy is left")
}

func TestDoctor(t *testing.T) {
	needRuntime(t)
	code, out, _ := striate(t, "doctor", "--models", filepath.Dir(blockModel(t)))
	require.Equal(t, 0, code)
	require.Contains(t, out, "ONNX Runtime")
	require.Contains(t, out, "block")
	code, out, _ = striate(t, "doctor", "--json", "--models", "/nowhere")
	require.Equal(t, 0, code)
	require.Contains(t, out, `"what": "models"`)
	require.Contains(t, out, "--models")
}
