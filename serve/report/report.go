package report

import (
	"encoding/json"
	"fmt"
	"math"

	"striate/analysis/stimulus"
	"striate/analysis/v1score"
	"striate/internal/jsonnum"
	"striate/internal/provenance"
)

// Report is what the V1 battery found out about one layer of a network.
type Report struct {
	Model   string  `json:"model"`
	Layer   string  `json:"layer"`
	Layout  [3]int  `json:"layout"`  // of the layer: channels, rows, columns
	Degrees float64 `json:"degrees"` // of visual angle that the network's input spans
	Units   Units   `json:"units"`
	Rates   Rates   `json:"firing_rates"`

	V1 Mean `json:"v1"` // of properties and predictivity
	Similarity

	Predictivity *Predictivity `json:"predictivity,omitempty"`
	Examples     []Example     `json:"examples"`
	Warnings     []string      `json:"warnings"`
	Images       int           `json:"images"`     // that were shown
	MemoryMiB    int64         `json:"memory_mib"` // that the run was estimated to take
	Seconds      float64       `json:"seconds"`    // that it took, cached responses included
}

// Units counts the units of the layer.
type Units struct {
	Layer   int                   `json:"layer"`
	Drawn   int                   `json:"drawn"`    // that take part: all, or those drawn at random
	Mapped  int                   `json:"mapped"`   // whose receptive field was measured: the others cannot see the stimuli
	Driven  int                   `json:"driven"`   // that respond to the receptive-field set
	InField int                   `json:"in_field"` // whose field is within 0.15 degrees of the stimuli's centre
	Kept    map[v1score.Assay]int `json:"kept"`     // that pass each assay's threshold
}

// Rates says how activations became firing rates.
type Rates struct {
	Slope       jsonnum.Number `json:"slope"`  // spikes/s per activation
	Offset      jsonnum.Number `json:"offset"` // spikes/s
	MedianBlank jsonnum.Number `json:"median_blank"`
	MedianMax   jsonnum.Number `json:"median_max"`
	Responsive  int            `json:"responsive"`
}

// Predictivity is how well the layer predicts recorded neurons.
type Predictivity struct {
	Data    string         `json:"data"`
	Leaf    string         `json:"benchmark,omitempty"` // of V1 that it stands for; empty for other recordings, which do not enter the mean
	Neurons int            `json:"neurons"`
	Score   jsonnum.Number `json:"score"` // median over neurons of Pearson's r, mean over splits
	Error   jsonnum.Number `json:"error"`
	Ceiling jsonnum.Number `json:"ceiling"`
	Ceiled  jsonnum.Number `json:"ceiled_score"` // score²/ceiling
}

// NewPredictivity returns predictivity without a ceiling.
func NewPredictivity(data string, neurons int, score, err float64) *Predictivity {
	nan := jsonnum.Number(math.NaN())
	return &Predictivity{Data: data, Neurons: neurons, Score: jsonnum.Number(score), Error: jsonnum.Number(err), Ceiling: nan, Ceiled: nan}
}

// Unit is one unit of a layer.
type Unit struct {
	Index   int `json:"index"`
	Channel int `json:"channel"`
	Y       int `json:"y"`
	X       int `json:"x"`
}

// String is the unit as commands take it.
func (u Unit) String() string { return fmt.Sprintf("%d,%d,%d", u.Channel, u.Y, u.X) }

// Example is one unit with its curves.
type Example struct {
	Unit       Unit                      `json:"unit"`
	FieldY     jsonnum.Number            `json:"rf_y"` // degrees from the centre of gaze, downward
	FieldX     jsonnum.Number            `json:"rf_x"`
	Properties map[string]jsonnum.Number `json:"properties"`

	RF          Curve `json:"rf_map"`      // 21×21, rows outermost, as a part of the largest
	Orientation Curve `json:"orientation"` // mean response in spikes/s
	Frequency   Curve `json:"spatial_frequency"`
	Size        Curve `json:"size"` // the larger of mean above spontaneous rate and first harmonic
}

// Curve is responses that may not be numbers.
type Curve []float64

// MarshalJSON writes null for NaN.
func (c Curve) MarshalJSON() ([]byte, error) { return json.Marshal(jsonnum.Slice(c)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Curve) UnmarshalJSON(text []byte) error {
	var v []jsonnum.Number
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	*c = jsonnum.Floats(v)
	return nil
}

// NewExample returns an example without curves: row i of the orientation assay's table.
func NewExample(unit Unit, field v1score.Field, ringach *v1score.Table, i int) Example {
	e := Example{Unit: unit, FieldY: jsonnum.Number(field.Y), FieldX: jsonnum.Number(field.X), Properties: map[string]jsonnum.Number{}}
	for k, v := range ringach.Row(i) {
		e.Properties[ringach.Names[k]] = jsonnum.Number(v)
	}
	return e
}

// New returns the report of a measurement and its comparison with recorded neurons.
func New(m *v1score.Measurement, comparisons []v1score.Comparison, tree v1score.Tree, made provenance.Record) Report {
	r := Report{
		Units: Units{Mapped: len(m.Fields), InField: len(m.InField), Kept: kept(m.Tables)},
		Rates: Rates{
			Slope: jsonnum.Number(m.Rates.Slope), Offset: jsonnum.Number(m.Rates.Offset),
			MedianBlank: jsonnum.Number(m.Rates.MedianBlank), MedianMax: jsonnum.Number(m.Rates.MedianMax),
		},
		V1:         newMean(tree.V1),
		Similarity: NewSimilarity(comparisons, tree, made),
		Examples:   []Example{}, Warnings: []string{},
	}
	for _, f := range m.Fields {
		if f.Y == f.Y {
			r.Units.Driven++
		}
	}
	for _, responsive := range m.Rates.Responsive {
		if responsive {
			r.Rates.Responsive++
		}
	}
	return r
}

// kept counts the units that pass each assay's threshold.
func kept(tables []*v1score.Table) map[v1score.Assay]int {
	out := map[v1score.Assay]int{}
	for _, t := range tables {
		for _, k := range t.Kept {
			if k {
				out[t.Assay]++
			}
		}
	}
	return out
}

// The axes of the curves in a report.
var (
	orientations = stimulus.Orientations[:]
	frequencies  = stimulus.SpatialFrequencies[:]
	diameters    = func() []float64 {
		var d []float64
		for _, r := range stimulus.Radii {
			d = append(d, 2*r)
		}
		return d
	}()
	positions = stimulus.Positions[:]
)
