package v1score

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/stimulus"
	"striate/internal/npy"
	"striate/internal/sharedtest"
)

// number is a JSON number, null for NaN, or a string for NaN or an infinity.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	special := map[string]float64{"null": math.NaN(), `"nan"`: math.NaN(), `"inf"`: math.Inf(1), `"-inf"`: math.Inf(-1)}
	if v, ok := special[string(text)]; ok {
		*n = number(v)
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

func floats(in []number) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

func load(t testing.TB, name string, v any) {
	data, err := os.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/"+name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v))
}

// close compares relative to the value, and absolutely near 0; NaN equals NaN.
func closeTo(t testing.TB, want, got, tolerance float64, what string, args ...any) {
	t.Helper()
	message := fmt.Sprintf(what, args...)
	if math.IsNaN(want) || math.IsInf(want, 0) {
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), message)
		return
	}
	require.InDelta(t, want, got, tolerance*max(math.Abs(want), 1e-3), message)
}

func responses(t testing.TB, set stimulus.SetName) Responses[float32] {
	a, err := npy.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/responses/"+string(set)+".npy"))
	require.NoError(t, err)
	return Responses[float32]{stimulus.SetLen(set), a.Float32s()}
}

func textureColumns(t testing.TB) []int {
	var order struct{ Type, Family, Sample []int }
	load(t, "responses/texture_order.json", &order)
	column := make([]int, len(order.Type))
	for i := range column {
		id := stimulus.TextureID{Type: stimulus.TextureType(order.Type[i]), Family: order.Family[i], Sample: order.Sample[i]}
		require.True(t, id.Valid())
		column[id.Index()] = i
	}
	return column
}

type expected struct {
	RF         [][]number `json:"rf_pos"`
	Distance   []number
	InRF       []int `json:"in_rf"`
	Slope      number
	Offset     number
	Responsive []bool   `json:"responsive_of_in_rf"`
	Blank      number   `json:"median_blank"`
	Max        number   `json:"median_max"`
	Baseline   []number `json:"baseline_rate"`
}

// battery runs all assays on the golden responses.
func battery(t testing.TB) *Measurement {
	m, err := Measure(Sets{
		Blank:            responses(t, stimulus.BlankSet),
		ReceptiveField:   responses(t, stimulus.ReceptiveFieldSet),
		Orientation:      responses(t, stimulus.OrientationSet),
		SpatialFrequency: responses(t, stimulus.SpatialFrequencySet),
		Size:             responses(t, stimulus.SizeSet),
		Texture:          responses(t, stimulus.TextureSet),
		TextureColumn:    textureColumns(t),
	})
	require.NoError(t, err)
	return m
}

// Both sides run in double precision on the same float32 responses; sums are taken in other orders,
// so the last bits differ. 1e-10 is ten thousand times closer than what is asked for.
const tolerance = 1e-10

func TestPipelineEqualsReference(t *testing.T) {
	var want struct{ F64 expected }
	load(t, "expected/pipeline.json", &want)
	m := battery(t)
	fields, units, rates := m.Fields, m.InField, m.Rates
	require.Len(t, fields, len(want.F64.RF))
	for i, f := range fields {
		closeTo(t, float64(want.F64.RF[i][0]), f.Y, tolerance, "y of unit %d", i)
		closeTo(t, float64(want.F64.RF[i][1]), f.X, tolerance, "x of unit %d", i)
		closeTo(t, float64(want.F64.Distance[i]), f.Distance(), tolerance, "distance of unit %d", i)
	}
	require.Equal(t, want.F64.InRF, units)
	require.Equal(t, want.F64.Responsive, rates.Responsive)
	closeTo(t, float64(want.F64.Slope), rates.Slope, tolerance, "slope")
	closeTo(t, float64(want.F64.Offset), rates.Offset, tolerance, "offset")
	closeTo(t, float64(want.F64.Blank), rates.MedianBlank, tolerance, "median of the blank")
	closeTo(t, float64(want.F64.Max), rates.MedianMax, tolerance, "median of the maxima")
	for i, b := range want.F64.Baseline {
		closeTo(t, float64(b), rates.Baseline[i], tolerance, "baseline of unit %d", units[i])
	}
}

func TestMapsEqualReference(t *testing.T) {
	want, err := npy.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/expected/rf_map.npy"))
	require.NoError(t, err)
	blank, rf := responses(t, stimulus.BlankSet), responses(t, stimulus.ReceptiveFieldSet)
	row, m, b := make([]float64, rf.Stimuli), make([]float64, Positions), make([]float64, 1)
	peaks := Responses[float64]{Stimuli: Positions}
	for i := range rf.Len() {
		rf.Row(row, i)
		blank.Row(b, i)
		PeakResponses(m, row)
		peaks.Data = append(peaks.Data, m...)
		Drive(m, b[0])
		for k, v := range want.Float64s()[i*Positions : (i+1)*Positions] {
			closeTo(t, v, m[k], tolerance, "unit %d, place %d", i, k)
		}
	}
	fields := Fields(blank, rf, false)
	for i, f := range Fields(blank, peaks, true) {
		closeTo(t, fields[i].Y, f.Y, 0, "y from the peaks, unit %d", i)
		closeTo(t, fields[i].X, f.X, 0, "x from the peaks, unit %d", i)
	}
}

func TestPropertiesEqualReference(t *testing.T) {
	m := battery(t)
	units, tables := m.InField, m.Tables
	for _, table := range tables {
		name := string(table.Assay)
		if table.Assay == FreemanZiemba2013 {
			name += "_V1_properties"
		}
		var want struct {
			Columns []string
			Neuroid []int
			Good    []bool
			Values  [][]number
			Fragile [][]string
		}
		load(t, "expected/properties_f64_"+name+".json", &want)
		require.Equal(t, want.Columns, table.Names)
		require.Equal(t, want.Neuroid, units)
		require.Equal(t, want.Good, table.Kept, name)
		for i := range units {
			fragile := map[string]bool{}
			for _, f := range want.Fragile[i] {
				fragile[f] = true
			}
			for k, property := range table.Names {
				if !fragile[property] {
					closeTo(t, float64(want.Values[i][k]), table.Row(i)[k], tolerance, "%s %s of unit %d", name, property, units[i])
				}
			}
		}
	}
}

func TestBootstrapEqualsReference(t *testing.T) {
	var cases []struct {
		Name          string
		Bins          []float64
		Data, Model   []number
		NS            int
		Seed          uint32
		DataHist      []float64 `json:"data_hist"`
		ModelCounts   []int     `json:"model_counts"`
		Full          number    `json:"similarity_full"`
		BootCenter    number    `json:"bootstrap_center"`
		BootError     number    `json:"bootstrap_error"`
		BootNaN       int       `json:"bootstrap_nan"`
		First         []number  `json:"bootstrap_first20"`
		CeilingCenter number    `json:"ceiling_center"`
		CeilingError  number    `json:"ceiling_error"`
		Ceiled        number
	}
	load(t, "metric.json", &cases)
	require.NotEmpty(t, cases)
	for _, c := range cases {
		d := Distribution{Bins: c.Bins, Neurons: len(c.Data), Values: floats(c.Data)}
		model := floats(c.Model)
		require.Equal(t, c.ModelCounts, d.Histogram(model), c.Name)
		closeTo(t, float64(c.Full), Similarity(model, &d), tolerance, "%s: similarity", c.Name)
		for i, s := range resample(model, &d, c.NS, c.Seed)[:len(c.First)] {
			closeTo(t, float64(c.First[i]), s, tolerance, "%s: resample %d", c.Name, i)
		}
		compared := Compare([]Distribution{d}, func(*Distribution) []float64 { return model }, c.NS, c.Seed)[0]
		require.Equal(t, c.BootNaN, compared.Raw.NaNs, c.Name)
		closeTo(t, float64(c.BootCenter), compared.Raw.Score, tolerance, "%s: score", c.Name)
		closeTo(t, float64(c.BootError), compared.Raw.Error, tolerance, "%s: error", c.Name)
		closeTo(t, float64(c.CeilingCenter), compared.Ceiling.Score, tolerance, "%s: ceiling", c.Name)
		closeTo(t, float64(c.CeilingError), compared.Ceiling.Error, tolerance, "%s: its error", c.Name)
		closeTo(t, float64(c.Ceiled), compared.Ceiled, tolerance, "%s: ceiled", c.Name)
	}
}

// The published counts, spread by us, must give the reference's ceilings draw by draw.
func TestPublishedCeilings(t *testing.T) {
	var cases []struct {
		Name, Property string
		Seed           uint32
		Synthetic      bool   `json:"data_synthetic"`
		Ceiling        number `json:"ceiling_center"`
	}
	load(t, "metric.json", &cases)
	byName := map[string]Distribution{}
	for _, d := range Published() {
		byName[d.Property] = d
	}
	seen := 0
	for _, c := range cases {
		if d := byName[c.Property]; !c.Synthetic {
			closeTo(t, float64(c.Ceiling), Bootstrap(d.Values, &d, Resamples, c.Seed).Score, tolerance, "%s", c.Name)
			seen++
		}
	}
	require.Equal(t, 18, seen)
}

func TestPublishedDistributions(t *testing.T) {
	scored, counted, categories := 0, 0, map[string]int{}
	for _, d := range Published() {
		require.NotEmpty(t, d.Source)
		require.IsIncreasing(t, d.Bins)
		if d.Benchmark != "" {
			scored++
			categories[d.Category]++
			require.Positive(t, d.ReferenceCeiling)
		}
		if d.Counts == nil {
			require.Nil(t, d.Values)
			continue
		}
		require.Len(t, d.Values, d.Neurons)
		require.Equal(t, d.Counts, d.Histogram(d.Values))
		if d.Benchmark != "" {
			counted++
			// The reference asserts its ceilings to 0.005.
			require.InDelta(t, d.ReferenceCeiling, Bootstrap(d.Values, &d, Resamples, 1).Score, 0.005, d.Property)
		}
	}
	require.Equal(t, 22, scored)
	require.Equal(t, 7, counted)
	require.Len(t, categories, len(Categories))
}

func TestTreeEqualsReference(t *testing.T) {
	var file struct {
		Cases []struct {
			Leaves     map[string]json.RawMessage
			Categories map[string]number
			Properties number `json:"Marques2020"`
			V1         number
		}
	}
	load(t, "tree.json", &file)
	require.NotEmpty(t, file.Cases)
	for n, c := range file.Cases {
		leaves := map[string]Leaf{}
		for name, text := range c.Leaves {
			var v number
			require.NoError(t, json.Unmarshal(text, &v))
			if string(text) != "null" {
				leaves[name] = float64(v)
			}
		}
		tree := Aggregate(leaves)
		for name, want := range c.Categories {
			closeTo(t, float64(want), tree.Categories[name].Score, 1e-14, "case %d, %s", n, name)
		}
		closeTo(t, float64(c.Properties), tree.Properties.Score, 1e-14, "case %d", n)
		closeTo(t, float64(c.V1), tree.V1.Score, 1e-14, "case %d", n)
	}
}
