package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/neural"
	"striate/internal/progress"
	"striate/internal/v1data"
	"striate/serve/battery"
	"striate/serve/engine"
	"striate/serve/report"
)

type scoreCmd struct {
	modelFlags      `embed:""`
	comparisonFlags `embed:""`

	Layer     string `help:"Layer to score; default: the V1 layer of the model's card." placeholder:"LAYER"`
	Out       string `help:"Folder for report.json, report.html and properties.csv." required:"" placeholder:"DIR"`
	Neural    string `help:"Recording in the folder form (docs/predictivity.md), for the predictivity of the layer." placeholder:"DIR"`
	Textures  string `help:"Folder of the Freeman-Ziemba textures and noise (tex-320x320-im*-smp*.png, noise-…)." placeholder:"DIR"`
	Units     int    `help:"Draw so many of the layer's units; 0: all." default:"0" placeholder:"N"`
	UnitsSeed uint32 `help:"Seed of the draw." default:"0"`
	AllFields bool   `help:"Measure the receptive fields of units, too, that cannot see the stimuli."`
	Memory    int64  `help:"Memory that the run may take, MiB; 0: what is free." default:"0" placeholder:"MIB"`
	Cache     string `help:"Folder that keeps responses; default: striate/responses in the user's cache folder." placeholder:"DIR" env:"STRIATE_CACHE"`
	NoCache   bool   `help:"Keep no responses: a run that is ended starts anew."`
}

// Help shows an example.
func (scoreCmd) Help() string {
	return `Example: striate score --model voneblock --degrees 8 --out scores/voneblock

Shows 9,097 images to the layer, measures V1 properties on the units that look at them and compares
their distributions with macaque V1. Responses are kept: a run that was ended goes on, and a second
one reads them. Properties of textures need their images, --textures.`
}

// Run scores the layer.
func (c *scoreCmd) Run(ctx context.Context, g *globals) error {
	if err := canWrite(filepath.Join(c.Out, "report.json")); err != nil {
		return err
	}
	m, err := c.find()
	if err != nil {
		return err
	}
	if c.Layer == "" {
		if c.Layer = m.Card.V1Layer; c.Layer == "" {
			return fault.Misusef("model %s has no card that names its V1 layer: give --layer", m.Name)
		}
	}
	if err := m.HasLayers([]string{c.Layer}); err != nil {
		return err
	}
	if m.Card.Degrees == 0 {
		return fault.Misusef("model %s has no card that says how many degrees of visual angle its input spans: give --degrees (8 is usual)", m.Name)
	}
	options, err := c.options(g, m)
	if err != nil {
		return err
	}
	var rec *neural.Recording
	if c.Neural != "" {
		if rec, err = neural.ReadFolder(c.Neural); err != nil {
			return err
		}
	}
	e, err := engine.New(engine.Config{Device: c.Device})
	if err != nil {
		return err
	}
	defer e.Close()
	layer, err := e.Layer(ctx, m, c.Layer)
	if err != nil {
		return err
	}
	options.SetLayer(e, layer)
	if rec != nil {
		if options.Predictivity, err = c.predict(ctx, g, layer, rec, options.Degrees); err != nil {
			return err
		}
	}
	result, err := battery.Run(ctx, options)
	if err != nil {
		return err
	}
	warn(g, result.Report.Warnings...)
	if err := writeReport(c.Out, result); err != nil {
		return err
	}
	return printScore(g, &result.Report)
}

// options are those that do not depend on the engine.
func (c *scoreCmd) options(g *globals, m *engine.Model) (battery.Options, error) {
	distributions, err := v1data.ReadDistributions(c.Distributions)
	if err != nil {
		return battery.Options{}, err
	}
	if err := c.check(); err != nil {
		return battery.Options{}, err
	}
	o := battery.Options{
		Degrees: m.Card.Degrees, Units: c.Units, UnitsSeed: c.UnitsSeed, AllFields: c.AllFields, Textures: c.Textures,
		Distributions: distributions, Resamples: c.Resamples, Seed: c.Seed, Memory: c.Memory << 20,
	}
	if !c.NoCache {
		if o.Cache = c.Cache; o.Cache == "" {
			o.Cache = battery.DefaultCache()
		}
	}
	var bar *progress.Bar
	last := 0
	o.Progress = func(done, total int) {
		if last == 0 {
			bar = progress.New(g.Stderr, "images", int64(total), g.Quiet)
		}
		bar.Add(done - last)
		if last = done; done == total {
			bar.Close()
		}
	}
	o.Made.Parameters = map[string]any{
		"layer": c.Layer, "degrees": m.Card.Degrees, "units": c.Units, "units_seed": c.UnitsSeed,
		"textures": c.Textures, "neural": c.Neural, "distributions": c.Distributions, "resamples": c.Resamples,
	}
	return o, nil
}

// writeReport writes the three files of a report.
func writeReport(dir string, result *battery.Result) error {
	if err := writeJSON(filepath.Join(dir, "report.json"), result.Report, " "); err != nil {
		return err
	}
	err := atomicfile.Write(filepath.Join(dir, "properties.csv"), func(w io.Writer) error {
		return v1data.WriteProperties(w, result.Measurement.Tables, result.Units)
	})
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, "report.html"), result.Report.WriteHTML)
}

// printScore writes the scorecard, a line a category.
func printScore(g *globals, r *report.Report) error {
	for _, line := range r.Lines() {
		if _, err := fmt.Fprintln(g.Stdout, line); err != nil {
			return err
		}
	}
	return nil
}
