package train

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
	"striate/train/parameters"
	"striate/train/run"
)

// Fine-tuning trains a new head and nothing else, while the running statistics of batch normalisation
// follow the new images, as in the authors' code.
func TestFinetune(t *testing.T) {
	data := stripes(t)
	base := config(t, "composite_a", data)
	base.Epochs = 1
	from, _, _ := trained(t, *base, nil)

	// Another task: two classes instead of three.
	two := filepath.Join(t.TempDir(), "two")
	copyFolder(t, data, two, func(path string) bool { return !strings.Contains(path, "class1") })
	c := config(t, "composite_a", two)
	c.Network.Classes = 0
	c.Mode, c.From, c.Epochs = ModeFinetune, &run.Origin{Path: string(from)}, 2
	folder, _, _ := trained(t, *c, nil)

	before, err := parameters.Read(from.Weights(run.Best))
	require.NoError(t, err)
	after := arrays(t, folder)
	moved := 0
	for name, a := range after {
		switch {
		case name == "fc.weight":
			require.Equal(t, []int{2, 256}, a.Shape)
		case name == "fc.bias":
			require.Equal(t, []int{2}, a.Shape)
		case strings.Contains(name, "running_"):
			if differ(before[name].Float32s(), a.Float32s()) {
				moved++
			}
		default:
			require.Equal(t, before[name], a, name)
		}
	}
	require.Greater(t, moved, 20)
	read, err := folder.Read()
	require.NoError(t, err)
	require.Equal(t, 2, read.Network.Classes)
	require.True(t, strings.HasPrefix(read.From.Digest, "sha256:"))

	// The same without a new head is refused, and so is validating on more classes than there are.
	c.Mode = ModeTrain
	_, err = Train(context.Background(), c, options(filepath.Join(t.TempDir(), "run")))
	require.ErrorContains(t, err, "--mode finetune")
	v := config(t, "composite_a", data)
	v.From = &run.Origin{Path: string(folder)}
	_, err = Validate(context.Background(), v, options(t.TempDir()))
	require.ErrorContains(t, err, "validate on the classes it was trained on")
	_, _, err = run.Locate(t.TempDir())
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func differ(a, b []float32) bool {
	for i := range a {
		if a[i] != b[i] {
			return true
		}
	}
	return false
}

// A loss that is no number ends the training with the step and the last good checkpoint.
func TestDivergenceStops(t *testing.T) {
	c := config(t, "resnet50", stripes(t))
	c.LR, c.Momentum, c.Epochs = 1e20, 0.9, 20
	o := options(filepath.Join(t.TempDir(), "run"))
	o.CheckpointEvery = 1
	_, err := Train(context.Background(), c, o)
	require.Error(t, err)
	require.Regexp(t, `at step \d+ \(epoch \d+\): training stopped; the last good checkpoint is .*`, err.Error())
	if list, _ := filepath.Glob(filepath.Join(o.Folder.Checkpoints(), "*.json")); len(list) > 0 {
		require.Contains(t, err.Error(), strings.TrimSuffix(list[len(list)-1], ".json"))
	}
	require.False(t, math.IsNaN(c.LR))
}

// Cancelling the context writes a checkpoint at once; resuming from it finishes the run.
func TestInterrupt(t *testing.T) {
	c := config(t, "resnet50", stripes(t))
	want, _, _ := trained(t, *c, nil)
	o := options(filepath.Join(t.TempDir(), "run"))
	o.CheckpointEvery = 0
	ctx, cancel := context.WithCancel(context.Background())
	var warned strings.Builder
	o.Stderr, o.Quiet = &warned, true
	o.afterStep = func(step int) error {
		if step == 5 {
			cancel()
		}
		return nil
	}
	_, err := Train(ctx, c, o)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, warned.String(), "interrupted after step 6; continue with --resume")
	o.Resume, o.afterStep = true, nil
	first := 0
	o.afterStep = func(step int) error {
		if first == 0 {
			first = step
		}
		return nil
	}
	_, err = Train(context.Background(), c, o)
	require.NoError(t, err)
	require.Equal(t, 7, first)
	require.Equal(t, arrays(t, want), arrays(t, o.Folder))
}

// Fast adversarial training watches the accuracy under a stronger attack.
func TestFastWatchesRobustness(t *testing.T) {
	c := config(t, "resnet50", stripes(t))
	c.Epochs, c.LR, c.Adversarial = 2, 0.02, run.Adversarial{Method: Fast, Epsilon: 8. / 255, Step: 10. / 255}
	folder, sum, out := trained(t, *c, nil)
	require.Len(t, sum.RobustShares, 2)
	for _, share := range sum.RobustShares {
		require.True(t, share >= 0 && share <= 1)
	}
	require.Contains(t, out, "PGD-5 top-1")
	require.FileExists(t, filepath.Join(string(folder), "summary.json"))
}

// A network that loses the robustness it had is not trained on: here a rate a hundred times as high
// ruins it in the seventh epoch of eight.
func TestFastStopsWhenRobustnessIsLost(t *testing.T) {
	c := config(t, "resnet50", stripes(t))
	c.Epochs, c.LR, c.Milestones, c.Gamma = 8, 0.05, []int{6}, 100
	c.Adversarial = run.Adversarial{Method: Fast, Epsilon: 1. / 255, Step: 1.25 / 255}
	folder, sum, _ := trained(t, *c, nil)
	require.Len(t, sum.RobustShares, 7)
	require.Greater(t, sum.RobustShares[5]-sum.RobustShares[6], largestDrop)
	require.Contains(t, sum.Stopped, "accuracy under PGD-5 fell")
	require.FileExists(t, folder.Weights(run.Best))
}

func TestRefusals(t *testing.T) {
	data := stripes(t)
	for text, change := range map[string]func(*run.Config, *Options){
		"batch of 10 does not divide": func(c *run.Config, o *Options) { c.Accumulate = 3 },
		"without accumulation": func(c *run.Config, o *Options) {
			c.Accumulate, c.Adversarial = 2, run.Adversarial{Method: Free, Replays: 2}
		},
		"give rising numbers":          func(c *run.Config, o *Options) { c.Milestones = []int{3, 2} },
		"lr 0: give a positive number": func(c *run.Config, o *Options) { c.LR = 0 },
		"has 1 device(s), not 5":       func(c *run.Config, o *Options) { o.Devices = 5 },
		"no data at":                   func(c *run.Config, o *Options) { c.Data.Path += "x" },
		"the network 7 outputs":        func(c *run.Config, o *Options) { c.Network.Classes = 7 },
		"is not in this build":         func(c *run.Config, o *Options) { o.Backend = "tpu" },
		"fewer than a batch":           func(c *run.Config, o *Options) { c.Batch, c.Accumulate = 100, 2 },
	} {
		c := config(t, "resnet50", data)
		o := options(filepath.Join(t.TempDir(), "run"))
		change(c, &o)
		_, err := Train(context.Background(), c, o)
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "\n")
	}
}
