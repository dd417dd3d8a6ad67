package neural

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"striate/internal/fault"
	"striate/internal/hdf5"
)

// Assembly is a recording as Brain-Score packages it: one array in a netCDF-4 file, whose dimensions
// have coordinates (neuroid_id, region, stimulus_id, repetition, …).
type Assembly struct {
	Name       string // of the array
	Dims       []string
	Shape      []int
	Coords     []Coord
	Attributes map[string]any // text, []string or []float64; those of the array before those of the file

	path string
	file *hdf5.File
	data *hdf5.Dataset
}

// Coord names the entries along a dimension.
type Coord struct {
	Name   string
	Dim    string
	Fields []string
}

// maxCoords bounds the coordinates of a file.
const maxCoords = 1000

// OpenAssembly reads the coordinates and attributes of a netCDF-4 file. The caller closes it.
func OpenAssembly(ctx context.Context, path string) (*Assembly, error) {
	f, err := hdf5.Open(path)
	if err != nil {
		return nil, err
	}
	a := &Assembly{path: path, file: f, Attributes: map[string]any{}}
	if err := a.read(ctx); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// Close closes the file.
func (a *Assembly) Close() error { return a.file.Close() }

func (a *Assembly) read(ctx context.Context) error {
	if len(a.file.Datasets) > maxCoords {
		return fault.TooLargef("%d variables: an assembly has at most %d", len(a.file.Datasets), maxCoords)
	}
	names := a.dimensionNames()
	if err := a.findData(); err != nil {
		return err
	}
	a.Name, a.Shape = a.data.Name, a.data.Shape
	var err error
	if a.Dims, err = dimensionsOf(a.data, names); err != nil {
		return err
	}
	for _, d := range a.file.Datasets {
		if d == a.data || len(d.Shape) != 1 || dummy(d) {
			continue
		}
		dims, err := dimensionsOf(d, names)
		if err != nil || !slices.Contains(a.Dims, dims[0]) {
			continue // of a dimension the array does not have
		}
		if want := a.Shape[slices.Index(a.Dims, dims[0])]; want != d.Shape[0] {
			return fault.Invalidf("coordinate %s has %d entries, its dimension %s %d", d.Name, d.Shape[0], dims[0], want)
		}
		fields, err := fieldsOf(ctx, d)
		if err != nil {
			return fmt.Errorf("coordinate %s: %w", d.Name, err)
		}
		a.Coords = append(a.Coords, Coord{strings.TrimPrefix(d.Name, "_nc4_non_coord_"), dims[0], fields})
	}
	sort.Slice(a.Coords, func(i, j int) bool { return a.Coords[i].Name < a.Coords[j].Name })
	a.copyImageID()
	return a.readAttributes()
}

// isDimension tells whether a dataset stands for a dimension.
func isDimension(d *hdf5.Dataset) bool {
	class := d.Attribute("CLASS")
	if class == nil {
		return false
	}
	text, err := class.Texts()
	return err == nil && len(text) == 1 && text[0] == "DIMENSION_SCALE"
}

// dummy tells whether a dataset only stands for a dimension, without values of its own.
func dummy(d *hdf5.Dataset) bool {
	name := d.Attribute("NAME")
	if !isDimension(d) || name == nil {
		return false
	}
	text, err := name.Texts()
	return err == nil && len(text) == 1 && strings.HasPrefix(text[0], "This is a netCDF dimension but not a netCDF variable")
}

// dimensions maps what datasets refer to a dimension by: the address of its dataset or its number.
type dimensions struct {
	byAddress map[uint64]string
	byNumber  map[int64]string
}

func (a *Assembly) dimensionNames() dimensions {
	out := dimensions{map[uint64]string{}, map[int64]string{}}
	for _, d := range a.file.Datasets {
		if !isDimension(d) {
			continue
		}
		out.byAddress[d.Address] = d.Name
		if id := d.Attribute("_Netcdf4Dimid"); id != nil {
			if n, err := id.Ints(); err == nil && len(n) == 1 {
				out.byNumber[n[0]] = d.Name
			}
		}
	}
	return out
}

// dimensionsOf names the dimensions of a dataset.
func dimensionsOf(d *hdf5.Dataset, known dimensions) ([]string, error) {
	if isDimension(d) && len(d.Shape) == 1 {
		return []string{d.Name}, nil
	}
	var out []string
	if list := d.Attribute("DIMENSION_LIST"); list != nil {
		refs, err := list.References()
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			out = append(out, known.byAddress[r])
		}
	} else if list := d.Attribute("_Netcdf4Coordinates"); list != nil {
		numbers, err := list.Ints()
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			out = append(out, known.byNumber[n])
		}
	}
	if len(out) != len(d.Shape) || slices.Contains(out, "") {
		return nil, fault.Invalidf("variable %s does not say which dimensions it has: is this a netCDF-4 file?", d.Name)
	}
	return out, nil
}

// findData finds the array: the only numeric variable that is neither a dimension nor a coordinate.
func (a *Assembly) findData() error {
	listed := map[string]bool{}
	note := func(list []*hdf5.Attribute) {
		for _, at := range list {
			if at.Name != "coordinates" {
				continue
			}
			if text, err := at.Texts(); err == nil {
				for _, name := range strings.Fields(strings.Join(text, " ")) {
					listed[name] = true
				}
			}
		}
	}
	note(a.file.Attributes)
	for _, d := range a.file.Datasets {
		note(d.Attributes)
	}
	var found []*hdf5.Dataset
	var names []string
	for _, d := range a.file.Datasets {
		if !isDimension(d) && !listed[d.Name] && d.Type.Numeric() && len(d.Shape) > 0 {
			found, names = append(found, d), append(names, d.Name)
		}
	}
	switch k := slices.Index(names, "data"); {
	case len(found) == 1:
		a.data = found[0]
	case k >= 0:
		a.data = found[k]
	case len(found) == 0:
		return fault.Invalidf("the file has no array: an assembly has one variable that is no coordinate")
	default:
		return fault.Invalidf("which variable is the array? There are %s", strings.Join(names, ", "))
	}
	return nil
}

// fieldsOf returns the values of a coordinate as text.
func fieldsOf(ctx context.Context, d *hdf5.Dataset) ([]string, error) {
	switch {
	case d.Type.Text():
		return d.Texts(ctx)
	case d.Type.Kind == hdf5.Int:
		values, err := d.Ints(ctx)
		out := make([]string, len(values))
		for i, v := range values {
			out[i] = strconv.FormatInt(v, 10)
		}
		return out, err
	}
	values, err := d.Floats(ctx)
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = formatFloat(v)
	}
	return out, err
}

// copyImageID gives older assemblies, whose stimuli have an image_id, a stimulus_id.
func (a *Assembly) copyImageID() {
	if a.Coord("stimulus_id") != nil {
		return
	}
	if c := a.Coord("image_id"); c != nil {
		a.Coords = append(a.Coords, Coord{"stimulus_id", c.Dim, c.Fields})
	}
}

func (a *Assembly) readAttributes() error {
	for _, list := range [][]*hdf5.Attribute{a.data.Attributes, a.file.Attributes} {
		for _, at := range list {
			if _, there := a.Attributes[at.Name]; there || hidden(at.Name) {
				continue
			}
			v, err := valueOf(at)
			if err != nil {
				return fmt.Errorf("attribute %s: %w", at.Name, err)
			}
			if v != nil {
				a.Attributes[at.Name] = v
			}
		}
	}
	return nil
}

// hidden tells which attributes belong to the file format, not to the recording.
func hidden(name string) bool {
	return slices.Contains([]string{"_FillValue", "coordinates", "DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"}, name) ||
		strings.HasPrefix(name, "_Netcdf4") || strings.HasPrefix(name, "_NC") || strings.HasPrefix(name, "_nc4")
}

func valueOf(at *hdf5.Attribute) (any, error) {
	scalar := len(at.Shape) == 0
	switch {
	case at.Shape == nil:
		return nil, nil
	case at.Type.Text():
		text, err := at.Texts()
		if err == nil && scalar {
			return text[0], nil
		}
		return text, err
	case at.Type.Numeric():
		v, err := at.Floats()
		if err == nil && (scalar || len(v) == 1) {
			return v[0], nil
		}
		return v, err
	}
	return nil, nil
}

// Coord returns the coordinate with the name, nil when there is none.
func (a *Assembly) Coord(name string) *Coord {
	for i := range a.Coords {
		if a.Coords[i].Name == name {
			return &a.Coords[i]
		}
	}
	return nil
}

// Identifier is what the assembly is called: its attribute identifier, else the name of its file.
func (a *Assembly) Identifier() string {
	if id, ok := a.Attributes["identifier"].(string); ok && id != "" {
		return id
	}
	base := filepath.Base(a.path)
	return strings.TrimPrefix(strings.TrimSuffix(base, filepath.Ext(base)), "assy_")
}

// Table returns the coordinates along a dimension, with the column index in front.
func (a *Assembly) Table(dim string) *Table {
	t := &Table{name: a.path}
	index := make([]string, a.Shape[slices.Index(a.Dims, dim)])
	for i := range index {
		index[i] = strconv.Itoa(i)
	}
	t.Add("index", index)
	for _, c := range a.Coords {
		if c.Dim == dim {
			t.Add(c.Name, c.Fields)
		}
	}
	return t
}

// Len returns the number of entries of the array.
func (a *Assembly) Len() int64 {
	n := int64(1)
	for _, d := range a.Shape {
		if d > 0 && n > math.MaxInt64/int64(d) {
			return math.MaxInt64
		}
		n *= int64(d)
	}
	return n
}

// Values returns the whole array.
func (a *Assembly) Values(ctx context.Context) ([]float64, error) {
	v, err := a.data.Floats(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.path, err)
	}
	return v, nil
}
