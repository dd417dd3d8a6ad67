package battery

import (
	"context"
	"math"
	"slices"

	"striate/analysis"
	"striate/analysis/stimulus"
	"striate/analysis/v1score"
)

// population is some units of a layer: a network that computes them among others, and which they are.
type population struct {
	net   analysis.Network
	index []int // into the network's units
	units []int // into the layer's, ascending
}

// pick copies the responses of the population.
func (p population) pick(dst, responses []float32) {
	for i, u := range p.index {
		dst[i] = responses[u]
	}
}

// rectangle is rows y0…y1-1 and columns x0…x1-1 of a layer or an image.
type rectangle struct{ y0, y1, x0, x1 int }

// inside returns the units of the rectangle, computed from as little as the network can.
func (r *run) inside(ctx context.Context, in rectangle, units []int) (population, error) {
	_, h, w := r.Network.Units()
	net, err := r.Network.Part(ctx, in.y0, in.y1, in.x0, in.x1)
	if err != nil {
		return population{}, err
	}
	p := population{net: net, units: units, index: make([]int, len(units))}
	for i, u := range units {
		c, y, x := u/(h*w), u/w%h, u%w
		p.index[i] = (c*(in.y1-in.y0)+y-in.y0)*(in.x1-in.x0) + x - in.x0
	}
	return p, nil
}

// part returns some units.
func (r *run) part(ctx context.Context, units []int) (population, error) {
	_, h, w := r.Network.Units()
	in := rectangle{h, 0, w, 0}
	for _, u := range units {
		y, x := u/w%h, u%w
		in = rectangle{min(in.y0, y), max(in.y1, y+1), min(in.x0, x), max(in.x1, x+1)}
	}
	return r.inside(ctx, in, units)
}

// candidates returns those of the units that take part which may have their receptive field at the
// stimuli. Where a unit in the middle of the layer sees only a part of the image, the centre of a
// unit's receptive field lies in the part that it sees, give or take a disk's radius; units for
// which that is too far away are left out.
func (r *run) candidates(ctx context.Context) (population, error) {
	c, h, w := r.Network.Units()
	in := rectangle{0, h, 0, w}
	if !r.AllFields && h > 1 && w > 1 {
		seen, err := r.seenFromMiddle(ctx)
		if err != nil {
			return population{}, err
		}
		height, width := r.Network.InputSize()
		in.y0, in.y1 = r.near(h, height, span{seen.y0, seen.y1})
		in.x0, in.x1 = r.near(w, width, span{seen.x0, seen.x1})
	}
	var units []int
	for k := range c {
		for y := in.y0; y < in.y1; y++ {
			for x := in.x0; x < in.x1; x++ {
				u := (k*h+y)*w + x
				if r.chosen != nil {
					if _, drawn := slices.BinarySearch(r.chosen, u); !drawn {
						continue
					}
				}
				units = append(units, u)
			}
		}
	}
	if len(units) == 0 {
		return population{}, nil
	}
	return r.inside(ctx, in, units)
}

type span struct{ from, to int }

// seenFromMiddle is the part of the image that the units in the middle of the layer see.
func (r *run) seenFromMiddle(ctx context.Context) (rectangle, error) {
	_, h, w := r.Network.Units()
	height, width := r.Network.InputSize()
	net, err := r.Network.Part(ctx, h/2, h/2+1, w/2, w/2+1)
	if err != nil {
		return rectangle{}, err
	}
	if part, ok := net.(interface{ Seen() (y0, y1, x0, x1 int) }); ok {
		y0, y1, x0, x1 := part.Seen()
		return rectangle{y0, y1, x0, x1}, nil
	}
	return rectangle{0, height, 0, width}, nil
}

// near returns the range of a layer's n rows (or columns) that may have a receptive field within
// reach of the stimuli, given what the middle one sees of the image's rows.
func (r *run) near(n, pixels int, seen span) (from, to int) {
	if seen.from == 0 || seen.to == pixels {
		return 0, n // no bound is known
	}
	const slack = 2 // pixels over which resizing spreads a stimulus
	perDegree := float64(pixels) / r.Degrees
	reach := (v1score.MaxDistance+1.0/6)*perDegree + slack
	target := float64(pixels)/2 + stimulus.Center*perDegree
	stride := float64(pixels) / float64(n)
	below, above := float64(seen.from)-float64(n/2)*stride, float64(seen.to)-float64(n/2)*stride
	from = int(math.Ceil((target - reach - above) / stride))
	to = int(math.Floor((target+reach-below)/stride)) + 1
	return max(0, min(from, n-1)), max(1, min(to, n))
}
