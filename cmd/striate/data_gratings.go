package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"

	"striate/analysis/predictivity"
	"striate/analysis/v1score"
	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/figure"
	"striate/internal/neural"
	"striate/internal/v1data"
)

type dataGratingsCmd struct {
	Dir              string  `arg:"" help:"Recordings made with gratings: sessions.csv, conditions.csv, units.csv and SESSION.npy.gz." placeholder:"DIR"`
	Out              string  `help:"Table to write: a line a neuron." required:"" placeholder:"T.csv"`
	Sessions         string  `help:"Only sessions whose name starts so, e.g. moving." placeholder:"PREFIX"`
	Properties       string  `help:"Table of a network's properties, to plot beside the neurons." placeholder:"P.csv"`
	Plot             string  `help:"Figure of the circular variances, .png or .svg." placeholder:"F.svg"`
	From             float64 `help:"Start of the response window, ms after the onset." default:"40"`
	To               float64 `help:"End of the response window." default:"540"`
	MaxContamination float64 `help:"Leave out neurons whose spikes are contaminated more." default:"0.05"`
}

// Help shows an example.
func (dataGratingsCmd) Help() string {
	return `Example: striate data gratings macaque_v1_gratings_ecker2010/ --sessions moving --properties voneblock/properties.csv --plot selectivity.svg --out neurons.csv

Describes recorded neurons with the fits that describe the units of networks: circular variance, ratio
of the orthogonal to the preferred orientation, preferred orientation, half bandwidth. The figure and
the summary are of neurons that the V1 benchmarks would keep: more than 5 spikes/s over the
spontaneous rate.`
}

// Run describes the neurons.
func (c *dataGratingsCmd) Run(ctx context.Context, g *globals) error {
	o := neural.DefaultGratings()
	o.From, o.To, o.MaxContamination = c.From, c.To, c.MaxContamination
	if !(o.From < o.To) {
		return fault.Misusef("--from %v --to %v: the window must start before it ends", c.From, c.To)
	}
	neurons, left, err := neural.ReadGratings(ctx, c.Dir, c.Sessions, o)
	if err != nil {
		return err
	}
	warn(g, left...)
	var kept []float64
	for i := range neurons {
		if neurons[i].Responsive() {
			kept = append(kept, neurons[i].CircularVariance)
		}
	}
	if len(kept) == 0 {
		return fault.Invalidf("no neuron of %s responds: %d were looked at", c.Dir, len(neurons))
	}
	fmt.Fprintf(g.Stdout, "%d neurons, %d of them responsive: median circular variance %.3f\n", len(neurons), len(kept), predictivity.Median(kept))
	if c.Plot != "" {
		if err := c.plot(g, kept); err != nil {
			return err
		}
	}
	return atomicfile.Write(c.Out, func(w io.Writer) error { return writeGratings(w, neurons) })
}

func writeGratings(w io.Writer, neurons []neural.OrientationTuning) error {
	t := csv.NewWriter(w)
	t.Write([]string{"session", "unit", "contrast", "responsive", "spontaneous", "max_rate", "circular_variance", "orth_pref_ratio", "preferred_orientation", "half_bandwidth"}) //nolint:errcheck // Error below reports it
	number := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	for _, n := range neurons {
		best := n.Curve[0]
		for _, v := range n.Curve {
			best = max(best, v)
		}
		t.Write([]string{n.Session, strconv.Itoa(n.Unit), number(n.Contrast), strconv.FormatBool(n.Responsive()), number(n.Spontaneous), number(best), //nolint:errcheck
			number(n.CircularVariance), number(n.OrthogonalPreferredRatio), number(n.Preferred), number(n.HalfBandwidth)})
	}
	t.Flush()
	return t.Error()
}

// plot draws the distributions of neurons and, when there is a table, of a network's units.
func (c *dataGratingsCmd) plot(g *globals, neurons []float64) error {
	format, err := figure.Format(c.Plot)
	if err != nil {
		return err
	}
	var units []float64
	if c.Properties != "" {
		samples, err := v1data.ReadProperties(c.Properties)
		if err != nil {
			return err
		}
		units = samples.Of(&v1score.Distribution{Assay: v1score.Ringach2002, Property: "circular_variance"})
		if units == nil {
			return fault.Invalidf("%s has no circular variance of Ringach2002", c.Properties)
		}
		fmt.Fprintf(g.Stdout, "%d units: median circular variance %.3f\n", len(units), predictivity.Median(units))
	}
	const bins = 10
	edges := make([]float64, bins+1)
	for i := range edges {
		edges[i] = float64(i) / bins
	}
	f, err := figure.Distributions("Orientation selectivity", "circular variance", edges, histogram(units, bins), histogram(neurons, bins))
	if err != nil {
		return err
	}
	return atomicfile.Write(c.Plot, func(w io.Writer) error { return f.Write(w, format, 420, 280) })
}

// histogram counts values of 0 to 1 in equal bins; nil of nothing.
func histogram(values []float64, bins int) []int {
	if values == nil {
		return nil
	}
	counts := make([]int, bins)
	for _, v := range values {
		if v == v {
			counts[min(max(int(v*float64(bins)), 0), bins-1)]++
		}
	}
	return counts
}
