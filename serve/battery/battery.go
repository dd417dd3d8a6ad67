// Package battery runs the V1 battery on a layer of a network: it renders the stimuli, streams them
// through the network, keeps of the responses what the measurement needs, and puts the report
// together. The same code runs behind the command and the batch jobs.
//
// Responses are kept on disk under a key of all that they depend on, so that a run that was ended
// goes on where it was, and a second run reads instead of computing.
package battery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"striate/analysis"
	"striate/analysis/stimulus"
	"striate/analysis/v1score"
	"striate/internal/fault"
	"striate/internal/mt19937"
	"striate/internal/provenance"
	"striate/serve/report"
)

// Network is a layer, of which a part may be had for less than the whole (engine.Layer).
type Network interface {
	analysis.Network
	// Part returns the units of the rows y0…y1-1 and columns x0…x1-1.
	Part(ctx context.Context, y0, y1, x0, x1 int) (analysis.Network, error)
}

// Options say what is measured and how.
type Options struct {
	Network Network
	Degrees float64 // of visual angle that the network's input spans
	Model   string  // names for the report
	Layer   string

	Units     int    // units drawn at random; 0 for all
	UnitsSeed uint32 // of the draw
	AllFields bool   // map the receptive fields of units, too, that cannot see the stimuli

	Textures      string                 // folder of the texture and noise images; "" to leave them out
	Distributions []v1score.Distribution // of recorded neurons
	Resamples     int
	Seed          uint32               // of the bootstrap
	Predictivity  *report.Predictivity // of recorded responses, where it was measured

	Cache  string // folder for responses; "" for none
	Key    Key    // what the responses depend on, beside stimuli and units
	Memory int64  // bytes that the run may take; 0 for what the machine has free

	Progress func(done, total int) // images; may be nil
	Made     provenance.Record
}

// gcPercent is how much garbage may gather during a run, in percent of what is in use.
const gcPercent = 20

// Result is what a run gives.
type Result struct {
	Report      report.Report
	Measurement *v1score.Measurement
	Units       []int // the unit in each row of the measurement's tables, as an index into the layer
}

// run is one run of the battery.
type run struct {
	Options
	total    int   // units of the layer
	chosen   []int // units that take part, ascending; nil for all
	warnings []string
	store    store
	memory   []float32 // of the set that is shown
	estimate int64     // bytes that the run takes at most
	view     *stimulus.View
	done     int
	images   int
	begun    time.Time
}

// Run measures a layer and scores it.
func Run(ctx context.Context, o Options) (*Result, error) {
	// Nearly all memory is a few large arrays: the collector's default would let as much garbage
	// gather beside them before it looks.
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	r, err := newRun(o)
	if err != nil {
		return nil, err
	}
	textures, err := r.loadTextures()
	if err != nil {
		return nil, err
	}
	mapped, err := r.candidates(ctx)
	if err != nil {
		return nil, err
	}
	if len(mapped.units) == 0 {
		return nil, r.noField(nil)
	}
	if err := r.preflight(len(mapped.units)); err != nil {
		return nil, err
	}
	blank, peaks, err := r.receptiveFields(ctx, mapped)
	if err != nil {
		return nil, err
	}
	m := &v1score.Measurement{Fields: v1score.Fields(blank, peaks, true)}
	m.InField = v1score.InField(m.Fields)
	if len(m.InField) == 0 {
		return nil, r.noField(m.Fields)
	}
	if err := r.preflightMeasured(len(mapped.units), len(m.InField)); err != nil {
		return nil, err
	}
	units := make([]int, len(m.InField))
	for i, u := range m.InField {
		units[i] = mapped.units[u]
	}
	examples, err := r.measure(ctx, m, units, peaks, textures)
	if err != nil {
		return nil, err
	}
	return r.result(m, units, examples), nil
}

func newRun(o Options) (*run, error) {
	if !(o.Degrees > 0) || o.Degrees > 180 {
		return nil, fault.Invalidf("the field of view must lie between 0 and 180 degrees, not %g: give --degrees, the visual angle that the network's input spans", o.Degrees)
	}
	if o.Degrees <= 2*stimulus.Center {
		return nil, fault.Invalidf("a field of view of %g degrees does not contain the stimuli, which are %g degrees off its centre", o.Degrees, stimulus.Center)
	}
	height, width := o.Network.InputSize()
	c, h, w := o.Network.Units()
	r := &run{Options: o, total: c * h * w, begun: time.Now(), view: stimulus.NewView(height, width, o.Degrees)}
	if o.Units < 0 || o.Units > r.total {
		return nil, fault.Invalidf("%d units asked for, but layer %s has %d", o.Units, o.Layer, r.total)
	}
	if o.Units > 0 && o.Units < r.total {
		r.chosen = mt19937.New(o.UnitsSeed).ChoiceWithoutReplacement(r.total, o.Units)
		slices.Sort(r.chosen)
	}
	for _, set := range stimulus.GratingSets {
		r.images += stimulus.SetLen(set)
	}
	if o.Textures != "" {
		r.images += stimulus.SetLen(stimulus.TextureSet)
	}
	if h == 1 && w == 1 {
		r.warn("layer %s has no space: each of its units sees the whole image, and few will have a receptive field at the stimuli", o.Layer)
	}
	r.warnNyquist(min(height, width))
	r.store = newStore(o.Cache, o.Key, r.chosen, o.Degrees, [2]int{height, width})
	return r, nil
}

func (r *run) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// warnNyquist names the frequencies that the network's input cannot carry.
func (r *run) warnNyquist(pixels int) {
	above := stimulus.AboveNyquist(stimulus.SpatialFrequencies[:], pixels, r.Degrees)
	if len(above) == 0 {
		return
	}
	list := ""
	for _, f := range above {
		list += fmt.Sprintf(" %.3g", f)
	}
	r.warn("%d pixels for %g degrees carry %.3g cycles/degree at most (Nyquist): gratings of%s cycles/degree are lost or aliased",
		pixels, r.Degrees, float64(pixels)/r.Degrees/2, list)
}

// drawn is how many units of the layer take part.
func (r *run) drawn() int {
	if r.chosen != nil {
		return len(r.chosen)
	}
	return r.total
}

// noField says that no unit has its receptive field at the stimuli, and what a user can do about it.
func (r *run) noField(fields []v1score.Field) error {
	driven := 0
	for _, f := range fields {
		if !math.IsNaN(f.Y) {
			driven++
		}
	}
	advice := fmt.Sprintf("%d of the %d units respond to gratings elsewhere: is the field of view of %g degrees right?", driven, len(fields), r.Degrees)
	switch {
	case r.chosen != nil:
		advice = fmt.Sprintf("of the %d units drawn, %d can see the place and %d respond to gratings: draw more with --units, or leave it out", len(r.chosen), len(fields), driven)
	case driven == 0:
		advice = fmt.Sprintf("none of the %d units that can see the place responds to any grating", len(fields))
	}
	return fault.Invalidf("layer %s of %s: %w; %s", r.Layer, r.Model, v1score.ErrNoField, advice)
}

// measure shows the sets to the units in the field, one after another, and fills in the
// measurement. Only one set's responses are held at a time.
func (r *run) measure(ctx context.Context, m *v1score.Measurement, units []int, peaks v1score.Rows, textures [][]uint8) ([]report.Example, error) {
	part, err := r.part(ctx, units)
	if err != nil {
		return nil, err
	}
	show := func(set stimulus.SetName) (v1score.Rows, error) { return r.responses(ctx, part, set, textures) }
	blank, err := show(stimulus.BlankSet)
	if err != nil {
		return nil, err
	}
	rows, err := show(stimulus.OrientationSet)
	if err != nil {
		return nil, err
	}
	if m.Rates, err = v1score.FitRates(blank, rows); errors.Is(err, v1score.ErrSilent) {
		return nil, fault.Invalidf("layer %s of %s: among the %d units that look at the stimuli, %w", r.Layer, r.Model, len(units), err)
	}
	if len(units) == 1 {
		r.warn("one unit alone looks at the stimuli: its own responses set the scale of its firing rates")
	}
	ringach, deValoisA := v1score.OrientationAssays(m.Rates, rows)
	examples := newExamples(ringach, func(i int) (report.Unit, v1score.Field) { return r.name(units[i]), m.Fields[m.InField[i]] })
	examples.add(func(i int, e *report.Example) {
		e.RF = receptiveField(blank, peaks, i, m.InField[i])
		e.Orientation = v1score.OrientationCurve(m.Rates, rows, i)
	})
	if rows, err = show(stimulus.SpatialFrequencySet); err != nil {
		return nil, err
	}
	deValoisB, schiller := v1score.FrequencyAssays(m.Rates, rows)
	examples.add(func(i int, e *report.Example) { e.Frequency = v1score.FrequencyCurve(m.Rates, rows, i) })
	if rows, err = show(stimulus.SizeSet); err != nil {
		return nil, err
	}
	m.Tables = []*v1score.Table{ringach, deValoisA, deValoisB, schiller, v1score.SizeAssay(m.Rates, rows)}
	examples.add(func(i int, e *report.Example) { e.Size = v1score.SizeCurve(m.Rates, rows, i) })
	if textures != nil {
		if rows, err = show(stimulus.TextureSet); err != nil {
			return nil, err
		}
		m.Tables = append(m.Tables, v1score.TextureAssay(m.Rates, rows, nil))
	}
	return examples.list, nil
}

// name is the place of a unit in its layer.
func (r *run) name(unit int) report.Unit {
	_, h, w := r.Network.Units()
	return report.Unit{Index: unit, Channel: unit / (h * w), Y: unit / w % h, X: unit % w}
}

// result compares the properties with recorded neurons and writes the report.
func (r *run) result(m *v1score.Measurement, units []int, examples []report.Example) *Result {
	comparisons := v1score.Compare(r.Distributions, v1score.Samples(m.Tables), r.Resamples, r.Seed)
	leaves := v1score.Leaves(comparisons)
	if r.Predictivity != nil && r.Predictivity.Leaf != "" {
		leaves[r.Predictivity.Leaf] = float64(r.Predictivity.Ceiled)
	}
	seed := uint64(r.Seed)
	r.Made.Seed = &seed
	out := report.New(m, comparisons, v1score.Aggregate(leaves), r.Made)
	out.Model, out.Layer, out.Degrees = r.Model, r.Layer, r.Degrees
	out.Layout[0], out.Layout[1], out.Layout[2] = r.Network.Units()
	out.Units.Layer, out.Units.Drawn = r.total, r.drawn()
	out.Examples, out.Predictivity = examples, r.Predictivity
	out.Warnings = append(out.Warnings, r.warnings...)
	out.Images, out.MemoryMiB, out.Seconds = r.images, r.estimate>>20, time.Since(r.begun).Seconds()
	return &Result{Report: out, Measurement: m, Units: units}
}
