package main

import (
	"encoding/csv"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// classFolder makes <class>/<n>.png of 64×64 pixels, n images a class.
func classFolder(t testing.TB, dir string, classes []string, n int) string {
	t.Helper()
	for c, class := range classes {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, class), 0o755))
		for i := range n {
			m := image.NewRGBA(image.Rect(0, 0, 64, 64))
			for p := range 64 * 64 {
				y, x := p/64, p%64
				m.SetRGBA(x, y, color.RGBA{uint8(60*c + 2*x + i), uint8(40 + y*(c+1)), uint8(x*y/16 + 30*i), 255})
			}
			f, err := os.Create(filepath.Join(dir, class, string(rune('a'+i))+".png"))
			require.NoError(t, err)
			require.NoError(t, png.Encode(f, m))
			require.NoError(t, f.Close())
		}
	}
	return dir
}

func TestCorruptMisuse(t *testing.T) {
	dir := t.TempDir()
	data := classFolder(t, filepath.Join(dir, "in"), []string{"n1", "n2"}, 2)
	img, out := filepath.Join(data, "n1", "a.png"), filepath.Join(dir, "out.png")
	mustFail(t, 1, `no corruption "fgo"`, "corrupt", "--type", "fgo", "--severity", "1", "--in", img, "--out", out)
	mustFail(t, 1, "severity 6: there are 1 to 5", "corrupt", "--type", "fog", "--severity", "6", "--in", img, "--out", out)
	mustFail(t, 2, "--severity", "corrupt", "--type", "fog", "--severity", "high", "--in", img, "--out", out)
	mustFail(t, 1, "no such image or folder", "corrupt", "--type", "fog", "--severity", "1", "--in", filepath.Join(dir, "gone"), "--out", out)
	mustFail(t, 1, "--frost DIR", "corrupt", "--type", "frost", "--severity", "1", "--in", img, "--out", out)
	mustFail(t, 1, "has no frost1.png", "corrupt", "--type", "frost", "--severity", "1", "--frost", dir, "--in", img, "--out", out)
	mustFail(t, 2, "give one --type and one --severity", "corrupt", "--type", "fog,snow", "--severity", "1", "--in", img, "--out", out)
	mustFail(t, 2, "must end in .png, .jpg or .jpeg", "corrupt", "--type", "fog", "--severity", "1", "--in", img, "--out", out+".webp")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	mustFail(t, 1, "holds no .png, .jpg or .jpeg file", "corrupt", "--type", "fog", "--severity", "1", "--in", filepath.Join(dir, "empty"), "--out", filepath.Join(dir, "c"))
	mustFail(t, 1, "image of 64×64 pixels: ImageNet-C corrupts images of 224×224; --resize", "corrupt", "--benchmark", "imagenet-c",
		"--type", "fog", "--severity", "1", "--in", img, "--out", out)
	require.NoFileExists(t, out)

	code, _, stderr := striate(t, "-q", "corrupt", "--type", "fog,saturate", "--severity", "2", "--in", data, "--out", filepath.Join(dir, "c"))
	require.Equal(t, 0, code, stderr)
	require.FileExists(t, filepath.Join(dir, "c", "saturate", "2", "n2", "b.JPEG"))
}

func TestRobustness(t *testing.T) {
	needRuntime(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data := classFolder(t, at("data"), []string{"cat", "dog"}, 3)
	export := []string{"-q", "export", "--init", "random", "--seed", "1", "--width", "8", "--blocks", "1,1,1,1", "--classes", "2", "--out"}
	code, _, stderr := striate(t, append(export, at("m.onnx"))...)
	require.Equal(t, 0, code, stderr)

	base := []string{"-q", "robustness", "--model", at("m.onnx"), "--data", data, "--out", at("r.json")}
	with := func(args ...string) []string { return append(append([]string(nil), base...), args...) }
	mustFail(t, 1, "--frost DIR", base...)
	mustFail(t, 1, "attacks on gradients need the gradient graph", with("--corruptions", "none", "--attacks", "fgsm")...)
	mustFail(t, 1, `no attack "pdg-linf"`, with("--corruptions", "none", "--attacks", "pdg-linf")...)
	mustFail(t, 2, "none is asked for", with("--corruptions", "none", "--epsilon", "4/255")...)
	mustFail(t, 1, "no benchmark", with("--corruptions", "fog", "--benchmark", "cifar-c")...)
	mustFail(t, 1, "logits have one number a class", with("--corruptions", "fog", "--logits", "conv1")...)
	mustFail(t, 1, "has no layer", with("--corruptions", "fog", "--units", "layer9")...)
	mustFail(t, 2, "must end in .json", "robustness", "--model", at("m.onnx"), "--data", data, "--out", at("r.txt"))
	three := classFolder(t, at("three"), []string{"cat", "dog", "eel"}, 1)
	mustFail(t, 1, "has 3 folders of classes and the model 2 outputs", "robustness", "--model", at("m.onnx"), "--data", three, "--out", at("r.json"), "--corruptions", "fog")
	require.NoError(t, os.WriteFile(at("classes.txt"), []byte("ant\nbee\n"), 0o644))
	mustFail(t, 1, "2 of 2 folders are no classes of the model (cat, dog;", with("--corruptions", "fog", "--classes", at("classes.txt"))...)
	require.NoError(t, os.Mkdir(at("empty"), 0o755))
	mustFail(t, 1, "holds no folder of a class", "robustness", "--model", at("m.onnx"), "--data", at("empty"), "--out", at("r.json"), "--corruptions", "fog")

	code, _, stderr = striate(t, append(export, at("m.gradient.onnx"), "--gradient", "logits")...)
	require.Equal(t, 0, code, stderr)
	code, _, stderr = striate(t, "-q", "corrupt", "--type", "fog,snow", "--severity", "1,3", "--in", data, "--out", at("tree"))
	require.Equal(t, 0, code, stderr)
	code, stdout, stderr := striate(t, with("--corruptions", "fog,snow", "--severities", "1,3", "--corrupted", at("tree"), "--generate",
		"--attacks", "fgsm,pgd-l2,square", "--steps", "2", "--queries", "4", "--units", "layer1.0", "--degrees", "8", "--figures", at("figures"))...)
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "published")
	require.NoFileExists(t, at("r.json.partial"))
	require.FileExists(t, at("figures/heatmap-published.svg"))

	text, err := os.ReadFile(at("r.json"))
	require.NoError(t, err)
	var r struct {
		Clean                struct{ Accuracy float64 }
		Generated, Published struct {
			Cells []struct{ Accuracy float64 }
			Means struct{ Groups map[string]float64 }
		}
		Attacks []struct{ Accuracy float64 }
		Units   []struct {
			Pattern struct {
				OverUnits float64 `json:"over_units"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &r))
	require.Len(t, r.Attacks, 3)
	require.Len(t, r.Units, 4)
	require.Greater(t, r.Units[0].Pattern.OverUnits, r.Units[3].Pattern.OverUnits-1)
	// The tree was made with the same seed and JPEG pass: the same images, the same accuracies.
	require.Equal(t, r.Generated.Cells, r.Published.Cells)
	table, err := os.ReadFile(at("r.csv"))
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(string(table))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 6)

	mustFail(t, 1, "lacks 1 of 1 folders (contrast/1)", with("--corruptions", "contrast", "--severities", "1", "--corrupted", at("tree"))...)
	require.NoError(t, os.Mkdir(at("tree/fog/1/eel"), 0o755))
	mustFail(t, 1, "class eel is not among those of the clean images", with("--corruptions", "fog", "--severities", "1", "--corrupted", at("tree"))...)
}
