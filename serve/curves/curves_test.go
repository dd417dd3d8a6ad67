package curves

import (
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/tuning"
)

func TestDoubtfulSummariesAreTold(t *testing.T) {
	half := func(v float64) []tuning.Quantity { return []tuning.Quantity{{Name: "half_saturation", Value: v}} }
	for name, c := range map[string]struct {
		tuning.Tuning
		says string
	}{
		"silent":            {tuning.Tuning{F0: []float64{0, 0}, F1: []float64{0, 0}}, "gives 0 to every grating"},
		"constant":          {tuning.Tuning{F0: []float64{2, 2}}, "gives 2 to every grating"},
		"modulated":         {tuning.Tuning{F0: []float64{2, 2}, F1: []float64{0, 1}}, ""},
		"tuned":             {tuning.Tuning{F0: []float64{2, 3}}, ""},
		"linear contrast":   {tuning.Tuning{X: []float64{0.5, 1}, F0: []float64{1, 2}, Summary: half(66)}, "extrapolated"},
		"saturating":        {tuning.Tuning{X: []float64{0.5, 1}, F0: []float64{1, 2}, Summary: half(0.3)}, ""},
		"map without units": {tuning.Tuning{}, ""},
	} {
		got := doubts(c.Tuning)
		if c.says == "" {
			require.Empty(t, got, name)
			continue
		}
		require.Len(t, got, 1, name)
		require.Contains(t, got[0], c.says, name)
	}
}
