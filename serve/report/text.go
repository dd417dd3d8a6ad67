package report

import (
	"fmt"
	"strings"

	"striate/analysis/v1score"
)

// Lines is the scorecard as text, a line a category.
func (r *Report) Lines() []string {
	var out []string
	line := func(name string, m Mean) {
		out = append(out, fmt.Sprintf("%-26s %6s   %d of %d scored, %s over these", name, number(m.Score), m.Scored, m.Of, number(m.ScoredOnly)))
	}
	for _, name := range v1score.Categories {
		line(strings.TrimPrefix(name, "V1-"), r.Categories[name])
	}
	line("V1 properties", r.V1Properties)
	line("V1", r.V1)
	return out
}
