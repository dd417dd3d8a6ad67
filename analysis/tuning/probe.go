package tuning

import (
	"context"
	"fmt"

	"striate/analysis"
	"striate/analysis/stimulus"
)

// probeBatch is how many images go through the network at once.
const probeBatch = 32

// Probe shows gratings to some units of a network. It is not safe for concurrent use.
type Probe struct {
	network analysis.Network
	units   []int // into the network's
	degrees float64
	view    *stimulus.View
	images  []uint8
	out     []float32
	total   int // units of the network
}

// NewProbe returns a probe for units (indices into the network's) whose input spans so many degrees
// of visual angle. It panics on a unit that the network does not have.
func NewProbe(network analysis.Network, degrees float64, units []int) *Probe {
	c, h, w := network.Units()
	for _, u := range units {
		if u < 0 || u >= c*h*w {
			panic(fmt.Sprintf("tuning: unit %d of %d", u, c*h*w))
		}
	}
	height, width := network.InputSize()
	return &Probe{network: network, units: units, degrees: degrees, total: c * h * w, view: stimulus.NewView(height, width, degrees)}
}

// Units are the units of the probe.
func (p *Probe) Units() []int { return p.units }

// show hands to take the rectified responses of the units to each grating. A grating without
// contrast and radius shows the background.
func (p *Probe) show(ctx context.Context, gratings []stimulus.Grating, take func(i int, responses []float64)) error {
	size, batch := p.view.ImageLen(), min(probeBatch, len(gratings))
	if p.images == nil {
		p.images, p.out = make([]uint8, probeBatch*size), make([]float32, probeBatch*p.total)
	}
	picked := make([]float64, len(p.units))
	for from := 0; from < len(gratings); from += batch {
		n := min(batch, len(gratings)-from)
		for k := range n {
			image := p.images[k*size : (k+1)*size]
			if g := gratings[from+k]; g == (stimulus.Grating{}) {
				p.view.DrawBlank(image)
			} else {
				p.view.DrawGrating(image, g)
			}
		}
		if err := p.network.Responses(ctx, p.images[:n*size], p.out[:n*p.total]); err != nil {
			return err
		}
		for k := range n {
			for i, u := range p.units {
				picked[i] = max(0, float64(p.out[k*p.total+u]))
			}
			take(from+k, picked)
		}
	}
	return nil
}

// Search finds, for each unit, the grating among 24 at (y, x) degrees that drives it best: four
// spatial frequencies an octave apart (those that the network's input can carry) and six
// orientations, three periods wide. What counts is the larger of the mean response above that to
// the background and the first harmonic, taken over four phases.
func (p *Probe) Search(ctx context.Context, y, x float64) ([]stimulus.Grating, error) {
	const phases, step = 4, 2
	var bases, gratings []stimulus.Grating
	height, width := p.view.Size()
	lost := stimulus.AboveNyquist(stimulus.FewFrequencies[:], min(height, width), p.degrees)
	frequencies := stimulus.FewFrequencies[:max(1, len(stimulus.FewFrequencies)-len(lost))]
	gratings = append(gratings, stimulus.Grating{})
	for _, sf := range frequencies {
		for _, o := range stimulus.FewOrientations {
			g := stimulus.Grating{Y: y, X: x, Contrast: 1, Radius: 1.5 / sf, SpatialFrequency: sf, Orientation: o}
			bases = append(bases, g)
			for k := range phases {
				g.Phase = stimulus.Phases[k*step]
				gratings = append(gratings, g)
			}
		}
	}
	best, strength := make([]stimulus.Grating, len(p.units)), make([]float64, len(p.units))
	blank := make([]float64, len(p.units))
	cycle := make([][phases]float64, len(p.units))
	err := p.show(ctx, gratings, func(i int, responses []float64) {
		if i == 0 {
			copy(blank, responses)
			return
		}
		k := (i - 1) % phases
		for u, r := range responses {
			cycle[u][k] = r
			if k < phases-1 {
				continue
			}
			f0, f1 := harmonic(cycle[u][:])
			if drive := max(f0-blank[u], f1); i == phases || drive > strength[u] {
				best[u], strength[u] = bases[(i-1)/phases], drive
			}
		}
	})
	return best, err
}
