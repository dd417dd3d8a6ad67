package robustness

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/attack"
	"striate/analysis/corruption"
)

// brightness is a network of two classes, dark and bright, and a gradient that says so.
type brightness struct{ size int }

func (b brightness) InputSize() (int, int) { return b.size, b.size }
func (brightness) Units() (int, int, int)  { return 2, 1, 1 }
func (b brightness) Shape() attack.Shape {
	return attack.Shape{Channels: 3, Height: b.size, Width: b.size}
}
func (brightness) Classes() int { return 2 }
func (b brightness) mean(sum float64) float32 {
	return float32(20 * (sum/float64(3*b.size*b.size) - 0.5))
}
func (b brightness) logits(dst []float32, sum float64) { dst[0], dst[1] = -b.mean(sum), b.mean(sum) }

func (b brightness) Responses(ctx context.Context, images []uint8, dst []float32) error {
	n := b.size * b.size * 3
	for i := range len(images) / n {
		sum := 0.0
		for _, v := range images[i*n : (i+1)*n] {
			sum += float64(v) / 255
		}
		b.logits(dst[2*i:2*i+2], sum)
	}
	return ctx.Err()
}

func (b brightness) Logits(ctx context.Context, images []float32, dst []float32) error {
	n := b.size * b.size * 3
	for i := range len(images) / n {
		sum := 0.0
		for _, v := range images[i*n : (i+1)*n] {
			sum += float64(v)
		}
		b.logits(dst[2*i:2*i+2], sum)
	}
	return ctx.Err()
}

func (b brightness) LossGradient(ctx context.Context, images []float32, labels []int, grad, loss []float32) error {
	n := b.size * b.size * 3
	logits := make([]float32, 2*len(labels))
	if err := b.Logits(ctx, images, logits); err != nil {
		return err
	}
	for i, l := range labels {
		other := math.Exp(float64(logits[2*i+1-l] - logits[2*i+l]))
		loss[i] = float32(math.Log1p(other))
		g := float32(2 * other / (1 + other) * 20 / float64(n))
		if l == 1 {
			g = -g
		}
		for j := range n {
			grad[i*n+j] = g
		}
	}
	return nil
}

// labelled are n images of 64×64, half of them dark.
func labelled(n int) Memory {
	rng := rand.New(rand.NewPCG(1, 1))
	m := Memory{Pix: make([]uint8, n*64*64*3), Labels: make([]int, n)}
	for i := range n {
		m.Labels[i] = i % 2
		level := 60 + 80*m.Labels[i] + rng.IntN(30)
		for j := range 64 * 64 * 3 {
			m.Pix[i*64*64*3+j] = uint8(level + rng.IntN(60))
		}
	}
	return m
}

func plan() *Plan {
	return &Plan{
		Network: brightness{64}, Size: 64, Images: labelled(80), Corruptions: []string{"brightness", "contrast", "gaussian_noise", "saturate"},
		Severities: []int{1, 5}, Corrupter: &Corrupter{Benchmark: corruption.TinyImageNetC(), Seed: 3, Quality: 85}, Generate: true,
	}
}

func TestAccuracies(t *testing.T) {
	p := plan()
	shown := 0
	p.Done = func(n int) { shown += n }
	r, err := p.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, Cell{Images: 80, Right: 80, Accuracy: 1}, r.Clean)
	require.Len(t, r.Generated.Cells, 8)
	require.Equal(t, p.Shown(), shown)
	require.Nil(t, r.Published)
	by := map[string]float64{}
	for _, c := range r.Generated.Cells {
		by[c.Corruption] += c.Accuracy / 2
	}
	require.InDelta(t, 0.5, r.Generated.Cells[1].Accuracy, 1e-9, "brightened by half, every image is bright")
	require.Equal(t, 1.0, by["contrast"], "the mean stays")
	require.Equal(t, by, r.Generated.Means.Corruptions)
	require.InDelta(t, (by["brightness"]+by["contrast"]+by["gaussian_noise"])/3, r.Generated.Means.Overall, 1e-12, "saturate is no part of the mean")
	require.InDelta(t, 1-r.Generated.Means.Overall, r.Generated.Means.Error, 1e-12)
	require.Equal(t, by["saturate"], r.Generated.Means.Groups[corruption.Extra])

	again, err := plan().Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, r, again, "same seed")
}

// TestShownAtAnotherSize: images are corrupted at the benchmark's size and then resized.
func TestShownAtAnotherSize(t *testing.T) {
	p := plan()
	p.Network = brightness{48}
	r, err := p.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1.0, r.Clean.Accuracy)
}

func TestPublishedIsKeptApart(t *testing.T) {
	p := plan()
	p.Generate = false
	p.Published = func(name string, severity int) (Images, error) {
		if name == "contrast" && severity == 5 {
			return nil, errors.New("gone")
		}
		return labelled(10), nil
	}
	_, err := p.Run(t.Context())
	require.EqualError(t, err, "contrast at severity 5: gone")
	p.Corruptions = []string{"brightness"}
	r, err := p.Run(t.Context())
	require.NoError(t, err)
	require.Nil(t, r.Generated)
	require.Equal(t, Cell{Corruption: "brightness", Group: corruption.Weather, Severity: 1, Images: 10, Right: 10, Accuracy: 1}, r.Published.Cells[0])
}

// memory is a Journal.
type memory map[string][]byte

func (m memory) Load(key string, v any) bool {
	data, ok := m[key]
	return ok && json.Unmarshal(data, v) == nil
}

func (m memory) Store(key string, v any) (err error) {
	m[key], err = json.Marshal(v)
	return err
}

func TestTakenUpAgain(t *testing.T) {
	whole, err := plan().Run(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p := plan()
	p.Journal = memory{}
	shown := 0
	p.Done = func(n int) {
		if shown += n; shown > 300 {
			cancel()
		}
	}
	_, err = p.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	kept := len(p.Journal.(memory))
	require.Positive(t, kept)
	p.Done = nil
	r, err := p.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, whole, r)
}

func TestAttacks(t *testing.T) {
	p := plan()
	p.Corruptions, p.Images, p.Model = nil, labelled(8), brightness{64}
	for _, m := range Methods() {
		for _, eps := range []float64{0, 0.02, 0.5} {
			if m == PGDL2 || m == APGDL2 {
				eps *= 64 * math.Sqrt(3) // as long a way in that norm
			}
			p.Attacks = append(p.Attacks, Attack{Method: m, Epsilon: eps, Step: eps / 4, Steps: 30, Seed: 1})
		}
	}
	r, err := p.Run(t.Context())
	require.NoError(t, err)
	for i, a := range r.Attacks {
		switch i % 3 {
		case 0:
			require.Equal(t, r.Clean.Accuracy, a.Accuracy, "%s without a budget", a.Method)
		case 1:
			require.LessOrEqual(t, a.Accuracy, r.Attacks[i-1].Accuracy)
		default:
			if a.Method == Square { // too few queries to darken or lighten a whole image
				continue
			}
			require.Zero(t, a.Accuracy, "%s of half the range", a.Method)
		}
	}
}

// TestCorruptionErrors: a network that errs as the baseline has an mCE of 1, one that errs half as
// often of 0.5; relative errors do not count the clean ones.
func TestCorruptionErrors(t *testing.T) {
	base := Baseline{Errors: map[string]map[int]float64{}, Clean: 0.4, HasClean: true}
	var same, half []Cell
	for _, name := range corruption.TinyImageNetC().Names("") {
		base.Errors[name] = map[int]float64{}
		for s := 1; s <= 5; s++ {
			e := 0.5 + 0.08*float64(s)
			base.Errors[name][s] = e
			same = append(same, Cell{Corruption: name, Severity: s, Accuracy: 1 - e})
			half = append(half, Cell{Corruption: name, Severity: s, Accuracy: 1 - e/2})
		}
	}
	ce, err := Normalise(same, Cell{Accuracy: 0.6}, base)
	require.NoError(t, err)
	require.InDelta(t, 1, ce.MCE, 1e-12)
	require.InDelta(t, 1, *ce.RelativeMCE, 1e-12)
	ce, err = Normalise(half, Cell{Accuracy: 0.8}, base)
	require.NoError(t, err)
	require.InDelta(t, 0.5, ce.MCE, 1e-12)
	require.InDelta(t, 0.5, *ce.RelativeMCE, 1e-12)
	require.InDelta(t, 0.5, ce.CE["fog"], 1e-12)

	_, err = Normalise(same[1:], Cell{}, base)
	require.ErrorContains(t, err, "gaussian_noise at severity 1 is not measured")
	delete(base.Errors, "snow")
	_, err = Normalise(same, Cell{}, base)
	require.ErrorContains(t, err, "the baseline has no error of snow")
}

// gabors is a layer of even and odd Gabor pairs in the middle: the energy of orientation and
// frequency of a channel.
type gabors struct{ orientations, frequencies []float64 } // degrees; cycles a pixel

func (gabors) InputSize() (int, int)    { return 64, 64 }
func (g gabors) Units() (int, int, int) { return len(g.orientations), 1, 1 }
func (g gabors) Responses(ctx context.Context, images []uint8, dst []float32) error {
	const n = 64 * 64
	for i := range len(images) / (3 * n) {
		for c := range g.orientations {
			sin, cos := math.Sincos(g.orientations[c] * math.Pi / 180)
			var even, odd float64
			for p := range n {
				y, x := float64(p/64-32), float64(p%64-32)
				v := float64(images[(i*n+p)*3])/255 - 0.5
				w := math.Exp(-(x*x + y*y) / 200)
				a := 2 * math.Pi * g.frequencies[c] * (x*cos + y*sin)
				even += v * w * math.Cos(a)
				odd += v * w * math.Sin(a)
			}
			dst[i*len(g.orientations)+c] = float32(math.Hypot(even, odd))
		}
	}
	return ctx.Err()
}

// TestTuning: the preferences of Gabor energies are those of the Gabors, within a few degrees and a
// quarter of an octave; they stay under a little noise; a unit without response has none.
func TestTuning(t *testing.T) {
	net := gabors{[]float64{0, 30, 75, 120, 160}, []float64{0.1, 0.15, 0.2, 0.12, 0.18}}
	g := NewGratings(64, 8)
	images := g.Render()
	before, err := MeasureTuning(t.Context(), net, g, images, nil)
	require.NoError(t, err)
	for c := range net.orientations {
		turn := math.Abs(before.Orientation[c] - net.orientations[c])
		require.Less(t, min(turn, 180-turn), 4.0, "%v", before.Orientation)
		require.Less(t, math.Abs(math.Log2(before.Frequency[c]/(net.frequencies[c]*8))), 0.25, "%v", before.Frequency)
	}
	same := Compare(before, before)
	require.Zero(t, *same.Orientation)
	require.Zero(t, *same.Frequency)
	require.Equal(t, 5, same.OrientationUnits)

	c := &Corrupter{Benchmark: corruption.TinyImageNetC()}
	under := func(name string) Drift {
		after, err := MeasureTuning(t.Context(), net, g, images, func(pix []uint8) error { return c.Apply(t.Context(), pix, name, 5) })
		require.NoError(t, err)
		return Compare(before, after)
	}
	require.Less(t, *under("gaussian_noise").Orientation, 5.0)
	require.Less(t, *under("gaussian_blur").FrequencyShift, 0.0, "a blur takes high frequencies away")

	silent := Tuning{Orientation: []float64{math.NaN()}, Frequency: []float64{math.NaN()}}
	d := Compare(Tuning{Orientation: []float64{10}, Frequency: []float64{1}}, silent)
	require.Equal(t, Drift{OrientationLost: 1, FrequencyLost: 1}, d)
	d = Compare(Tuning{Orientation: []float64{175}, Frequency: []float64{1}}, Tuning{Orientation: []float64{5}, Frequency: []float64{2}})
	require.InDelta(t, 10, *d.Orientation, 1e-9, "around the circle")
	require.InDelta(t, 1, *d.FrequencyShift, 1e-9)
}

func TestPatterns(t *testing.T) {
	net := gabors{[]float64{0, 30, 75, 120, 160}, []float64{0.1, 0.15, 0.2, 0.12, 0.18}}
	images := labelled(12)
	p, err := Patterns(t.Context(), net, 64, images, func([]uint8) error { return nil })
	require.NoError(t, err)
	require.InDelta(t, 1, *p.OverUnits, 1e-9)
	require.InDelta(t, 1, *p.OverImages, 1e-9)
	require.InDelta(t, 1, *p.Gain, 1e-9)
	c := &Corrupter{Benchmark: corruption.TinyImageNetC()}
	noisy, err := Patterns(t.Context(), net, 64, images, func(pix []uint8) error { return c.Apply(t.Context(), pix, "gaussian_noise", 5) })
	require.NoError(t, err)
	require.Less(t, *noisy.OverImages, 1.0)
	grey, err := Patterns(t.Context(), net, 64, images, func(pix []uint8) error { clear(pix); return nil })
	require.NoError(t, err)
	require.Zero(t, grey.Units, "all corrupted alike: no unit varies")
	require.Nil(t, grey.OverImages)
}

// TestUnitsInAReport, written as JSON.
func TestUnitsInAReport(t *testing.T) {
	p := plan()
	p.Images, p.Generate = labelled(6), false
	p.Corruptions, p.Severities = []string{"contrast"}, []int{5}
	p.Layer, p.Degrees = gabors{[]float64{0, 90}, []float64{0.1, 0.2}}, 8
	r, err := p.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, r.Units, 1)
	require.NotNil(t, r.Units[0].Drift)
	require.Less(t, *r.Units[0].Pattern.Gain, 0.2)
	_, err = json.Marshal(r)
	require.NoError(t, err)
}
