package main

import (
	"context"

	"striate/analysis/predictivity"
	"striate/analysis/v1score"
	"striate/internal/neural"
	"striate/internal/progress"
	"striate/serve/engine"
	"striate/serve/report"
)

// predict measures how well the layer predicts a recording, by PLS as the public benchmark does. The
// recording counts as that benchmark when its stimuli are textures and noise.
func (c *scoreCmd) predict(ctx context.Context, g *globals, layer *engine.Layer, rec *neural.Recording, degrees float64) (*report.Predictivity, error) {
	splits, err := neural.DefaultSplits(rec, 1)
	if err != nil {
		return nil, err
	}
	bar := progress.New(g.Stderr, "images of the recording", int64(rec.Stimuli()), g.Quiet)
	features, err := neural.NetworkFeatures(ctx, layer, rec, neural.View{Degrees: degrees}, bar.Add)
	if err != nil {
		return nil, err
	}
	defer features.Close()
	bar.Close()
	x, err := neural.Align(features, rec, false)
	if err != nil {
		return nil, err
	}
	const components, divisions = 25, 10
	rep, err := neural.Predict(ctx, x, rec, splits, neural.Options{
		Method: predictivity.PLS{Components: components}, Divisions: divisions, Seed: 1,
	})
	if err != nil {
		return nil, err
	}
	p := report.NewPredictivity(c.Neural, len(rep.Neurons), float64(rep.Score), float64(rep.Error))
	if rep.Ceiling != nil {
		p.Ceiling, p.Ceiled = rep.Ceiling.Score, rep.Ceiling.SquareOverCeiling
	}
	if rec.Table != nil && rec.Table.Column("texture_type") != nil {
		p.Leaf = v1score.Predictivity
	}
	return p, nil
}
