package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"striate/analysis/tuning"
	"striate/internal/ortlib"
	"striate/serve/curves"
	"striate/serve/engine"
)

const tuningRoute = "/api/v1/models/block/tuning"

func askTuning(t testing.TB, s *Server, accept, body string) *httptest.ResponseRecorder {
	return do(t, s, "POST", tuningRoute, header{"Content-Type": typeJSON, "Accept": accept}, []byte(body))
}

// The route answers what the package behind the command answers.
func TestTuningEqualsCommand(t *testing.T) {
	s, e := newServer(t, Limits{})
	w := askTuning(t, s, typeJSON, `{"layer": "v1", "unit": "3,16,16", "curve": "orientation"}`)
	require.Equal(t, 200, w.Code, w.Body.String())
	require.Equal(t, "cpu", w.Header().Get(headerDevice))
	m, err := s.models.Get("block")
	require.NoError(t, err)
	want, err := curves.New(e).Measure(context.Background(), m, curves.Request{
		Layer: "v1", Units: []string{"3,16,16"}, Curves: []tuning.Curve{tuning.OrientationCurve},
	})
	require.NoError(t, err)
	text, err := json.Marshal(curves.Answer(want))
	require.NoError(t, err)
	require.JSONEq(t, string(text), w.Body.String())
	require.Len(t, want[0].X, 12)
	require.Equal(t, "deg", want[0].XUnit)
	require.Contains(t, want[0].Summary, "circular_variance")

	for _, unit := range []string{`[3,16,16]`, `"3, 16, 16"`} { // other ways to write the unit
		again := askTuning(t, s, "", `{"layer": "v1", "unit": `+unit+`, "curve": "orientation"}`)
		require.JSONEq(t, string(text), again.Body.String())
	}
}

func TestTuningOfSeveral(t *testing.T) {
	s, _ := newServer(t, Limits{})
	w := askTuning(t, s, typeJSON, `{"layer": "v1", "units": ["0,16,16", "5,3,9", "0,16,16"], "curves": ["phase", "contrast", "size", "spatial_frequency"], "spatial_frequency": 2}`)
	require.Equal(t, 200, w.Code, w.Body.String())
	var list struct{ Curves []curves.Result }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
	require.Len(t, list.Curves, 12)
	require.Equal(t, curves.Unit{Channel: 5, Y: 3, X: 9}, list.Curves[4].Unit)
	require.Equal(t, list.Curves[0], list.Curves[8], "the same unit twice")
	for i, c := range list.Curves {
		require.Equal(t, []tuning.Curve{"phase", "contrast", "size", "spatial_frequency"}[i%4], c.Curve)
		require.Len(t, c.F0, len(c.X))
		require.Equal(t, 2.0, c.Held.Frequency)
	}
	require.Contains(t, list.Curves[3].Warnings[0], "Nyquist")
	require.Contains(t, list.Curves[3].Warnings[0], "14.7")

	w = askTuning(t, s, typeJSON, `{"layer": "v1", "unit": "all", "curve": "orientation"}`)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
	require.Len(t, list.Curves, 16, "every channel")
	require.Equal(t, curves.Unit{Channel: 15, Y: 16, X: 16}, list.Curves[15].Unit)
}

func TestTuningPlots(t *testing.T) {
	s, _ := newServer(t, Limits{})
	body := `{"layer": "v1", "unit": "3,16,16", "curve": "spatial_frequency"}`
	w := askTuning(t, s, "image/svg+xml", body)
	require.Equal(t, 200, w.Code, w.Body.String())
	require.Contains(t, w.Body.String(), "cycles/deg")
	w = askTuning(t, s, "image/*;q=0.5, image/png", body)
	require.Equal(t, typePNG, w.Header().Get("Content-Type"))
	_, err := png.Decode(bytes.NewReader(w.Body.Bytes()))
	require.NoError(t, err)
	requireProblem(t, askTuning(t, s, typeSVG, `{"layer": "v1", "unit": "all", "curve": "orientation"}`), 406, "one curve")
	requireProblem(t, askTuning(t, s, "text/html", body), 406, typeSVG)
}

func TestRefusedTuning(t *testing.T) {
	s, _ := newServer(t, Limits{})
	for _, c := range []struct {
		body   string
		status int
		says   string
	}{
		{`{"layer": "v2", "unit": "3,16,16", "curve": "orientation"}`, 404, `did you mean`},
		{`{"layer": "v1", "unit": "16,16,16", "curve": "orientation"}`, 404, "16 channels"},
		{`{"layer": "v1", "unit": "3", "curve": "orientation"}`, 400, "channel,y,x"},
		{`{"layer": "v1", "unit": 3.5, "curve": "orientation"}`, 400, "channel,y,x"},
		{`{"layer": "v1", "unit": {"c": 1}, "curve": "orientation"}`, 400, "list of numbers"},
		{`{"layer": "v1", "unit": "3,16,x", "curve": "orientation"}`, 400, "whole number"},
		{`{"layer": "v1", "curve": "orientation"}`, 400, "no unit"},
		{`{"layer": "v1", "unit": "3,16,16"}`, 400, "no curve"},
		{`{"layer": "v1", "unit": "3,16,16", "curve": "colour"}`, 400, "curve"},
		{`{"layer": "v1", "unit": "3,16,16", "curve": "size", "degrees": -1}`, 400, "degrees"},
		{`{"layer": "v1", "unit": "3,16,16", "curve": "size", "contrast": 2}`, 400, "contrast"},
		{`{"layer": "v1", "unit": "3,16,16", "curve": "size", "center_y": 9}`, 400, "center"},
		{`{"layer": "v1", "unit": "3,16,16", "curve": "size", "size": 9}`, 400, "size"},
		{`{"layer": "v1"`, 400, ""},
	} {
		requireProblem(t, askTuning(t, s, typeJSON, c.body), c.status, c.says)
	}
	w := do(t, s, "POST", "/api/v1/models/plain/tuning", header{"Content-Type": typeJSON}, []byte(`{"layer": "log", "unit": "0,1,1", "curve": "size"}`))
	requireProblem(t, w, 400, "degrees")
}

// A request that goes away stops its work.
func TestTuningEndsWithItsRequest(t *testing.T) {
	s, _ := newServer(t, Limits{Time: time.Millisecond})
	w := askTuning(t, s, typeJSON, `{"layer": "v1", "unit": "all", "curves": ["receptive_field", "size"]}`)
	require.NotEqual(t, 200, w.Code)
}

// BenchmarkTuning answers requests for one unit's orientation curve of the shipped model, after one
// to warm up: 300 ms is what is allowed.
func BenchmarkTuning(b *testing.B) {
	if _, err := ortlib.Open(); err != nil {
		b.Skip(err)
	}
	dir := b.TempDir()
	data, err := os.ReadFile("../models/voneblock.onnx")
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(dir, "block.onnx"), data, 0o600))
	e, err := engine.New(engine.Config{Device: "cpu"})
	require.NoError(b, err)
	defer e.Close()
	folder, err := engine.NewFolder(dir)
	require.NoError(b, err)
	s, err := New(Config{Engine: e, Models: folder})
	require.NoError(b, err)
	for _, curve := range []string{"orientation", "spatial_frequency", "size", "phase", "contrast"} {
		b.Run(curve, func(b *testing.B) {
			body := strings.ReplaceAll(`{"layer": "v1", "unit": "5,28,28", "curve": "C", "degrees": 8}`, "C", curve)
			askTuning(b, s, typeJSON, body)
			for b.Loop() {
				if w := askTuning(b, s, typeJSON, body); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
