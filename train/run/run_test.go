package run

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
	"striate/train/network"
)

func TestConfigRoundTrip(t *testing.T) {
	f := Folder(t.TempDir())
	require.False(t, f.Exists())
	_, err := f.Read()
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	d, err := network.Preset("composite_a")
	require.NoError(t, err)
	c := &Config{Network: d, Mode: "train", Epochs: 3, LR: 0.1, Milestones: []int{2}, Seed: 1<<64 - 1,
		Data: Data{Classes: []string{"a", "b"}}, Adversarial: Adversarial{Method: "none"}}
	require.NoError(t, f.Write(c))
	require.True(t, f.Exists())
	got, err := f.Read()
	require.NoError(t, err)
	require.Equal(t, c, got)
	require.NoError(t, os.WriteFile(filepath.Join(string(f), "config.json"), []byte(`{"network":{}}`), 0o644))
	_, err = f.Read()
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

// What was written after the checkpoint that training goes on from is cut off, whole lines or not.
func TestMetricsResume(t *testing.T) {
	f := Folder(t.TempDir())
	m, err := f.OpenMetrics(0)
	require.NoError(t, err)
	rows := []Row{
		{Epoch: 1, Step: 10, Split: "train", Loss: 2.302585, Top1: 0.125, Top5: 0.5, LR: 0.1, ImagesPerS: 88.5},
		{Epoch: 1, Step: 10, Split: "val", Loss: 2.2, Top1: 0.15, Top5: 0.55, LR: 0.1, ImagesPerS: 300},
		{Epoch: 2, Step: 20, Split: "train", Loss: 2.1, Top1: 0.2, Top5: 0.6, LR: 0.01, ImagesPerS: 90},
	}
	require.NoError(t, m.Add(rows[0]))
	require.NoError(t, m.Add(rows[1]))
	size := m.Size()
	require.NoError(t, m.Add(Row{Epoch: 9, Split: "train"}))
	_, err = m.file.WriteString("9,9,tra")
	require.NoError(t, err)
	require.NoError(t, m.Close())
	m, err = f.OpenMetrics(size)
	require.NoError(t, err)
	require.NoError(t, m.Add(rows[2]))
	require.NoError(t, m.Close())
	got, err := f.Rows()
	require.NoError(t, err)
	require.Equal(t, rows, got)
	data, err := os.ReadFile(f.Metrics())
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(data, []byte("epoch,step,split,loss,top1,top5,lr,images_per_s\n1,10,train,2.302585,0.125,0.5,0.1,88.5\n")))

	require.NoError(t, f.DrawCurves())
	drawn, err := os.ReadFile(filepath.Join(string(f), "curves.png"))
	require.NoError(t, err)
	img, err := png.Decode(bytes.NewReader(drawn))
	require.NoError(t, err)
	colours := map[string]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			if r != g || g != b {
				colours[string([]byte{byte(r >> 13), byte(g >> 13), byte(b >> 13)})] = true
			}
		}
	}
	require.Greater(t, len(colours), 3, "lines in colour")
	svg, err := os.ReadFile(filepath.Join(string(f), "curves.svg"))
	require.NoError(t, err)
	require.Contains(t, string(svg), "validation top-5")
}
