package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// photographs is an image folder of two classes, 32×32 pixels.
func photographs(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for split, n := range map[string]int{"train": 6, "val": 2} {
		for i := range 2 * n {
			file := filepath.Join(dir, split, fmt.Sprintf("class%d", i%2), fmt.Sprintf("%02d.jpg", i))
			require.NoError(t, writePhotograph(file, 32, 32, uint64(i)))
		}
	}
	return dir
}

// A run by command line: training, going on, validating, fine-tuning, and what is refused.
func TestTrainCommand(t *testing.T) {
	data, out := photographs(t), filepath.Join(t.TempDir(), "run")
	small := []string{"train", "-q", "--backend", "go", "--data", data, "--network", "composite_a", "--width", "8", "--blocks", "1,1,1,1", "--size", "32",
		"--batch", "6", "--lr", "0.01", "--epochs", "1"}
	code, stdout, stderr := striate(t, append(small, "--out", out)...)
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "epoch 1/1  train loss")
	require.Contains(t, stdout, "best: epoch 1, validation top-1")
	require.Empty(t, stderr, "quiet")

	mustFail(t, 1, "--resume", append(small, "--out", out)...)
	mustFail(t, 2, "--batch is 3, but 6 in the run that goes on", "train", "--out", out, "--resume", "--batch", "3")
	code, stdout, stderr = striate(t, "train", "-q", "--backend", "go", "--out", out, "--resume", "--epochs", "2", "--network", "composite_a", "--lr", "0.01")
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "epoch 2/2")
	require.NotContains(t, stdout, "epoch 1/")
	metrics, err := os.ReadFile(filepath.Join(out, "metrics.csv"))
	require.NoError(t, err)
	require.Len(t, strings.Split(strings.TrimSpace(string(metrics)), "\n"), 5)

	code, stdout, stderr = striate(t, "train", "--backend", "go", "--mode", "validate", "--data", data, "--out", out)
	require.Equal(t, 0, code, stderr)
	var result struct {
		Images           int
		Loss, Top1, Top5 float64
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &result))
	require.Equal(t, 4, result.Images)
	require.Equal(t, 1.0, result.Top5)
	code, _, stderr = striate(t, "train", "-q", "--backend", "go", "--mode", "finetune", "--checkpoint", out, "--data", data,
		"--out", filepath.Join(t.TempDir(), "tuned"), "--epochs", "1", "--batch", "6")
	require.Equal(t, 0, code, stderr)

	// An export takes the network of the run, and does not pass over flags that say another.
	export := []string{"export", "-q", "--no-verify", "--checkpoint", out, "--out", filepath.Join(t.TempDir(), "m.onnx")}
	for _, flags := range [][]string{{"--network", "resnet50"}, {"--classes", "200"}, {"--width", "64"}, {"--blocks", "3,4,6,3"}, {"--norm", "divisive"}, {"--pool", "max"}} {
		mustFail(t, 2, flags[0]+" says something else than", append(export, flags...)...)
	}
	mustFail(t, 2, "--classes 0: at least 1", append(export, "--classes", "0")...)
	code, _, stderr = striate(t, append(export, "--network", "composite_a", "--classes", "2", "--width", "8", "--blocks", "1,1,1,1", "--size", "32", "--pool", "polar")...)
	require.Equal(t, 0, code, stderr)
}

func TestTrainRefusals(t *testing.T) {
	data, out := photographs(t), filepath.Join(t.TempDir(), "run")
	mustFail(t, 2, "--data DIR", "train", "--out", out)
	mustFail(t, 2, "--checkpoint RUN", "train", "--out", out, "--data", data, "--mode", "finetune")
	mustFail(t, 1, "no data at", "train", "--out", out, "--data", data+"x")
	mustFail(t, 1, "is not the folder of a training run", "train", "--out", out, "--resume")
	mustFail(t, 2, "give rising numbers", "train", "--out", out, "--data", data, "--milestones", "5,4")
	mustFail(t, 2, "no number such as", "train", "--out", out, "--data", data, "--epsilon", "4/0")
	mustFail(t, 2, "resnet51", "train", "--out", out, "--data", data, "--network", "resnet51")
	mustFail(t, 1, "not in this build", "train", "--out", out, "--data", data, "--backend", "tpu")
	mustFail(t, 1, "no parameters at", "train", "--out", out, "--data", data, "--mode", "validate")
}

func TestBenchData(t *testing.T) {
	code, stdout, stderr := striate(t, "bench", "data", "--data", photographs(t), "--seconds", "0.1", "--batch", "4")
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "images/s")
}
