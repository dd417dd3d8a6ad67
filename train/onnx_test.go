package train

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/train/backend"
	_ "striate/train/backend/onnxruntime"
	"striate/train/run"
)

// Matrix products in bfloat16 give about the same loss, and gradients that train.
func TestBFloat16(t *testing.T) {
	data := stripes(t)
	c := config(t, "composite_a", data)
	c.Epochs, c.LR = 1, 0.01
	half := *c
	half.Precision = BFloat16
	want, _, _ := trained(t, *c, nil)
	got, _, _ := trained(t, half, nil)
	a, err := want.Rows()
	require.NoError(t, err)
	b, err := got.Rows()
	require.NoError(t, err)
	require.NotEqual(t, a[0].Loss, b[0].Loss)
	for i := range a {
		require.InEpsilon(t, a[i].Loss, b[i].Loss, 0.1, "row %d", i)
	}
	o := options(filepath.Join(t.TempDir(), "run"))
	o.Backend = "onnx"
	if _, err := backend.New("onnx"); err == nil {
		_, err = Train(context.Background(), &half, o)
		require.ErrorContains(t, err, "float32 only")
	}
}

// Training through ONNX Runtime follows training in pure Go step by step. The first loss, before any
// update, agrees to rounding where images are not attacked; later ones drift apart by what rounding does to the steps, the more where
// it turns the sign of a gradient that moves a pixel.
func TestONNXFollowsGo(t *testing.T) {
	if _, err := backend.New("onnx"); err != nil {
		t.Skip(err)
	}
	data := stripes(t)
	for name, change := range map[string]func(*run.Config){
		"composite_a": func(*run.Config) {},
		"local_rf": func(c *run.Config) {
			c.Adversarial = run.Adversarial{Method: PGD, Epsilon: 4. / 255, Step: 2. / 255, Steps: 2}
		},
		"resnet50": func(c *run.Config) {
			c.Adversarial = run.Adversarial{Method: Free, Epsilon: 4. / 255, Step: 4. / 255, Replays: 2}
		},
	} {
		c := config(t, name, data)
		c.Epochs, c.LR = 1, 0.01
		change(c)
		inGo, other := *c, *c
		a, _, _ := trained(t, inGo, nil)
		b, _, _ := trained(t, other, func(o *Options) { o.Backend = "onnx" })
		want, err := a.Rows()
		require.NoError(t, err)
		got, err := b.Rows()
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for i := range want {
			tolerance := 0.02
			if c.Adversarial.Method != None {
				tolerance = 0.3
			} else if i == 0 {
				tolerance = 1e-4
			}
			require.InEpsilon(t, want[i].Loss, got[i].Loss, tolerance, "%s, row %d", name, i)
		}
	}
}
