package neural

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"striate/internal/atomicfile"
	"striate/internal/csvtext"
	"striate/internal/fault"
)

// Table is a CSV file with a head: text, whatever it looks like.
type Table struct {
	Columns []string
	Rows    [][]string // of as many fields as there are columns
	name    string     // of the file, for messages
}

// maxRows bounds a table: the largest assemblies have some ten thousand presentations.
const maxRows = 10_000_000

// ReadTable reads a CSV file.
func ReadTable(file string) (*Table, error) {
	f, err := os.Open(file)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, fault.NotFoundf("no such file: %s", file)
		}
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	defer f.Close()
	t, err := parseTable(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t.name = file
	return t, nil
}

// parseTable reads CSV text, with or without a byte order mark.
func parseTable(r io.Reader) (*Table, error) {
	c := csvtext.NewReader(r)
	head, err := c.Read()
	if err == io.EOF {
		return nil, fault.Invalidf("the table is empty: its first line must name the columns")
	}
	if err != nil {
		return nil, fault.Invalidf("not a CSV table: %v", err)
	}
	t := &Table{Columns: head}
	for i, name := range head {
		if slices.Contains(head[:i], name) {
			return nil, fault.Invalidf("the table has two columns called %q", name)
		}
	}
	for {
		row, err := c.Read()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, fault.Invalidf("not a CSV table: %v", err)
		}
		if len(t.Rows) == maxRows {
			return nil, fault.TooLargef("the table has more than %d lines", maxRows)
		}
		t.Rows = append(t.Rows, row)
	}
}

// Len returns the number of lines.
func (t *Table) Len() int { return len(t.Rows) }

// Column returns the fields of a column, nil when there is none of that name.
func (t *Table) Column(name string) []string {
	k := slices.Index(t.Columns, name)
	if k < 0 {
		return nil
	}
	out := make([]string, len(t.Rows))
	for i, row := range t.Rows {
		out[i] = row[k]
	}
	return out
}

// MustColumn is Column with an error that says what is missing.
func (t *Table) MustColumn(name string) ([]string, error) {
	if c := t.Column(name); c != nil {
		return c, nil
	}
	return nil, fault.Invalidf("%s has no column %q: it has %s", t.name, name, strings.Join(t.Columns, ", "))
}

// Add appends a column.
func (t *Table) Add(name string, fields []string) {
	if len(t.Columns) == 0 && len(t.Rows) == 0 {
		t.Rows = make([][]string, len(fields))
	}
	t.Columns = append(t.Columns, name)
	for i := range t.Rows {
		t.Rows[i] = append(t.Rows[i], fields[i])
	}
}

// Pick returns the table of the lines.
func (t *Table) Pick(lines []int) *Table {
	out := &Table{Columns: t.Columns, name: t.name}
	for _, i := range lines {
		out.Rows = append(out.Rows, t.Rows[i])
	}
	return out
}

// Write writes the table as CSV.
func (t *Table) Write(file string) error {
	return atomicfile.Write(file, func(w io.Writer) error {
		c := csv.NewWriter(w)
		c.Write(t.Columns) //nolint:errcheck // Error below reports it
		c.WriteAll(t.Rows) //nolint:errcheck
		return c.Error()
	})
}

// Names are what stimuli or their rows are known by, in the order in which two lists are compared:
// a digest of the file, an identifier, a file name.
type Names struct {
	kinds map[string][]string
	rows  int
	name  string
}

// nameColumns maps the kinds of names to the columns they are found in.
var nameColumns = []struct {
	kind    string
	columns []string
}{
	{"digest", []string{"sha256"}},
	{"identifier", []string{"stimulus_id", "image_id"}},
	{"file name", []string{"file", "filename", "image_file_name"}},
	{"name", []string{"name", "stimulus"}},
}

// NamesOf returns the names of the lines of a table. Tables without one of the columns sha256,
// stimulus_id, image_id, file, filename, image_file_name, name or stimulus are an error.
func NamesOf(t *Table) (*Names, error) {
	n := &Names{map[string][]string{}, t.Len(), t.name}
	for _, k := range nameColumns {
		for _, column := range k.columns {
			if fields := t.Column(column); fields != nil && !slices.Contains(fields, "") {
				n.kinds[k.kind] = clean(k.kind, fields)
				break
			}
		}
	}
	if len(n.kinds) == 0 {
		return nil, fault.Invalidf("%s names no stimuli: it needs a column stimulus_id, sha256 or file", t.name)
	}
	return n, nil
}

// clean makes names comparable: digests without their scheme, files without their folder.
func clean(kind string, fields []string) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		switch kind {
		case "digest":
			out[i] = strings.ToLower(strings.TrimPrefix(f, "sha256:"))
		case "file name":
			out[i] = path.Base(strings.ReplaceAll(f, "\\", "/"))
		default:
			out[i] = f
		}
	}
	return out
}

// Match returns, for every stimulus of want, its line in have, by the first kind of name that both
// lists have; identifiers are compared with file names without their ending when nothing else is
// common. A stimulus that have lacks, or has twice, is an error.
func Match(want, have *Names) ([]int, error) {
	kind, a, b := common(want, have)
	if kind == "" {
		return nil, fault.Invalidf("%s and %s have no kind of name in common: give both a column stimulus_id, sha256 or file", want.name, have.name)
	}
	lines := make(map[string]int, len(b))
	for i, name := range b {
		if first, twice := lines[name]; twice {
			return nil, fault.Invalidf("%s: lines %d and %d have the same %s %s", have.name, first+2, i+2, kind, name)
		}
		lines[name] = i
	}
	out := make([]int, len(a))
	var missing []string
	for i, name := range a {
		line, ok := lines[name]
		if !ok {
			missing = append(missing, name)
		}
		out[i] = line
	}
	if len(missing) > 0 {
		return nil, fault.Invalidf("%d of the %d stimuli of %s are not in %s, compared by %s: the first is %s",
			len(missing), len(a), want.name, have.name, kind, missing[0])
	}
	return out, nil
}

func common(want, have *Names) (kind string, a, b []string) {
	for _, k := range nameColumns {
		a, b := want.kinds[k.kind], have.kinds[k.kind]
		if a != nil && b != nil {
			return k.kind, a, b
		}
	}
	for _, pair := range [][2]string{{"identifier", "file name"}, {"file name", "identifier"}} {
		if a, b := want.kinds[pair[0]], have.kinds[pair[1]]; a != nil && b != nil {
			return "identifier", stems(a, pair[0]), stems(b, pair[1])
		}
	}
	return "", nil, nil
}

func stems(names []string, kind string) []string {
	if kind != "file name" {
		return names
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.TrimSuffix(n, path.Ext(n))
	}
	return out
}

// formatFloat writes a number as CSV shows it; NaN is an empty field.
func formatFloat(v float64) string {
	if v != v {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
