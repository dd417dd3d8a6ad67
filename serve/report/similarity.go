// Package report shows what the V1 battery found: as JSON, as one self-contained HTML page, as
// figures. It computes nothing.
package report

import (
	"fmt"

	"striate/analysis/v1score"
	"striate/internal/jsonnum"
	"striate/internal/provenance"
)

// Property is one property of a model's units beside that of recorded neurons.
type Property struct {
	Assay        v1score.Assay `json:"assay"`
	Property     string        `json:"property"`
	Benchmark    string        `json:"benchmark,omitempty"` // empty: compared, but no part of the V1 score
	Category     string        `json:"category,omitempty"`
	Source       string        `json:"source"`
	Distribution string        `json:"distribution"` // where the recorded neurons' values come from

	N         int `json:"n"`     // recorded neurons, those without a value included
	Units     int `json:"units"` // kept units, those without a value included
	WithValue int `json:"units_with_value"`

	Score        jsonnum.Number `json:"score"` // mean similarity of the bootstrap samples
	Error        jsonnum.Number `json:"error"` // their standard deviation
	Ceiling      jsonnum.Number `json:"ceiling"`
	CeilingError jsonnum.Number `json:"ceiling_error"`
	CeiledScore  jsonnum.Number `json:"ceiled_score"` // score / ceiling: what enters the means
	Similarity   jsonnum.Number `json:"similarity"`   // of the full samples, not bootstrapped

	Bins         []float64 `json:"bins"`
	UnitCounts   []int     `json:"unit_counts"`
	NeuronCounts []int     `json:"neuron_counts,omitempty"`
}

// Mean is a mean over benchmarks.
type Mean struct {
	Score      jsonnum.Number `json:"score"`       // the reference's: a benchmark without a score counts as 0
	ScoredOnly jsonnum.Number `json:"scored_only"` // over what has a score; no score of the reference
	Scored     int            `json:"scored"`
	Of         int            `json:"of"`
}

// Similarity is the result of comparing properties with recorded neurons.
type Similarity struct {
	Properties   []Property        `json:"properties"`            // with a distribution
	NotScored    []Property        `json:"properties_not_scored"` // measured, but nobody published a distribution
	Categories   map[string]Mean   `json:"categories"`            // by name
	V1Properties Mean              `json:"v1_properties"`         // the mean over the seven categories
	Provenance   provenance.Record `json:"provenance"`
}

// NewSimilarity arranges comparisons and their aggregate. Properties that cannot be scored are kept
// apart from those that are.
func NewSimilarity(comparisons []v1score.Comparison, tree v1score.Tree, made provenance.Record) Similarity {
	s := Similarity{Properties: []Property{}, NotScored: []Property{}, Categories: map[string]Mean{}, Provenance: made}
	for i := range comparisons {
		c := &comparisons[i]
		if c.Scored() {
			s.Properties = append(s.Properties, newProperty(c))
		} else {
			s.NotScored = append(s.NotScored, newProperty(c))
		}
	}
	for name, m := range tree.Categories {
		s.Categories[name] = newMean(m)
	}
	s.V1Properties = newMean(tree.Properties)
	return s
}

func newProperty(c *v1score.Comparison) Property {
	p := Property{
		Assay: c.Assay, Property: c.Property, Benchmark: c.Benchmark, Category: c.Category, Source: c.Source,
		N: c.Neurons, Units: c.Units, WithValue: c.WithValue,
		Score: jsonnum.Number(c.Raw.Score), Error: jsonnum.Number(c.Raw.Error),
		Ceiling: jsonnum.Number(c.Ceiling.Score), CeilingError: jsonnum.Number(c.Ceiling.Error),
		CeiledScore: jsonnum.Number(c.Ceiled), Similarity: jsonnum.Number(c.Similarity),
		Bins: c.Bins, UnitCounts: c.UnitCounts,
	}
	switch {
	case !c.Scored():
		p.Distribution = "not published as counts"
	case c.Supplied != "":
		p.Distribution = fmt.Sprintf("supplied by the user (%s)", c.Supplied)
	default:
		p.Distribution = "published counts"
	}
	if c.Scored() {
		p.NeuronCounts = c.Histogram(c.Values)
	}
	return p
}

func newMean(m v1score.Mean) Mean {
	return Mean{jsonnum.Number(m.Score), jsonnum.Number(m.ScoredOnly), m.Scored, m.Of}
}
