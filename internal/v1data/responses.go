// Package v1data reads and writes the files around the V1 battery: recorded responses, properties,
// distributions of recorded neurons.
package v1data

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"striate/analysis/stimulus"
	"striate/analysis/v1score"
	"striate/internal/csvtext"
	"striate/internal/fault"
	"striate/internal/npy"
	"striate/internal/strictjson"
)

// Responses is a population's responses to the stimulus sets, as read from a folder.
type Responses struct {
	v1score.Sets
	Units    int
	Warnings []string // what the user should know about them, a line each

	// NotFinite names the arrays that hold NaN or infinite responses, and where. A NaN among the
	// measured units' responses to the orientation set leaves no scale of firing rates.
	NotFinite []string
}

// ReadResponses reads blank, receptive_field, orientation, spatial_frequency and size.npy (also
// .npy.gz), and texture.npy where it is there: one row a unit, one column an image in canonical
// order. The columns of texture.npy are in the order of texture_order.json, if there is one. A file
// like orientation.csv, as `striate stimuli` writes it, is checked against the canonical order.
func ReadResponses(dir string) (*Responses, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fault.NotFoundf("no folder of responses at %s", dir)
	}
	r := &Responses{}
	for _, set := range []struct {
		name stimulus.SetName
		rows *v1score.Rows
	}{
		{stimulus.BlankSet, &r.Blank}, {stimulus.ReceptiveFieldSet, &r.ReceptiveField},
		{stimulus.OrientationSet, &r.Orientation}, {stimulus.SpatialFrequencySet, &r.SpatialFrequency},
		{stimulus.SizeSet, &r.Size}, {stimulus.TextureSet, &r.Texture},
	} {
		rows, err := r.readSet(dir, set.name)
		if err != nil {
			return nil, err
		}
		if rows != nil { // a nil Rows in the interface, not a nil of some type
			*set.rows = rows
		}
	}
	if r.Texture != nil {
		var err error
		if r.TextureColumn, err = readTextureOrder(dir); err != nil {
			return nil, err
		}
		if r.TextureColumn == nil {
			r.warn("texture.npy has no texture_order.json beside it: its columns are taken in the order of type (noise, texture), family, sample")
		}
	}
	return r, nil
}

func (r *Responses) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// readSet reads one array; nil for textures that are not there.
func (r *Responses) readSet(dir string, set stimulus.SetName) (v1score.Rows, error) {
	path := filepath.Join(dir, string(set)+".npy")
	a, err := npy.ReadFile(path)
	if fault.CodeOf(err) == fault.NotFound {
		a, err = npy.ReadFile(path + ".gz")
	}
	if fault.CodeOf(err) == fault.NotFound {
		if set == stimulus.TextureSet {
			return nil, nil
		}
		return nil, fault.NotFoundf("%s is missing: the battery needs blank, receptive_field, orientation, spatial_frequency and size.npy in %s", path, dir)
	}
	if err != nil {
		return nil, err
	}
	if err := r.checkShape(path, a, set); err != nil {
		return nil, err
	}
	if err := checkOrder(dir, set); err != nil {
		return nil, err
	}
	n := stimulus.SetLen(set)
	if a.Dtype() == "float64" {
		data := a.Float64s()
		warnNotFinite(r, path, data, n)
		return v1score.Responses[float64]{Stimuli: n, Data: data}, nil
	}
	data := a.Float32s()
	warnNotFinite(r, path, data, n)
	return v1score.Responses[float32]{Stimuli: n, Data: data}, nil
}

// checkShape says what is wrong with an array that is not units × images.
func (r *Responses) checkShape(path string, a *npy.Array, set stimulus.SetName) error {
	n := stimulus.SetLen(set)
	if set == stimulus.BlankSet && len(a.Shape) == 1 {
		a.Shape = []int{a.Shape[0], 1}
	}
	if len(a.Shape) != 2 {
		return fault.Invalidf("%s has shape %v: rows of units and columns of images are needed", path, a.Shape)
	}
	units, images := a.Shape[0], a.Shape[1]
	switch {
	case images != n && units == n:
		return fault.Invalidf("%s has shape %d×%d: it looks transposed; rows are units, columns the %d images of the set", path, units, images, n)
	case images != n:
		return fault.Invalidf("%s has %d columns, but the %s set has %d images", path, images, set, n)
	case units == 0:
		return fault.Invalidf("%s holds no unit", path)
	case r.Units == 0:
		r.Units = units
	case units != r.Units:
		return fault.Invalidf("%s has %d units, but the files before it have %d", path, units, r.Units)
	}
	return nil
}

// warnNotFinite tells of NaN and infinite responses: what they do is in the definition of the
// properties, but they are seldom meant.
func warnNotFinite[T float32 | float64](r *Responses, path string, data []T, stimuli int) {
	count, units, first, last := 0, 0, -1, -1
	for i, v := range data {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			count++
			if unit := i / stimuli; unit != last {
				units, last = units+1, unit
				if first < 0 {
					first = unit
				}
			}
		}
	}
	if count > 0 {
		r.NotFinite = append(r.NotFinite, fmt.Sprintf("%s holds %d responses that are NaN or infinite, in %d units (the first is row %d)", path, count, units, first))
		r.warn("%s", r.NotFinite[len(r.NotFinite)-1])
	}
}

// readTextureOrder reads what the columns of texture.npy show: lists type (1 noise, 2 texture),
// family (1…15) and sample (1…15). It returns nil without the file.
func readTextureOrder(dir string) ([]int, error) {
	path := filepath.Join(dir, "texture_order.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read order of textures: %w", err)
	}
	var order struct{ Type, Family, Sample []int }
	if err := json.Unmarshal(text, &order); err != nil {
		return nil, fault.Invalidf("%s: %v; it needs three lists type, family and sample", path, strictjson.Plain(err))
	}
	n := stimulus.SetLen(stimulus.TextureSet)
	if len(order.Type) != n || len(order.Family) != n || len(order.Sample) != n {
		return nil, fault.Invalidf("%s has %d types, %d families and %d samples: each list needs %d entries, one a column of texture.npy",
			path, len(order.Type), len(order.Family), len(order.Sample), n)
	}
	column := make([]int, n)
	seen := make([]bool, n)
	for i := range column {
		id := stimulus.TextureID{Type: stimulus.TextureType(order.Type[i]), Family: order.Family[i], Sample: order.Sample[i]}
		if !id.Valid() {
			return nil, fault.Invalidf("%s: entry %d is type %d, family %d, sample %d; type is 1 (noise) or 2 (texture), family and sample 1 to 15",
				path, i, order.Type[i], order.Family[i], order.Sample[i])
		}
		if seen[id.Index()] {
			return nil, fault.Invalidf("%s: entry %d repeats type %d, family %d, sample %d", path, i, order.Type[i], order.Family[i], order.Sample[i])
		}
		seen[id.Index()], column[id.Index()] = true, i
	}
	return column, nil
}

// Columns of stimuli.csv after index and file.
var stimulusColumns = []string{"degrees", "position_y", "position_x", "contrast", "radius", "spatial_frequency", "orientation", "phase"}

// WriteStimuli writes the table of a grating set: its images in canonical order with their
// parameters. The blank has no grating; its parameters are empty.
func WriteStimuli(w io.Writer, set stimulus.Set, file func(i int) string) error {
	table := csv.NewWriter(w)
	table.Write(append([]string{"index", "file"}, stimulusColumns...)) //nolint:errcheck // Error below reports it
	for i := range set.Len() {
		row := []string{strconv.Itoa(i), file(i), number(set.Degrees)}
		if set.Gratings == nil {
			row = append(row, make([]string, 7)...)
		} else {
			for _, v := range parameters(set.Gratings[i]) {
				row = append(row, number(v))
			}
		}
		table.Write(row) //nolint:errcheck
	}
	table.Flush()
	return table.Error()
}

func parameters(g stimulus.Grating) []float64 {
	return []float64{g.Y, g.X, g.Contrast, g.Radius, g.SpatialFrequency, g.Orientation, g.Phase}
}

// number writes v so that reading it gives v again.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// checkOrder compares a table of the set's images beside the responses, if there is one, with the
// canonical order.
func checkOrder(dir string, name stimulus.SetName) error {
	set, ok := stimulus.NewSet(name)
	if !ok || set.Gratings == nil {
		return nil
	}
	path := filepath.Join(dir, string(name)+".csv")
	table, err := readTable(path, stimulusColumns[1:]...)
	if fault.CodeOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if len(table.rows) != set.Len() {
		return fault.Invalidf("%s lists %d images, but the %s set has %d", path, len(table.rows), name, set.Len())
	}
	for i, row := range table.rows {
		for k, want := range parameters(set.Gratings[i]) {
			got, err := strconv.ParseFloat(row[table.column[stimulusColumns[k+1]]], 64)
			if err != nil || math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
				return fault.Invalidf("%s: image %d has %s %s where the canonical order has %s; sort the columns of %s.npy as `striate stimuli --set %s` lists them",
					path, i, stimulusColumns[k+1], row[table.column[stimulusColumns[k+1]]], number(want), name, name)
			}
		}
	}
	return nil
}

// table is a CSV file with a header.
type table struct {
	column map[string]int
	rows   [][]string
}

// readTable reads a CSV file that must have the columns.
func readTable(path string, columns ...string) (*table, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.NotFoundf("no such file: %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer f.Close()
	t, err := parseTable(f, columns...)
	if err != nil {
		return nil, fault.Invalidf("%s: %v", path, err)
	}
	return t, nil
}

func parseTable(r io.Reader, columns ...string) (*table, error) {
	rows, err := csvtext.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("the file is empty")
	}
	t := &table{column: map[string]int{}, rows: rows[1:]}
	for i, name := range rows[0] {
		t.column[strings.TrimSpace(name)] = i
	}
	for _, name := range columns {
		if _, ok := t.column[name]; !ok {
			return nil, fmt.Errorf("no column %q; the header is %q", name, strings.Join(rows[0], ","))
		}
	}
	return t, nil
}
