package main

import (
	"context"
	"fmt"
	"slices"

	"striate/analysis"
	"striate/analysis/gaborenergy"
	"striate/analysis/predictivity"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/neural"
	"striate/internal/progress"
	"striate/internal/provenance"
)

type predictivityCmd struct {
	Features      string `help:"Responses of a layer: .npy, .npy.gz or .npz, a row a stimulus. A .csv of the same name beside it names the rows." xor:"features" required:"" placeholder:"X.npy"`
	Model         string `help:"Show the images of --neural to this model: a name in the models folder, or an .onnx file." xor:"features" required:"" placeholder:"MODEL"`
	Baseline      string `help:"Show them to this baseline: gabor-energy." xor:"features" required:"" placeholder:"NAME"`
	Layer         string `help:"Layer of the model, or array of the .npz." placeholder:"L"`
	Models        string `help:"Models folder; default: the one of the installation." placeholder:"DIR" env:"STRIATE_MODELS"`
	Device        string `help:"auto, cpu, cuda or cuda:N." default:"auto" env:"STRIATE_DEVICE"`
	card.Override `embed:""`

	Responses string `help:"Responses of neurons: .npy, .npy.gz or .npz, stimuli × neurons, or stimuli × neurons × repeats." xor:"responses" required:"" placeholder:"Y.npy"`
	Neural    string `help:"Recording in the folder form (docs/predictivity.md)." xor:"responses" required:"" placeholder:"DIR"`
	Out       string `help:"File to write." required:"" placeholder:"R.json"`

	rowFlags   `embed:""`
	splitFlags `embed:""`
	fitFlags   `embed:""`
}

// rowFlags say which row is which stimulus.
type rowFlags struct {
	FeatureNames  string `help:"CSV file that names the rows of the features; default: the one beside them." placeholder:"CSV"`
	ResponseNames string `help:"CSV file that names the rows of the responses; default: the one beside them." placeholder:"CSV"`
	ByPosition    bool   `help:"Match rows by position even where they have names."`
}

// splitFlags say what is fitted and what is tested.
type splitFlags struct {
	Splits      string `help:"Given splits: JSON [{\"train\":[…],\"test\":[…]}, …]." xor:"split" placeholder:"S.json"`
	Groups      string `help:"Hold out each group in turn: CSV with a column group." xor:"split" placeholder:"G.csv"`
	HoldOut     string `help:"Hold out each value of this column of the recording's table of stimuli in turn, e.g. movie." xor:"split" placeholder:"COLUMN"`
	Folds       int    `help:"Share the stimuli at random among so many folds." xor:"split" placeholder:"N"`
	Stratify    string `help:"Ten random splits 90/10 with the labels of this CSV file in equal shares, as Brain-Score's." xor:"split" placeholder:"G.csv"`
	GroupColumn string `help:"Column of the CSV file of --groups or --stratify." placeholder:"COLUMN"`
}

// fitFlags say what is computed.
type fitFlags struct {
	Method         string    `help:"pls, ridge, or similarity (RSA and linear CKA, without a fit)." enum:"pls,ridge,similarity" default:"pls"`
	Components     int       `help:"Components of PLS." default:"25"`
	Penalties      []float64 `help:"Penalties of ridge to choose from, for each neuron; default: 13 powers of ten around the features' variance." placeholder:"P"`
	Divisions      int       `help:"Random divisions of the trials into halves, for the ceiling." default:"10"`
	MinReliability float64   `help:"Leave out neurons whose internal consistency is lower."`
	DropMissing    bool      `help:"Leave out neurons without a valid trial of some stimulus."`
	Control        bool      `help:"Also predict the responses given to the stimuli in random order." default:"true" negatable:""`
	Seed           uint32    `help:"Seed of folds, stratified splits, divisions and shuffling." default:"1"`
}

// Help shows an example.
func (predictivityCmd) Help() string {
	return `Example: striate predictivity --features v1.npy --responses neurons.npy --groups movies.csv --out r.json
Example: striate predictivity --model voneblock --layer v1 --neural recordings/ --hold-out movie --out r.json

r is the Pearson correlation of predicted and recorded responses over the test stimuli, of every split
and neuron; medians are over neurons, score is their mean over splits. With single trials the ceiling
is the internal consistency of the neurons, and the score is given as a share of it in both published
forms.`
}

// Run predicts and writes the report.
func (c *predictivityCmd) Run(ctx context.Context, g *globals) error {
	if err := canWrite(c.Out); err != nil {
		return err
	}
	rec, err := c.recording()
	if err != nil {
		return err
	}
	splits, err := c.splits(rec)
	if err != nil {
		return err
	}
	made := provenance.Record{Version: provenance.Version(), Parameters: c.parameters()}
	features, err := c.features(ctx, g, rec, &made)
	if err != nil {
		return err
	}
	defer features.Close()
	x, err := neural.Align(features, rec, c.ByPosition)
	if err != nil {
		return err
	}
	seed := uint64(c.Seed)
	made.Seed = &seed
	if c.Method == "similarity" {
		rep, err := neural.Compare(ctx, x, rec, c.options())
		if err != nil {
			return err
		}
		rep.Provenance = made
		fmt.Fprintf(g.Stdout, "RSA %.4f, linear CKA %.4f: %d units, %d neurons, %d stimuli\n", rep.RSA, rep.CKA, rep.Units, rep.Neurons, rep.Stimuli)
		return writeJSON(c.Out, rep, " ")
	}
	rep, err := neural.Predict(ctx, x, rec, splits, c.options())
	if err != nil {
		return err
	}
	rep.Provenance = made
	fmt.Fprintln(g.Stdout, rep.Summary())
	return writeJSON(c.Out, rep, "")
}

func (c *predictivityCmd) recording() (*neural.Recording, error) {
	if c.Neural != "" {
		return neural.ReadFolder(c.Neural)
	}
	if c.Features == "" {
		return nil, fault.Misusef("--model and --baseline need images to look at: give --neural DIR instead of --responses")
	}
	return neural.ReadResponses(c.Responses, c.ResponseNames)
}

func (c *predictivityCmd) splits(rec *neural.Recording) (*neural.Splits, error) {
	switch {
	case c.Method == "similarity":
		return nil, nil
	case c.Splits != "":
		return neural.ReadSplits(c.Splits)
	case c.Groups != "":
		labels, column, err := neural.ReadLabels(c.Groups, c.GroupColumn, rec)
		if err != nil {
			return nil, err
		}
		return neural.HoldOut(labels, column)
	case c.Stratify != "":
		labels, column, err := neural.ReadLabels(c.Stratify, c.GroupColumn, rec)
		if err != nil {
			return nil, err
		}
		return neural.Stratified(labels, column, c.Seed)
	case c.HoldOut != "":
		if rec.Table == nil {
			return nil, fault.Misusef("--hold-out names a column of a recording's table of stimuli: give --neural DIR, or --groups G.csv")
		}
		labels, err := rec.Table.MustColumn(c.HoldOut)
		if err != nil {
			return nil, err
		}
		return neural.HoldOut(labels, c.HoldOut)
	case c.Folds != 0:
		return neural.Folds(rec.Stimuli(), c.Folds, c.Seed)
	case c.Neural != "":
		return neural.DefaultSplits(rec, c.Seed)
	}
	return nil, fault.Misusef("say how to cross-validate: --splits, --groups, --stratify or --folds")
}

// features opens the file, or shows the images of the recording to a network.
func (c *predictivityCmd) features(ctx context.Context, g *globals, rec *neural.Recording, made *provenance.Record) (*neural.Features, error) {
	if c.Features != "" {
		return neural.OpenFeatures(c.Features, c.Layer, c.FeatureNames)
	}
	var net analysis.Network
	view := neural.View{}
	switch {
	case c.Baseline == "gabor-energy":
		net = gaborenergy.New(gaborenergy.Default())
	case c.Baseline != "":
		return nil, fault.Misusef("--baseline %s: there is gabor-energy", c.Baseline)
	case c.Layer == "":
		return nil, fault.Misusef("--model %s: say which layer with --layer", c.Model)
	default:
		e, m, err := modelFlags{Model: c.Model, Models: c.Models, Device: c.Device, Override: c.Override}.open()
		if err != nil {
			return nil, err
		}
		defer e.Close()
		layer, err := e.Layer(ctx, m, c.Layer)
		if err != nil {
			return nil, err
		}
		net, view.Degrees = layer, m.Card.Degrees
		made.ModelDigest, made.Device, made.Runtime = m.Digest, e.Device().Chosen, e.Device().Runtime.String()
	}
	bar := progress.New(g.Stderr, "images", int64(rec.Stimuli()), g.Quiet)
	features, err := neural.NetworkFeatures(ctx, net, rec, view, bar.Add)
	if err == nil {
		bar.Close()
	}
	return features, err
}

func (f fitFlags) options() neural.Options {
	o := neural.Options{
		Method: predictivity.PLS{Components: f.Components}, Divisions: f.Divisions, Seed: f.Seed,
		MinReliability: f.MinReliability, DropMissing: f.DropMissing, Control: f.Control,
	}
	if f.Method == "ridge" {
		o.Method = predictivity.Ridge{Penalties: slices.Clone(f.Penalties)}
	}
	return o
}

func (c *predictivityCmd) parameters() map[string]any {
	p := map[string]any{}
	for name, v := range map[string]string{
		"features": c.Features, "layer": c.Layer, "model": c.Model, "baseline": c.Baseline, "responses": c.Responses,
		"neural": c.Neural, "splits": c.Splits, "groups": c.Groups, "hold_out": c.HoldOut, "stratify": c.Stratify,
		"group_column": c.GroupColumn, "feature_names": c.FeatureNames, "response_names": c.ResponseNames,
	} {
		if v != "" {
			p[name] = v
		}
	}
	for name, set := range map[string]bool{"by_position": c.ByPosition, "drop_missing": c.DropMissing} {
		if set {
			p[name] = true
		}
	}
	if len(c.Penalties) > 0 {
		p["penalties"] = c.Penalties
	}
	if c.MinReliability > 0 {
		p["min_reliability"] = c.MinReliability
	}
	return p
}
