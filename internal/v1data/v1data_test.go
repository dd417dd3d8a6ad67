package v1data

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/stimulus"
	"striate/analysis/v1score"
	"striate/internal/fault"
	"striate/internal/npy"
)

// folder writes responses of two units, zero everywhere, and returns where.
func folder(t *testing.T) string {
	dir := t.TempDir()
	for _, set := range append([]stimulus.SetName{stimulus.TextureSet}, stimulus.GratingSets...) {
		write(t, dir, string(set), 2, stimulus.SetLen(set))
	}
	return dir
}

func write(t *testing.T, dir, name string, shape ...int) []float32 {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	require.NoError(t, npy.WriteFile(filepath.Join(dir, name+".npy"), shape, data))
	return data
}

func put(t *testing.T, dir, name, text string) {
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func refuse(t *testing.T, dir, part string) {
	t.Helper()
	_, err := ReadResponses(dir)
	require.ErrorContains(t, err, part)
	require.Contains(t, []fault.Code{fault.Invalid, fault.NotFound}, fault.CodeOf(err))
	require.NotContains(t, err.Error(), "\n")
}

func TestReadResponses(t *testing.T) {
	dir := folder(t)
	r, err := ReadResponses(dir)
	require.NoError(t, err)
	require.Equal(t, 2, r.Units)
	require.Equal(t, 2, r.Size.Len())
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0], "texture_order.json")

	require.NoError(t, os.Remove(filepath.Join(dir, "texture.npy")))
	write(t, dir, "blank", 2) // one number a unit may come as a list
	r, err = ReadResponses(dir)
	require.NoError(t, err)
	require.Nil(t, r.Texture)
	require.Empty(t, r.Warnings)
}

func TestRefusedResponses(t *testing.T) {
	refuse(t, filepath.Join(t.TempDir(), "none"), "no folder")
	for _, c := range []struct {
		name  string
		shape []int
		part  string
	}{
		{"size", []int{2, 2303}, "2304 images"},
		{"size", []int{2304, 2}, "transposed"},
		{"orientation", []int{3, 1152}, "3 units, but the files before it have 2"},
		{"orientation", []int{2, 1152, 1}, "shape"},
		{"blank", []int{0, 1}, "no unit"},
		{"texture", []int{2, 449}, "450 images"},
	} {
		dir := folder(t)
		write(t, dir, c.name, c.shape...)
		refuse(t, dir, c.part)
	}
	dir := folder(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "size.npy")))
	refuse(t, dir, "size.npy is missing")
	put(t, dir, "size.npy", "no array")
	refuse(t, dir, "size.npy")
}

func TestNotFiniteResponsesAreTold(t *testing.T) {
	dir := folder(t)
	data := make([]float32, 2*1152)
	data[1152+3], data[1152+4] = float32(math.NaN()), float32(math.Inf(1))
	require.NoError(t, npy.WriteFile(filepath.Join(dir, "orientation.npy"), []int{2, 1152}, data))
	r, err := ReadResponses(dir)
	require.NoError(t, err)
	require.Contains(t, strings.Join(r.Warnings, "\n"), "2 responses that are NaN or infinite, in 1 units (the first is row 1)")
}

func TestTextureOrder(t *testing.T) {
	dir := folder(t)
	var order struct {
		Type   []int `json:"type"`
		Family []int `json:"family"`
		Sample []int `json:"sample"`
	}
	ids := stimulus.TextureIDs()
	for i := range ids {
		id := ids[len(ids)-1-i]
		order.Type, order.Family, order.Sample = append(order.Type, int(id.Type)), append(order.Family, id.Family), append(order.Sample, id.Sample)
	}
	save := func() {
		text, err := json.Marshal(order)
		require.NoError(t, err)
		put(t, dir, "texture_order.json", string(text))
	}
	save()
	r, err := ReadResponses(dir)
	require.NoError(t, err)
	require.Equal(t, 449, r.TextureColumn[0])
	require.Equal(t, 0, r.TextureColumn[449])
	require.Empty(t, r.Warnings)

	order.Sample[7] = order.Sample[8]
	save()
	refuse(t, dir, "repeats")
	order.Family[7] = 16
	save()
	refuse(t, dir, "family 16")
	order.Type = order.Type[1:]
	save()
	refuse(t, dir, "449 types")
	put(t, dir, "texture_order.json", "[]")
	refuse(t, dir, "texture_order.json")
}

// A table of the images beside the responses shows when they are in another order.
func TestImageOrderIsChecked(t *testing.T) {
	dir := folder(t)
	set, _ := stimulus.NewSet(stimulus.OrientationSet)
	var b bytes.Buffer
	require.NoError(t, WriteStimuli(&b, set, func(int) string { return "x.png" }))
	put(t, dir, "orientation.csv", b.String())
	_, err := ReadResponses(dir)
	require.NoError(t, err)

	lines := strings.SplitAfter(b.String(), "\n")
	lines[5], lines[6] = lines[6], lines[5]
	put(t, dir, "orientation.csv", strings.Join(lines, ""))
	refuse(t, dir, "image 4 has phase 225 where the canonical order has 180")
	put(t, dir, "orientation.csv", strings.Join(lines[:100], ""))
	refuse(t, dir, "lists 99 images")
	put(t, dir, "orientation.csv", "a,b\n1,2\n")
	refuse(t, dir, "position_y")
}

func TestPropertiesRoundTrip(t *testing.T) {
	table := &v1score.Table{
		Assay: v1score.DeValois1982b, Names: []string{"peak_spatial_frequency"},
		Values: []float64{1.25, 7, math.NaN(), math.Inf(1)}, Kept: []bool{true, false, true, true},
	}
	var b bytes.Buffer
	require.NoError(t, WriteProperties(&b, []*v1score.Table{table}, []int{3, 4, 9, 11}))
	require.Equal(t, `neuroid,assay,property,value
3,DeValois1982b,peak_spatial_frequency,1.25
9,DeValois1982b,peak_spatial_frequency,
11,DeValois1982b,peak_spatial_frequency,inf
`, b.String())
	path := filepath.Join(t.TempDir(), "p.csv")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	s, err := ReadProperties(path)
	require.NoError(t, err)
	for _, d := range v1score.Published() {
		v := s.Of(&d)
		if d.Property != "peak_spatial_frequency" {
			require.Nil(t, v)
			continue
		}
		require.Len(t, v, 3)
		require.Equal(t, 1.25, v[0])
		require.True(t, math.IsNaN(v[1]) && math.IsInf(v[2], 1))
	}
}

func TestRefusedProperties(t *testing.T) {
	dir := t.TempDir()
	for text, part := range map[string]string{
		"":                       "empty",
		"assay,property,value\n": "no property",
		"assay,property\nx,y\n":  `no column "value"`,
		"assay,property,value\nRingach2003,bandwidth,1\n":    `"Ringach2003"`,
		"assay,property,value\nRingach2002,bandwith,1\n":     `no property "bandwith"`,
		"assay,property,value\nRingach2002,bandwidth,wide\n": `line 2: "wide"`,
		"assay,property,value\nRingach2002,bandwidth\n":      "wrong number of fields",
	} {
		put(t, dir, "p.csv", text)
		_, err := ReadProperties(filepath.Join(dir, "p.csv"))
		require.ErrorContains(t, err, part)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
	_, err := ReadProperties(filepath.Join(dir, "none.csv"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func find(t *testing.T, all []v1score.Distribution, property string) v1score.Distribution {
	for _, d := range all {
		if d.Property == property {
			return d
		}
	}
	t.Fatal(property)
	return v1score.Distribution{}
}

func TestSuppliedDistributions(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "d.csv", "assay,property,value\nRingach2002,circular_variance,0.5\nRingach2002,circular_variance,\n")
	all, err := ReadDistributions(filepath.Join(dir, "d.csv"))
	require.NoError(t, err)
	d := find(t, all, "circular_variance")
	require.Equal(t, 2, d.Neurons, "a neuron without a value counts")
	require.NotEmpty(t, d.Supplied)
	require.Empty(t, find(t, all, "peak_spatial_frequency").Supplied)
	require.Nil(t, find(t, all, "bandwidth").Values)

	put(t, dir, "d.csv", "assay,property,value\nFreemanZiemba2013_V1_properties,max_noise,20\n")
	all, err = ReadDistributions(filepath.Join(dir, "d.csv"))
	require.NoError(t, err)
	require.Len(t, find(t, all, "max_noise").Values, 1)

	put(t, dir, "d.csv", "\ufeff\"assay\",\"property\",\"value\"\r\n\"Ringach2002\", circular_variance, 0.5\r\n")
	all, err = ReadDistributions(filepath.Join(dir, "d.csv"))
	require.NoError(t, err, "as a spreadsheet writes it")
	require.Equal(t, []float64{0.5}, find(t, all, "circular_variance").Values)

	put(t, dir, "d.json", `{"properties": [
		{"assay": "Ringach2002", "property": "orientation_selective", "counts": [1, 3], "neurons": 6},
		{"assay": "Ringach2002", "property": "bandwidth", "values": [20, null, 30.5]}]}`)
	all, err = ReadDistributions(filepath.Join(dir, "d.json"))
	require.NoError(t, err)
	d = find(t, all, "orientation_selective")
	require.Equal(t, 6, d.Neurons)
	require.Equal(t, []int{1, 3}, d.Histogram(d.Values))
	require.Len(t, find(t, all, "bandwidth").Values, 3)
}

func TestRefusedDistributions(t *testing.T) {
	dir := t.TempDir()
	entry := func(rest string) string {
		return `{"properties": [{"assay": "Ringach2002", "property": "orientation_selective"` + rest + `}]}`
	}
	for text, part := range map[string]string{
		`{`:                               "d.json",
		`[]`:                              "d.json: an object is needed, not a list",
		`{"properties": []}`:              "no property",
		entry(``):                         "either values or counts",
		entry(`, "counts": [1]`):          "1 counts for the property's 2 bins",
		entry(`, "counts": [1, -2]`):      "between 0 and",
		entry(`, "counts": [1, 9e9]`):     "d.json",
		entry(`, "counts": [1, 5000000]`): "between 0 and",
		entry(`, "counts": [3, 3], "neurons": 5`):                                                              "5 neurons, but 6 are counted",
		entry(`, "values": [null]`):                                                                            "no neuron has a value",
		`{"properties": [{"assay": "Ringach2002", "property": "x", "values": [1]}]}`:                           `no property "x"`,
		entry(`, "values": [1]}, {"assay": "Ringach2002", "property": "orientation_selective", "values": [0]`): "twice",
	} {
		put(t, dir, "d.json", text)
		_, err := ReadDistributions(filepath.Join(dir, "d.json"))
		require.ErrorContains(t, err, part)
	}
	_, err := ReadDistributions(filepath.Join(dir, "none.json"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}
