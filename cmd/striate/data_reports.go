package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/figure"
	"striate/internal/jsonnum"
	"striate/internal/neural"
)

type dataReportsCmd struct {
	Files []string `arg:"" help:"Reports of 'striate predictivity', each as FILE or NAME=FILE." placeholder:"R.json"`
	Plot  string   `help:"Figure of the neurons' correlations, .png or .svg." placeholder:"F.svg"`
}

// Help shows an example.
func (dataReportsCmd) Help() string {
	return `Example: striate data reports gabor=gabor.json voneblock=vone.json --plot predictivity.svg

Prints a table in Markdown: a line a report. The figure shows, for every report, the share of neurons
whose correlation is higher than the value at the bottom.`
}

// Run prints the table and draws the figure.
func (c *dataReportsCmd) Run(g *globals) error {
	var names []string
	var reports []*neural.Report
	for _, arg := range c.Files {
		name, file, ok := strings.Cut(arg, "=")
		if !ok {
			name, file = strings.TrimSuffix(filepath.Base(arg), ".json"), arg
		}
		r, err := readPredictivity(file)
		if err != nil {
			return err
		}
		names, reports = append(names, name), append(reports, r)
	}
	if err := reportTable(g.Stdout, names, reports); err != nil || c.Plot == "" {
		return err
	}
	format, err := figure.Format(c.Plot)
	if err != nil {
		return err
	}
	f, err := correlations(names, reports)
	if err != nil {
		return err
	}
	return atomicfile.Write(c.Plot, func(w io.Writer) error { return f.Write(w, format, 460, 300) })
}

func readPredictivity(file string) (*neural.Report, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.NotFoundf("read report: %v", err)
	}
	r := &neural.Report{}
	if err := json.Unmarshal(data, r); err != nil || len(r.NeuronR) == 0 {
		return nil, fault.Invalidf("%s is no report of 'striate predictivity'", file)
	}
	return r, nil
}

func reportTable(w io.Writer, names []string, reports []*neural.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| features\t| units\t| neurons\t| r, median of splits\t| r, all test stimuli\t| (r/ceiling)²\t| r²/ceiling\t| explained, median neuron\t| shuffled\t|")
	fmt.Fprintln(t, "| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t|")
	for i, r := range reports {
		pooled, control := jsonnum.Number(math.NaN()), jsonnum.Number(math.NaN())
		ceiling := neural.CeilingReport{SquaredRatio: pooled, SquareOverCeiling: pooled, ExplainedMedian: pooled}
		if r.Pooled != nil {
			pooled = r.Pooled.Median
		}
		if r.Control != nil {
			control = r.Control.Score
		}
		if r.Ceiling != nil {
			ceiling = *r.Ceiling
		}
		fmt.Fprintf(t, "| %s\t| %d\t| %d\t| %.3f ± %.3f\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", names[i], r.Units, len(r.Neurons), r.Score, r.Error,
			decimals(pooled), decimals(ceiling.SquaredRatio), decimals(ceiling.SquareOverCeiling), decimals(ceiling.ExplainedMedian), decimals(control))
	}
	return t.Flush()
}

// decimals writes a number that may not be known.
func decimals(v jsonnum.Number) string {
	if math.IsNaN(float64(v)) {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(v))
}

// correlations plots, for every report, the share of neurons above a correlation.
func correlations(names []string, reports []*neural.Report) (figure.Figure, error) {
	const steps = 61
	at := make([]float64, steps)
	for k := range at {
		at[k] = -0.2 + 1.2*float64(k)/(steps-1)
	}
	var series []figure.Series
	for i, r := range reports {
		values := r.NeuronR
		if r.Pooled != nil {
			values = r.Pooled.R
		}
		s := figure.Series{Name: names[i], Y: make([]float64, steps)}
		for k, x := range at {
			for _, v := range values {
				if float64(v) > x {
					s.Y[k] += 1 / float64(len(values))
				}
			}
		}
		series = append(series, s)
	}
	return figure.Curves("Prediction of recorded neurons", figure.Axis{Label: "correlation over the test stimuli"}, figure.Axis{Label: "share of neurons above"}, at, series...)
}
