package evaluate

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"striate/analysis/corruption"
	"striate/analysis/robustness"
	"striate/internal/atomicfile"
	"striate/internal/csvtext"
	"striate/internal/fault"
	"striate/internal/figure"
)

// WriteCSV writes a row a cell. Accuracies on images corrupted here and on a published set have
// columns of their own: they do not compare.
func (r *Result) WriteCSV(w io.Writer) error {
	table := csv.NewWriter(w)
	rows := [][]string{{"corruption", "group", "severity", "generated_images", "generated_accuracy", "published_images", "published_accuracy"}}
	if r.Generated == nil && r.Published == nil {
		rows = rows[:1]
	}
	rows = append(rows, []string{"clean", "", "0", strconv.Itoa(r.Clean.Images), decimal(r.Clean.Accuracy), "", ""})
	for _, c := range r.cells() {
		row := []string{c.Corruption, string(c.Group), strconv.Itoa(c.Severity)}
		for _, s := range []*robustness.Set{r.Generated, r.Published} {
			row = append(row, find(s, c)...)
		}
		rows = append(rows, row)
	}
	if err := table.WriteAll(rows); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// cells lists what either set has.
func (r *Result) cells() []robustness.Cell {
	for _, s := range []*robustness.Set{r.Generated, r.Published} { // both hold the same cells
		if s != nil {
			return s.Cells
		}
	}
	return nil
}

func find(s *robustness.Set, like robustness.Cell) []string {
	if s != nil {
		for _, c := range s.Cells {
			if c.Corruption == like.Corruption && c.Severity == like.Severity {
				return []string{strconv.Itoa(c.Images), decimal(c.Accuracy)}
			}
		}
	}
	return []string{"", ""}
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }

// Lines are the result in a few lines of text.
func (r *Result) Lines() []string {
	lines := []string{fmt.Sprintf("clean              %6.2f %%  (%d images)", 100*r.Clean.Accuracy, r.Clean.Images)}
	for _, s := range []struct {
		name string
		set  *robustness.Set
	}{{"generated", r.Generated}, {"published", r.Published}} {
		if s.set == nil || s.set.Means == nil {
			continue
		}
		m := s.set.Means
		line := fmt.Sprintf("%-18s %6.2f %%  mean error %.2f %%", s.name, 100*m.Overall, 100*m.Error)
		for _, g := range corruption.Groups() {
			if a, ok := m.Groups[g]; ok {
				line += fmt.Sprintf("  %s %.2f", g, 100*a)
			}
		}
		if e := s.set.CorruptionErrors; e != nil {
			line += fmt.Sprintf("  mCE %.4f", e.MCE)
			if e.RelativeMCE != nil {
				line += fmt.Sprintf("  relative mCE %.4f", *e.RelativeMCE)
			}
		}
		lines = append(lines, line)
	}
	for _, a := range r.Attacks {
		lines = append(lines, fmt.Sprintf("%-9s ε %.5f  %6.2f %%", a.Method, a.Epsilon, 100*a.Accuracy))
	}
	return lines
}

// WriteFigures writes, for each set, a heat map of corruptions by severities and curves over the
// severities, as .png and .svg, into a folder.
func (r *Result) WriteFigures(dir string) error {
	for _, s := range []struct {
		name string
		set  *robustness.Set
	}{{"generated", r.Generated}, {"published", r.Published}} {
		if s.set == nil {
			continue
		}
		title := fmt.Sprintf("%s, %s (%s)", r.Model, r.Benchmark, s.name)
		heat, err := heatMap(title, s.set)
		if err != nil {
			return err
		}
		if err := write(dir, "heatmap-"+s.name, heat, 420, 120+18*float64(len(rows(s.set)))); err != nil {
			return err
		}
		curves, err := curves(title, r.Clean, s.set)
		if err != nil {
			return err
		}
		if err := write(dir, "curves-"+s.name, curves, 420, 300); err != nil {
			return err
		}
	}
	return nil
}

func write(dir, name string, f figure.Figure, width, height float64) error {
	for _, format := range []string{"png", "svg"} {
		err := atomicfile.Write(filepath.Join(dir, name+"."+format), func(w io.Writer) error { return f.Write(w, format, width, height) })
		if err != nil {
			return err
		}
	}
	return nil
}

// rows lists the corruptions of a set in their order.
func rows(s *robustness.Set) []string {
	var names []string
	for _, c := range s.Cells {
		if !slices.Contains(names, c.Corruption) {
			names = append(names, c.Corruption)
		}
	}
	return names
}

func severities(s *robustness.Set) []int {
	var out []int
	for _, c := range s.Cells {
		if !slices.Contains(out, c.Severity) {
			out = append(out, c.Severity)
		}
	}
	slices.Sort(out)
	return out
}

func heatMap(title string, s *robustness.Set) (figure.Figure, error) {
	names, at := rows(s), severities(s)
	values, columns := make([][]float64, len(names)), make([]string, len(at))
	for k, severity := range at {
		columns[k] = strconv.Itoa(severity)
	}
	for i, name := range names {
		values[i] = make([]float64, len(at))
		for _, c := range s.Cells {
			if c.Corruption == name {
				values[i][slices.Index(at, c.Severity)] = 100 * c.Accuracy
			}
		}
	}
	return figure.Table(title, figure.Axis{Label: "severity"}, names, columns, values, 100)
}

func curves(title string, clean robustness.Cell, s *robustness.Set) (figure.Figure, error) {
	at := severities(s)
	x := []float64{0}
	for _, severity := range at {
		x = append(x, float64(severity))
	}
	var series []figure.Series
	for _, g := range append(corruption.Groups(), corruption.Extra) {
		y := []float64{100 * clean.Accuracy}
		for _, severity := range at {
			sum, n := 0.0, 0
			for _, c := range s.Cells {
				if c.Group == g && c.Severity == severity {
					sum += 100 * c.Accuracy
					n++
				}
			}
			if n == 0 {
				sum, n = math.NaN(), 1
			}
			y = append(y, sum/float64(n))
		}
		if !slices.ContainsFunc(y[1:], func(v float64) bool { return !math.IsNaN(v) }) {
			continue
		}
		series = append(series, figure.Series{Name: string(g), Y: y, Dashed: g == corruption.Extra})
	}
	f, err := figure.Curves(title, figure.Axis{Label: "severity (0: clean)"}, figure.Axis{Label: "accuracy, %"}, x, series...)
	if err != nil {
		return f, err
	}
	return f.WholeTicks(), nil
}

// ReadBaseline reads the errors of a reference network: rows corruption,severity,error, of which
// clean,0,error may be one. A header is passed over.
func ReadBaseline(path string) (robustness.Baseline, error) {
	b := robustness.Baseline{Errors: map[string]map[int]float64{}}
	f, err := os.Open(path)
	if err != nil {
		return b, fault.NotFoundf("no baseline at %s", path)
	}
	defer f.Close()
	table := csvtext.NewReader(f)
	table.FieldsPerRecord = 3
	lines, err := table.ReadAll()
	if err != nil {
		return b, fault.Invalidf("baseline %s: %v: rows are corruption,severity,error", path, err)
	}
	for i, row := range lines {
		severity, err := strconv.Atoi(strings.TrimSpace(row[1]))
		if err != nil && i == 0 {
			continue
		}
		e, err2 := strconv.ParseFloat(strings.TrimSpace(row[2]), 64)
		if err != nil || err2 != nil || !(e >= 0 && e <= 1) {
			return b, fault.Invalidf("baseline %s, row %d: %q: rows are corruption,severity,error with errors in 0..1", path, i+1, strings.Join(row, ","))
		}
		name := strings.TrimSpace(row[0])
		if name == "clean" {
			b.Clean, b.HasClean = e, true
			continue
		}
		if b.Errors[name] == nil {
			b.Errors[name] = map[int]float64{}
		}
		b.Errors[name][severity] = e
	}
	return b, nil
}

// CheckBaseline tells, before any image is read, whether the result of the evaluation can be
// normalised by a baseline.
func (v *Evaluation) CheckBaseline(b robustness.Baseline) error {
	var cells []robustness.Cell
	for _, name := range v.Plan.Corruptions {
		for _, severity := range v.Plan.Severities {
			cells = append(cells, robustness.Cell{Corruption: name, Severity: severity})
		}
	}
	if _, err := robustness.Normalise(cells, robustness.Cell{}, b); err != nil {
		return fault.Invalidf("--baseline: %w", err)
	}
	return nil
}

// Normalise adds the errors relative to a baseline to a set.
func (r *Result) Normalise(b robustness.Baseline) error {
	for _, s := range []*robustness.Set{r.Generated, r.Published} {
		if s == nil {
			continue
		}
		e, err := robustness.Normalise(s.Cells, r.Clean, b)
		if err != nil {
			return fault.Invalidf("--baseline: %w", err)
		}
		s.CorruptionErrors = e
	}
	return nil
}

// ReadClasses reads the names of classes, one a line; further columns after a comma or tab are
// passed over.
func ReadClasses(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.NotFoundf("no file of classes at %s", path)
	}
	var names []string
	for _, line := range strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n") {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ",")
		name, _, _ = strings.Cut(name, "\t")
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if slices.Contains(names, name) {
			return nil, fault.Invalidf("%s names class %s twice", path, name)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fault.Invalidf("%s names no class: one a line, in the order of the model's outputs", path)
	}
	return names, nil
}
