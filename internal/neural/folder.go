package neural

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"striate/analysis/predictivity"
	"striate/analysis/v1score"
	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/jsonnum"
	"striate/internal/npy"
	"striate/internal/provenance"
)

// Write writes the recording in the folder form. Images are not copied.
func (r *Recording) Write(dir string) error {
	if err := r.Table.Write(filepath.Join(dir, "stimuli.csv")); err != nil {
		return err
	}
	if r.Units != nil {
		if err := r.Units.Write(filepath.Join(dir, "units.csv")); err != nil {
			return err
		}
	}
	if r.Trials == nil {
		return npy.WriteFile(filepath.Join(dir, "responses.npy"), []int{r.Stimuli(), r.Neurons()}, r.Mean.RawMatrix().Data)
	}
	shape, data := joinTrials(r.Trials)
	return npy.WriteFile(filepath.Join(dir, "trials.npy"), shape, data)
}

// joinTrials puts the trials of all populations into one array; where one has fewer repeats than
// another, NaN follows.
func joinTrials(list []predictivity.Trials) (shape []int, data []float64) {
	shape = []int{list[0].Stimuli, 0, 0}
	for _, t := range list {
		shape[1] += t.Neurons
		shape[2] = max(shape[2], t.Repeats)
	}
	if len(list) == 1 {
		return shape, list[0].Data
	}
	data = make([]float64, 0, shape[0]*shape[1]*shape[2])
	for i := range shape[0] {
		for _, t := range list {
			for j := range t.Neurons {
				at := (i*t.Neurons + j) * t.Repeats
				data = append(data, t.Data[at:at+t.Repeats]...)
				for range shape[2] - t.Repeats {
					data = append(data, math.NaN())
				}
			}
		}
	}
	return shape, data
}

// Import says how an assembly becomes a folder.
type Import struct {
	Selection
	Stimuli string // CSV file of its stimulus set; images are unpacked from the .zip beside it
	Assay   string // of an assembly of properties; found in its name when empty
}

// wholeEntries is the size up to which the array itself is copied to data.npy: 1 GB of float64.
const wholeEntries = 1 << 27

// manifest describes an assembly in assembly.json.
type manifest struct {
	Identifier string            `json:"identifier"`
	Name       string            `json:"name"` // of the array in the file
	Dims       []string          `json:"dims"`
	Shape      []int             `json:"shape"`
	Attributes map[string]any    `json:"attributes"`
	Notes      []string          `json:"notes,omitempty"`
	Provenance provenance.Record `json:"provenance"`
}

// Write writes the assembly to a folder: data.npy, the array as it is; a CSV file of coordinates for
// every dimension; assembly.json, its attributes. Responses to stimuli are also written in the
// folder form of recordings, properties of neurons also as properties.csv, which 'striate similarity
// --distributions' reads. The notes say what was left out. Nothing is in the folder before all is
// written: half a recording would look like a whole one.
func (a *Assembly) Write(ctx context.Context, dir string, o Import, step func(int)) (notes []string, err error) {
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("make folder for %s: %w", dir, err)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fault.Invalidf("%s is a file: a folder is needed", dir)
	}
	staged, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return nil, fmt.Errorf("make folder for %s: %w", dir, err)
	}
	defer os.RemoveAll(staged)
	if notes, err = a.write(ctx, staged, o, step); err != nil {
		return nil, err
	}
	return notes, moveFiles(staged, dir)
}

// moveFiles moves all files below a folder to another one on the same disk, over what is there.
func moveFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if target := filepath.Join(to, inside); !d.IsDir() {
			return os.Rename(path, target)
		} else if err := os.MkdirAll(target, 0o755); err != nil {
			return fmt.Errorf("make folder %s: %w", target, err)
		}
		return nil
	})
}

func (a *Assembly) write(ctx context.Context, dir string, o Import, step func(int)) (notes []string, err error) {
	for _, dim := range a.Dims {
		if filepath.Base(dim) != dim || !filepath.IsLocal(dim) {
			return nil, fault.Invalidf("%s: a dimension called %q", a.path, dim)
		}
		if err := a.Table(dim).Write(filepath.Join(dir, dim+".csv")); err != nil {
			return nil, err
		}
	}
	if a.Len() <= wholeEntries {
		values, err := a.Values(ctx)
		if err != nil {
			return nil, err
		}
		if err := npy.WriteFile(filepath.Join(dir, "data.npy"), a.Shape, values); err != nil {
			return nil, err
		}
	} else {
		notes = append(notes, fmt.Sprintf("data.npy was left out: the array of %v would take %d GB", a.Shape, a.Len()>>27))
	}
	more, err := a.writeForm(ctx, dir, o, step)
	if err != nil {
		return nil, err
	}
	notes = append(notes, more...)
	digest, err := provenance.DigestFile(a.path)
	if err != nil {
		return nil, err
	}
	m := manifest{a.Identifier(), a.Name, a.Dims, a.Shape, jsonAttributes(a.Attributes), notes, provenance.Record{
		Version: provenance.Version(), Parameters: map[string]any{"file": filepath.Base(a.path), "digest": digest, "region": o.Region, "from": o.From, "to": o.To},
	}}
	err = atomicfile.Write(filepath.Join(dir, "assembly.json"), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(m)
	})
	return notes, err
}

func jsonAttributes(in map[string]any) map[string]any {
	out := make(map[string]any, len(in))
	for name, v := range in {
		switch v := v.(type) {
		case float64:
			out[name] = jsonnum.Number(v)
		case []float64:
			out[name] = jsonnum.Slice(v)
		default:
			out[name] = v
		}
	}
	return out
}

// writeForm writes what the assembly is besides an array.
func (a *Assembly) writeForm(ctx context.Context, dir string, o Import, step func(int)) (notes []string, err error) {
	switch {
	case a.HasProperties():
		return a.writeProperties(ctx, dir, o.Assay)
	case !slices.Contains(a.Dims, "presentation") || !slices.Contains(a.Dims, "neuroid"):
		return []string{fmt.Sprintf("neither responses nor properties of neurons: the dimensions are %s", strings.Join(a.Dims, ", "))}, nil
	}
	r, err := a.Recording(ctx, o.Selection)
	if err != nil {
		return nil, err
	}
	if o.Stimuli == "" {
		return nil, r.Write(dir)
	}
	set, err := ReadStimulusSet(o.Stimuli)
	if err != nil {
		return nil, err
	}
	if want, ok := a.Attributes["stimulus_set_identifier"].(string); ok {
		if base := filepath.Base(o.Stimuli); strings.HasPrefix(base, "stimulus_") && !strings.Contains(base, strings.ReplaceAll(want, ".", "_")) {
			notes = append(notes, fmt.Sprintf("the assembly belongs to the stimulus set %s, the stimuli are from %s", want, base))
		}
	}
	if err := r.Describe(set); err != nil {
		return nil, err
	}
	if archive := archiveOf(o.Stimuli); archive != "" {
		if err := ExtractImages(ctx, archive, set, filepath.Join(dir, "images"), step); err != nil {
			return nil, err
		}
	} else {
		notes = append(notes, "no images: there is no .zip beside "+o.Stimuli)
	}
	return notes, r.Write(dir)
}

// writeProperties writes properties.csv: a line a neuron and property that an assay knows.
func (a *Assembly) writeProperties(ctx context.Context, dir, assay string) (notes []string, err error) {
	rows, note, err := a.Properties(ctx, assay)
	if err != nil || rows == nil {
		return note, err
	}
	return note, rows.Write(filepath.Join(dir, "properties.csv"))
}

// Properties returns the neurons' properties as a table of neuroid, assay, property and value; nil
// when the assembly belongs to none of the known assays.
func (a *Assembly) Properties(ctx context.Context, assay string) (_ *Table, notes []string, err error) {
	neuroid, property := slices.Index(a.Dims, "neuroid"), slices.Index(a.Dims, "neuronal_property")
	names := a.Coord("neuronal_property")
	if len(a.Dims) != 2 || neuroid < 0 || property < 0 || names == nil {
		return nil, nil, fault.Invalidf("%s: properties of shape %v over %v: neuroid and neuronal_property are needed", a.path, a.Shape, a.Dims)
	}
	if assay == "" {
		if assay = a.assay(); assay == "" {
			return nil, []string{"properties.csv was left out: the name does not say which assay it is (give --assay)"}, nil
		}
	}
	known := map[string]bool{}
	for _, d := range v1score.Published() {
		if string(d.Assay) == assay {
			known[d.Property] = true
		}
	}
	if len(known) == 0 {
		return nil, nil, fault.NotFoundf("no assay is called %q: there are %v", assay, v1score.Assays)
	}
	values, err := a.Values(ctx)
	if err != nil {
		return nil, nil, err
	}
	t := &Table{Columns: []string{"neuroid", "assay", "property", "value"}}
	step := [2]int{1, a.Shape[1]}
	for i := range a.Shape[neuroid] {
		for k, name := range names.Fields {
			if known[name] {
				v := values[i*step[1-neuroid]+k*step[1-property]]
				t.Rows = append(t.Rows, []string{fmt.Sprint(i), assay, name, formatFloat(v)})
			} else if i == 0 {
				notes = append(notes, fmt.Sprintf("property %s is not one that %s is compared by", name, assay))
			}
		}
	}
	return t, notes, nil
}

// assay finds the name of an assay in that of the assembly.
func (a *Assembly) assay() string {
	for _, name := range []string{a.Identifier(), filepath.Base(a.path)} {
		for _, known := range v1score.Assays {
			if strings.Contains(name, string(known)) {
				return string(known)
			}
		}
	}
	return ""
}

// HasProperties tells whether the assembly holds properties of neurons, not responses.
func (a *Assembly) HasProperties() bool { return slices.Contains(a.Dims, "neuronal_property") }
