package v1score

import "math"

// Categories of V1 properties, in the order in which they are reported.
var Categories = []string{"V1-orientation", "V1-spatial_frequency", "V1-response_selectivity",
	"V1-receptive_field_size", "V1-surround_modulation", "V1-texture_modulation", "V1-response_magnitude"}

// Predictivity is the benchmark beside the properties under V1.
const Predictivity = "FreemanZiemba2013.V1-pls"

// Leaf is the ceiled score of one benchmark. A benchmark that was tried and gave no number has the
// score NaN; one that was not tried has no leaf.
type Leaf = float64

// Mean is the score of an inner node of the tree of benchmarks.
type Mean struct {
	Score float64 // NaN when no child has a number
	// ScoredOnly is the mean over the children that have a number, of their ScoredOnly: what is known,
	// where the reference's rule counts what is not as 0. It is no score of the reference.
	ScoredOnly float64
	// Present is false when no child was tried: the parent counts the node as missing, not as failed.
	// Both count as 0.
	Present bool
	Scored  int // children with a number
	Of      int // children
}

// Tree is the aggregate of all benchmarks of V1.
type Tree struct {
	V1         Mean // of Properties and Predictivity
	Properties Mean // of the categories: the V1 property score
	Categories map[string]Mean
}

// Leaves returns the ceiled scores of the benchmarks among the comparisons.
func Leaves(comparisons []Comparison) map[string]Leaf {
	leaves := map[string]Leaf{}
	for _, c := range comparisons {
		if c.Benchmark != "" && c.Scored() {
			leaves[c.Benchmark] = c.Ceiled
		}
	}
	return leaves
}

// Aggregate computes the tree of benchmarks from their ceiled scores as the reference does. A leaf
// is clamped to 0…1. Every inner node is the plain mean over its direct children, in which a
// missing or failed child counts as 0; a node without any number is NaN.
func Aggregate(leaves map[string]Leaf) Tree {
	members := map[string][]string{}
	for _, d := range Published() {
		if d.Benchmark != "" {
			members[d.Category] = append(members[d.Category], d.Benchmark)
		}
	}
	t := Tree{Categories: map[string]Mean{}}
	var categories []Mean
	for _, name := range Categories {
		var children []Mean
		for _, benchmark := range members[name] {
			children = append(children, leaf(leaves, benchmark))
		}
		t.Categories[name] = mean(children)
		categories = append(categories, t.Categories[name])
	}
	t.Properties = mean(categories)
	t.V1 = mean([]Mean{leaf(leaves, Predictivity), t.Properties})
	return t
}

func leaf(leaves map[string]Leaf, name string) Mean {
	score, present := leaves[name]
	score = max(0, min(1, score))
	return Mean{Score: score, ScoredOnly: score, Present: present}
}

func mean(children []Mean) Mean {
	m := Mean{Score: math.NaN(), ScoredOnly: math.NaN(), Of: len(children)}
	sum, known := 0.0, 0.0
	for _, c := range children {
		m.Present = m.Present || c.Present
		if c.Present && !math.IsNaN(c.Score) {
			sum += c.Score
			known += c.ScoredOnly
			m.Scored++
		}
	}
	if m.Scored > 0 {
		m.Score = sum / float64(len(children))
		m.ScoredOnly = known / float64(m.Scored)
	}
	return m
}
