package v1score

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Distribution is how a property is distributed over the recorded neurons of macaque V1.
type Distribution struct {
	Assay     Assay     `json:"assay"`
	Property  string    `json:"property"`
	Source    string    `json:"source"`    // the paper
	Bins      []float64 `json:"bins"`      // edges, ascending
	Neurons   int       `json:"neurons"`   // recorded, those without a value included
	Counts    []int     `json:"counts"`    // neurons in each bin; nil where they are not published
	Benchmark string    `json:"benchmark"` // "" for a property that is measured but not scored
	Category  string    `json:"category"`

	// ReferenceCeiling is the ceiling that the reference's own tests expect, to 0.005; 0 where they
	// say nothing.
	ReferenceCeiling float64 `json:"reference_ceiling"`

	// Supplied says where Values come from when they are not the published counts.
	Supplied string `json:"-"`
	// Values has one entry a neuron, NaN for a neuron without a value; nil when nothing is known.
	Values []float64 `json:"-"`
}

//go:embed distributions.json
var published []byte

// Published returns the distributions of all properties of the six assays. Values are spread over
// their bins' centres where counts are published, and nil where only the bins are.
func Published() []Distribution {
	var file struct{ Properties []Distribution }
	if err := json.Unmarshal(published, &file); err != nil {
		panic(fmt.Sprintf("v1score: embedded distributions: %v", err))
	}
	for i := range file.Properties {
		d := &file.Properties[i]
		if d.Counts != nil {
			d.Values = FromCounts(d.Bins, d.Counts, d.Neurons)
		}
	}
	return file.Properties
}

// FromCounts returns a sample with the counts: neurons without a value first, then each bin's
// centre as often as it counts. It panics when there are fewer neurons than counted.
func FromCounts(bins []float64, counts []int, neurons int) []float64 {
	total := 0
	for _, c := range counts {
		total += c
	}
	values := slices.Repeat([]float64{math.NaN()}, neurons-total)
	for k, c := range counts {
		values = append(values, slices.Repeat([]float64{(bins[k] + bins[k+1]) / 2}, c)...)
	}
	return values
}

// Supply returns d with the values of recorded neurons in place of the published counts. from says
// where they come from.
func (d Distribution) Supply(values []float64, from string) Distribution {
	d.Values, d.Neurons, d.Counts, d.Supplied = values, len(values), nil, from
	return d
}

// none is the bin of NaN.
const none = -1

// bin is the index of the bin that holds v: a value beyond the edges goes to the bin at that end, an
// edge to the bin above it, the last edge to the last bin, NaN to none.
func (d *Distribution) bin(v float64) int {
	if math.IsNaN(v) {
		return none
	}
	last := len(d.Bins) - 1
	if v >= d.Bins[last] {
		return last - 1
	}
	return max(0, sort.Search(last, func(i int) bool { return d.Bins[i] > v })-1)
}

// Histogram counts values in the bins; NaN is in none.
func (d *Distribution) Histogram(values []float64) []int {
	counts := make([]int, len(d.Bins)-1)
	for _, v := range values {
		if k := d.bin(v); k != none {
			counts[k]++
		}
	}
	return counts
}
