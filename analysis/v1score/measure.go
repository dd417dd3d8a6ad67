package v1score

import "errors"

// ErrNoField says that no unit looks at the place where the stimuli are.
var ErrNoField = errors.New("no unit has its receptive field within 0.15 degrees of the stimuli's centre (0.5 degrees right of and below the centre of gaze)")

// Sets holds the responses of a population of units to all stimulus sets, one row a unit, images in
// canonical order.
type Sets struct {
	Blank            Rows
	ReceptiveField   Rows
	Orientation      Rows
	SpatialFrequency Rows
	Size             Rows

	Texture       Rows  // nil where textures were not shown
	TextureColumn []int // see TextureAssay
}

// Measurement is what the battery finds out about a population of units.
type Measurement struct {
	Fields  []Field // of all units
	InField []int   // the units that were measured; tables have a row for each
	Rates   *Rates
	Tables  []*Table
}

// Measure runs the whole battery. It returns ErrNoField when no unit looks at the stimuli, and
// ErrSilent when those that do give no scale of firing rates; what was found until then is returned
// with it.
func Measure(s Sets) (*Measurement, error) {
	m := &Measurement{Fields: Fields(s.Blank, s.ReceptiveField, false)}
	m.InField = InField(m.Fields)
	if len(m.InField) == 0 {
		return m, ErrNoField
	}
	in := func(r Rows) Rows { return Subset{r, m.InField} }
	var err error
	if m.Rates, err = FitRates(in(s.Blank), in(s.Orientation)); err != nil {
		return m, err
	}
	ringach, deValoisA := OrientationAssays(m.Rates, in(s.Orientation))
	deValoisB, schiller := FrequencyAssays(m.Rates, in(s.SpatialFrequency))
	m.Tables = []*Table{ringach, deValoisA, deValoisB, schiller, SizeAssay(m.Rates, in(s.Size))}
	if s.Texture != nil {
		m.Tables = append(m.Tables, TextureAssay(m.Rates, in(s.Texture), s.TextureColumn))
	}
	return m, nil
}

// Samples returns the values of each property over the kept units, for Compare.
func Samples(tables []*Table) func(*Distribution) []float64 {
	type key struct {
		assay    Assay
		property string
	}
	samples := map[key][]float64{}
	for _, t := range tables {
		for k, name := range t.Names {
			samples[key{t.Assay, name}] = append([]float64{}, t.Sample(k)...)
		}
	}
	return func(d *Distribution) []float64 { return samples[key{d.Assay, d.Property}] }
}
