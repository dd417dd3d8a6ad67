package neural

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"striate/analysis/predictivity"
	"striate/internal/fault"
	"striate/internal/strictjson"
)

// maxSplitsBytes bounds a file of splits.
const maxSplitsBytes = 256 << 20

// ReadSplits reads [{"train": […], "test": […]}, …], lists of rows counted from 0.
func ReadSplits(file string) (*Splits, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fault.NotFoundf("read splits: %v", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSplitsBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read splits from %s: %w", file, err)
	}
	if len(data) > maxSplitsBytes {
		return nil, fault.TooLargef("%s is larger than %d bytes", file, maxSplitsBytes)
	}
	splits, err := parseSplits(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Splits{List: splits, Rule: "given splits"}, nil
}

func parseSplits(data []byte) ([]predictivity.Split, error) {
	var list []struct{ Train, Test []int }
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fault.Invalidf(`splits must be a JSON list of {"train": […], "test": […]}: %v`, strictjson.Plain(err))
	}
	out := make([]predictivity.Split, len(list))
	for i, s := range list {
		out[i] = predictivity.Split{Train: s.Train, Test: s.Test}
	}
	return out, nil
}

// ReadLabels reads the label of every stimulus of the recording from a CSV file: the column that is
// asked for, else the column group, else the only column that is no name. Lines are matched by name
// when the file and the recording have names, by the column index when there is one, else by
// position. A file of one column may do without a head; what is in its first line is then a label
// that other lines have, too.
func ReadLabels(file, column string, r *Recording) (labels []string, used string, err error) {
	t, err := ReadTable(file)
	if err != nil {
		return nil, "", err
	}
	if len(t.Columns) == 1 && t.Len() == r.Stimuli()-1 && column == "" {
		first, others := t.Columns[0], t.Column(t.Columns[0])
		if slices.Contains(others, first) {
			return complete(file, append([]string{first}, others...), "group")
		}
	}
	if used, err = labelColumn(t, column); err != nil {
		return nil, "", err
	}
	fields, err := t.MustColumn(used)
	if err != nil {
		return nil, "", err
	}
	names, err := NamesOf(t)
	if err == nil && r.Names != nil {
		lines, err := Match(r.Names, names)
		if err != nil {
			return nil, "", err
		}
		return complete(file, pickFields(fields, lines), used)
	}
	if len(fields) != r.Stimuli() {
		return nil, "", fault.Invalidf("%s labels %d stimuli, there are %d", file, len(fields), r.Stimuli())
	}
	lines, err := positions(t)
	if err != nil {
		return nil, "", err
	}
	return complete(file, pickFields(fields, lines), used)
}

// complete refuses labels of which one is empty: the stimuli without would be a group of their own.
func complete(file string, labels []string, column string) ([]string, string, error) {
	if i := slices.Index(labels, ""); i >= 0 {
		return nil, "", fault.Invalidf("%s: stimulus %d has no %s: label it, or leave the stimulus out", file, i, column)
	}
	return labels, column, nil
}

func labelColumn(t *Table, asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	if slices.Contains(t.Columns, "group") {
		return "group", nil
	}
	known := []string{"index", "image_index"}
	for _, k := range nameColumns {
		known = append(known, k.columns...)
	}
	var other []string
	for _, c := range t.Columns {
		if !slices.Contains(known, c) {
			other = append(other, c)
		}
	}
	if len(other) == 1 {
		return other[0], nil
	}
	return "", fault.Misusef("%s has no column group: say which of %s holds the groups with --group-column", t.name, strings.Join(t.Columns, ", "))
}

// positions is the order of the lines by their column index; without one, as they come.
func positions(t *Table) ([]int, error) {
	index := t.Column("index")
	out := make([]int, t.Len())
	seen := make([]bool, t.Len())
	for line := range out {
		row := line
		if index != nil {
			var err error
			if row, err = strconv.Atoi(index[line]); err != nil || row < 0 || row >= len(out) || seen[row] {
				return nil, fault.Invalidf("%s, line %d: index %q is not one of 0 to %d, each once", t.name, line+2, index[line], len(out)-1)
			}
		}
		seen[row] = true
		out[row] = line
	}
	return out, nil
}

func pickFields(fields []string, lines []int) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = fields[line]
	}
	return out
}
