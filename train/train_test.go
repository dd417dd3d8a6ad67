package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
	"striate/train/network"
	"striate/train/parameters"
	"striate/train/run"
)

// stripes is an image folder of three classes, 32×32 pixels: horizontal, vertical and oblique stripes
// in noise. 12 + 9 images a class.
func stripes(t testing.TB) string {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for _, split := range []string{"train", "val"} {
		n := map[string]int{"train": 12, "val": 3}[split]
		for class := range 3 {
			folder := filepath.Join(dir, split, fmt.Sprintf("class%d", class))
			require.NoError(t, os.MkdirAll(folder, 0o755))
			for k := range n {
				img := image.NewRGBA(image.Rect(0, 0, 32, 32))
				phase := r.IntN(8)
				for y := range 32 {
					for x := range 32 {
						at := []int{x, y, x + y}[class]
						v := uint8(60 + 120*((at+phase)/4%2) + r.IntN(60))
						img.Set(x, y, color.RGBA{v, v / 2, uint8(r.IntN(256)), 255})
					}
				}
				var b bytes.Buffer
				require.NoError(t, png.Encode(&b, img))
				require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%02d.png", k)), b.Bytes(), 0o644))
			}
		}
	}
	return dir
}

// small is a network of 32×32 pixels and width 8.
func small(t testing.TB, preset string) network.Description {
	t.Helper()
	d, err := network.Preset(preset)
	require.NoError(t, err)
	d = d.WithBlocks(1, 1, 1, 1)
	d.Size, d.Width, d.Classes = 32, 8, 3
	require.NoError(t, d.Validate())
	return d
}

func config(t testing.TB, preset, data string) *run.Config {
	return &run.Config{Network: small(t, preset), Mode: ModeTrain, Data: run.Data{Path: data}, Epochs: 3, Batch: 10, LR: 0.1,
		Schedule: Multistep, Milestones: []int{2}, Gamma: 0.1, Momentum: 0.9, WeightDecay: 1e-4, Seed: 5, Transform: "tiny",
		Precision: Float32, Accumulate: 1, Adversarial: run.Adversarial{Method: None}}
}

func options(dir string) Options {
	return Options{Folder: run.Folder(dir), Backend: "go", LogEvery: 1, CheckpointEvery: 2, Keep: 2, Cache: 1 << 20}
}

// trained runs a configuration in a new folder.
func trained(t *testing.T, c run.Config, change func(*Options)) (run.Folder, *run.Summary, string) {
	t.Helper()
	o := options(filepath.Join(t.TempDir(), "run"))
	var out bytes.Buffer
	o.Stdout = &out
	if change != nil {
		change(&o)
	}
	sum, err := Train(context.Background(), &c, o)
	require.NoError(t, err)
	return o.Folder, sum, out.String()
}

// arrays are the parameters of a run after its last epoch, by their bits.
func arrays(t *testing.T, f run.Folder) parameters.Arrays {
	t.Helper()
	a, err := parameters.Read(f.Weights(run.Last))
	require.NoError(t, err)
	return a
}

// A small network learns three classes of stripes, and its folder holds what it should.
func TestTrainLearns(t *testing.T) {
	c := config(t, "resnet50", stripes(t))
	c.Epochs, c.Milestones, c.LR = 8, []int{6}, 0.02
	folder, sum, out := trained(t, *c, func(o *Options) { o.LogEvery = 3 })
	require.Equal(t, 8, sum.Epochs)
	require.Equal(t, 32, sum.Steps)
	require.Greater(t, sum.Best.Top1, 0.8, "chance is 1/3")
	require.Equal(t, 1.0, sum.Last.Top5)
	require.Contains(t, out, "epoch 8/8  train loss")
	require.Less(t, sum.DataWait, 0.5)
	rows, err := folder.Rows()
	require.NoError(t, err)
	require.Len(t, rows, 8*3) // after step 3 and 4 of each epoch's 4, and validation
	require.Equal(t, run.Row{Epoch: 1, Step: 3, Split: "train"}, run.Row{Epoch: rows[0].Epoch, Step: rows[0].Step, Split: rows[0].Split})
	for _, r := range rows {
		want := c.LR
		if r.Epoch > 6 {
			want *= 0.1
		}
		require.InDelta(t, want, r.LR, 1e-9)
		require.True(t, r.Top1 >= 0 && r.Top1 <= r.Top5 && r.Top5 <= 1 && r.ImagesPerS > 0, r)
	}
	for _, name := range []string{"config.json", "summary.json", "metrics.csv", "curves.png", "curves.svg", "best.safetensors", "last.safetensors"} {
		require.FileExists(t, filepath.Join(string(folder), name))
	}
	read, err := folder.Read()
	require.NoError(t, err)
	require.Equal(t, []string{"class0", "class1", "class2"}, read.Data.Classes)
	require.Equal(t, 36, read.Data.Train)
	require.Equal(t, 9, read.Data.Val)
	left, err := filepath.Glob(filepath.Join(folder.Checkpoints(), "*.bin"))
	require.NoError(t, err)
	require.Len(t, left, 2, "older checkpoints are removed")

	// Validation repeats the number of the best epoch.
	v := *c
	v.From, v.Mode = &run.Origin{Path: string(folder)}, ModeValidate
	row, err := Validate(context.Background(), &v, options(string(folder)))
	require.NoError(t, err)
	require.InDelta(t, sum.Best.Top1, row.Top1, 1e-6)
	require.InDelta(t, sum.Best.Loss, row.Loss, 1e-5)
	require.FileExists(t, filepath.Join(string(folder), "validation.json"))

	_, err = Train(context.Background(), c, options(string(folder)))
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}

var errCrash = errors.New("crash")

// A run that is cut off, at a checkpoint or between two, and resumed ends with the same parameters, bit
// for bit, and the same rows as one that was not.
func TestResumeIsExact(t *testing.T) {
	data := stripes(t)
	for _, c := range []struct {
		name   string
		preset string
		change func(*run.Config)
		cuts   []int // steps of the loop after which the run dies
	}{
		{"composite", "composite_a", func(c *run.Config) {}, []int{1, 7}},
		{"dropout", "local_rf", func(c *run.Config) { c.Epochs = 2 }, []int{5}},
		{"free", "resnet50", func(c *run.Config) {
			c.Epochs, c.Milestones, c.Adversarial = 6, []int{3}, run.Adversarial{Method: Free, Epsilon: 4. / 255, Step: 4. / 255, Replays: 3}
		}, []int{8, 20}},
		{"accumulate", "resnet50", func(c *run.Config) { c.Accumulate, c.Epochs = 2, 2 }, []int{3, 9}},
		{"pgd", "local_rf", func(c *run.Config) {
			c.Epochs, c.Adversarial = 2, run.Adversarial{Method: PGD, Epsilon: 4. / 255, Step: 2. / 255, Steps: 2}
		}, []int{3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			whole := config(t, c.preset, data)
			c.change(whole)
			want, _, _ := trained(t, *whole, nil)
			cut := *whole
			o := options(filepath.Join(t.TempDir(), "cut"))
			for _, step := range c.cuts {
				o.afterStep = func(s int) error {
					if s == step {
						return errCrash
					}
					return nil
				}
				_, err := Train(context.Background(), &cut, o)
				require.ErrorIs(t, err, errCrash)
				o.Resume = true
			}
			o.afterStep = nil
			_, err := Train(context.Background(), &cut, o)
			require.NoError(t, err)
			require.Equal(t, arrays(t, want), arrays(t, o.Folder))
			wantRows, err := want.Rows()
			require.NoError(t, err)
			rows, err := o.Folder.Rows()
			require.NoError(t, err)
			for i := range rows {
				rows[i].ImagesPerS, wantRows[i].ImagesPerS = 0, 0
			}
			require.Equal(t, wantRows, rows)
		})
	}
}
