package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"striate/analysis/tuning"
	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/figure"
	"striate/serve/curves"
	"striate/serve/engine"
)

type tuningCmd struct {
	modelFlags `embed:""`
	Layer      string   `help:"Layer of the unit; default: the V1 layer of the model's card." placeholder:"LAYER"`
	Unit       []string `help:"Unit: channel,y,x, or channel for a layer without space; all: every channel in the middle. Several: give the flag again." required:"" sep:"none" placeholder:"UNIT"`
	Curve      string   `help:"orientation, spatial_frequency, size, phase, contrast, receptive_field, or several with commas." required:"" placeholder:"CURVE"`
	Out        string   `help:"File to write." required:"" placeholder:"T.json"`
	Plot       string   `help:"Plot to write, of one unit's one curve." placeholder:"F.png|F.svg"`

	Center           string   `help:"Centre of the gratings, Y,X in degrees from the centre of gaze, y downward; default: where the unit lies in its layer." placeholder:"Y,X"`
	Orientation      *float64 `help:"Orientation held, degrees; default: the unit's best." placeholder:"DEG"`
	SpatialFrequency *float64 `help:"Spatial frequency held, cycles/degree; default: the unit's best." placeholder:"F"`
	Radius           *float64 `help:"Radius held, degrees; default: three periods wide." placeholder:"DEG"`
	Contrast         *float64 `help:"Contrast held, 0 to 1; default: 1." placeholder:"C"`
}

// Help shows an example.
func (tuningCmd) Help() string {
	return `Example: striate tuning --model voneblock --layer v1 --unit 5,28,28 --curve orientation --out t.json --plot t.svg

One unit's one curve is written as an object, several as a list under "curves". Responses are rectified
activations, F0 their mean over eight phases, F1 the first harmonic.`
}

// Run measures the curves.
func (c *tuningCmd) Run(ctx context.Context, g *globals) error {
	request, err := c.request()
	if err != nil {
		return err
	}
	format := ""
	if c.Plot != "" {
		if format, err = figure.Format(c.Plot); err != nil {
			return err
		}
	}
	m, err := c.find()
	if err != nil {
		return err
	}
	if request.Layer == "" {
		request.Layer = m.Card.V1Layer
	}
	if err := m.HasLayers([]string{request.Layer}); err != nil {
		return err
	}
	e, err := engine.New(engine.Config{Device: c.Device})
	if err != nil {
		return err
	}
	defer e.Close()
	results, err := curves.New(e).Measure(ctx, m, request)
	if err != nil {
		return err
	}
	if c.Plot != "" && len(results) > 1 {
		return fault.Misusef("--plot shows one curve of one unit, and %d were asked for", len(results))
	}
	warn(g, results[0].Warnings...)
	if err := writeJSON(c.Out, curves.Answer(results), ""); err != nil || c.Plot == "" {
		return err
	}
	return atomicfile.Write(c.Plot, func(w io.Writer) error { return results[0].Plot(w, format) })
}

func (c *tuningCmd) request() (curves.Request, error) {
	r := curves.Request{Layer: c.Layer, Units: c.Unit, Held: curves.Held{
		Orientation: c.Orientation, Frequency: c.SpatialFrequency, Radius: c.Radius, Contrast: c.Contrast,
	}}
	for _, name := range strings.Split(c.Curve, ",") {
		curve := tuning.Curve(strings.TrimSpace(name))
		if !curve.Valid() {
			return r, fault.Misusef("--curve %s: the curves are %v", name, tuning.Curves)
		}
		r.Curves = append(r.Curves, curve)
	}
	if c.Center != "" {
		y, x, found := strings.Cut(c.Center, ",")
		cy, errY := strconv.ParseFloat(strings.TrimSpace(y), 64)
		cx, errX := strconv.ParseFloat(strings.TrimSpace(x), 64)
		if !found || errY != nil || errX != nil {
			return r, fault.Misusef("--center %s: write Y,X in degrees", c.Center)
		}
		r.CenterY, r.CenterX = &cy, &cx
	}
	return r, nil
}
