package v1data

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"striate/analysis/v1score"
	"striate/internal/fault"
	"striate/internal/jsonnum"
	"striate/internal/strictjson"
)

// WriteProperties writes one line for each unit that passes an assay's threshold and each property:
// neuroid, assay, property, value (empty for NaN). neuroid[i] names the unit in row i of the tables.
func WriteProperties(w io.Writer, tables []*v1score.Table, neuroid []int) error {
	out := csv.NewWriter(w)
	out.Write([]string{"neuroid", "assay", "property", "value"}) //nolint:errcheck // Error below reports it
	for _, t := range tables {
		for i, kept := range t.Kept {
			if !kept {
				continue
			}
			unit := strconv.Itoa(neuroid[i])
			for k, v := range t.Row(i) {
				out.Write([]string{unit, string(t.Assay), t.Names[k], value(v)}) //nolint:errcheck
			}
		}
	}
	out.Flush()
	return out.Error()
}

// value is the field of a CSV file for v.
func value(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return number(v)
}

// Samples holds the values of properties, in the order of their file.
type Samples map[propertyKey][]float64

type propertyKey struct {
	assay    v1score.Assay
	property string
}

// Of returns the values of a distribution's property; nil when the file has none.
func (s Samples) Of(d *v1score.Distribution) []float64 { return s[propertyKey{d.Assay, d.Property}] }

// ReadProperties reads a file as WriteProperties writes it. Only assay, property and value are
// looked at. A name that no assay has is an error.
func ReadProperties(path string) (Samples, error) {
	t, err := readTable(path, "assay", "property", "value")
	if err != nil {
		return nil, err
	}
	s, err := samples(t)
	if err != nil {
		return nil, fault.Invalidf("%s, %v", path, err)
	}
	return s, nil
}

func samples(t *table) (Samples, error) {
	known := v1score.Published()
	s := Samples{}
	for i, row := range t.rows {
		// Brain-Score's name of the texture assay says of which area it is.
		assay := strings.TrimSuffix(strings.TrimSpace(row[t.column["assay"]]), "_V1_properties")
		key := propertyKey{v1score.Assay(assay), strings.TrimSpace(row[t.column["property"]])}
		if _, seen := s[key]; !seen {
			if err := checkName(known, key); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+2, err)
			}
		}
		v := math.NaN()
		if text := strings.TrimSpace(row[t.column["value"]]); text != "" {
			var err error
			if v, err = strconv.ParseFloat(text, 64); err != nil {
				return nil, fmt.Errorf("line %d: %q is not a number", i+2, text)
			}
		}
		s[key] = append(s[key], v)
	}
	if len(s) == 0 {
		return nil, errors.New("the file holds no property")
	}
	return s, nil
}

func checkName(known []v1score.Distribution, key propertyKey) error {
	var names []string
	for _, d := range known {
		if d.Assay == key.assay {
			if d.Property == key.property {
				return nil
			}
			names = append(names, d.Property)
		}
	}
	if names == nil {
		assays := make([]string, len(v1score.Assays))
		for i, a := range v1score.Assays {
			assays[i] = string(a)
		}
		return fmt.Errorf("no assay is called %q: one of %s is needed", key.assay, strings.Join(assays, ", "))
	}
	return fmt.Errorf("assay %s has no property %q: it has %s", key.assay, key.property, strings.Join(names, ", "))
}

// ReadDistributions returns the published distributions, with those of the file in their place. The
// file is a table as ReadProperties reads it, one line a recorded neuron and property, or a JSON
// list under "properties" whose entries have assay, property, and values (null for a neuron without
// a value) or counts in the property's bins with neurons, the number recorded. path "" means none.
func ReadDistributions(path string) ([]v1score.Distribution, error) {
	all := v1score.Published()
	if path == "" {
		return all, nil
	}
	var supplied Samples
	var err error
	if strings.HasSuffix(strings.ToLower(path), ".json") {
		supplied, err = readJSONDistributions(path, all)
	} else {
		supplied, err = ReadProperties(path)
	}
	if err != nil {
		return nil, err
	}
	for i := range all {
		values := supplied.Of(&all[i])
		if values == nil {
			continue
		}
		if !slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) }) {
			return nil, fault.Invalidf("%s: no neuron has a value of %s %s", path, all[i].Assay, all[i].Property)
		}
		all[i] = all[i].Supply(values, path)
	}
	return all, nil
}

func readJSONDistributions(path string, known []v1score.Distribution) (Samples, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.NotFoundf("read distributions: %v", err)
	}
	var file struct {
		Properties []struct {
			Assay    v1score.Assay
			Property string
			Values   []jsonnum.Number
			Counts   []int
			Neurons  int
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fault.Invalidf("%s: %v", path, strictjson.Plain(err))
	}
	s := Samples{}
	for i, p := range file.Properties {
		key := propertyKey{p.Assay, p.Property}
		if err := checkName(known, key); err != nil {
			return nil, fault.Invalidf("%s, entry %d: %v", path, i, err)
		}
		if _, twice := s[key]; twice {
			return nil, fault.Invalidf("%s, entry %d: %s %s is there twice", path, i, p.Assay, p.Property)
		}
		if (p.Values == nil) == (p.Counts == nil) {
			return nil, fault.Invalidf("%s, entry %d (%s): give either values or counts", path, i, p.Property)
		}
		if s[key] = jsonnum.Floats(p.Values); p.Counts != nil {
			at := slices.IndexFunc(known, func(d v1score.Distribution) bool { return d.Assay == p.Assay && d.Property == p.Property })
			if s[key], err = fromCounts(known[at].Bins, p.Counts, p.Neurons); err != nil {
				return nil, fault.Invalidf("%s, entry %d (%s): %v", path, i, p.Property, err)
			}
		}
	}
	if len(s) == 0 {
		return nil, fault.Invalidf("%s holds no property", path)
	}
	return s, nil
}

// maxNeurons bounds a table of counts, whose numbers are not backed by as many bytes.
const maxNeurons = 1_000_000

func fromCounts(bins []float64, counts []int, neurons int) ([]float64, error) {
	if len(counts) != len(bins)-1 {
		return nil, fmt.Errorf("%d counts for the property's %d bins", len(counts), len(bins)-1)
	}
	total := 0
	for _, c := range counts {
		if c < 0 || c > maxNeurons || total > maxNeurons {
			return nil, fmt.Errorf("counts must lie between 0 and %d", maxNeurons)
		}
		total += c
	}
	if neurons == 0 {
		neurons = total
	}
	if neurons < total || neurons > 2*maxNeurons {
		return nil, fmt.Errorf("%d neurons, but %d are counted", neurons, total)
	}
	return v1score.FromCounts(bins, counts, neurons), nil
}
