package main

import (
	"striate/analysis/v1score"
	"striate/internal/fault"
	"striate/internal/provenance"
	"striate/internal/v1data"
	"striate/serve/report"
)

// comparisonFlags say how properties are compared with recorded neurons.
type comparisonFlags struct {
	Distributions string `help:"File of recorded neurons' properties, for those whose distribution is not published as counts: .csv (assay, property, value) or .json." placeholder:"FILE"`
	Resamples     int    `help:"Bootstrap samples." default:"1000"`
	Seed          uint32 `help:"Seed of the bootstrap." default:"0"`
}

// check refuses flags that make no sense, before any work.
func (f comparisonFlags) check() error {
	const most = 1_000_000
	if f.Resamples < 1 || f.Resamples > most {
		return fault.Misusef("--resamples %d: give a number from 1 to %d", f.Resamples, most)
	}
	return nil
}

type similarityCmd struct {
	Properties      string `help:"Table of properties, as 'striate properties' writes it." required:"" placeholder:"P.csv"`
	Out             string `help:"File to write." required:"" placeholder:"S.json"`
	comparisonFlags `embed:""`
}

// Help shows an example.
func (similarityCmd) Help() string {
	return `Example: striate similarity --properties properties.csv --out similarity.json --seed 1

score is the mean normalised Kolmogorov-Smirnov similarity of bootstrap samples to macaque V1, error
their standard deviation, ceiling what the recorded neurons reach against themselves, ceiled_score
score / ceiling. Properties whose distribution is not published as counts are listed apart, without a
score, until --distributions supplies them.`
}

// Run compares and writes.
func (c *similarityCmd) Run() error {
	if err := c.check(); err != nil {
		return err
	}
	samples, err := v1data.ReadProperties(c.Properties)
	if err != nil {
		return err
	}
	distributions, err := v1data.ReadDistributions(c.Distributions)
	if err != nil {
		return err
	}
	comparisons := v1score.Compare(distributions, samples.Of, c.Resamples, c.Seed)
	seed := uint64(c.Seed)
	made := provenance.Record{Version: provenance.Version(), Seed: &seed, Parameters: map[string]any{
		"properties": c.Properties, "resamples": c.Resamples, "distributions": c.Distributions,
	}}
	tree := v1score.Aggregate(v1score.Leaves(comparisons))
	return writeJSON(c.Out, report.NewSimilarity(comparisons, tree, made), " ")
}
