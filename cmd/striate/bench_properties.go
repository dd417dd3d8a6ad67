package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"striate/analysis/stimulus"
	"striate/analysis/v1score"
	"striate/internal/cputime"
	"striate/internal/fault"
	"striate/internal/graypng"
	"striate/internal/parallel"
)

type benchPropertiesCmd struct {
	Units int `help:"Units whose properties are measured." default:"1000"`
	Runs  int `help:"Runs, of which the fastest counts." default:"3"`
}

// Help shows an example.
func (benchPropertiesCmd) Help() string {
	return `Example: striate bench properties

Renders all 9,096 gratings, measures the properties of 1,000 made-up units and compares the 22 scored
properties with 1,000 bootstrap samples each, beside the public Python benchmarks on two cores.`
}

// What the reference took on two cores of an AMD EPYC (Python 3.11, NumPy 1.24, SciPy 1.10), in
// seconds of processor time.
const (
	referenceRender    = 0.9617 * 45.48 // 200 gratings, computed
	referenceFiles     = 2.2845 * 45.48 // 200 gratings, written as PNG
	referenceInput     = 0.4454 * 90.96 // 100 images cropped, written, read, resized
	referenceRates     = 0.617
	referenceMeasure   = 0.7
	referenceBootstrap = 1.5547
	referenceCeilings  = 3.2857 // with their ceilings
)

// Run measures and prints.
func (c *benchPropertiesCmd) Run(ctx context.Context, g *globals) error {
	if c.Units < 2 || c.Runs < 1 {
		return fault.Misusef("at least two units and one run are needed")
	}
	sets := madeUpResponses(c.Units)
	m, err := v1score.Measure(sets)
	if err != nil {
		return fmt.Errorf("measure made-up units: %w", err)
	}
	distributions, sample := scoredDistributions(m)
	fmt.Fprintf(g.Stdout, "%-52s %9s %9s %12s %8s\n", "", "wall s", "CPU s", "reference s", "CPU ×")
	for _, b := range []struct {
		what      string
		reference float64
		do        func()
	}{
		{"9,096 gratings rendered and placed on 8 degrees", referenceRender, func() { renderAll(ctx, drawPlaced) }},
		{"the same, at a network's input of 224×224×3", referenceRender + referenceInput, func() { renderAll(ctx, drawInput) }},
		{"9,096 gratings encoded as PNG", referenceFiles, func() { renderAll(ctx, drawPNG) }},
		{fmt.Sprintf("firing rates and properties of %d units", c.Units), (referenceRates + referenceMeasure) * float64(c.Units) / 1000, func() { v1score.Measure(sets) }}, //nolint:errcheck // measured above
		{"22 properties, 1,000 bootstrap samples each", referenceBootstrap, func() { bootstrapAll(distributions, sample) }},
		{"the same, with their ceilings", referenceCeilings, func() { v1score.Compare(distributions, sample, v1score.Resamples, 1) }},
	} {
		wall, cpu := c.fastest(b.do)
		if err := ctx.Err(); err != nil {
			return err
		}
		fmt.Fprintf(g.Stdout, "%-52s %9.3f %9.3f %12.2f %8.0f\n", b.what, wall, cpu, b.reference, b.reference/cpu)
	}
	fmt.Fprintf(g.Stdout, "%d threads; the reference is Python on another machine with two cores, in processor time\n", runtime.GOMAXPROCS(0))
	return nil
}

// fastest is the least wall and processor time of the runs, in seconds.
func (c *benchPropertiesCmd) fastest(do func()) (wall, cpu float64) {
	wall, cpu = math.Inf(1), math.Inf(1)
	for range c.Runs {
		began, used := time.Now(), cputime.Seconds()
		do()
		wall, cpu = min(wall, time.Since(began).Seconds()), min(cpu, cputime.Seconds()-used)
	}
	return wall, cpu
}

// painter renders images of one set, one after another.
type painter func(set stimulus.Set, i int)

// renderAll renders every grating with a painter a goroutine.
func renderAll(ctx context.Context, newPainter func() painter) {
	for _, name := range stimulus.GratingSets[1:] {
		set, _ := stimulus.NewSet(name)
		var next atomic.Int64
		parallel.For(runtime.GOMAXPROCS(0), 1, func(int, int) {
			paint := newPainter()
			for i := int(next.Add(1)) - 1; i < set.Len() && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				paint(set, i)
			}
		})
	}
}

func drawPlaced() painter {
	canvas := stimulus.SquareCanvas(stimulus.SetPixels, stimulus.SetDegrees).
		Offset(stimulus.NewScreen(stimulus.SetPixels, stimulus.SetPixels, stimulus.SetDegrees, 8))
	r, pix := stimulus.NewRenderer(canvas), make([]uint8, canvas.Width*canvas.Height)
	return func(set stimulus.Set, i int) { set.Draw(r, pix, i) }
}

func drawInput() painter {
	view := stimulus.NewView(224, 224, 8)
	pix := make([]uint8, view.ImageLen())
	return func(set stimulus.Set, i int) { view.Draw(pix, set, i) }
}

func drawPNG() painter {
	r := stimulus.NewRenderer(stimulus.SquareCanvas(stimulus.SetPixels, stimulus.SetDegrees))
	pix := make([]uint8, stimulus.SetPixels*stimulus.SetPixels)
	var e graypng.Encoder
	var b bytes.Buffer
	return func(set stimulus.Set, i int) {
		set.Draw(r, pix, i)
		b.Reset()
		e.Encode(&b, pix, set.Pixels, set.Pixels) //nolint:errcheck // a buffer does not fail
	}
}

// scoredDistributions are those of the 22 scored properties. Where none is published, units of the
// measurement stand for the recorded neurons.
func scoredDistributions(m *v1score.Measurement) ([]v1score.Distribution, func(*v1score.Distribution) []float64) {
	sample := v1score.Samples(m.Tables)
	var out []v1score.Distribution
	for _, d := range v1score.Published() {
		if d.Benchmark == "" {
			continue
		}
		if d.Values == nil {
			values := sample(&d)
			d = d.Supply(values[:min(d.Neurons, len(values))], "made up")
		}
		out = append(out, d)
	}
	return out, sample
}

func bootstrapAll(distributions []v1score.Distribution, sample func(*v1score.Distribution) []float64) {
	parallel.For(len(distributions), 1, func(i, _ int) {
		v1score.Bootstrap(sample(&distributions[i]), &distributions[i], v1score.Resamples, 1)
	})
}

// madeUpResponses are of units at the stimuli, tuned to orientation, frequency and size, between
// simple and complex, with a little noise.
func madeUpResponses(units int) v1score.Sets {
	random := rand.New(rand.NewPCG(1, 0))
	type cell struct{ orientation, frequency, size, linear, gain, base float64 }
	cells := make([]cell, units)
	for i := range cells {
		cells[i] = cell{180 * random.Float64(), 4*random.Float64() - 1, 0.2 + 2*random.Float64(), random.Float64(),
			0.5 + random.Float64(), 0.02 * random.Float64()}
	}
	response := func(c cell, g stimulus.Grating) float64 {
		angle := math.Sin((g.Orientation - c.orientation) / 180 * math.Pi)
		octaves := math.Log2(g.SpatialFrequency) - c.frequency
		dy, dx := g.Y-stimulus.Center, g.X-stimulus.Center
		tuned := math.Exp(-angle*angle*6-octaves*octaves/2-(dy*dy+dx*dx)*20) * g.Radius / c.size * math.Exp(1-g.Radius/c.size)
		return c.base + c.gain*tuned*(1+c.linear*math.Cos(g.Phase/180*math.Pi))*(1+0.05*random.NormFloat64())
	}
	grating := func(name stimulus.SetName) v1score.Rows {
		set, _ := stimulus.NewSet(name)
		rows := v1score.Responses[float32]{Stimuli: set.Len()}
		for _, c := range cells {
			for _, g := range set.Gratings {
				rows.Data = append(rows.Data, float32(response(c, g)))
			}
			if set.Gratings == nil {
				rows.Data = append(rows.Data, float32(c.base))
			}
		}
		return rows
	}
	texture := v1score.Responses[float32]{Stimuli: stimulus.SetLen(stimulus.TextureSet)}
	for _, c := range cells {
		for range texture.Stimuli {
			texture.Data = append(texture.Data, float32(c.base+c.gain*random.ExpFloat64()))
		}
	}
	return v1score.Sets{
		Blank: grating(stimulus.BlankSet), ReceptiveField: grating(stimulus.ReceptiveFieldSet),
		Orientation: grating(stimulus.OrientationSet), SpatialFrequency: grating(stimulus.SpatialFrequencySet),
		Size: grating(stimulus.SizeSet), Texture: texture,
	}
}
