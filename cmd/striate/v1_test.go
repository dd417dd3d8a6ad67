package main

import (
	"encoding/csv"
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/v1score"
	"striate/internal/npy"
	"striate/internal/sharedtest"
	"striate/serve/report"
)

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, v))
}

func TestStimuliCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blank")
	code, _, stderr := striate(t, "stimuli", "--set", "blank", "--out", dir)
	require.Equal(t, 0, code, stderr)
	f, err := os.Open(filepath.Join(dir, "0000.png"))
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	require.Equal(t, 448, img.Bounds().Dx())
	table, err := os.ReadFile(filepath.Join(dir, "stimuli.csv"))
	require.NoError(t, err)
	require.Equal(t, "index,file,degrees,position_y,position_x,contrast,radius,spatial_frequency,orientation,phase\n0,0000.png,12,,,,,,,\n", string(table))
	mustFail(t, 2, "--set plaids", "stimuli", "--set", "plaids", "--out", dir)
}

// From the golden responses to the table, and on to the similarity, draw by draw.
func TestPropertiesAndSimilarityCommands(t *testing.T) {
	responses := sharedtest.Path(t, "golden/v1bench/dev/responses")
	dir := t.TempDir()
	p, s := filepath.Join(dir, "p.csv"), filepath.Join(dir, "s.json")
	code, _, stderr := striate(t, "-q", "properties", "--responses", responses, "--out", p)
	require.Equal(t, 0, code, stderr)
	require.Empty(t, stderr)
	var population struct {
		InRF  []int `json:"in_rf"`
		Slope float64
	}
	readJSON(t, filepath.Join(dir, "p.json"), &population)
	checkTable(t, p, population.InRF)

	code, _, stderr = striate(t, "similarity", "--properties", p, "--out", s, "--seed", "500")
	require.Equal(t, 0, code, stderr)
	var cases []struct {
		Name, Property string
		Seed           uint32
		Center         float64 `json:"bootstrap_center"`
		Synthetic      bool    `json:"data_synthetic"`
	}
	readJSON(t, sharedtest.Path(t, "golden/v1bench/dev/metric.json"), &cases)
	var got report.Similarity
	readJSON(t, s, &got)
	require.Len(t, got.Properties, 9)
	require.Len(t, got.NotScored, 23)
	seen := 0
	for _, c := range cases {
		for _, property := range got.Properties {
			if strings.HasSuffix(c.Name, "pipeline") && c.Property == property.Property {
				seen++
				// Another seed moves the mean by at most 0.002 (standard deviation).
				require.InDelta(t, c.Center, float64(property.Score), 0.008, c.Name)
				if c.Seed == 500 {
					require.InDelta(t, c.Center, float64(property.Score), 1e-12, c.Name)
				}
				require.Equal(t, "published counts", property.Distribution)
			}
		}
	}
	require.Equal(t, 9, seen)
}

// checkTable compares the table with the golden properties: the same units, the same values.
func checkTable(t *testing.T, path string, inRF []int) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"neuroid", "assay", "property", "value"}, rows[0])
	values := map[string]float64{}
	for _, row := range rows[1:] {
		v := math.NaN()
		if row[3] != "" {
			v, err = strconv.ParseFloat(row[3], 64)
			require.NoError(t, err)
		}
		values[strings.Join(row[:3], " ")] = v
	}
	expected := 0
	for _, assay := range v1score.Assays {
		file := string(assay)
		if assay == v1score.FreemanZiemba2013 {
			file += "_V1_properties"
		}
		var want struct {
			Columns []string
			Neuroid []int
			Good    []bool
			Values  [][]any
			Fragile [][]string
		}
		readJSON(t, sharedtest.Path(t, "golden/v1bench/dev/expected/properties_f64_"+file+".json"), &want)
		require.Equal(t, want.Neuroid, inRF)
		for i, unit := range want.Neuroid {
			for k, property := range want.Columns {
				got, there := values[strconv.Itoa(unit)+" "+string(assay)+" "+property]
				require.Equal(t, want.Good[i], there)
				number, isNumber := want.Values[i][k].(float64)
				if !there || strings.Contains(strings.Join(want.Fragile[i], " ")+" ", property+" ") {
					expected += btoi(there)
					continue
				}
				expected++
				if isNumber {
					require.InDelta(t, number, got, 1e-9*max(1e-3, math.Abs(number)), "%s %s of %d", assay, property, unit)
				} else {
					require.True(t, math.IsNaN(got) || math.IsInf(got, 0), "%s %s of %d", assay, property, unit)
				}
			}
		}
	}
	require.Len(t, values, expected)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestRefusedProperties(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "p.csv")
	mustFail(t, 1, "no folder", "properties", "--responses", filepath.Join(dir, "none"), "--out", out)
	mustFail(t, 1, "blank.npy is missing", "properties", "--responses", dir, "--out", out)
	mustFail(t, 2, ".csv", "properties", "--responses", dir, "--out", "p.txt")
	for name, images := range map[string]int{"blank": 1, "receptive_field": 3528, "orientation": 1152, "spatial_frequency": 2112, "size": 2304} {
		require.NoError(t, npy.WriteFile(filepath.Join(dir, name+".npy"), []int{3, images}, make([]float32, 3*images)))
	}
	mustFail(t, 1, "no unit has its receptive field", "properties", "--responses", dir, "--out", out)
	field, orientation := make([]float32, 3*3528), make([]float32, 3*1152)
	field[(12*21+12)*8] = 1 // the first unit looks at the stimuli
	require.NoError(t, npy.WriteFile(filepath.Join(dir, "receptive_field.npy"), []int{3, 3528}, field))
	mustFail(t, 1, "no unit responds to the gratings more than to the blank", "properties", "--responses", dir, "--out", out)
	orientation[0], orientation[1] = 1, float32(math.NaN())
	require.NoError(t, npy.WriteFile(filepath.Join(dir, "orientation.npy"), []int{3, 1152}, orientation))
	mustFail(t, 1, "orientation.npy holds 1 responses that are NaN or infinite", "properties", "--responses", dir, "--out", out)
	require.NoFileExists(t, out)
	mustFail(t, 1, "no such file", "similarity", "--properties", out, "--out", filepath.Join(dir, "s.json"))
	mustFail(t, 2, "--resamples 0", "similarity", "--properties", out, "--out", "s.json", "--resamples", "0")
}

func TestTuningCommand(t *testing.T) {
	needRuntime(t)
	dir := t.TempDir()
	model, out, plot := filepath.Join(dir, "v.onnx"), filepath.Join(dir, "t.json"), filepath.Join(dir, "t.svg")
	code, _, stderr := striate(t, "-q", "export", "--network", "voneblock", "--image-size", "32", "--degrees", "4", "--units", "16", "--out", model)
	require.Equal(t, 0, code, stderr)
	code, _, stderr = striate(t, "tuning", "--model", model, "--layer", "v1", "--unit", "3,16,16", "--curve", "orientation", "--out", out, "--plot", plot)
	require.Equal(t, 0, code, stderr)
	var curve struct {
		X       []float64
		XUnit   string `json:"x_unit"`
		F0, F1  []float64
		Summary map[string]*float64
	}
	readJSON(t, out, &curve)
	require.Len(t, curve.X, 12)
	require.Len(t, curve.F0, 12)
	require.Len(t, curve.F1, 12)
	require.Equal(t, "deg", curve.XUnit)
	require.NotNil(t, curve.Summary["preferred_orientation"])
	svg, err := os.ReadFile(plot)
	require.NoError(t, err)
	require.Contains(t, string(svg), "orientation (deg)")

	base := []string{"tuning", "--model", model, "--layer", "v1", "--out", out}
	mustFail(t, 2, "--curve colour", append(base, "--unit", "3,16,16", "--curve", "colour")...)
	mustFail(t, 1, "counted from 0", append(base, "--unit", "99,16,16", "--curve", "size")...)
	mustFail(t, 2, ".png or .svg", append(base, "--unit", "3,16,16", "--curve", "size", "--plot", "t.pdf")...)
	mustFail(t, 2, "--center", append(base, "--unit", "3,16,16", "--curve", "size", "--center", "left")...)
}

// The V1 front end must be closer to macaque V1 than a network with random weights in orientation and
// spatial frequency. Only properties whose distributions are published as counts are scored: four.
func TestVOneBlockBeatsRandomNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("shows 9,097 images to two networks")
	}
	needRuntime(t)
	dir := t.TempDir()
	score := func(network string, flags ...string) report.Report {
		model, out := filepath.Join(dir, network+".onnx"), filepath.Join(dir, network)
		code, _, stderr := striate(t, append([]string{"-q", "export", "--network", network, "--init", "random", "--seed", "0", "--out", model}, flags...)...)
		require.Equal(t, 0, code, stderr)
		code, stdout, stderr := striate(t, "-q", "score", "--model", model, "--degrees", "8", "--out", out, "--no-cache")
		require.Equal(t, 0, code, stderr)
		require.Contains(t, stdout, "V1 properties")
		require.Contains(t, stderr, "Nyquist")
		var r report.Report
		readJSON(t, filepath.Join(out, "report.json"), &r)
		for _, file := range []string{"report.html", "properties.csv"} {
			require.FileExists(t, filepath.Join(out, file))
		}
		return r
	}
	front := score("voneblock", "--units", "64")
	random := score("resnet50", "--upto", "layer1.2")
	for _, category := range []string{"V1-orientation", "V1-spatial_frequency"} {
		t.Logf("%s: V1 front end %.3f, random network %.3f", category, front.Categories[category].ScoredOnly, random.Categories[category].ScoredOnly)
		require.Greater(t, front.Categories[category].ScoredOnly, random.Categories[category].ScoredOnly, category)
	}
}

func TestRefusedScores(t *testing.T) {
	needRuntime(t)
	dir := t.TempDir()
	model := filepath.Join(dir, "v.onnx")
	code, _, stderr := striate(t, "-q", "export", "--network", "voneblock", "--image-size", "32", "--degrees", "4", "--units", "16", "--out", model)
	require.Equal(t, 0, code, stderr)
	out := filepath.Join(dir, "score")
	mustFail(t, 1, `no layer "v2"`, "score", "--model", model, "--layer", "v2", "--out", out)
	mustFail(t, 1, "no such model", "score", "--model", filepath.Join(dir, "none.onnx"), "--out", out)
	mustFail(t, 1, "none.csv", "score", "--model", model, "--distributions", filepath.Join(dir, "none.csv"), "--out", out)
	mustFail(t, 1, "is missing", "score", "--model", model, "--textures", dir, "--out", out)
	mustFail(t, 1, "does not contain the stimuli", "score", "--model", model, "--degrees", "0.5", "--out", out)
	mustFail(t, 1, "MiB are there", "score", "--model", model, "--memory", "64", "--out", out)
	// Before the model is looked for, let alone measured.
	mustFail(t, 1, "v.onnx is a file, not a folder", "score", "--model", filepath.Join(dir, "none.onnx"), "--out", model)
	require.NoDirExists(t, out)
}
