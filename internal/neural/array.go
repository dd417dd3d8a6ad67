package neural

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"striate/analysis/predictivity"
	"striate/internal/fault"
	"striate/internal/nearest"
	"striate/internal/npy"
)

// Features are the responses of a layer in a file, one row a stimulus, read as they are needed
// where the file allows it.
type Features struct {
	predictivity.Features
	Names *Names // nil when no CSV file lies beside the array
	close func() error
}

// Close closes the file.
func (f *Features) Close() error { return f.close() }

// Sidecar is the CSV file that names the rows of an array file.
func Sidecar(file string) string {
	base := strings.TrimSuffix(file, ".gz")
	return strings.TrimSuffix(base, filepath.Ext(base)) + ".csv"
}

// OpenFeatures opens the features in a .npy, .npy.gz or .npz file, of which layer names the array
// (it may be empty when there is only one). Axes after the first are units. The names of the rows
// are read from the file names, or when that is empty from the CSV file beside the array.
func OpenFeatures(file, layer, names string) (*Features, error) {
	f := &Features{close: func() error { return nil }}
	var err error
	if f.Names, err = sidecarNames(file, names); err != nil {
		return nil, err
	}
	if strings.HasSuffix(strings.ToLower(file), ".npz") {
		arrays, err := npy.ReadZipFile(file)
		if err != nil {
			return nil, err
		}
		a, err := onlyOne(file, arrays, layer)
		if err != nil {
			return nil, err
		}
		f.Features, err = inMemory(a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return f, f.check(file)
	}
	rows, err := npy.OpenRows(file)
	switch {
	case errors.Is(err, npy.ErrWhole):
		a, err := npy.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if f.Features, err = inMemory(a); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	case err != nil:
		return nil, err
	default:
		if len(rows.Shape) < 2 || rows.Rows == 0 || rows.Width == 0 {
			rows.Close()
			return nil, fault.Invalidf("%s: features of shape %v: a row a stimulus and a column a unit are needed", file, rows.Shape)
		}
		f.Features, f.close = fileFeatures{rows}, rows.Close
	}
	return f, f.check(file)
}

func (f *Features) check(file string) error {
	n, _ := f.Dims()
	if f.Names != nil && f.Names.rows != n {
		f.Close()
		return fault.Invalidf("%s has %d rows, but %s names %d", file, n, f.Names.name, f.Names.rows)
	}
	return nil
}

// onlyOne returns the named array of a .npz file; without a name, the only one.
func onlyOne(file string, arrays map[string]*npy.Array, name string) (*npy.Array, error) {
	have := slices.Sorted(maps.Keys(arrays))
	if name == "" && len(have) == 1 {
		name = have[0]
	}
	if a, ok := arrays[name]; ok {
		return a, nil
	}
	if name == "" {
		return nil, fault.Misusef("%s holds the arrays %s: say which with --layer", file, strings.Join(have, ", "))
	}
	return nil, fault.NotFoundf("%s has no array %q%s", file, name, nearest.Phrase(name, have))
}

func inMemory(a *npy.Array) (predictivity.Features, error) {
	if len(a.Shape) < 2 || a.Len() == 0 {
		return nil, fault.Invalidf("features of shape %v: a row a stimulus and a column a unit are needed", a.Shape)
	}
	n, p := a.Shape[0], a.Len()/a.Shape[0]
	if _, ok := a.Data.([]float32); ok {
		return predictivity.Matrix[float32]{Stimuli: n, Units: p, Data: a.Float32s()}, nil
	}
	return predictivity.Matrix[float64]{Stimuli: n, Units: p, Data: a.Float64s()}, nil
}

// fileFeatures reads blocks of columns from a file.
type fileFeatures struct{ rows *npy.Rows }

func (f fileFeatures) Dims() (stimuli, units int) { return f.rows.Rows, f.rows.Width }

func (f fileFeatures) Block(_ context.Context, dst []float64, from, width int) error {
	for i := range f.rows.Rows {
		if err := f.rows.Read(dst[i*width:(i+1)*width], i, from); err != nil {
			return err
		}
	}
	return nil
}

// sidecarNames reads the names of rows: from the file that was asked for, else from the one beside
// the array if it is there.
func sidecarNames(array, asked string) (*Names, error) {
	file := asked
	if file == "" {
		file = Sidecar(array)
		if _, err := os.Stat(file); err != nil {
			return nil, nil
		}
	}
	t, err := ReadTable(file)
	if err != nil {
		return nil, err
	}
	return NamesOf(t)
}

// reordered shows the rows of features in another order.
type reordered struct {
	predictivity.Features
	rows []int
}

func (r reordered) Dims() (stimuli, units int) {
	_, units = r.Features.Dims()
	return len(r.rows), units
}

func (r reordered) Block(ctx context.Context, dst []float64, from, width int) error {
	n, _ := r.Features.Dims()
	all := make([]float64, n*width)
	if err := r.Features.Block(ctx, all, from, width); err != nil {
		return err
	}
	for i, row := range r.rows {
		copy(dst[i*width:(i+1)*width], all[row*width:(row+1)*width])
	}
	return nil
}

// Align returns the features in the order of the recording's stimuli. With names on both sides rows
// are matched by name; without any, their numbers must agree. Names on one side only are an error
// unless byPosition says that the order is known to be the same.
func Align(f *Features, r *Recording, byPosition bool) (predictivity.Features, error) {
	n, _ := f.Dims()
	switch {
	case f.Names != nil && r.Names != nil && !byPosition:
		rows, err := Match(r.Names, f.Names)
		if err != nil {
			return nil, err
		}
		return reordered{f.Features, rows}, nil
	case (f.Names == nil) != (r.Names == nil) && !byPosition:
		named, unnamed := "features", "responses"
		if f.Names == nil {
			named, unnamed = unnamed, named
		}
		return nil, fault.Invalidf("the %s have names of stimuli, the %s have none: name both, or give --by-position if their rows are in the same order", named, unnamed)
	case n != r.Stimuli():
		return nil, fault.Invalidf("features of %d stimuli and responses to %d: the rows of both must be the same stimuli", n, r.Stimuli())
	}
	return f.Features, nil
}

// trialsOf turns an array of stimuli × neurons × repeats into trials. In arrays of uint8 255 is a
// missing trial.
func trialsOf(a *npy.Array) (predictivity.Trials, error) {
	if len(a.Shape) != 3 || a.Len() == 0 {
		return predictivity.Trials{}, fault.Invalidf("trials of shape %v: stimuli × neurons × repeats are needed", a.Shape)
	}
	t := predictivity.Trials{Stimuli: a.Shape[0], Neurons: a.Shape[1], Repeats: a.Shape[2], Data: a.Float64s()}
	if counts, ok := a.Data.([]uint8); ok {
		for i, v := range counts {
			if v == 255 {
				t.Data[i] = math.NaN()
			}
		}
	}
	return t, nil
}

func matrixOf(a *npy.Array) (*mat.Dense, error) {
	if len(a.Shape) == 1 {
		a = &npy.Array{Shape: []int{a.Shape[0], 1}, Data: a.Data}
	}
	if len(a.Shape) != 2 || a.Len() == 0 {
		return nil, fault.Invalidf("responses of shape %v: stimuli × neurons are needed", a.Shape)
	}
	return mat.NewDense(a.Shape[0], a.Shape[1], slices.Clone(a.Float64s())), nil
}
