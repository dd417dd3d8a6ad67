package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/v1score"
	"striate/internal/npy"
	"striate/internal/sharedtest"
)

type predictivityReport struct {
	Score   float64
	Error   float64
	Medians []float64
	R       [][]*float64
	Neurons []string
	Splits  []struct {
		Rows []int `json:"test_rows"`
	}
}

func readReport(t *testing.T, file string) (r predictivityReport) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &r))
	return r
}

// The command gives the reference's correlations, to 1e-9: JSON keeps all digits, the arithmetic
// differs by rounding.
func TestPredictivityGoldens(t *testing.T) {
	dir := sharedtest.Path(t, "golden/v1bench/dev/cv")
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	var cases []struct {
		Train, Test [][]int
		Labels      []string  `json:"texture_type"`
		Medians     []float64 `json:"median_per_split"`
		Score       float64
		R           [][]*float64 `json:"r_split_by_neuroid"`
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	out := t.TempDir()
	for k, c := range cases {
		if c.R == nil {
			continue
		}
		var splits []map[string][]int
		labels := "index,texture_type\n"
		for s := range c.Train {
			splits = append(splits, map[string][]int{"train": c.Train[s], "test": c.Test[s]})
		}
		for i, l := range c.Labels {
			labels += fmt.Sprintf("%d,%s\n", i, l)
		}
		text, err := json.Marshal(splits)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(out, "s.json"), text, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(out, "g.csv"), []byte(labels), 0o644))
		x, y := filepath.Join(dir, fmt.Sprintf("c%d_X.npy", k)), filepath.Join(dir, fmt.Sprintf("c%d_Y.npy", k))
		for _, how := range [][]string{{"--splits", filepath.Join(out, "s.json")}, {"--stratify", filepath.Join(out, "g.csv")}} {
			file := filepath.Join(out, "r.json")
			code, _, stderr := striate(t, append([]string{"predictivity", "--features", x, "--responses", y, "--out", file}, how...)...)
			require.Equal(t, 0, code, stderr)
			r := readReport(t, file)
			require.InDelta(t, c.Score, r.Score, 1e-9)
			require.InDeltaSlice(t, c.Medians, r.Medians, 1e-9)
			require.Len(t, r.R, len(c.R))
			require.Len(t, r.R[0], len(c.R[0]))
		}
	}
}

func TestPredictivityBadInput(t *testing.T) {
	dir := t.TempDir()
	array := func(name string, shape []int, fill func(i int) float32) string {
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = fill(i)
		}
		file := filepath.Join(dir, name)
		require.NoError(t, npy.WriteFile(file, shape, data))
		return file
	}
	mix := func(i int) float32 { return float32(i*7919%101) / 7 }
	x, y := array("x.npy", []int{30, 40}, mix), array("y.npy", []int{30, 3}, mix)
	short := array("short.npy", []int{29, 3}, mix)
	out := filepath.Join(dir, "r.json")
	base := []string{"predictivity", "--features", x, "--out", out}
	with := func(more ...string) []string { return append(base[:len(base):len(base)], more...) }

	mustFail(t, 2, "say how to cross-validate", with("--responses", y)...)
	mustFail(t, 1, "ask for at most 23 components", with("--responses", y, "--folds", "5")...)
	mustFail(t, 1, "30 stimuli and responses to 29", with("--responses", short, "--folds", "3", "--components", "2")...)
	mustFail(t, 1, "2 to 30", with("--responses", y, "--folds", "31")...)
	mustFail(t, 1, "no folder of recordings", with("--neural", filepath.Join(dir, "none"))...)
	mustFail(t, 2, "--neural DIR", "predictivity", "--model", "m", "--responses", y, "--folds", "3", "--out", out)
	mustFail(t, 2, "--hold-out", with("--responses", y, "--hold-out", "movie")...)
	mustFail(t, 1, "no such file", "predictivity", "--features", filepath.Join(dir, "none.npy"), "--responses", y, "--folds", "3", "--out", out)
	require.NoFileExists(t, out)
	// What could not be written is told before the features are looked for.
	mustFail(t, 1, "is a file, not a folder", "predictivity", "--features", filepath.Join(dir, "none.npy"), "--responses", y, "--folds", "3", "--out", filepath.Join(y, "new/r.json"))

	code, stdout, stderr := striate(t, with("--responses", y, "--folds", "5", "--components", "3")...)
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "3 neurons, 30 stimuli, 5 splits")
	var tested []int
	for _, split := range readReport(t, out).Splits {
		tested = append(tested, split.Rows...)
	}
	slices.Sort(tested)
	require.Len(t, slices.Compact(tested), 30, "every stimulus is tested once")
	// One trial a stimulus is no mean of trials: there is a score without a ceiling.
	once := array("once.npy", []int{30, 3, 1}, mix)
	code, stdout, stderr = striate(t, with("--responses", once, "--folds", "5", "--components", "3")...)
	require.Equal(t, 0, code, stderr)
	require.NotContains(t, stdout, "ceiling")
	for _, method := range []string{"ridge", "similarity"} {
		code, _, stderr = striate(t, with("--responses", y, "--folds", "5", "--method", method)...)
		require.Equal(t, 0, code, stderr)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.csv"), []byte("file\na\n"), 0o644))
	mustFail(t, 1, "has 30 rows, but", with("--responses", y, "--folds", "5", "--components", "3")...)
}

func TestDataCommands(t *testing.T) {
	formats := sharedtest.Path(t, "golden/v1bench/formats")
	dir := t.TempDir()
	code, out, stderr := striate(t, "data", "import", filepath.Join(formats, "assy_lab_Demo2024_neural.nc"),
		"--stimuli", filepath.Join(formats, "stimulus_lab_Demo2024.csv"), "--region", "V1", "--window", "50:200", "--out", filepath.Join(dir, "lab"))
	require.Equal(t, 0, code, stderr)
	require.Contains(t, out, "lab.Demo2024.neural")
	for _, ext := range []string{"nc", "npz"} {
		code, _, stderr = striate(t, "data", "export", filepath.Join(dir, "lab"), "--out", filepath.Join(dir, "lab."+ext))
		require.Equal(t, 0, code, stderr)
		require.FileExists(t, filepath.Join(dir, "lab."+ext))
	}
	mustFail(t, 2, ".nc or .npz", "data", "export", filepath.Join(dir, "lab"), "--out", filepath.Join(dir, "lab.xls"))
	mustFail(t, 2, "--window 9", "data", "import", "x.nc", "--window", "9", "--out", dir)
	mustFail(t, 1, "does not exist", "data", "import", filepath.Join(dir, "x.nc"), "--out", dir)
	code, out, _ = striate(t, "data", "fetch")
	require.Equal(t, 0, code)
	require.Contains(t, out, "FreemanZiemba2013_V1_properties")
	mustFail(t, 1, "Ringach2002", "data", "fetch", "Ringach", "--out", dir)

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("abc")) })) //nolint:errcheck // a test's server
	defer server.Close()
	code, out, stderr = striate(t, "data", "fetch", server.URL+"/a.nc", "--sha1", "a9993e364706816aba3e25717850c26c9cd0d89d", "--out", dir)
	require.Equal(t, 0, code, stderr)
	require.Contains(t, out, "a.nc")
	mustFail(t, 1, "nothing was kept", "data", "fetch", server.URL+"/b.nc", "--sha1", "b9993e364706816aba3e25717850c26c9cd0d89d", "--out", dir)
}

// With the two assays whose distributions are not published as counts imported, every scored
// property has a score.
func TestImportedPropertiesScoreAll(t *testing.T) {
	responses := sharedtest.Path(t, "golden/v1bench/dev/responses")
	dir := t.TempDir()
	macaque, properties, similarity := filepath.Join(dir, "macaque"), filepath.Join(dir, "p.csv"), filepath.Join(dir, "s.json")
	assemblies, err := filepath.Glob("../../internal/neural/testdata/assy_*.nc")
	require.NoError(t, err)
	for _, args := range [][]string{
		append([]string{"data", "import", "--out", macaque}, assemblies...),
		{"properties", "--responses", responses, "--out", properties},
		{"similarity", "--properties", properties, "--distributions", filepath.Join(macaque, "properties.csv"), "--resamples", "20", "--out", similarity},
	} {
		code, _, stderr := striate(t, args...)
		require.Equal(t, 0, code, stderr)
	}
	data, err := os.ReadFile(similarity)
	require.NoError(t, err)
	var report struct {
		Properties []struct {
			Assay, Property string
			Score           *float64
		}
	}
	require.NoError(t, json.Unmarshal(data, &report))
	scores := map[string]*float64{}
	for _, p := range report.Properties {
		scores[p.Assay+p.Property] = p.Score
	}
	scored := 0
	for _, d := range v1score.Published() {
		if d.Benchmark != "" {
			require.NotNil(t, scores[string(d.Assay)+d.Property], "%s %s", d.Assay, d.Property)
			scored++
		}
	}
	require.Equal(t, 22, scored)
}
