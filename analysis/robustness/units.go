package robustness

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"striate/analysis"
	"striate/analysis/stimulus"
)

// Pattern says how far the responses of a layer to corrupted images are those to clean ones. A
// number that is not defined, because nothing varies, is nil.
type Pattern struct {
	// OverUnits is the correlation, over the units, of the responses to an image and to its corrupted
	// form, averaged over the images: whether the population says the same of an image.
	OverUnits *float64 `json:"over_units"`
	// OverImages is the correlation, over the images, of a unit's responses to clean and corrupted
	// forms, the median of the units that vary: whether a unit still tells images apart.
	OverImages *float64 `json:"over_images"`
	// Gain is the slope of the corrupted responses on the clean ones through the origin, over all.
	Gain   *float64 `json:"gain"`
	Images int      `json:"images"`
	Units  int      `json:"units"` // that vary over the images, clean and corrupted
}

// sums accumulate the moments of pairs.
type sums struct{ n, x, y, xx, yy, xy float64 }

func (s *sums) add(x, y float64) {
	s.n++
	s.x += x
	s.y += y
	s.xx += x * x
	s.yy += y * y
	s.xy += x * y
}

// correlation is Pearson's; NaN when either side does not vary.
func (s *sums) correlation() float64 {
	vx, vy := s.xx-s.x*s.x/s.n, s.yy-s.y*s.y/s.n
	if vx <= 1e-12*s.xx || vy <= 1e-12*s.yy {
		return math.NaN()
	}
	return (s.xy - s.x*s.y/s.n) / math.Sqrt(vx*vy)
}

// Patterns compares the responses of a layer to images of size×size pixels with those to the images
// that corrupt makes of them in place.
func Patterns(ctx context.Context, net analysis.Network, size int, images Images, corrupt func(pix []uint8) error) (Pattern, error) {
	units := unitsOf(net)
	perUnit := make([]sums, units)
	var all sums
	var perImage []float64
	clean, after := make([]float32, batch*units), make([]float32, batch*units)
	err := each(ctx, images, size, make([]int, batch), func(pix []uint8, labels []int) error {
		a, b := clean[:len(labels)*units], after[:len(labels)*units]
		if err := show(ctx, net, size, pix, a); err != nil {
			return err
		}
		if err := corrupt(pix); err != nil {
			return err
		}
		if err := show(ctx, net, size, pix, b); err != nil {
			return err
		}
		for i := range labels {
			var image sums
			for u := range units {
				x, y := float64(a[i*units+u]), float64(b[i*units+u])
				image.add(x, y)
				perUnit[u].add(x, y)
			}
			all.xx += image.xx
			all.xy += image.xy
			perImage = append(perImage, image.correlation())
		}
		return nil
	})
	if err != nil {
		return Pattern{}, err
	}
	var over []float64
	for u := range perUnit {
		over = append(over, perUnit[u].correlation())
	}
	over, perImage = numbers(over), numbers(perImage)
	return Pattern{
		OverUnits: known(stat.Mean(perImage, nil)), OverImages: known(Median(over)), Gain: known(all.xy / all.xx),
		Images: images.Len(), Units: len(over),
	}, nil
}

// numbers drops NaN.
func numbers(v []float64) []float64 {
	return slices.DeleteFunc(v, math.IsNaN)
}

// Median returns the median of v, NaN if v is empty; v is sorted.
func Median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Tuning are the preferences of the units of a layer for gratings.
type Tuning struct {
	Orientation []float64 // degrees in [0, 180); NaN for units that do not prefer one
	Frequency   []float64 // cycles/degree; NaN for units that do not respond
}

// Gratings are full-field gratings: orientations × frequencies × phases, phases innermost.
type Gratings struct {
	Size         int // pixels a side
	Degrees      float64
	Orientations []float64
	Frequencies  []float64
	Phases       []float64
}

// NewGratings returns gratings for a field of view of size pixels and so many degrees: twelve
// orientations, four phases, and every second of stimulus.SpatialFrequencies (half an octave apart)
// that has a period between the field of view and three pixels.
func NewGratings(size int, degrees float64) Gratings {
	g := Gratings{Size: size, Degrees: degrees, Orientations: stimulus.Orientations[:], Phases: []float64{0, 90, 180, 270}}
	for i := 0; i < len(stimulus.SpatialFrequencies); i += 2 {
		f := stimulus.SpatialFrequencies[i]
		if f*degrees >= 1 && f <= float64(size)/degrees/3 {
			g.Frequencies = append(g.Frequencies, f)
		}
	}
	return g
}

// Len returns the number of gratings.
func (g Gratings) Len() int { return len(g.Orientations) * len(g.Frequencies) * len(g.Phases) }

// Render returns the images, Len×Size×Size×3.
func (g Gratings) Render() []uint8 {
	v := stimulus.NewView(g.Size, g.Size, g.Degrees)
	n := v.ImageLen()
	pix := make([]uint8, g.Len()*n)
	for i := range g.Len() {
		p, of := i%len(g.Phases), i/len(g.Phases)
		v.DrawGrating(pix[i*n:(i+1)*n], stimulus.Grating{
			Contrast: 1, Radius: 2 * g.Degrees, Phase: g.Phases[p],
			SpatialFrequency: g.Frequencies[of%len(g.Frequencies)], Orientation: g.Orientations[of/len(g.Frequencies)],
		})
	}
	return pix
}

// MeasureTuning finds the preferences of the units of a layer that look at the middle of the field
// of view, one a channel. images are those of g.Render; corrupt, if not nil, changes copies of them
// before they are shown.
//
// The response to a grating is the mean over its phases. The preferred frequency is the peak, over
// log2 of the frequency, of a parabola through the largest response and its neighbours, at the
// orientation of the largest response; the preferred orientation is half the angle of
// Σ (r − min r)·exp(2iθ) at the frequency of the largest response.
func MeasureTuning(ctx context.Context, net analysis.Network, g Gratings, images []uint8, corrupt func(pix []uint8) error) (Tuning, error) {
	length := g.Size * g.Size * 3
	if g.Len() == 0 || len(images) != g.Len()*length {
		panic("robustness: images of other gratings, or none")
	}
	channels, h, w := net.Units()
	units := channels * h * w
	pix, out := make([]uint8, batch*length), make([]float32, batch*units)
	mean := make([][]float64, channels) // orientations × frequencies
	for c := range mean {
		mean[c] = make([]float64, len(g.Orientations)*len(g.Frequencies))
	}
	for from := 0; from < g.Len(); from += batch {
		n := min(batch, g.Len()-from)
		copy(pix, images[from*length:(from+n)*length])
		if corrupt != nil {
			if err := corrupt(pix[:n*length]); err != nil {
				return Tuning{}, err
			}
		}
		if err := show(ctx, net, g.Size, pix[:n*length], out[:n*units]); err != nil {
			return Tuning{}, err
		}
		for i := range n {
			for c := range channels {
				u := (c*h+h/2)*w + w/2
				mean[c][(from+i)/len(g.Phases)] += float64(out[i*units+u]) / float64(len(g.Phases))
			}
		}
	}
	var t Tuning
	for _, m := range mean {
		o, f := g.preferred(m)
		t.Orientation, t.Frequency = append(t.Orientation, o), append(t.Frequency, f)
	}
	return t, nil
}

// minTuned is the length of the mean vector, of the largest response above the smallest, below which
// a unit counts as having no preferred orientation.
const minTuned = 0.05

// preferred reads a table of responses, orientations × frequencies.
func (g Gratings) preferred(m []float64) (orientation, frequency float64) {
	nf := len(g.Frequencies)
	top := 0
	for i, r := range m {
		if r > m[top] {
			top = i
		}
	}
	low := slices.Min(m)
	span := m[top] - low
	if !(span > 1e-6*max(math.Abs(m[top]), math.Abs(low))) {
		return math.NaN(), math.NaN()
	}
	o, f := top/nf, top%nf
	frequency = g.Frequencies[f]
	if f > 0 && f < nf-1 {
		l, c, r := m[o*nf+f-1], m[top], m[o*nf+f+1]
		step := math.Log2(g.Frequencies[f+1] / g.Frequencies[f])
		if curve := l - 2*c + r; curve < 0 {
			frequency *= math.Exp2(step * 0.5 * (l - r) / curve)
		}
	}
	least := math.Inf(1)
	for i := range g.Orientations {
		least = min(least, m[i*nf+f])
	}
	var re, im float64
	for i, degrees := range g.Orientations {
		sin, cos := math.Sincos(2 * degrees * math.Pi / 180)
		r := m[i*nf+f] - least
		re += r * cos
		im += r * sin
	}
	if math.Hypot(re, im)/float64(len(g.Orientations)) < minTuned*span {
		return math.NaN(), frequency
	}
	orientation = math.Atan2(im, re) * 90 / math.Pi
	if orientation < 0 {
		orientation += 180
	}
	return orientation, frequency
}

// Drift says how far preferences move. Medians are over the units that have a preference before and
// after, nil where there are none.
type Drift struct {
	Orientation      *float64 `json:"orientation_degrees"` // median of |change|, 0..90
	OrientationUnits int      `json:"orientation_units"`   // units with a preferred orientation before and after
	OrientationLost  int      `json:"orientation_lost"`    // units that had one before only
	Frequency        *float64 `json:"frequency_octaves"`   // median of |change|
	FrequencyShift   *float64 `json:"frequency_shift"`     // median of the change in octaves, with its sign
	FrequencyUnits   int      `json:"frequency_units"`     // units with a preferred frequency before and after
	FrequencyLost    int      `json:"frequency_lost"`      // units that had one before only
}

// Compare returns how far the preferences have moved from before to after.
func Compare(before, after Tuning) Drift {
	var d Drift
	var orientation, frequency, shift []float64
	for u := range before.Orientation {
		a, b := before.Orientation[u], after.Orientation[u]
		switch {
		case !math.IsNaN(a) && !math.IsNaN(b):
			turn := math.Abs(a - b)
			orientation = append(orientation, min(turn, 180-turn))
		case !math.IsNaN(a):
			d.OrientationLost++
		}
		p, q := before.Frequency[u], after.Frequency[u]
		switch {
		case !math.IsNaN(p) && !math.IsNaN(q):
			octaves := math.Log2(q / p)
			shift = append(shift, octaves)
			frequency = append(frequency, math.Abs(octaves))
		case !math.IsNaN(p):
			d.FrequencyLost++
		}
	}
	d.OrientationUnits, d.FrequencyUnits = len(orientation), len(frequency)
	d.Orientation, d.Frequency, d.FrequencyShift = known(Median(orientation)), known(Median(frequency)), known(Median(shift))
	return d
}

// known is nil for NaN, which JSON cannot say.
func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}
