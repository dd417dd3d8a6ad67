package neural

import (
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"striate/internal/netcdf3"
	"striate/internal/npy"
)

// WriteNpz writes the recording as one archive: responses (stimuli × neurons), trials when there are
// single ones, and the text columns of its tables as arrays of UTF-8 bytes.
func (r *Recording) WriteNpz(w io.Writer) error {
	z := npy.NewZipWriter(w)
	if err := z.Add("responses", []int{r.Stimuli(), r.Neurons()}, r.Mean.RawMatrix().Data); err != nil {
		return err
	}
	if r.Trials != nil {
		shape, data := joinTrials(r.Trials)
		if err := z.Add("trials", shape, data); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		prefix string
		table  *Table
	}{{stimuliPrefix, r.Table}, {unitsPrefix, r.Units}} {
		if part.table == nil {
			continue
		}
		for _, column := range part.table.Columns {
			text, width := netcdf3.Text(part.table.Column(column))
			if err := z.Add(part.prefix+column, []int{part.table.Len(), width}, text); err != nil {
				return err
			}
		}
	}
	return z.Close()
}

// The arrays of a .npz that hold the columns of tables: entries × bytes of UTF-8.
const (
	stimuliPrefix = "stimuli."
	unitsPrefix   = "units."
)

// tableIn puts together the table whose columns have the prefix, nil when there is none.
func tableIn(arrays map[string]*npy.Array, prefix, file string) *Table {
	t := &Table{name: file}
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		column, ok := strings.CutPrefix(name, prefix)
		text, isText := arrays[name].Data.([]uint8)
		if !ok || !isText || len(arrays[name].Shape) != 2 || (t.Rows != nil && arrays[name].Shape[0] != t.Len()) {
			continue
		}
		n, width := arrays[name].Shape[0], arrays[name].Shape[1]
		fields := make([]string, n)
		for i := range fields {
			fields[i] = strings.TrimRight(string(text[i*width:(i+1)*width]), "\x00")
		}
		t.Add(column, fields)
	}
	if t.Rows == nil {
		return nil
	}
	return t
}

// WriteNetCDF writes the recording as a netCDF-3 file in the layout of Brain-Score's assemblies:
// the array data over presentation × neuroid, with a presentation for every trial that is there.
func (r *Recording) WriteNetCDF(w io.Writer) error {
	f := &netcdf3.File{}
	dim := func(name string, n int) int {
		f.Dims = append(f.Dims, netcdf3.Dim{Name: name, Len: n})
		return len(f.Dims) - 1
	}
	shape, trials := []int{r.Stimuli(), r.Neurons(), 1}, r.Mean.RawMatrix().Data
	if r.Trials != nil {
		shape, trials = joinTrials(r.Trials)
	}
	rows, repetition, data := presentations(shape, trials)
	presentation, neuroid := dim("presentation", len(rows)), dim("neuroid", r.Neurons())
	coordinates := ""
	add := func(v netcdf3.Var) {
		f.Vars = append(f.Vars, v)
		coordinates += " " + v.Name
	}
	addTable := func(t *Table, along int, lines []int) {
		for _, column := range t.Columns {
			fields := t.Column(column)
			if lines != nil {
				fields = pickFields(fields, lines)
			}
			name := column
			if slices.ContainsFunc(f.Vars, func(v netcdf3.Var) bool { return v.Name == name }) {
				name = f.Dims[along].Name + "_" + column
			}
			if numbers := numeric(column, fields); numbers != nil {
				add(netcdf3.Var{Name: name, Dims: []int{along}, Data: numbers})
				continue
			}
			text, width := netcdf3.Text(fields)
			add(netcdf3.Var{Name: name, Dims: []int{along, dim("length_"+strconv.Itoa(len(f.Dims)), width)}, Data: text,
				Attributes: []netcdf3.Attribute{{Name: "_Encoding", Value: "utf-8"}}})
		}
	}
	if r.Table != nil {
		addTable(r.Table, presentation, rows)
	}
	if r.Trials != nil {
		add(netcdf3.Var{Name: "repetition", Dims: []int{presentation}, Data: repetition})
	}
	units := r.Units
	if units == nil {
		units = &Table{}
		units.Add("neuroid_id", r.UnitNames())
	}
	addTable(units, neuroid, nil)
	f.Vars = append(f.Vars, netcdf3.Var{Name: "data", Dims: []int{presentation, neuroid}, Data: data,
		Attributes: []netcdf3.Attribute{{Name: "coordinates", Value: coordinates[1:]}}})
	return netcdf3.Write(w, f)
}

// numeric returns the numbers in the fields of a column, nil when one is none. Names of stimuli stay
// text, whatever they look like: 0012 is not 12.
func numeric(column string, fields []string) []float64 {
	for _, k := range nameColumns {
		if slices.Contains(k.columns, column) {
			return nil
		}
	}
	out := make([]float64, len(fields))
	for i, f := range fields {
		if f == "" {
			out[i] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || strings.ContainsAny(f, "xX_") {
			return nil
		}
		out[i] = v
	}
	return out
}

// presentations turns stimuli × neurons × repeats into presentations × neurons, leaving out those in
// which no neuron has a trial.
func presentations(shape []int, trials []float64) (rows []int, repetition []int32, data []float64) {
	n, q, repeats := shape[0], shape[1], shape[2]
	line := make([]float64, q)
	for i := range n {
		for k := range repeats {
			there := false
			for j := range q {
				line[j] = trials[(i*q+j)*repeats+k]
				there = there || line[j] == line[j]
			}
			if there {
				rows, repetition, data = append(rows, i), append(repetition, int32(k)), append(data, line...)
			}
		}
	}
	return rows, repetition, data
}
