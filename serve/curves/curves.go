// Package curves measures tuning curves of single units of a network: the same code behind the
// command and the server.
package curves

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"striate/analysis"
	"striate/analysis/stimulus"
	"striate/analysis/tuning"
	"striate/internal/fault"
	"striate/internal/provenance"
	"striate/serve/engine"
)

// Limits of one request.
const (
	maxUnits  = 4096
	maxCurves = 16384
	places    = 256 // that the service remembers
)

// Request says what is measured.
type Request struct {
	Layer  string
	Units  []string // channel,y,x; channel for a layer without space; all: every channel in the middle of the layer
	Curves []tuning.Curve
	// Degrees of visual angle that the input spans; 0 for what the model's card says.
	Degrees float64
	Held
}

// Held are properties of the gratings that the caller fixes; nil ones are those that drive the unit
// best.
type Held struct {
	CenterY, CenterX *float64 // degrees from the centre of gaze, y downward; nil: where the unit lies in its layer
	Orientation      *float64 // degrees
	Frequency        *float64 // cycles/degree
	Radius           *float64 // degrees
	Contrast         *float64 // Michelson
	Phase            *float64 // degrees, of curves that do not average over it
}

// Service measures curves and remembers, of the places that it was asked about, what their units
// see and what drives them best.
type Service struct {
	engine *engine.Engine
	places *lru.Cache[string, *place]
}

// New returns a service on an engine.
func New(e *engine.Engine) *Service {
	cache, err := lru.New[string, *place](places)
	if err != nil {
		panic(err) // the size is positive
	}
	return &Service{engine: e, places: cache}
}

// place is all channels of a layer at one row and column. Its lock is held while it measures.
type place struct {
	mu      sync.Mutex
	network analysis.Network
	best    []stimulus.Grating // of each channel; nil before they are searched
}

// Measure measures every curve of every unit, units outermost.
func (s *Service) Measure(ctx context.Context, m *engine.Model, r Request) ([]Result, error) {
	if err := r.check(m); err != nil {
		return nil, err
	}
	if r.Degrees == 0 {
		r.Degrees = m.Card.Degrees
	}
	layer, err := s.engine.Layer(ctx, m, r.Layer)
	if err != nil {
		return nil, err
	}
	units, err := parseUnits(layer, r.Units)
	if err != nil {
		return nil, err
	}
	if len(units)*len(r.Curves) > maxCurves {
		return nil, fault.TooLargef("%d units with %d curves each: %d curves at once are the limit", len(units), len(r.Curves), maxCurves)
	}
	out := make([]Result, len(units)*len(r.Curves))
	for _, group := range byPlace(units) {
		if err := s.measurePlace(ctx, layer, r, units, group, out); err != nil {
			return nil, err
		}
	}
	device := s.engine.Device()
	for i := range out {
		out[i].Model, out[i].Layer, out[i].Degrees = m.Name, r.Layer, r.Degrees
		out[i].Provenance = provenance.Record{
			Version: provenance.Version(), ModelDigest: m.Digest, Device: device.Chosen, Runtime: device.Runtime.String(),
		}
	}
	return out, nil
}

func (r Request) check(m *engine.Model) error {
	if err := m.HasLayers([]string{r.Layer}); err != nil {
		return err
	}
	degrees := r.Degrees
	if degrees == 0 {
		degrees = m.Card.Degrees
	}
	switch {
	case len(r.Units) == 0:
		return fault.Invalidf("no unit asked for: write channel,y,x")
	case len(r.Units) > maxUnits:
		return fault.TooLargef("%d units asked for: %d at once are the limit", len(r.Units), maxUnits)
	case len(r.Curves) == 0:
		return fault.Invalidf("no curve asked for: there are %v", tuning.Curves)
	case degrees == 0:
		return fault.Invalidf("model %s has no card that says how many degrees of visual angle its input spans: give degrees (8 is usual)", m.Name)
	case !(degrees > 0 && degrees <= 180):
		return fault.Invalidf("degrees must lie between 0 and 180, not %g", degrees)
	}
	for _, c := range r.Curves {
		if !c.Valid() {
			return fault.Invalidf("no curve is called %q: there are %v", string(c), tuning.Curves)
		}
	}
	return r.Held.check(degrees)
}

func (h Held) check(degrees float64) error {
	for _, p := range []struct {
		name     string
		value    *float64
		from, to float64
	}{
		{"center", h.CenterY, -degrees / 2, degrees / 2}, {"center", h.CenterX, -degrees / 2, degrees / 2},
		{"orientation", h.Orientation, -360, 360}, {"spatial frequency", h.Frequency, 0.01, 100},
		{"radius", h.Radius, 0.01, 90}, {"contrast", h.Contrast, 0, 1}, {"phase", h.Phase, -360, 360},
	} {
		if p.value != nil && !(*p.value >= p.from && *p.value <= p.to) {
			return fault.Invalidf("%s %g: it must lie between %g and %g", p.name, *p.value, p.from, p.to)
		}
	}
	return nil
}

// apply puts the held properties into a grating.
func (h Held) apply(g stimulus.Grating) stimulus.Grating {
	for _, p := range []struct{ from, to *float64 }{
		{h.CenterY, &g.Y}, {h.CenterX, &g.X}, {h.Orientation, &g.Orientation}, {h.Frequency, &g.SpatialFrequency},
		{h.Radius, &g.Radius}, {h.Contrast, &g.Contrast}, {h.Phase, &g.Phase},
	} {
		if p.from != nil {
			*p.to = *p.from
		}
	}
	return g
}

// searched reports whether something that drives the unit best is left to be found.
func (h Held) searched() bool { return h.Orientation == nil || h.Frequency == nil || h.Radius == nil }

// measurePlace measures the units of a group, which lie at one place, and puts the results in order.
func (s *Service) measurePlace(ctx context.Context, layer *engine.Layer, r Request, units []Unit, group []int, out []Result) error {
	first := units[group[0]]
	y, x := position(layer, r.Degrees, first)
	if r.CenterY != nil {
		y = *r.CenterY
	}
	if r.CenterX != nil {
		x = *r.CenterX
	}
	p, err := s.place(ctx, layer, r.Degrees, first, y, x)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.best == nil && r.searched() {
		channels, _, _ := layer.Units()
		all := make([]int, channels)
		for c := range all {
			all[c] = c
		}
		if p.best, err = tuning.NewProbe(p.network, r.Degrees, all).Search(ctx, y, x); err != nil {
			return err
		}
	}
	bases := map[stimulus.Grating][]int{}
	var order []stimulus.Grating
	for _, i := range group {
		base := stimulus.Grating{Y: y, X: x, Contrast: 1}
		if p.best != nil {
			base = p.best[units[i].Channel]
		}
		base = r.apply(base)
		if bases[base] == nil {
			order = append(order, base)
		}
		bases[base] = append(bases[base], i)
	}
	for _, base := range order {
		channels := make([]int, len(bases[base]))
		for k, i := range bases[base] {
			channels[k] = units[i].Channel
		}
		probe := tuning.NewProbe(p.network, r.Degrees, channels)
		for n, c := range r.Curves {
			measured, err := probe.Measure(ctx, c, base)
			if err != nil {
				return err
			}
			for k, i := range bases[base] {
				out[i*len(r.Curves)+n] = newResult(units[i], measured[k], warnings(layer, r.Degrees, measured[k]))
			}
		}
	}
	return nil
}

// place returns what is remembered of a row and column, or finds out what its units see.
func (s *Service) place(ctx context.Context, layer *engine.Layer, degrees float64, u Unit, y, x float64) (*place, error) {
	card := layer.Model().Card
	key := fmt.Sprint(layer.Model().Digest, "\x00", layer.Name(), "\x00", u.Y, u.X, degrees, y, x, card.InputSize, card.Mean, card.Std, card.ChannelOrder)
	if p, ok := s.places.Get(key); ok {
		return p, nil
	}
	network, err := layer.Part(ctx, u.Y, u.Y+1, u.X, u.X+1)
	if err != nil {
		return nil, err
	}
	p := &place{network: network}
	s.places.Add(key, p)
	return p, nil
}

// position is where in the visual field a unit lies, in degrees, if the layer covers it evenly: unit
// (0, 0) at the first pixel, as convolutions with symmetric padding have it. A layer without space
// lies in the middle.
func position(layer *engine.Layer, degrees float64, u Unit) (y, x float64) {
	_, h, w := layer.Units()
	height, width := layer.InputSize()
	at := func(i, n, pixels int) float64 {
		if n == 1 {
			return 0
		}
		return (float64(i)/float64(n) - 0.5) * degrees
	}
	return at(u.Y, h, height), at(u.X, w, width)
}

// Unit is one unit of a layer.
type Unit struct {
	Channel int `json:"channel"`
	Y       int `json:"y"`
	X       int `json:"x"`
}

// parseUnits reads units as a user writes them.
func parseUnits(layer *engine.Layer, names []string) ([]Unit, error) {
	c, h, w := layer.Units()
	var out []Unit
	for _, name := range names {
		if name == "all" {
			for k := range c {
				out = append(out, Unit{k, h / 2, w / 2})
			}
			continue
		}
		u, err := parseUnit(name, [3]int{c, h, w})
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

func parseUnit(name string, shape [3]int) (Unit, error) {
	fields := strings.Split(name, ",")
	spatial := shape[1] > 1 || shape[2] > 1
	if len(fields) == 1 && spatial {
		return Unit{}, fault.Invalidf("unit %q: the layer has %d×%d places a channel; write channel,y,x, or all for every channel in the middle", name, shape[1], shape[2])
	}
	if len(fields) == 1 {
		fields = append(fields, "0", "0")
	}
	if len(fields) != 3 {
		return Unit{}, fault.Invalidf("unit %q: write channel,y,x, or channel for a layer without space", name)
	}
	var at [3]int
	for i, f := range fields {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil {
			return Unit{}, fault.Invalidf("unit %q: %q is not a whole number", name, f)
		}
		if n < 0 || n >= shape[i] {
			return Unit{}, fault.NotFoundf("unit %q: the layer has %d channels of %d×%d units, counted from 0", name, shape[0], shape[1], shape[2])
		}
		at[i] = n
	}
	return Unit{at[0], at[1], at[2]}, nil
}

// byPlace groups units that see the same part of the image, in the order of their first.
func byPlace(units []Unit) [][]int {
	at := map[[2]int]int{}
	var groups [][]int
	for i, u := range units {
		k, ok := at[[2]int{u.Y, u.X}]
		if !ok {
			k = len(groups)
			at[[2]int{u.Y, u.X}] = k
			groups = append(groups, nil)
		}
		groups[k] = append(groups[k], i)
	}
	return groups
}

// warnings name what makes a curve doubtful.
func warnings(layer *engine.Layer, degrees float64, t tuning.Tuning) []string {
	return append(lost(layer, degrees, t), doubts(t)...)
}

// doubts name what of the summary the responses do not support.
func doubts(t tuning.Tuning) []string {
	silent := func(v []float64) bool { return len(v) == 0 || slices.Max(v) == 0 }
	if len(t.F0) > 0 && slices.Max(t.F0) == slices.Min(t.F0) && silent(t.F1) {
		return []string{fmt.Sprintf("the unit gives %.3g to every grating shown: the summary says nothing about it", t.F0[0])}
	}
	at := slices.IndexFunc(t.Summary, func(q tuning.Quantity) bool { return q.Name == "half_saturation" })
	if at >= 0 && t.Summary[at].Value > slices.Max(t.X) {
		return []string{"the response does not saturate at the contrasts shown: half_saturation and largest are extrapolated"}
	}
	return nil
}

// lost names the gratings that are too fine for the pixels of the network.
func lost(layer *engine.Layer, degrees float64, t tuning.Tuning) []string {
	height, width := layer.InputSize()
	shown := []float64{t.Grating.SpatialFrequency}
	if t.Curve == tuning.FrequencyCurve {
		shown = t.X
	}
	pixels := min(height, width)
	above := stimulus.AboveNyquist(shown, pixels, degrees)
	if len(above) == 0 {
		return nil
	}
	list := ""
	for _, f := range above {
		list += fmt.Sprintf(" %.3g", f)
	}
	return []string{fmt.Sprintf("%d pixels for %g degrees carry %.3g cycles/degree at most (Nyquist): gratings of%s cycles/degree are lost or aliased",
		pixels, degrees, float64(pixels)/degrees/2, list)}
}
