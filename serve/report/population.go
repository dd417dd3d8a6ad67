package report

import (
	"striate/analysis/v1score"
	"striate/internal/jsonnum"
	"striate/internal/provenance"
)

// Population says which units were measured and how their activations became firing rates.
type Population struct {
	Units      int                   `json:"units"`
	RF         [][2]jsonnum.Number   `json:"rf_pos"`   // y, x in degrees from the centre of gaze, of all units; null where nothing drives a unit
	Distance   []jsonnum.Number      `json:"distance"` // from the middle of the stimuli, degrees
	InRF       []int                 `json:"in_rf"`    // units within 0.15 degrees: those that were measured
	Slope      jsonnum.Number        `json:"slope"`    // spikes/s per activation
	Offset     jsonnum.Number        `json:"offset"`   // spikes/s
	Blank      jsonnum.Number        `json:"median_blank"`
	Max        jsonnum.Number        `json:"median_max"`
	Responsive []bool                `json:"responsive_of_in_rf"`
	Baseline   []jsonnum.Number      `json:"baseline_rate"` // spikes/s, of in_rf
	Kept       map[v1score.Assay]int `json:"kept"`          // units that pass each assay's threshold
	Warnings   []string              `json:"warnings,omitempty"`
	Provenance provenance.Record     `json:"provenance"`
}

// NewPopulation describes the units of a measurement.
func NewPopulation(m *v1score.Measurement, warnings []string, made provenance.Record) Population {
	p := Population{
		Units: len(m.Fields), InRF: m.InField,
		Slope: jsonnum.Number(m.Rates.Slope), Offset: jsonnum.Number(m.Rates.Offset),
		Blank: jsonnum.Number(m.Rates.MedianBlank), Max: jsonnum.Number(m.Rates.MedianMax),
		Responsive: m.Rates.Responsive, Baseline: jsonnum.Slice(m.Rates.Baseline),
		Kept: kept(m.Tables), Warnings: warnings, Provenance: made,
	}
	for _, f := range m.Fields {
		p.RF = append(p.RF, [2]jsonnum.Number{jsonnum.Number(f.Y), jsonnum.Number(f.X)})
		p.Distance = append(p.Distance, jsonnum.Number(f.Distance()))
	}
	return p
}
