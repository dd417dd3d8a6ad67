package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"striate/api"
	"striate/export"
	"striate/export/onnx"
	"striate/internal/card"
	"striate/internal/ortlib"
	"striate/internal/picture"
	"striate/serve/engine"
	"striate/serve/evaluate"
)

// redBlue writes a network that tells red images from blue ones by their means, and its gradient.
func redBlue(t testing.TB, dir string) {
	weights := []float32{6, 0, 0, 0, -6, 6} // 3 channels × 2 classes
	write := func(name string, b *onnx.Builder) {
		m, err := b.Model()
		require.NoError(t, err)
		data, err := m.Encode()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	logits := func(b *onnx.Builder, x string) string {
		w := b.Constant(onnx.Float32Tensor("w", []int64{3, 2}, weights))
		flat := b.Node("Flatten", "flat", []string{b.Node("GlobalAveragePool", "mean", []string{x})})
		return b.Node("MatMul", "logits", []string{flat, w})
	}
	b := onnx.NewBuilder("redblue", 17)
	x := b.Input(export.Image, onnx.Float32, onnx.Shape("N", 3, 64, 64))
	b.Output(logits(b, x), onnx.Float32, onnx.Shape("N", 2))
	b.Metadata(card.Card{Network: "redblue", InputSize: [2]int{64, 64}, Mean: []float64{0.5}, Std: []float64{0.5}, Degrees: 8, Classes: []string{"red", "blue"}}.Encode())
	write("redblue.onnx", b)

	b = onnx.NewBuilder("redblue_gradient", 17)
	x = b.Input(export.Image, onnx.Float32, onnx.Shape("N", 3, 64, 64))
	c := b.Input(export.Cotangent, onnx.Float32, onnx.Shape("N", 2))
	turned := b.Constant(onnx.Float32Tensor("turned", []int64{2, 3}, []float32{6, 0, -6, 0, 0, 6}))
	var spread []float32
	for range 64 * 64 {
		spread = append(spread, 1.0/(64*64))
	}
	plane := b.Constant(onnx.Float32Tensor("plane", []int64{1, 1, 64, 64}, spread))
	shape := b.Constant(onnx.Int64Tensor("shape", []int64{4}, []int64{-1, 3, 1, 1}))
	perChannel := b.Node("Reshape", "channels", []string{b.Node("MatMul", "pulled", []string{c, turned}), shape})
	b.Output(b.Node("Mul", export.GradientOf, []string{perChannel, plane}), onnx.Float32, onnx.Shape("N", 3, 64, 64))
	b.Output(logits(b, x), onnx.Float32, onnx.Shape("N", 2))
	write("redblue.gradient.onnx", b)
}

func robustnessServer(t testing.TB, limits Limits) *Server {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	redBlue(t, dir)
	e, err := engine.New(engine.Config{Device: "cpu"})
	require.NoError(t, err)
	t.Cleanup(e.Close)
	folder, err := engine.NewFolder(dir)
	require.NoError(t, err)
	s, err := New(Config{Engine: e, Models: folder, Limits: limits})
	require.NoError(t, err)
	return s
}

// tinted is a picture that is red or blue on the whole.
func tinted(blue bool, n, size int) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, size, size))
	for i := range size * size {
		c := color.NRGBA{uint8(150 + i%40 + n), 110, 100, 255}
		if blue {
			c.R, c.B = c.B, c.R
		}
		m.SetNRGBA(i%size, i/size, c)
	}
	return pngOf(nil, m)
}

// ask posts images and a request.
func ask(t testing.TB, s *Server, request string, images ...[]byte) (int, []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i, data := range images {
		part, err := w.CreateFormFile("image", fmt.Sprintf("%d.png", i))
		require.NoError(t, err)
		part.Write(data)
	}
	if request != "" {
		require.NoError(t, w.WriteField("request", request))
	}
	require.NoError(t, w.Close())
	r := do(t, s, http.MethodPost, "/api/v1/models/redblue/robustness", header{"Content-Type": w.FormDataContentType()}, b.Bytes())
	return r.Code, r.Body.Bytes()
}

func TestRobustness(t *testing.T) {
	s := robustnessServer(t, Limits{})
	images := [][]byte{tinted(false, 0, 64), tinted(true, 1, 64), tinted(false, 2, 64), tinted(true, 3, 64)}
	request := `{"labels": ["red", "blue", "0", 1], "corruptions": ["gaussian_noise", "contrast", "saturate"], "severities": [1, 5], "seed": 4,
		"attacks": ["fgsm", "pgd-l2", "square"], "epsilons": [0, 0.5], "queries": 5, "units": "mean"}`
	code, body := ask(t, s, request, images...)
	require.Equal(t, http.StatusOK, code, string(body))
	var got api.Robustness
	require.NoError(t, json.Unmarshal(body, &got))
	require.Equal(t, 1.0, got.Clean.Accuracy)
	require.Len(t, got.Generated.Cells, 6)
	require.Len(t, got.Units, 6)
	require.NotEmpty(t, got.ModelDigest)
	require.Len(t, got.Attacks, 6)
	require.Equal(t, 1.0, got.Attacks[0].Accuracy, "no budget")
	require.Zero(t, got.Attacks[1].Accuracy, "half the range")
	fits(t, body)

	_, again := ask(t, s, request, images...)
	require.Equal(t, string(body), string(again), "same seed")

	// The models folder does not take the gradient graph for a model.
	r := do(t, s, http.MethodGet, "/api/v1/models", nil, nil)
	require.NotContains(t, r.Body.String(), "gradient")
}

// fits holds an answer against its schema.
func fits(t testing.TB, body []byte) {
	spec, err := openapi3.NewLoader().LoadFromData(api.Spec)
	require.NoError(t, err)
	var value any
	require.NoError(t, json.Unmarshal(body, &value))
	require.NoError(t, spec.Components.Schemas["Robustness"].Value.VisitJSON(value))
}

func TestRobustnessBadInput(t *testing.T) {
	s := robustnessServer(t, Limits{Images: 3, Shown: 200, Time: time.Minute})
	red := tinted(false, 0, 64)
	for _, c := range []struct {
		says, request string
		status        int
		images        [][]byte
	}{
		{"no part named request", "", 400, [][]byte{red}},
		{"no part named image", `{"labels": []}`, 400, nil},
		{"1 images and 2 labels", `{"labels": ["0", "1"]}`, 400, [][]byte{red}},
		{`part request: there is no field \"corruption\"`, `{"labels": ["0"], "corruption": "fog"}`, 400, [][]byte{red}},
		{"part request: the JSON ends early", `{"labels": `, 400, [][]byte{red}},
		{"field severities: a list is needed, not a number", `{"labels": [0], "severities": 3}`, 400, [][]byte{red}},
		{"label 1.5: give the name of a class or the index of an output", `{"labels": [1.5]}`, 400, [][]byte{red}},
		{`label \"2\" of image 0`, `{"labels": [2], "corruptions": ["fog"]}`, 400, [][]byte{red}},
		{`of image 0 is neither a class of model redblue`, `{"labels": ["green"], "corruptions": ["fog"]}`, 400, [][]byte{red}},
		{`nor the index of one of its 2 outputs`, `{"labels": ["2"], "corruptions": ["fog"]}`, 400, [][]byte{red}},
		{"no corruption", `{"labels": ["0"], "corruptions": ["fgo"]}`, 400, [][]byte{red}},
		{"severity 9", `{"labels": ["0"], "corruptions": ["fog"], "severities": [9]}`, 400, [][]byte{red}},
		{"corruption frost needs its pictures", `{"labels": ["0"]}`, 400, [][]byte{red}},
		{"no attack", `{"labels": ["0"], "corruptions": ["none"], "attacks": ["hammer"]}`, 400, [][]byte{red}},
		{"budgets are in pixel space", `{"labels": ["0"], "attacks": ["fgsm"], "epsilons": [-1]}`, 400, [][]byte{red}},
		{"image of 65×65 pixels", `{"labels": ["0"], "corruptions": ["fog"]}`, 400, [][]byte{tinted(true, 0, 65)}},
		{"image 0: not a PNG or JPEG", `{"labels": ["0"], "corruptions": ["fog"]}`, 400, [][]byte{[]byte("text")}},
		{"more than 3 images", `{"labels": ["0","0","0","0"], "corruptions": ["fog"]}`, 413, [][]byte{red, red, red, red}},
		{"over the limit of 200", `{"labels": ["0"], "corruptions": ["none"], "attacks": ["square"]}`, 413, [][]byte{red}},
		{"no layer", `{"labels": ["0"], "corruptions": ["fog"], "units": "layer9"}`, 404, [][]byte{red}},
	} {
		code, body := ask(t, s, c.request, c.images...)
		require.Equal(t, c.status, code, "%s: %s", c.says, body)
		require.Contains(t, string(body), c.says)
	}
	r := do(t, s, http.MethodPost, "/api/v1/models/redblue/robustness", header{"Content-Type": "application/json"}, []byte("{}"))
	requireProblem(t, r, 415, "send multipart/form-data")
	r = do(t, s, http.MethodPost, "/api/v1/models/gone/robustness", header{"Content-Type": "multipart/form-data; boundary=x"}, []byte("--x--"))
	requireProblem(t, r, 404, "no model")

	code, body := ask(t, s, `{"labels": ["0"], "corruptions": ["fog"], "severities": [1], "resize": true}`, tinted(true, 0, 65))
	require.Equal(t, 200, code, string(body))
}

func TestRobustnessTimeLimit(t *testing.T) {
	s := robustnessServer(t, Limits{Time: time.Millisecond})
	code, body := ask(t, s, `{"labels": ["0"], "corruptions": ["glass_blur"]}`, tinted(false, 0, 64))
	require.Equal(t, http.StatusGatewayTimeout, code, string(body))
}

// TestRobustnessSaysWhatTheCommandSays: the same options and images give the same numbers.
func TestRobustnessSaysWhatTheCommandSays(t *testing.T) {
	s := robustnessServer(t, Limits{})
	m, err := s.models.Get("redblue")
	require.NoError(t, err)
	v, err := evaluate.Prepare(context.Background(), s.engine, m, evaluate.Options{Corruptions: []string{"noise"}, Severities: []int{5}, Seed: 9, FinalJPEG: true})
	require.NoError(t, err)
	defer v.Close()
	require.Equal(t, "logits", v.Options.Logits)
	images := [][]byte{tinted(false, 0, 64), tinted(true, 1, 64)}
	var decoded []*picture.RGB
	for _, data := range images {
		img, err := picture.Decode(data, picture.Limits{})
		require.NoError(t, err)
		decoded = append(decoded, img)
	}
	require.NoError(t, fill(v, m, decoded, []api.Label{{Name: "red"}, {Name: "red"}}))
	result, err := v.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 0.5, result.Clean.Accuracy)
	want, err := json.Marshal(result)
	require.NoError(t, err)
	code, body := ask(t, s, `{"labels": ["red", "red"], "corruptions": ["noise"], "severities": [5], "seed": 9}`, images...)
	require.Equal(t, 200, code)
	require.JSONEq(t, string(want), string(body))
}

// TestANumberIsAnIndex: classes that are called by numbers need not lie in their order.
func TestANumberIsAnIndex(t *testing.T) {
	names := []string{"1", "10", "0"}
	for label, want := range map[api.Label]int{{Index: 1}: 1, {Name: "1"}: 0, {Name: "0"}: 2, {Name: "2"}: 2} {
		got, err := indexOf(label, names)
		require.NoError(t, err)
		require.Equal(t, want, got, "%#v", label)
		text, err := json.Marshal(label)
		require.NoError(t, err)
		var again api.Label
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, label, again)
	}
}
