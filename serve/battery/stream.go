package battery

import (
	"context"
	"math"

	"golang.org/x/sync/errgroup"

	"striate/analysis"
	"striate/analysis/stimulus"
	"striate/analysis/tuning"
	"striate/analysis/v1score"
)

const (
	// batchBytes bounds images and responses that are on their way through the network.
	batchBytes = 48 << 20
	maxBatch   = 32
	// chunkImages is how many images' responses go into one file of the cache: what a run that is
	// ended loses at most.
	chunkImages = 96
	perPosition = len(stimulus.RFOrientations) * len(stimulus.RFPhases)
	side        = len(stimulus.Positions)
)

// draw renders image i at the network's input.
type draw func(view *stimulus.View, dst []uint8, i int)

// drawSet renders the images of a grating set.
func drawSet(name stimulus.SetName) draw {
	set, ok := stimulus.NewSet(name)
	if !ok {
		panic("battery: no grating set " + string(name))
	}
	return func(view *stimulus.View, dst []uint8, i int) { view.Draw(dst, set, i) }
}

// batchOf is how many images go through the network at once.
func (r *run) batchOf(net analysis.Network) int {
	c, h, w := net.Units()
	return max(1, min(maxBatch, batchBytes/(r.view.ImageLen()+4*c*h*w)))
}

// show puts the images from…to-1 through the network and hands on the responses to each in turn.
// The next images are rendered while the network works.
func (r *run) show(ctx context.Context, net analysis.Network, paint draw, from, to int, take func(i int, responses []float32)) error {
	c, h, w := net.Units()
	units, size, batch := c*h*w, r.view.ImageLen(), r.batchOf(net)
	type rendered struct {
		first, n int
		pix      []uint8
	}
	ready, free := make(chan rendered), make(chan []uint8, 2)
	free <- make([]uint8, batch*size)
	free <- make([]uint8, batch*size)
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(ready)
		for first := from; first < to; first += batch {
			next := rendered{first: first, n: min(batch, to-first)}
			select {
			case next.pix = <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			for k := range next.n {
				paint(r.view, next.pix[k*size:(k+1)*size], first+k)
			}
			select {
			case ready <- next:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	work.Go(func() error {
		out := make([]float32, batch*units)
		for in := range ready {
			if err := net.Responses(ctx, in.pix[:in.n*size], out[:in.n*units]); err != nil {
				return err
			}
			free <- in.pix
			for k := range in.n {
				take(in.first+k, out[k*units:(k+1)*units])
			}
			r.advance(in.n)
		}
		return nil
	})
	return work.Wait()
}

// advance counts images that are done.
func (r *run) advance(n int) {
	r.done += n
	if r.Progress != nil {
		r.Progress(r.done, r.images+1) // the blank is shown twice: to all units, and to those in the field
	}
}

// columns are rows that are stored the other way round: one value a unit, then the next column.
type columns struct {
	units int
	data  []float32
}

func (c columns) Len() int { return c.units }

func (c columns) Row(dst []float64, i int) {
	for k := range dst {
		dst[k] = float64(c.data[k*c.units+i])
	}
}

// receptiveFields shows the blank and the receptive-field set to a population. Of the eight images at
// each place only the largest response is kept.
func (r *run) receptiveFields(ctx context.Context, p population) (blank, peaks v1score.Rows, err error) {
	n := len(p.units)
	base := make([]float32, n)
	all := columns{n, make([]float32, v1score.Positions*n)}
	bad := newBadCount(n)
	key := measured(p.units)
	err = r.cached(stimulus.BlankSet+key, 0, n, base, 1, func() error {
		return r.show(ctx, p.net, drawSet(stimulus.BlankSet), 0, 1, func(_ int, responses []float32) {
			p.pick(base, responses)
		})
	})
	if err != nil {
		return nil, nil, err
	}
	bad.look(base)
	paint, one := drawSet(stimulus.ReceptiveFieldSet), make([]float32, n)
	for row := range side {
		first, rowData := row*side, all.data[row*side*n:(row+1)*side*n]
		err := r.cached(stimulus.ReceptiveFieldSet+key, row, n, rowData, side*perPosition, func() error {
			return r.show(ctx, p.net, paint, first*perPosition, (first+side)*perPosition, func(i int, responses []float32) {
				place := rowData[(i/perPosition-first)*n:][:n]
				if i%perPosition == 0 {
					p.pick(place, responses)
					return
				}
				p.pick(one, responses)
				keepLarger(place, one)
			})
		})
		if err != nil {
			return nil, nil, err
		}
		bad.look(rowData)
	}
	bad.warn(r, "the blank and the receptive-field set")
	return columns{n, base}, all, nil
}

// keepLarger keeps the larger of two responses; NaN wins.
func keepLarger(dst, v []float32) {
	for i, x := range v {
		if x > dst[i] || x != x {
			dst[i] = x
		}
	}
}

// setMemory is where the responses to a set go. All sets but the blank share one place, which is
// what keeps the memory of a run at that of its largest set.
func (r *run) setMemory(images, units int) []float32 {
	if images == 1 {
		return make([]float32, units)
	}
	if r.memory == nil {
		r.memory = make([]float32, stimulus.SetLen(stimulus.SizeSet)*units)
	}
	return r.memory[:images*units]
}

// responses shows one set to a population and returns a row a unit, which holds until the next set
// is shown.
func (r *run) responses(ctx context.Context, p population, name stimulus.SetName, textures [][]uint8) (v1score.Rows, error) {
	images, n := stimulus.SetLen(name), len(p.index)
	paint := drawTextures(textures)
	if name != stimulus.TextureSet {
		paint = drawSet(name)
	}
	rows := v1score.Responses[float32]{Stimuli: images, Data: r.setMemory(images, n)}
	chunk := make([]float32, min(images, chunkImages)*n)
	bad := newBadCount(n)
	for from := 0; from < images; from += chunkImages {
		to := min(from+chunkImages, images)
		part := chunk[:(to-from)*n]
		err := r.cached(name+measured(p.units), from/chunkImages, n, part, to-from, func() error {
			return r.show(ctx, p.net, paint, from, to, func(i int, responses []float32) {
				p.pick(part[(i-from)*n:][:n], responses)
			})
		})
		if err != nil {
			return nil, err
		}
		bad.look(part)
		for i := range to - from {
			for u, v := range part[i*n : (i+1)*n] {
				rows.Data[u*images+from+i] = v
			}
		}
	}
	bad.warn(r, "the "+string(name)+" set")
	return rows, nil
}

// badCount counts units with responses that are no finite numbers.
type badCount struct{ unit []bool }

func newBadCount(units int) badCount { return badCount{make([]bool, units)} }

// look goes over responses of all units, image by image.
func (b badCount) look(responses []float32) {
	n := len(b.unit)
	for i, v := range responses {
		if v-v != 0 { // NaN and infinities alone
			b.unit[i%n] = true
		}
	}
}

func (b badCount) warn(r *run, what string) {
	count := 0
	for _, bad := range b.unit {
		if bad {
			count++
		}
	}
	if count > 0 {
		r.warn("%d units have responses to %s that are NaN or infinite", count, what)
	}
}

// receptiveField is the map of unit i of a population, row u of the peaks.
func receptiveField(blank, peaks v1score.Rows, i, u int) []float64 {
	m, base := make([]float64, v1score.Positions), make([]float64, 1)
	peaks.Row(m, u)
	blank.Row(base, i)
	v1score.Drive(m, base[0])
	if peak := m[tuning.FirstMax(m)]; peak > 0 && !math.IsInf(peak, 0) {
		for k := range m {
			m[k] /= peak
		}
	}
	return m
}
