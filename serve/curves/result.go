package curves

import (
	"fmt"
	"io"
	"strings"

	"striate/analysis/tuning"
	"striate/internal/figure"
	"striate/internal/jsonnum"
	"striate/internal/provenance"
)

// Result is one curve of one unit.
type Result struct {
	Model   string       `json:"model"`
	Layer   string       `json:"layer"`
	Unit    Unit         `json:"unit"`
	Curve   tuning.Curve `json:"curve"`
	Degrees float64      `json:"degrees"` // of visual angle that the input spans

	XName        string           `json:"x_name"`
	XUnit        string           `json:"x_unit"`
	X            []float64        `json:"x"`
	Y            []float64        `json:"y,omitempty"` // of a map: its rows, degrees downward; F0 is rows × columns
	F0           []jsonnum.Number `json:"F0"`          // mean over phases; of phase curves and maps the response
	F1           []jsonnum.Number `json:"F1,omitempty"`
	Blank        jsonnum.Number   `json:"blank"` // response to the background
	ResponseUnit string           `json:"response_unit"`

	Held         HeldValues                `json:"held"`
	Summary      map[string]jsonnum.Number `json:"summary"`
	SummaryUnits map[string]string         `json:"summary_units"`
	Warnings     []string                  `json:"warnings,omitempty"`
	Provenance   provenance.Record         `json:"provenance"`
}

// HeldValues is the grating around which a curve was measured.
type HeldValues struct {
	CenterY     float64 `json:"center_y"` // degrees from the centre of gaze, downward
	CenterX     float64 `json:"center_x"`
	Orientation float64 `json:"orientation"`
	Frequency   float64 `json:"spatial_frequency"`
	Radius      float64 `json:"radius"`
	Contrast    float64 `json:"contrast"`
}

func newResult(u Unit, t tuning.Tuning, warnings []string) Result {
	g := t.Grating
	r := Result{
		Unit: u, Curve: t.Curve, X: t.X, Y: t.Y, F0: jsonnum.Slice(t.F0), F1: jsonnum.Slice(t.F1),
		Blank: jsonnum.Number(t.Blank), ResponseUnit: "activation", Warnings: warnings,
		Held:    HeldValues{g.Y, g.X, g.Orientation, g.SpatialFrequency, g.Radius, g.Contrast},
		Summary: map[string]jsonnum.Number{}, SummaryUnits: map[string]string{},
	}
	r.XName, r.XUnit = t.Curve.Axis()
	for _, q := range t.Summary {
		r.Summary[q.Name] = jsonnum.Number(q.Value)
		if q.Unit != "" {
			r.SummaryUnits[q.Name] = q.Unit
		}
	}
	return r
}

// figure draws the curve.
func (r *Result) figure() (figure.Figure, error) {
	title := fmt.Sprintf("%s %s, unit %d,%d,%d", r.Model, r.Layer, r.Unit.Channel, r.Unit.Y, r.Unit.X)
	f0 := jsonnum.Floats(r.F0)
	if r.Curve == tuning.ReceptiveFieldMapping {
		return figure.Map(title, r.Y, r.X, f0)
	}
	log := r.Curve == tuning.FrequencyCurve || r.Curve == tuning.SizeCurve || r.Curve == tuning.ContrastCurve
	series := []figure.Series{{Name: "F0", Y: f0}}
	if r.F1 == nil {
		series[0].Name = "response"
	} else {
		series = append(series, figure.Series{Name: "F1", Y: jsonnum.Floats(r.F1), Dashed: true})
	}
	x := figure.Axis{Label: fmt.Sprintf("%s (%s)", strings.ReplaceAll(r.XName, "_", " "), r.XUnit), Log: log}
	return figure.Curves(title, x, figure.Axis{Label: "response (activation)"}, r.X, series...)
}

// Plot writes the curve as png or svg.
func (r *Result) Plot(w io.Writer, format string) error {
	f, err := r.figure()
	if err != nil {
		return err
	}
	const height = 300 // points, 72 an inch
	width := 420.0
	if r.Curve == tuning.ReceptiveFieldMapping {
		width = 320 // degrees as long across as down
	}
	return f.Write(w, format, width, height)
}

// Answer is what is written as JSON: one curve as an object, several as a list.
func Answer(results []Result) any {
	if len(results) == 1 {
		return results[0]
	}
	return struct {
		Curves []Result `json:"curves"`
	}{results}
}
