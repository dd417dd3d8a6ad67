package robustness

import (
	"fmt"
	"slices"

	"striate/analysis/corruption"
)

// Means are unweighted means of the accuracies of a set of cells: over the severities of each
// corruption, over the corruptions of each group, and over all corruptions but the extra ones. What
// was not measured has no entry.
type Means struct {
	Overall     float64                      `json:"overall"`
	Error       float64                      `json:"error"` // 1 − Overall, not normalised by a baseline
	Groups      map[corruption.Group]float64 `json:"groups"`
	Corruptions map[string]float64           `json:"corruptions"`
	Severities  map[int]float64              `json:"severities"` // over the corruptions but the extra ones
}

// Average returns the means of cells of one set; nil where none of the fifteen corruptions is among
// them and there is nothing to average overall.
func Average(cells []Cell) *Means {
	m := &Means{Groups: map[corruption.Group]float64{}, Corruptions: map[string]float64{}, Severities: map[int]float64{}}
	byCorruption, bySeverity := map[string][]float64{}, map[int][]float64{}
	groups := map[corruption.Group][]string{}
	for _, c := range cells {
		byCorruption[c.Corruption] = append(byCorruption[c.Corruption], c.Accuracy)
		if !slices.Contains(groups[c.Group], c.Corruption) {
			groups[c.Group] = append(groups[c.Group], c.Corruption)
		}
		if c.Group != corruption.Extra {
			bySeverity[c.Severity] = append(bySeverity[c.Severity], c.Accuracy)
		}
	}
	for name, a := range byCorruption {
		m.Corruptions[name] = mean(a)
	}
	for s, a := range bySeverity {
		m.Severities[s] = mean(a)
	}
	var all []float64
	for _, g := range append(corruption.Groups(), corruption.Extra) {
		var of []float64
		for _, name := range groups[g] {
			of = append(of, m.Corruptions[name])
		}
		if len(of) > 0 {
			m.Groups[g] = mean(of)
		}
		if g != corruption.Extra {
			all = append(all, of...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	m.Overall = mean(all)
	m.Error = 1 - m.Overall
	return m
}

func mean(a []float64) float64 {
	sum := 0.0
	for _, v := range a {
		sum += v
	}
	return sum / float64(len(a))
}

// Baseline are the errors of a reference network on the same set: 1 − accuracy, by corruption and
// severity.
type Baseline struct {
	Errors   map[string]map[int]float64
	Clean    float64
	HasClean bool
}

// CorruptionErrors are errors relative to a baseline's.
type CorruptionErrors struct {
	// CE is Σ err / Σ baseline err over the severities; MCE the mean over the fifteen corruptions.
	CE  map[string]float64 `json:"ce"`
	MCE float64            `json:"mce"`
	// Relative are the same for the errors beyond those on clean images. They are absent where the
	// baseline's clean error is not known.
	Relative    map[string]float64 `json:"relative_ce,omitempty"`
	RelativeMCE *float64           `json:"relative_mce,omitempty"`
}

// Normalise divides the errors by those of a baseline. It fails where the cells do not hold the
// fifteen corruptions at the five severities, or the baseline lacks one of them: a mean over part of
// them is no mCE.
func Normalise(cells []Cell, clean Cell, b Baseline) (*CorruptionErrors, error) {
	out := &CorruptionErrors{CE: map[string]float64{}}
	if b.HasClean {
		out.Relative = map[string]float64{}
	}
	names := corruption.TinyImageNetC().Names("")
	relative := 0.0
	for _, name := range names {
		err, base := 0.0, 0.0
		for s := 1; s <= corruption.Severities; s++ {
			i := slices.IndexFunc(cells, func(c Cell) bool { return c.Corruption == name && c.Severity == s })
			reference, ok := b.Errors[name][s]
			switch {
			case i < 0:
				return nil, fmt.Errorf("mCE needs all fifteen corruptions at five severities: %s at severity %d is not measured", name, s)
			case !ok:
				return nil, fmt.Errorf("the baseline has no error of %s at severity %d", name, s)
			}
			err += 1 - cells[i].Accuracy
			base += reference
		}
		if base <= 0 {
			return nil, fmt.Errorf("the baseline makes no error on %s: nothing to divide by", name)
		}
		out.CE[name] = err / base
		out.MCE += out.CE[name] / float64(len(names))
		if b.HasClean {
			beyond := base - corruption.Severities*b.Clean
			if beyond <= 0 {
				return nil, fmt.Errorf("the baseline errs on %s no more than on clean images: nothing to divide by", name)
			}
			out.Relative[name] = (err - corruption.Severities*(1-clean.Accuracy)) / beyond
			relative += out.Relative[name] / float64(len(names))
		}
	}
	if b.HasClean {
		out.RelativeMCE = &relative
	}
	return out, nil
}
