package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"striate/analysis/v1score"
	"striate/internal/figure"
	"striate/internal/jsonnum"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"number":  number,
	"percent": func(n jsonnum.Number) string { return fmt.Sprintf("%.0f%%", 100*max(0, min(1, float64(n)))) },
	"words":   func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
	"missing": func(n jsonnum.Number) bool { return math.IsNaN(float64(n)) },
}).Parse(page))

// number is how the page shows a value.
func number(v any) string {
	n, ok := v.(jsonnum.Number)
	if !ok {
		return fmt.Sprint(v)
	}
	if math.IsNaN(float64(n)) {
		return "–"
	}
	return fmt.Sprintf("%.3g", float64(n))
}

// category is one row of the scorecard with its properties.
type category struct {
	Name       string
	Mean       Mean
	Properties []shown
}

// shown is a property with its figure.
type shown struct {
	Property
	Figure template.HTML
}

// shownExample is an example with its figures.
type shownExample struct {
	Example
	Figures []template.HTML
}

// WriteHTML writes the report as one page that needs nothing beside it.
func (r *Report) WriteHTML(w io.Writer) error {
	data := struct {
		*Report
		Scorecard []category
		Beside    []shown // compared, but no part of the score
		Unscored  []shown
		Shown     []shownExample
	}{Report: r}
	for _, name := range v1score.Categories {
		data.Scorecard = append(data.Scorecard, category{Name: name, Mean: r.Categories[name]})
	}
	for _, p := range r.Properties {
		s, err := showProperty(p)
		if err != nil {
			return err
		}
		if p.Benchmark == "" {
			data.Beside = append(data.Beside, s)
			continue
		}
		for i := range data.Scorecard {
			if data.Scorecard[i].Name == p.Category {
				data.Scorecard[i].Properties = append(data.Scorecard[i].Properties, s)
			}
		}
	}
	for _, p := range r.NotScored {
		s, err := showProperty(p)
		if err != nil {
			return err
		}
		data.Unscored = append(data.Unscored, s)
	}
	for _, e := range r.Examples {
		s, err := showExample(e)
		if err != nil {
			return err
		}
		data.Shown = append(data.Shown, s)
	}
	if err := pageTemplate.Execute(w, data); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Sizes of the figures in points.
const (
	wide, high = 250, 165
	mapSide    = 175
)

func svg(f figure.Figure, err error, width, height float64) (template.HTML, error) {
	if err != nil {
		return "", err
	}
	text, err := f.SVG(width, height)
	if err != nil {
		return "", err
	}
	return template.HTML(strings.Replace(text, "<svg", `<svg class="figure"`, 1)), nil // drawn by us: nothing of a user's is in it
}

func showProperty(p Property) (shown, error) {
	f, err := figure.Distributions(strings.ReplaceAll(p.Property, "_", " "), unitOf[p.Property], p.Bins, p.UnitCounts, p.NeuronCounts)
	html, err := svg(f, err, wide, high)
	return shown{p, html}, err
}

func showExample(e Example) (shownExample, error) {
	s := shownExample{Example: e}
	add := func(f figure.Figure, err error, width float64) error {
		html, err := svg(f, err, width, high)
		s.Figures = append(s.Figures, html)
		return err
	}
	f, err := figure.Map("receptive field", positions, positions, e.RF)
	if err := add(f, err, mapSide); err != nil {
		return s, err
	}
	rate := figure.Axis{Label: "response (spikes/s)"}
	for _, c := range []struct {
		title string
		axis  figure.Axis
		at    []float64
		y     Curve
	}{
		{"orientation", figure.Axis{Label: "orientation (deg)"}, orientations, e.Orientation},
		{"spatial frequency", figure.Axis{Label: "spatial frequency (cycles/deg)", Log: true}, frequencies, e.Frequency},
		{"size", figure.Axis{Label: "diameter (deg)", Log: true}, diameters, e.Size},
	} {
		f, err := figure.Curves(c.title, c.axis, rate, c.at, figure.Series{Y: c.y})
		if err := add(f, err, wide); err != nil {
			return s, err
		}
	}
	return s, nil
}

// unitOf is the unit of a property's axis; what is not listed has none.
var unitOf = map[string]string{
	"baseline": "spikes/s", "max_dc": "spikes/s", "min_dc": "spikes/s", "max_ac": "spikes/s",
	"max_texture": "spikes/s", "max_noise": "spikes/s",
	"bandwidth": "deg (half width)", "preferred_orientation": "deg",
	"peak_spatial_frequency": "cycles/deg", "spatial_frequency_bandwidth": "% (low / high cut)",
	"grating_summation_field": "deg", "surround_diameter": "deg",
	"circular_variance_bandwidth_ratio": "1/deg", "orthogonal_preferred_ratio_bandwidth_ratio": "1/deg",
}
