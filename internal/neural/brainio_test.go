package neural

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
	"striate/internal/npy"
	"striate/internal/picture"
	"striate/internal/sharedtest"
)

type fixtures struct {
	StimulusSet struct {
		CSV  string
		Zip  string
		Rows []struct {
			ID      string `json:"stimulus_id"`
			Texture string `json:"texture_type"`
			Family  int    `json:"texture_family"`
			Degrees float64
		}
		Pixels map[string][][]int
	} `json:"stimulus_set"`
	Neural struct {
		File       string
		Dims       []string
		Shape      []int
		NeuroidID  []int `json:"neuroid_id"`
		Region     []string
		StimulusID []string `json:"stimulus_id"`
		Repetition []int
		Start      []int `json:"time_bin_start"`
		Attributes map[string]string
		Data       [][][]*float64
	}
	Properties struct {
		File       string
		Names      []string `json:"neuronal_property"`
		Data       [][]*float64
		Attributes map[string]any
	}
}

func load(t testing.TB) (dir string, f fixtures) {
	dir = sharedtest.Path(t, "golden/v1bench/formats")
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &f))
	return dir, f
}

func orNaN(p *float64) float64 {
	if p == nil {
		return math.NaN()
	}
	return *p
}

func requireSame(t *testing.T, want, got float64) {
	if !math.IsNaN(want) || !math.IsNaN(got) {
		require.Equal(t, want, got)
	}
}

func TestReadAssembly(t *testing.T) {
	dir, want := load(t)
	a, err := OpenAssembly(context.Background(), filepath.Join(dir, want.Neural.File))
	require.NoError(t, err)
	defer a.Close()
	require.Equal(t, want.Neural.Dims, a.Dims)
	require.Equal(t, want.Neural.Shape, a.Shape)
	require.Equal(t, want.Neural.StimulusID, a.Coord("stimulus_id").Fields)
	require.Equal(t, want.Neural.Region, a.Coord("region").Fields)
	require.Equal(t, "neuroid", a.Coord("region").Dim)
	require.Equal(t, strconv.Itoa(want.Neural.Start[1]), a.Coord("time_bin_start").Fields[1])
	for name, v := range want.Neural.Attributes {
		require.Equal(t, v, a.Attributes[name])
	}
	values, err := a.Values(context.Background())
	require.NoError(t, err)
	k := 0
	for _, p := range want.Neural.Data {
		for _, row := range p {
			for _, v := range row {
				requireSame(t, orNaN(v), values[k])
				k++
			}
		}
	}
}

func TestRecordingOfAssembly(t *testing.T) {
	dir, want := load(t)
	a, err := OpenAssembly(context.Background(), filepath.Join(dir, want.Neural.File))
	require.NoError(t, err)
	defer a.Close()
	r, err := a.Recording(context.Background(), Selection{Region: "V1", From: 50, To: 200})
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2", "4"}, r.UnitNames())
	ids := r.Table.Column("stimulus_id")
	require.IsIncreasing(t, ids)
	require.Nil(t, r.Table.Column("repetition"), "differs between presentations of a stimulus")
	trials := r.Trials[0]
	for p, id := range want.Neural.StimulusID {
		for column, n := range []int{0, 1, 3} {
			var sum, count float64
			for bin := 1; bin < 4; bin++ { // 50 to 200
				if v := want.Neural.Data[n][p][bin]; v != nil {
					sum, count = sum+*v, count+1
				}
			}
			i := indexOf(ids, id)
			got := trials.Data[(i*trials.Neurons+column)*trials.Repeats+want.Neural.Repetition[p]]
			require.InDelta(t, sum/count, got, 1e-15)
		}
	}
	for says, s := range map[string]Selection{
		"no neuron of region V9": {Region: "V9"},
		"no time bin lies":       {From: 900, To: 950},
	} {
		_, err := a.Recording(context.Background(), s)
		require.ErrorContains(t, err, says)
	}
}

func indexOf(list []string, s string) int {
	for i, v := range list {
		if v == s {
			return i
		}
	}
	return -1
}

// A recording that cannot be written whole leaves nothing: half of one would be read as a whole one.
func TestFailedImportLeavesNothing(t *testing.T) {
	dir, want := load(t)
	ctx := context.Background()
	a, err := OpenAssembly(ctx, filepath.Join(dir, want.Neural.File))
	require.NoError(t, err)
	defer a.Close()
	parent := t.TempDir()
	out := filepath.Join(parent, "recording")
	_, err = a.Write(ctx, out, Import{Stimuli: filepath.Join(parent, "none.csv")}, func(int) {})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = a.Write(ctx, out, Import{Selection: Selection{Region: "V9"}}, func(int) {})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, left)

	file := filepath.Join(parent, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = a.Write(ctx, file, Import{}, func(int) {})
	require.ErrorContains(t, err, "is a file")
}

// What is written can be read again, and the images are those of the archive.
func TestImport(t *testing.T) {
	dir, want := load(t)
	ctx := context.Background()
	a, err := OpenAssembly(ctx, filepath.Join(dir, want.Neural.File))
	require.NoError(t, err)
	defer a.Close()
	out := t.TempDir()
	notes, err := a.Write(ctx, out, Import{Stimuli: filepath.Join(dir, want.StimulusSet.CSV)}, func(int) {})
	require.NoError(t, err)
	require.Empty(t, notes)
	r, err := ReadFolder(out)
	require.NoError(t, err)
	require.Equal(t, 4, r.Neurons())
	require.Len(t, r.Images, 6)
	for i, id := range r.Table.Column("stimulus_id") {
		img, _, err := picture.ReadFile(r.Images[i], picture.Limits{})
		require.NoError(t, err)
		pixels := want.StimulusSet.Pixels[id]
		require.Equal(t, pixels[2][5], int(img.Pix[(2*img.Width+5)*3]))
	}
	for _, row := range want.StimulusSet.Rows {
		i := indexOf(r.Table.Column("stimulus_id"), row.ID)
		require.Equal(t, row.Texture, r.Table.Column("texture_type")[i])
		require.Equal(t, strconv.Itoa(row.Family), r.Table.Column("texture_family")[i])
	}
	whole, err := npy.ReadFile(filepath.Join(out, "data.npy"))
	require.NoError(t, err)
	require.Equal(t, want.Neural.Shape, whole.Shape)

	for name, export := range map[string]func() *Recording{
		"npz": func() *Recording {
			var b bytes.Buffer
			require.NoError(t, r.WriteNpz(&b))
			file := write(t, t.TempDir(), "r.npz", b.String())
			again, err := ReadResponses(file, "")
			require.NoError(t, err)
			return again
		},
		"folder": func() *Recording {
			again := t.TempDir()
			require.NoError(t, r.Write(again))
			out, err := ReadFolder(again)
			require.NoError(t, err)
			return out
		},
	} {
		again := export()
		require.Equal(t, r.Mean.RawMatrix().Data, again.Mean.RawMatrix().Data, name)
		require.Equal(t, r.Table.Column("stimulus_id"), again.Table.Column("stimulus_id"), name)
		require.Equal(t, r.UnitNames(), again.UnitNames(), name)
	}
	var nc bytes.Buffer
	require.NoError(t, r.WriteNetCDF(&nc))
	require.Equal(t, "CDF\x02", nc.String()[:4])
	require.Contains(t, nc.String(), "texture_family")
}

func TestImportProperties(t *testing.T) {
	dir, want := load(t)
	ctx := context.Background()
	a, err := OpenAssembly(ctx, filepath.Join(dir, want.Properties.File))
	require.NoError(t, err)
	defer a.Close()
	require.Equal(t, want.Properties.Names, a.Coord("neuronal_property").Fields)
	for name, v := range want.Properties.Attributes {
		list, ok := v.([]any)
		if !ok {
			require.Equal(t, v, a.Attributes[name])
			continue
		}
		for i, edge := range list {
			require.Equal(t, edge, a.Attributes[name].([]float64)[i])
		}
	}
	out := t.TempDir()
	notes, err := a.Write(ctx, out, Import{}, func(int) {})
	require.NoError(t, err)
	require.Contains(t, notes[0], "--assay")

	_, err = a.Write(ctx, out, Import{Assay: "Nobody1900"}, func(int) {})
	require.ErrorContains(t, err, "no assay is called")
	_, err = a.Write(ctx, out, Import{Assay: "Ringach2002"}, func(int) {})
	require.NoError(t, err)
	file, err := os.Open(filepath.Join(out, "properties.csv"))
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"neuroid", "assay", "property", "value"}, rows[0])
	for k, row := range rows[1:] {
		v := want.Properties.Data[k/2][k%2]
		require.Equal(t, want.Properties.Names[k%2], row[2])
		require.Equal(t, formatFloat(orNaN(v)), row[3])
	}
}

// Files of other writers, dimension orders and ages (internal/hdf5/testdata/make.py).
func TestAssembliesOfOtherWriters(t *testing.T) {
	for _, name := range []string{"default", "chunks", "float32", "int64", "h5netcdf", "oldname", "manychunks", "int16"} {
		t.Run(name, func(t *testing.T) {
			a, err := OpenAssembly(context.Background(), filepath.Join("..", "hdf5", "testdata", name+".nc"))
			require.NoError(t, err)
			defer a.Close()
			require.Equal(t, "lab.Y", a.Identifier())
			r, err := a.Recording(context.Background(), Selection{Region: "V2"})
			require.NoError(t, err)
			require.Equal(t, 30, r.Stimuli())
			require.Equal(t, 3, r.Trials[0].Repeats)
			require.Equal(t, 5, r.Neurons())
			require.Equal(t, "7", r.UnitNames()[0])
		})
	}
	_, err := OpenAssembly(context.Background(), filepath.Join("..", "hdf5", "testdata", "partial.nc"))
	require.ErrorContains(t, err, "which variable is the array?")
}

func TestBadStimulusSets(t *testing.T) {
	dir := t.TempDir()
	for says, text := range map[string]string{
		"neither stimulus_id nor image_id": "filename\na.png\n",
		"have the same stimulus_id":        "stimulus_id,filename\na,a.png\na,b.png\n",
	} {
		_, err := ReadStimulusSet(write(t, dir, "s.csv", text))
		require.ErrorContains(t, err, says)
	}
	set, err := ReadStimulusSet(write(t, dir, "s.csv", "image_id,filename\n0,a.png\n5e12,b.png\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"0", "5e12"}, set.Column("stimulus_id"))

	for says, members := range map[string][]string{
		"lacks b.png":        {"a.png"},
		"holds c.png, which": {"a.png", "b.png", "c.png"},
		"unsafe name":        {"a.png", "b.png", "../c.png"},
	} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, m := range members {
			_, err := z.Create(m)
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
		out := filepath.Join(dir, "out")
		err := ExtractImages(context.Background(), write(t, dir, "s.zip", b.String()), set, out, func(int) {})
		require.ErrorContains(t, err, says)
		require.NoDirExists(t, out)
	}
	err = ExtractImages(context.Background(), write(t, dir, "s.zip", "no zip"), set, dir, func(int) {})
	require.ErrorContains(t, err, "not a zip archive")
	r := &Recording{Table: table(t, "stimulus_id\n7"), Source: "recording"}
	require.ErrorContains(t, r.Describe(set), "is not in the stimulus set")
}
