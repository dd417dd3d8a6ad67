package evaluate

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/corruption"
	"striate/analysis/robustness"
	"striate/internal/fault"
)

func result() *Result {
	set := func(shift float64) *robustness.Set {
		s := &robustness.Set{}
		for _, c := range corruption.TinyImageNetC().Corruptions {
			for severity := 1; severity <= 5; severity++ {
				a := 0.8 - 0.1*float64(severity) - shift
				s.Cells = append(s.Cells, robustness.Cell{Corruption: c.Name, Group: c.Group, Severity: severity, Images: 10, Right: int(10 * a), Accuracy: a})
			}
		}
		s.Means = robustness.Average(s.Cells)
		return s
	}
	return &Result{
		Model: "m", Benchmark: "Tiny-ImageNet-C",
		Report: &robustness.Report{Clean: robustness.Cell{Images: 10, Right: 8, Accuracy: 0.8}, Generated: set(0), Published: set(0.1)},
	}
}

// TestSetsNeverShareAColumn: the published and the generated accuracy of a cell are apart.
func TestSetsNeverShareAColumn(t *testing.T) {
	r := result()
	var b bytes.Buffer
	require.NoError(t, r.WriteCSV(&b))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2+19*5)
	require.Equal(t, []string{"corruption", "group", "severity", "generated_images", "generated_accuracy", "published_images", "published_accuracy"}, rows[0])
	require.Equal(t, []string{"gaussian_noise", "noise", "1", "10", "0.700000", "10", "0.600000"}, rows[2])
	r.Generated = nil
	b.Reset()
	require.NoError(t, r.WriteCSV(&b))
	rows, err = csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"gaussian_noise", "noise", "1", "", "", "10", "0.600000"}, rows[2])
}

func TestFigures(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, result().WriteFigures(dir))
	for _, name := range []string{"heatmap-generated", "heatmap-published", "curves-generated", "curves-published"} {
		for _, format := range []string{"png", "svg"} {
			info, err := os.Stat(filepath.Join(dir, name+"."+format))
			require.NoError(t, err)
			require.Greater(t, info.Size(), int64(2000))
		}
	}
}

func TestBaseline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.csv")
	var text bytes.Buffer
	fmt.Fprintln(&text, "corruption,severity,error\nclean,0,0.4")
	for _, name := range corruption.TinyImageNetC().Names("") {
		for s := 1; s <= 5; s++ {
			fmt.Fprintf(&text, "%s,%d,%v\n", name, s, 0.2+0.1*float64(s))
		}
	}
	require.NoError(t, os.WriteFile(path, append([]byte("\ufeff"), text.Bytes()...), 0o644))
	b, err := ReadBaseline(path)
	require.NoError(t, err)
	require.True(t, b.HasClean)
	r := result()
	require.NoError(t, r.Normalise(b))
	require.InDelta(t, 1, r.Generated.CorruptionErrors.MCE, 1e-9)
	require.InDelta(t, 1.2, r.Published.CorruptionErrors.MCE, 1e-9)
	_, err = json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, r.Lines()[1], "mCE 1.0000")
	plan := &robustness.Plan{Corruptions: corruption.TinyImageNetC().Names(""), Severities: []int{1, 2, 3, 4, 5}}
	require.NoError(t, (&Evaluation{Plan: plan}).CheckBaseline(b))
	plan.Severities = []int{1, 5}
	require.ErrorContains(t, (&Evaluation{Plan: plan}).CheckBaseline(b), "gaussian_noise at severity 2 is not measured")

	require.NoError(t, os.WriteFile(path, []byte("fog,1,0.5\n"), 0o644))
	b, err = ReadBaseline(path)
	require.NoError(t, err)
	err = r.Normalise(b)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.ErrorContains(t, err, "--baseline: the baseline has no error of gaussian_noise at severity 1")
	for _, bad := range []string{"fog,1,50\n", "fog,x,0.5\nfog,y,0.5\n", "fog,1\n"} {
		require.NoError(t, os.WriteFile(path, []byte(bad), 0o644))
		_, err = ReadBaseline(path)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), bad)
	}
}

func TestParseEpsilon(t *testing.T) {
	for text, want := range map[string]float64{"0": 0, "4/255": 4.0 / 255, "0.5": 0.5, " 8 / 255 ": 8.0 / 255} {
		got, err := ParseEpsilon(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "x", "-1", "1/0", "1/x", "nan"} {
		_, err := ParseEpsilon(text)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), text)
	}
}

func TestReadClasses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.txt")
	require.NoError(t, os.WriteFile(path, []byte("\ufeffn01\tgoldfish\nn02,shark\n\nn03\n"), 0o644))
	names, err := ReadClasses(path)
	require.NoError(t, err)
	require.Equal(t, []string{"n01", "n02", "n03"}, names)
	require.NoError(t, os.WriteFile(path, []byte("a\na\n"), 0o644))
	_, err = ReadClasses(path)
	require.ErrorContains(t, err, "names class a twice")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	_, err = ReadClasses(path)
	require.ErrorContains(t, err, "names no class")
}
