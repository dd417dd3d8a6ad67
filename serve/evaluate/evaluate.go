// Package evaluate prepares the measurement of a network's robustness from what a user asks for, on
// the command line or over HTTP, and writes what came of it: JSON, a table, figures. The measuring
// itself is package analysis/robustness.
package evaluate

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"striate/analysis/corruption"
	"striate/analysis/robustness"
	"striate/internal/corruptset"
	"striate/internal/fault"
	"striate/internal/nearest"
	"striate/internal/picture"
	"striate/internal/provenance"
	"striate/serve/adversary"
	"striate/serve/engine"
)

// Options are what a user asks for.
type Options struct {
	Benchmark   string   // name; empty takes the one of the network's input size
	Corruptions []string // names, groups, all, extra; none or nothing leaves them out
	Severities  []int
	Seed        uint64
	Frost       string // folder of pictures
	Published   bool   // nothing is corrupted here: a published set is read
	FinalJPEG   bool   // the JPEG pass that the published images have had
	Resize      bool

	Logits  string   // layer; empty takes logits, or the last of the graph
	Classes []string // of the logits, in their order; empty takes the card's

	Units string // layer whose units are looked at; empty for none

	Attacks  []string
	Epsilons []float64 // in pixel space; empty takes each attack's usual one
	// EpsilonsL2 are those of attacks in the L2 norm; empty takes Epsilons.
	EpsilonsL2 []float64
	Steps      int
	Queries    int
	Gradient   string // file of the gradient graph; empty takes MODEL.gradient.onnx beside the model
}

// Evaluation is a plan that lacks only its images.
type Evaluation struct {
	Plan    *robustness.Plan
	Options Options
	Model   *engine.Model
	Outputs int
	engine  *engine.Engine
	adverse *adversary.Differentiable
}

// Prepare checks all that was asked for, before any image is read. Close the evaluation after use.
func Prepare(ctx context.Context, e *engine.Engine, m *engine.Model, o Options) (*Evaluation, error) {
	v := &Evaluation{Options: o, Model: m, engine: e}
	b, err := benchmarkFor(m, o.Benchmark)
	if err != nil {
		return nil, err
	}
	v.Options.Benchmark = b.Name
	names, err := corruptions(b, o.Corruptions)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		if err := corruptset.CheckSeverities(o.Severities); err != nil {
			return nil, err
		}
	}
	var frost []corruption.Picture
	if !o.Published {
		if frost, err = corruptset.ReadFrost(o.Frost, b, names); err != nil {
			return nil, err
		}
	}
	quality := 0
	if o.FinalJPEG {
		quality = corruptset.Quality
	}
	logits, err := logitsLayer(m, o.Logits)
	if err != nil {
		return nil, err
	}
	v.Options.Logits = logits
	network, err := e.Layer(ctx, m, logits)
	if err != nil {
		return nil, err
	}
	c, h, w := network.Units()
	if v.Outputs = c * h * w; h*w != 1 {
		return nil, fault.Invalidf("layer %q of model %s is %d×%d×%d: logits have one number a class; say which layer holds them (--logits)", logits, m.Name, c, h, w)
	}
	v.Plan = &robustness.Plan{
		Network: network, Size: b.Size, Corruptions: names, Severities: o.Severities, Degrees: m.Card.Degrees,
		Corrupter: &robustness.Corrupter{Benchmark: b, Seed: o.Seed, Frost: frost, Quality: quality},
	}
	if o.Units != "" {
		if err := m.HasLayers([]string{o.Units}); err != nil {
			return nil, err
		}
		layer, err := e.Layer(ctx, m, o.Units)
		if err != nil {
			return nil, err
		}
		v.Plan.Layer = layer
	}
	return v, v.attacks(ctx)
}

// Close frees the gradient graph, if there is one.
func (v *Evaluation) Close() error {
	if v.adverse == nil {
		return nil
	}
	return v.adverse.Close()
}

// benchmarkFor picks the benchmark for the network's input.
func benchmarkFor(m *engine.Model, name string) (*corruption.Benchmark, error) {
	if name != "" {
		return corruptset.Benchmark(name)
	}
	_, height, width, err := m.ImageSize()
	if err != nil {
		return nil, err
	}
	for _, b := range []*corruption.Benchmark{corruption.TinyImageNetC(), corruption.ImageNetC()} {
		if b.Size == height && b.Size == width {
			return b, nil
		}
	}
	return nil, fault.Invalidf("model %s takes %d×%d pixels, the benchmarks have 64×64 and 224×224: say which to use with --benchmark; images are resized after corruption", m.Name, height, width)
}

func corruptions(b *corruption.Benchmark, asked []string) ([]string, error) {
	if len(asked) == 0 || len(asked) == 1 && asked[0] == "none" {
		return nil, nil
	}
	return corruptset.Names(b, asked)
}

// logitsLayer is the layer that was asked for, one of the name logits, or the last of the graph.
func logitsLayer(m *engine.Model, asked string) (string, error) {
	if asked != "" {
		return asked, m.HasLayers([]string{asked})
	}
	for _, l := range m.Layers {
		if l.Name == "logits" {
			return l.Name, nil
		}
	}
	if len(m.Layers) == 0 {
		return "", fault.Unsupportedf("model %s has no layers", m.Name)
	}
	return m.Layers[len(m.Layers)-1].Name, nil
}

// ClassNames are the names of the classes that were given, or the card's.
func (v *Evaluation) ClassNames() []string {
	if len(v.Options.Classes) > 0 {
		return v.Options.Classes
	}
	return v.Model.Card.Classes
}

// Fit brings an image to the size of the benchmark.
func (v *Evaluation) Fit(m *picture.RGB) ([]uint8, error) {
	return corruptset.Fit(m, v.Plan.Corrupter.Benchmark, v.Options.Resize)
}

// usual are the budgets that an attack has when none is asked for.
var usual = map[robustness.Method]float64{
	robustness.FGSM: 4.0 / 255, robustness.PGDLinf: 4.0 / 255, robustness.APGDLinf: 4.0 / 255, robustness.Square: 4.0 / 255,
	robustness.PGDL2: 0.5, robustness.APGDL2: 0.5,
}

// attacks turns the names into attacks and opens what they need.
func (v *Evaluation) attacks(ctx context.Context) error {
	o := v.Options
	gradient := false
	for _, name := range o.Attacks {
		method := robustness.Method(name)
		if !slices.Contains(robustness.Methods(), method) {
			return fault.Invalidf("no attack %q%s", name, nearest.Phrase(name, methodNames()))
		}
		gradient = gradient || method.NeedsGradient()
		budgets := o.Epsilons
		if l2 := method == robustness.PGDL2 || method == robustness.APGDL2; l2 && len(o.EpsilonsL2) > 0 {
			budgets = o.EpsilonsL2
		}
		if len(budgets) == 0 {
			budgets = []float64{usual[method]}
		}
		for _, eps := range budgets {
			v.Plan.Attacks = append(v.Plan.Attacks, v.attack(method, eps))
		}
	}
	if len(v.Plan.Attacks) == 0 {
		return nil
	}
	model, err := adversary.New(ctx, v.engine, v.Model, o.Logits)
	if err != nil {
		return err
	}
	v.Plan.Model = model
	if !gradient {
		return nil
	}
	path, err := v.gradientFile()
	if err != nil {
		return err
	}
	if v.adverse, err = adversary.OpenGradient(ctx, model, path); err != nil {
		return err
	}
	v.Plan.Model = v.adverse
	return nil
}

// attack is a method with its usual steps: PGD goes a quarter of its budget a step in L∞, a fifth in
// L2.
func (v *Evaluation) attack(method robustness.Method, eps float64) robustness.Attack {
	a := robustness.Attack{Method: method, Epsilon: eps, Seed: v.Options.Seed}
	steps := func(usual int) int {
		if v.Options.Steps > 0 {
			return v.Options.Steps
		}
		return usual
	}
	switch method {
	case robustness.PGDLinf:
		a.Step, a.Steps = eps/4, steps(10)
	case robustness.PGDL2:
		a.Step, a.Steps = eps/5, steps(10)
	case robustness.APGDLinf, robustness.APGDL2:
		a.Steps = steps(100)
	case robustness.Square:
		if a.Steps = v.Options.Queries; a.Steps <= 0 {
			a.Steps = 5000
		}
	}
	return a
}

func methodNames() []string {
	var names []string
	for _, m := range robustness.Methods() {
		names = append(names, string(m))
	}
	return names
}

func (v *Evaluation) gradientFile() (string, error) {
	if v.Options.Gradient != "" {
		return v.Options.Gradient, nil
	}
	beside := ""
	if v.Model.Path != "" {
		beside = strings.TrimSuffix(v.Model.Path, ".onnx") + engine.GradientSuffix + ".onnx"
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	missing := "none was given"
	if beside != "" {
		missing = "there is no " + filepath.Base(beside)
	}
	return "", fault.Invalidf("attacks on gradients need the gradient graph of model %s, and %s: give --gradient FILE, a graph that takes image and cotangent "+
		"and has the outputs gradient and %s ('striate export … --gradient %s' writes that of a network of its own), or ask for square, which needs logits only",
		v.Model.Name, missing, v.Options.Logits, v.Options.Logits)
}

// ParseEpsilons reads budgets.
func ParseEpsilons(texts []string) ([]float64, error) {
	var out []float64
	for _, text := range texts {
		eps, err := ParseEpsilon(text)
		if err != nil {
			return nil, err
		}
		out = append(out, eps)
	}
	return out, nil
}

// ParseEpsilon reads a budget as a number or a fraction, as in 0.0157 or 4/255.
func ParseEpsilon(text string) (float64, error) {
	over, under, fraction := strings.Cut(text, "/")
	v, err := strconv.ParseFloat(strings.TrimSpace(over), 64)
	if err == nil && fraction {
		var d float64
		d, err = strconv.ParseFloat(strings.TrimSpace(under), 64)
		v /= d
	}
	if err != nil || !(v >= 0) || v > 1e6 {
		return 0, fault.Invalidf("budget %q is no number: write it in pixel space, as 0.0157 or 4/255", text)
	}
	return v, nil
}

// Result is what was measured, and how.
type Result struct {
	provenance.Record
	Model     string `json:"model"`
	Benchmark string `json:"benchmark"`
	Logits    string `json:"logits"`
	Units     string `json:"units_layer,omitempty"`
	Classes   int    `json:"classes"`
	*robustness.Report
}

// Run measures the images.
func (v *Evaluation) Run(ctx context.Context) (*Result, error) {
	report, err := v.Plan.Run(ctx)
	if err != nil {
		return nil, err
	}
	o, device := v.Options, v.engine.Device()
	made := provenance.Record{
		Version: provenance.Version(), ModelDigest: v.Model.Digest, Seed: &o.Seed, Device: device.Chosen, Runtime: device.Runtime.String(),
		Parameters: map[string]any{"final_jpeg": o.FinalJPEG, "resize": o.Resize, "severities": v.Plan.Severities},
	}
	if v.Plan.Layer != nil {
		made.Parameters["degrees"] = v.Plan.Degrees
	}
	return &Result{
		Record: made, Model: v.Model.Name, Benchmark: v.Plan.Corrupter.Benchmark.Title, Logits: o.Logits, Units: o.Units,
		Classes: v.Outputs, Report: report,
	}, nil
}
