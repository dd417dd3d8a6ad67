package neural

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"

	"striate/analysis/predictivity"
	"striate/internal/fault"
	"striate/internal/npy"
)

// Recording is the responses of neurons to stimuli.
type Recording struct {
	Mean    *mat.Dense            // stimuli × neurons, over the trials that are there
	Trials  []predictivity.Trials // of one population after the other; nil when only means are known
	Names   *Names                // of the stimuli; nil when they have none
	Table   *Table                // of the stimuli; nil when there is none
	Units   *Table                // of the neurons; nil when there is none
	Images  []string              // file of every stimulus; nil when there are none
	Digests []string              // sha256 of the files, when the table has them
	Source  string                // file or folder
}

// Stimuli returns the number of stimuli.
func (r *Recording) Stimuli() int { n, _ := r.Mean.Dims(); return n }

// Neurons returns the number of neurons.
func (r *Recording) Neurons() int { _, q := r.Mean.Dims(); return q }

// UnitNames returns what the neurons are called: the column unit_id, unit_index or neuroid_id, else
// their numbers.
func (r *Recording) UnitNames() []string {
	if r.Units != nil {
		for _, column := range []string{"unit_id", "unit_index", "neuroid_id"} {
			if names := r.Units.Column(column); names != nil {
				return names
			}
		}
	}
	out := make([]string, r.Neurons())
	for i := range out {
		out[i] = strconv.Itoa(i)
	}
	return out
}

// ReadResponses reads a .npy, .npy.gz or .npz file of stimuli × neurons, or stimuli × neurons ×
// repeats; of a .npz with several arrays, trials or else responses. Names of the stimuli come from
// the file names, or when that is empty from the .npz, or the CSV file beside the array.
func ReadResponses(file, names string) (*Recording, error) {
	r := &Recording{Source: file}
	a, err := r.responsesOf(file)
	if err != nil {
		return nil, err
	}
	if len(a.Shape) == 3 {
		t, err := trialsOf(a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if r.Mean = t.Mean(); t.Repeats > 1 { // a single trial has no ceiling
			r.Trials = []predictivity.Trials{t}
		}
	} else if r.Mean, err = matrixOf(a); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if r.Table != nil && names == "" {
		r.Names, err = NamesOf(r.Table)
	} else {
		r.Names, err = sidecarNames(file, names)
	}
	if err != nil {
		return nil, err
	}
	if r.Names != nil && r.Names.rows != r.Stimuli() {
		return nil, fault.Invalidf("%s has %d rows, but %s names %d", file, r.Stimuli(), r.Names.name, r.Names.rows)
	}
	if r.Units != nil && r.Units.Len() != r.Neurons() {
		return nil, fault.Invalidf("%s has %d neurons and names %d", file, r.Neurons(), r.Units.Len())
	}
	return r, nil
}

// responsesOf reads the array, and the tables of an archive.
func (r *Recording) responsesOf(file string) (*npy.Array, error) {
	if !strings.HasSuffix(strings.ToLower(file), ".npz") {
		return npy.ReadFile(file)
	}
	arrays, err := npy.ReadZipFile(file)
	if err != nil {
		return nil, err
	}
	r.Table, r.Units = tableIn(arrays, stimuliPrefix, file), tableIn(arrays, unitsPrefix, file)
	for _, name := range []string{"trials", "responses"} {
		if a, ok := arrays[name]; ok {
			return a, nil
		}
	}
	return onlyOne(file, arrays, "")
}

// ReadFolder reads a recording in the folder form.
func ReadFolder(dir string) (*Recording, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fault.NotFoundf("no folder of recordings at %s", dir)
	}
	r := &Recording{Source: dir}
	file := oneOf(dir, "stimuli.csv", "images.csv")
	if file == "" {
		return nil, fault.Invalidf("%s has no stimuli.csv: a recording needs a table of its stimuli", dir)
	}
	var err error
	if r.Table, err = ReadTable(file); err != nil {
		return nil, err
	}
	if r.Names, err = NamesOf(r.Table); err != nil {
		return nil, err
	}
	if file = oneOf(dir, "units.csv"); file != "" {
		if r.Units, err = ReadTable(file); err != nil {
			return nil, err
		}
	}
	if err := r.readArrays(dir); err != nil {
		return nil, err
	}
	if err := r.checkTables(); err != nil {
		return nil, err
	}
	r.findImages(dir)
	r.Digests = r.Table.Column("sha256")
	return r, nil
}

func oneOf(dir string, names ...string) string {
	for _, n := range names {
		file := filepath.Join(dir, n)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	return ""
}

func (r *Recording) readArrays(dir string) error {
	trials, err := trialFiles(dir, r.Units)
	if err != nil {
		return err
	}
	for _, file := range trials {
		a, err := npy.ReadFile(file)
		if err != nil {
			return err
		}
		t, err := trialsOf(a)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if t.Stimuli != r.Table.Len() {
			return fault.Invalidf("%s has trials of %d stimuli, the table of stimuli has %d lines", file, t.Stimuli, r.Table.Len())
		}
		r.Trials = append(r.Trials, t)
	}
	if r.Trials != nil {
		r.Mean = meanOf(r.Trials)
		return nil
	}
	file := oneOf(dir, "responses.npy", "responses.npy.gz", "mean_counts.npy", "mean_counts.npy.gz")
	if file == "" {
		return fault.Invalidf("%s has neither responses.npy nor trials.npy", dir)
	}
	a, err := npy.ReadFile(file)
	if err != nil {
		return err
	}
	if r.Mean, err = matrixOf(a); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// trialFiles lists the files of trials in the order of the neurons in the table.
func trialFiles(dir string, units *Table) ([]string, error) {
	if file := oneOf(dir, "trials.npy", "trials.npy.gz"); file != "" {
		return []string{file}, nil
	}
	if units == nil {
		return nil, nil
	}
	populations := units.Column("population")
	seen := map[string]bool{}
	var files []string
	for i, p := range populations {
		if i > 0 && p == populations[i-1] {
			continue
		}
		file := oneOf(dir, "counts_"+p+".npy.gz", "counts_"+p+".npy")
		switch {
		case file == "" && files == nil && i == 0:
			return nil, nil // means only
		case file == "":
			return nil, fault.NotFoundf("%s has no trials of population %s: counts_%s.npy.gz is missing", dir, p, p)
		case seen[p]:
			return nil, fault.Invalidf("%s: the neurons of population %s do not follow each other", units.name, p)
		}
		seen[p] = true
		files = append(files, file)
	}
	return files, nil
}

func meanOf(trials []predictivity.Trials) *mat.Dense {
	var q int
	for _, t := range trials {
		q += t.Neurons
	}
	out := mat.NewDense(trials[0].Stimuli, q, nil)
	at := 0
	for _, t := range trials {
		out.Slice(0, t.Stimuli, at, at+t.Neurons).(*mat.Dense).Copy(t.Mean())
		at += t.Neurons
	}
	return out
}

func (r *Recording) checkTables() error {
	if r.Table.Len() != r.Stimuli() {
		return fault.Invalidf("%s has responses to %d stimuli, its table of stimuli has %d lines", r.Source, r.Stimuli(), r.Table.Len())
	}
	if r.Units != nil && r.Units.Len() != r.Neurons() {
		return fault.Invalidf("%s has responses of %d neurons, units.csv has %d lines", r.Source, r.Neurons(), r.Units.Len())
	}
	return nil
}

// findImages sets the files of the stimuli when they are all there.
func (r *Recording) findImages(dir string) {
	folders, _ := filepath.Glob(filepath.Join(dir, "images*"))
	folders = append(folders, dir)
	for _, column := range []string{"file", "filename", "image_file_name"} {
		names := r.Table.Column(column)
		if names == nil {
			continue
		}
		for _, folder := range folders {
			files := make([]string, len(names))
			for i, n := range names {
				if !filepath.IsLocal(n) {
					return
				}
				files[i] = filepath.Join(folder, n)
			}
			if !slices.ContainsFunc(files, func(f string) bool { info, err := os.Stat(f); return err != nil || info.IsDir() }) {
				r.Images = files
				return
			}
		}
	}
}

// Ceiling is the internal consistency of the recording, population by population, put together: the
// correlation of every neuron in every division, and the medians over all neurons. It is nil when
// only means are known.
func (r *Recording) Ceiling(divisions int, seed uint32) (*predictivity.Ceiling, error) {
	if r.Trials == nil {
		return nil, nil
	}
	parts := make([]*predictivity.Ceiling, len(r.Trials))
	for i, t := range r.Trials {
		var err error
		if parts[i], err = predictivity.InternalConsistency(t, divisions, seed); err != nil {
			return nil, err
		}
	}
	return predictivity.JoinCeilings(parts), nil
}

// Select keeps the neurons (in increasing order).
func (r *Recording) Select(neurons []int) *Recording {
	out := *r
	out.Mean = mat.NewDense(r.Stimuli(), len(neurons), nil)
	for k, j := range neurons {
		out.Mean.SetCol(k, mat.Col(nil, j, r.Mean))
	}
	if r.Units != nil {
		out.Units = r.Units.Pick(neurons)
	}
	out.Trials = nil
	first := 0
	for _, t := range r.Trials {
		var own []int
		for _, j := range neurons {
			if j >= first && j < first+t.Neurons {
				own = append(own, j-first)
			}
		}
		first += t.Neurons
		if own != nil {
			out.Trials = append(out.Trials, pickNeurons(t, own))
		}
	}
	return &out
}

func pickNeurons(t predictivity.Trials, neurons []int) predictivity.Trials {
	out := predictivity.Trials{Stimuli: t.Stimuli, Neurons: len(neurons), Repeats: t.Repeats}
	out.Data = make([]float64, 0, t.Stimuli*len(neurons)*t.Repeats)
	for i := range t.Stimuli {
		for _, j := range neurons {
			at := (i*t.Neurons + j) * t.Repeats
			out.Data = append(out.Data, t.Data[at:at+t.Repeats]...)
		}
	}
	return out
}

// Incomplete lists the neurons without a valid trial of some stimulus.
func (r *Recording) Incomplete() (neurons []int) {
	for j := range r.Neurons() {
		if slices.ContainsFunc(mat.Col(nil, j, r.Mean), math.IsNaN) {
			neurons = append(neurons, j)
		}
	}
	return neurons
}
