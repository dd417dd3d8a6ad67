package neural

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"striate/analysis/predictivity"
	"striate/internal/fault"
	"striate/internal/npy"
)

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func table(t testing.TB, text string) *Table {
	t.Helper()
	out, err := parseTable(strings.NewReader(text))
	require.NoError(t, err)
	out.name = "table.csv"
	return out
}

func names(t testing.TB, text string) *Names {
	t.Helper()
	n, err := NamesOf(table(t, text))
	require.NoError(t, err)
	return n
}

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		want, have string
		rows       []int
	}{
		"identifiers":          {"stimulus_id\nb\na", "stimulus_id\na\nb\nc", []int{1, 0}},
		"old identifiers":      {"image_id\nb\na", "stimulus_id\na\nb", []int{1, 0}},
		"files, any folder":    {"file\nx/b.png\nx/a.png", "index,file\n0,/data/a.png\n1,/data/b.png", []int{1, 0}},
		"digest before file":   {"file,sha256\na.png,sha256:AA\nb.png,bb", "file,sha256\nb.png,aa\na.png,bb", []int{0, 1}},
		"identifier is a stem": {"stimulus_id\nb\na", "file\na.png\nb.png", []int{1, 0}},
		"text, not numbers":    {"stimulus_id\n5e12\n012", "stimulus_id\n012\n5e12", []int{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := Match(names(t, c.want), names(t, c.have))
			require.NoError(t, err)
			require.Equal(t, c.rows, rows)
		})
	}
	for says, c := range map[string][2]string{
		"1 of the 2 stimuli":                      {"stimulus_id\na\nx", "stimulus_id\na\nb"},
		"lines 2 and 4 have the same":             {"stimulus_id\na", "stimulus_id\na\nb\na"},
		"no kind of name in common":               {"sha256\naa", "file\na.png"},
		"compared by identifier: the first is 12": {"stimulus_id\n12", "stimulus_id\n012"},
	} {
		_, err := Match(names(t, c[0]), names(t, c[1]))
		require.ErrorContains(t, err, says)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
	_, err := NamesOf(table(t, "index\n0"))
	require.ErrorContains(t, err, "names no stimuli")
}

func TestBadTables(t *testing.T) {
	for says, text := range map[string]string{
		"empty":              "",
		"two columns called": "a,a\n1,2",
		"not a CSV":          "a,b\n1",
	} {
		_, err := parseTable(strings.NewReader(text))
		require.ErrorContains(t, err, says)
	}
	marked := table(t, "\xef\xbb\xbfstimulus_id\na")
	require.Equal(t, []string{"stimulus_id"}, marked.Columns)
	_, err := ReadTable(filepath.Join(t.TempDir(), "none.csv"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

// A small recording: 2 populations of 2 and 1 neurons, with 3 and 2 repeats.
func recordingFolder(t testing.TB) string {
	dir := t.TempDir()
	write(t, dir, "images.csv", "image_index,file,movie\n0,a.png,1\n1,b.png,1\n2,c.png,2\n3,d.png,2\n")
	write(t, dir, "units.csv", "unit_index,population\n0,p\n1,p\n2,q\n")
	require.NoError(t, npy.WriteFile(filepath.Join(dir, "counts_p.npy"), []int{4, 2, 3}, []uint8{
		1, 2, 3, 10, 10, 10,
		2, 3, 4, 20, 20, 20,
		3, 255, 5, 30, 30, 30,
		8, 9, 10, 40, 41, 42}))
	require.NoError(t, npy.WriteFile(filepath.Join(dir, "counts_q.npy"), []int{4, 1, 2}, []float32{
		1, 2, 3, 4, 5, float32(math.NaN()), 7, 8}))
	return dir
}

func TestReadFolder(t *testing.T) {
	r, err := ReadFolder(recordingFolder(t))
	require.NoError(t, err)
	require.Equal(t, 4, r.Stimuli())
	require.Equal(t, []string{"0", "1", "2"}, r.UnitNames())
	require.Equal(t, []float64{3, 10, 1.5}, []float64{r.Mean.At(0, 0) + 1, r.Mean.At(0, 1), r.Mean.At(0, 2)})
	require.Equal(t, 4.0, r.Mean.At(2, 0), "255 is no trial")
	require.Equal(t, 5.0, r.Mean.At(2, 2), "NaN is no trial")
	require.Nil(t, r.Images)
	ceiling, err := r.Ceiling(4, 1)
	require.NoError(t, err)
	require.Len(t, ceiling.Neurons, 3)
	require.Len(t, ceiling.Medians, 4)

	one := r.Select([]int{2})
	require.Equal(t, []string{"2"}, one.UnitNames())
	require.Len(t, one.Trials, 1)
	require.Equal(t, 7.5, one.Mean.At(3, 0))
}

func TestBadFolders(t *testing.T) {
	for says, spoil := range map[string]func(dir string){
		"no folder of recordings": func(dir string) { os.RemoveAll(dir) },
		"no stimuli.csv":          func(dir string) { os.Remove(filepath.Join(dir, "images.csv")) },
		"names no stimuli":        func(dir string) { write(t, dir, "images.csv", "movie\n1\n2\n3\n4\n") },
		"the table of stimuli has 3": func(dir string) {
			write(t, dir, "images.csv", "file\na\nb\nc\n")
		},
		"units.csv has 2 lines":                func(dir string) { write(t, dir, "units.csv", "population\np\nq\n") },
		"counts_q.npy.gz is missing":           func(dir string) { os.Remove(filepath.Join(dir, "counts_q.npy")) },
		"do not follow each other":             func(dir string) { write(t, dir, "units.csv", "population\np\nq\np\n") },
		"neither responses.npy nor trials.npy": func(dir string) { os.Remove(filepath.Join(dir, "units.csv")) },
		"stimuli × neurons × repeats are needed": func(dir string) {
			require.NoError(t, npy.WriteFile(filepath.Join(dir, "trials.npy"), []int{4, 3}, make([]float32, 12)))
		},
	} {
		t.Run(says, func(t *testing.T) {
			dir := recordingFolder(t)
			spoil(dir)
			_, err := ReadFolder(dir)
			require.ErrorContains(t, err, says)
		})
	}
}

func matrix(seed uint64, n, p int) predictivity.Matrix[float64] {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := predictivity.Matrix[float64]{Stimuli: n, Units: p, Data: make([]float64, n*p)}
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64()
	}
	return m
}

// recorded is a recording whose neurons are units of the features with noise; the last is constant.
func recorded(t testing.TB, x predictivity.Matrix[float64], repeats int) *Recording {
	rng := rand.New(rand.NewPCG(9, 9))
	const neurons = 4
	trials := predictivity.Trials{Stimuli: x.Stimuli, Neurons: neurons, Repeats: repeats}
	for i := range x.Stimuli {
		for j := range neurons {
			for range repeats {
				v := 3.0
				if j < neurons-1 {
					v = x.Data[i*x.Units+j] + 0.5*rng.NormFloat64()
				}
				trials.Data = append(trials.Data, v)
			}
		}
	}
	return &Recording{Trials: []predictivity.Trials{trials}, Mean: trials.Mean(), Source: "test"}
}

func TestPredict(t *testing.T) {
	x := matrix(1, 60, 8)
	r := recorded(t, x, 6)
	splits, err := Folds(60, 5, 1)
	require.NoError(t, err)
	rep, err := Predict(context.Background(), x, r, splits, Options{Method: predictivity.PLS{Components: 4}, Divisions: 5, Seed: 1, Control: true})
	require.NoError(t, err)
	require.Greater(t, float64(rep.Score), 0.9)
	require.Less(t, math.Abs(float64(rep.Control.Score)), 0.3)
	require.Greater(t, float64(rep.Ceiling.Score), 0.9)
	require.True(t, math.IsNaN(float64(rep.NeuronR[3])))
	require.InDelta(t, math.Pow(float64(rep.Score/rep.Ceiling.Score), 2), float64(rep.Ceiling.SquaredRatio), 1e-12)
	require.InDelta(t, float64(rep.Score*rep.Score/rep.Ceiling.Score), float64(rep.Ceiling.SquareOverCeiling), 1e-12)

	kept, err := Predict(context.Background(), x, r, splits, Options{Method: predictivity.Ridge{}, Divisions: 5, Seed: 1, MinReliability: 0.5})
	require.NoError(t, err)
	require.Equal(t, []string{"3"}, kept.Dropped, "the constant neuron has no reliability")
	require.Len(t, kept.R[0], 3)
	require.Nil(t, kept.Control)
	require.Contains(t, kept.Summary(), "3 neurons")

	r.Mean.Set(5, 1, math.NaN())
	_, err = Predict(context.Background(), x, r, splits, Options{Method: predictivity.Ridge{}})
	require.ErrorContains(t, err, "neuron 1, stimulus 5")
	dropped, err := Predict(context.Background(), x, r, splits, Options{Method: predictivity.Ridge{}, DropMissing: true})
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, dropped.Dropped)

	r.Trials = nil
	_, err = Predict(context.Background(), x, r, splits, Options{Method: predictivity.Ridge{}, DropMissing: true, MinReliability: 0.1})
	require.ErrorContains(t, err, "no single trials")
}

func TestCompare(t *testing.T) {
	x := matrix(2, 40, 3)
	same := &Recording{Mean: mat.NewDense(40, 3, x.Data), Source: "test"}
	s, err := Compare(context.Background(), x, same, Options{})
	require.NoError(t, err)
	require.InDelta(t, 1, float64(s.RSA), 1e-12)
	require.InDelta(t, 1, float64(s.CKA), 1e-12)
}

// Rows in another order, matched by name, give the numbers of rows in order.
func TestAlignByName(t *testing.T) {
	x := matrix(3, 30, 6)
	r := recorded(t, x, 4)
	dir := t.TempDir()
	perm := rand.New(rand.NewPCG(4, 4)).Perm(30)
	moved := make([]float32, 0, len(x.Data))
	list, order := "stimulus_id\n", "stimulus_id\n"
	for i := range 30 {
		list += "s" + string(rune('A'+i)) + "\n"
		order += "s" + string(rune('A'+perm[i])) + "\n"
		for _, v := range x.Data[perm[i]*6 : (perm[i]+1)*6] {
			moved = append(moved, float32(v))
		}
	}
	file := filepath.Join(dir, "x.npy")
	require.NoError(t, npy.WriteFile(file, []int{30, 2, 3}, moved))
	f, err := OpenFeatures(file, "", "")
	require.NoError(t, err)
	require.Nil(t, f.Names)
	r.Names = names(t, list)
	_, err = Align(f, r, false)
	require.ErrorContains(t, err, "the responses have names of stimuli, the features have none")
	_, err = Align(f, r, true)
	require.NoError(t, err)

	write(t, dir, "x.csv", order)
	f, err = OpenFeatures(file, "", "")
	require.NoError(t, err)
	defer f.Close()
	aligned, err := Align(f, r, false)
	require.NoError(t, err)
	block := make([]float64, 30*4)
	require.NoError(t, aligned.Block(context.Background(), block, 1, 4))
	for i := range 30 {
		require.InDelta(t, x.Data[i*6+1], block[i*4], 1e-6)
	}

	r.Names = nil
	_, err = Align(f, r, false)
	require.ErrorContains(t, err, "the features have names")
	r.Mean = mat.NewDense(29, 1, nil)
	_, err = Align(f, r, true)
	require.ErrorContains(t, err, "features of 30 stimuli and responses to 29")
}

func TestOpenFeatures(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.npy")
	require.NoError(t, npy.WriteFile(file, []int{3, 2}, []uint8{1, 2, 3, 4, 5, 6}))
	f, err := OpenFeatures(file, "", "")
	require.NoError(t, err)
	block := make([]float64, 3)
	require.NoError(t, f.Block(context.Background(), block, 1, 1))
	require.Equal(t, []float64{2, 4, 6}, block)

	write(t, dir, "x.csv", "file\na\nb\n")
	_, err = OpenFeatures(file, "", "")
	require.ErrorContains(t, err, "has 3 rows, but")
	require.NoError(t, npy.WriteFile(file, []int{3}, []float32{1, 2, 3}))
	_, err = OpenFeatures(file, "", "")
	require.ErrorContains(t, err, "a column a unit")

	archive := filepath.Join(dir, "a.npz")
	w, err := os.Create(archive)
	require.NoError(t, err)
	z := npy.NewZipWriter(w)
	require.NoError(t, z.Add("v1", []int{2, 2}, []float32{1, 2, 3, 4}))
	require.NoError(t, z.Add("v2", []int{2, 1}, []float32{5, 6}))
	require.NoError(t, z.Close())
	require.NoError(t, w.Close())
	_, err = OpenFeatures(archive, "", "")
	require.ErrorContains(t, err, "--layer")
	_, err = OpenFeatures(archive, "v3", "")
	require.ErrorContains(t, err, `no array "v3"`)
	f, err = OpenFeatures(archive, "v2", "")
	require.NoError(t, err)
	n, p := f.Dims()
	require.Equal(t, []int{2, 1}, []int{n, p})
}

func TestReadLabels(t *testing.T) {
	r := &Recording{Mean: mat.NewDense(3, 1, []float64{1, 2, 3})}
	dir := t.TempDir()
	for text, want := range map[string][]string{
		"group\nx\ny\nx\n":                   {"x", "y", "x"},
		"x\ny\nx\n":                          {"x", "y", "x"},
		"index,movie\n2,c\n0,a\n1,b\n":       {"a", "b", "c"},
		"stimulus_id,group\nq,c\np,b\n0,a\n": {"c", "b", "a"},
	} {
		got, _, err := ReadLabels(write(t, dir, "g.csv", text), "", r)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	r.Names = names(t, "stimulus_id\np\n0\nq")
	got, _, err := ReadLabels(write(t, dir, "g.csv", "stimulus_id,group\nq,c\np,b\n0,a\n"), "", r)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "a", "c"}, got)
	for says, text := range map[string]string{
		"--group-column":          "a,b\n1,2\n1,2\n1,2\n",
		"labels 2 stimuli,":       "group\nx\ny\n", // the head is no label of a third stimulus
		"labels 2 stimuli":        "index,group\n0,a\n1,b\n",
		"is not one of 0 to 2":    "index,group\n0,a\n1,b\n1,c\n",
		"stimulus 1 has no group": "group\na\n\"\"\nb\n",
	} {
		_, _, err := ReadLabels(write(t, dir, "g.csv", text), "", r)
		require.ErrorContains(t, err, says)
	}
}

func TestReadSplits(t *testing.T) {
	dir := t.TempDir()
	s, err := ReadSplits(write(t, dir, "s.json", `[{"train":[0,1],"test":[2]}]`))
	require.NoError(t, err)
	require.Equal(t, []predictivity.Split{{Train: []int{0, 1}, Test: []int{2}}}, s.List)
	for _, text := range []string{"", "{}", `[{"train":["a"]}]`, "[1]"} {
		_, err := ReadSplits(write(t, dir, "s.json", text))
		require.ErrorContains(t, err, "JSON list")
		require.NotContains(t, err.Error(), "Go ")
	}
	_, err = ReadSplits(filepath.Join(dir, "none.json"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestDefaultSplits(t *testing.T) {
	r := &Recording{Mean: mat.NewDense(20, 1, make([]float64, 20))}
	s, err := DefaultSplits(r, 1)
	require.NoError(t, err)
	require.Len(t, s.List, 10)
	r.Table = &Table{}
	r.Table.Add("texture_type", strings.Fields(strings.Repeat("noise texture ", 10)))
	s, err = DefaultSplits(r, 1)
	require.NoError(t, err)
	require.Contains(t, s.Rule, "stratified")
	r.Table.Add("movie", strings.Fields(strings.Repeat("1 2 3 4 ", 5)))
	s, err = DefaultSplits(r, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2", "3", "4"}, s.Names)
}

func FuzzTable(f *testing.F) {
	f.Add("stimulus_id,file\na,b.png\n")
	f.Add("\xef\xbb\xbfa\n\"x\ny\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := parseTable(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, row := range table.Rows {
			require.Len(t, row, len(table.Columns))
		}
		if n, err := NamesOf(table); err == nil {
			Match(n, n) //nolint:errcheck // must return
		}
	})
}

func FuzzSplits(f *testing.F) {
	f.Add([]byte(`[{"train":[0,1],"test":[2]}]`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if splits, err := parseSplits(data); err == nil {
			predictivity.CheckSplits(splits, 10) //nolint:errcheck // must return
		}
	})
}
