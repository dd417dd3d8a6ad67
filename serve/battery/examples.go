package battery

import (
	"sort"

	"striate/analysis/v1score"
	"striate/serve/report"
)

// exampleUnits is how many units the report shows with their curves.
const exampleUnits = 6

// examples gathers the curves of a few units, set by set.
type examples struct {
	rows []int // of the measurement's tables
	list []report.Example
}

// newExamples picks kept units over the range of circular variance, from sharply tuned to untuned.
func newExamples(ringach *v1score.Table, name func(i int) (report.Unit, v1score.Field)) *examples {
	var kept []int
	for i, k := range ringach.Kept {
		if k {
			kept = append(kept, i)
		}
	}
	variance := 0
	for k, property := range ringach.Names {
		if property == "circular_variance" {
			variance = k
		}
	}
	sort.SliceStable(kept, func(a, b int) bool { return ringach.Row(kept[a])[variance] < ringach.Row(kept[b])[variance] })
	e := &examples{}
	n := min(exampleUnits, len(kept))
	for k := range n {
		i := kept[k*(len(kept)-1)/max(1, n-1)]
		unit, field := name(i)
		e.rows = append(e.rows, i)
		e.list = append(e.list, report.NewExample(unit, field, ringach, i))
	}
	return e
}

// add fills in what one set tells of each unit.
func (e *examples) add(fill func(i int, example *report.Example)) {
	for k, i := range e.rows {
		fill(i, &e.list[k])
	}
}
