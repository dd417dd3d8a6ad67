package neural

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"striate/analysis/tuning"
	"striate/internal/fault"
	"striate/internal/npy"
)

// Gratings says how recordings made with gratings are turned into tuning curves. The folder holds a
// file a session, SESSION.npy.gz, of spike counts: neuron × condition × time bin × repeat, and
// sessions.csv (session, t_first, t_last: the centres of the first and last bin in ms),
// conditions.csv (session, condition, contrast, angle_deg, angle_kind: orientation or direction) and
// units.csv (session, unit, contamination).
type Gratings struct {
	From, To         float64 // ms after the onset of the stimulus: responses
	BlankFrom        float64 // ms, negative: from there to the onset is the spontaneous rate
	MaxContamination float64 // of the spikes of a neuron by those of others; above it is left out
}

// DefaultGratings is the stimulus of half a second with 40 ms of latency, and the contamination that
// A. S. Ecker et al., Science 327 (2010) 584–587, allow.
func DefaultGratings() Gratings {
	return Gratings{From: 40, To: 540, BlankFrom: -200, MaxContamination: 0.05}
}

// OrientationTuning is what the gratings say of a neuron. Curve is its rate at the orientations
// 180°·i/len(Curve), the mean over the directions of an orientation, at the highest contrast.
type OrientationTuning struct {
	Session     string
	Unit        int
	Curve       []float64 // spikes/s
	Spontaneous float64   // spikes/s

	CircularVariance         float64
	OrthogonalPreferredRatio float64
	Preferred, HalfBandwidth float64 // degrees; NaN bandwidth: not selective
	Contrast                 float64 // percent
}

// Responsive is the rule by which Ringach et al. (2002), and the V1 benchmarks, choose neurons: the
// best orientation gives more than 5 spikes/s over the spontaneous rate.
func (o *OrientationTuning) Responsive() bool { return slices.Max(o.Curve) > o.Spontaneous+5 }

// ReadGratings returns the tuning of the neurons of the sessions whose name starts with the prefix.
// Sessions whose orientations do not cover 180 degrees at equal steps are left out and listed.
func ReadGratings(ctx context.Context, dir, prefix string, g Gratings) (out []OrientationTuning, left []string, err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil, fault.NotFoundf("no folder of recordings at %s", dir)
	}
	tables := map[string]*Table{}
	for _, name := range []string{"sessions", "conditions", "units"} {
		t, err := ReadTable(filepath.Join(dir, name+".csv"))
		if err != nil {
			return nil, nil, err
		}
		tables[name] = t
	}
	sessions, err := tables["sessions"].MustColumn("session")
	if err != nil {
		return nil, nil, err
	}
	for i, name := range sessions {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		s := session{name: name, dir: dir}
		if err := s.describe(tables, i); err != nil {
			if fault.CodeOf(err) != fault.Unsupported {
				return nil, nil, err
			}
			left = append(left, err.Error())
			continue
		}
		more, err := s.tuning(g)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, more...)
	}
	return out, left, nil
}

type session struct {
	name, dir     string
	first, last   float64 // ms: centres of the first and last bin
	condition     []int   // those of the highest contrast
	orientation   []int   // which of the orientations each of them shows
	orientations  int
	contrast      float64
	contamination []float64
}

func (s *session) describe(tables map[string]*Table, line int) error {
	times, err := numbers(tables["sessions"], []int{line}, "t_first", "t_last")
	if err != nil {
		return err
	}
	s.first, s.last = times[0][0], times[1][0]
	own := func(t *Table) ([]int, error) {
		names, err := t.MustColumn("session")
		var lines []int
		for i, n := range names {
			if n == s.name {
				lines = append(lines, i)
			}
		}
		return lines, err
	}
	units, err := own(tables["units"])
	if err != nil {
		return err
	}
	contamination, err := numbers(tables["units"], units, "contamination")
	if err != nil {
		return err
	}
	s.contamination = contamination[0]
	lines, err := own(tables["conditions"])
	if err != nil {
		return err
	}
	c, err := numbers(tables["conditions"], lines, "condition", "contrast", "angle_deg")
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return fault.Invalidf("%s says nothing of session %s", tables["conditions"].name, s.name)
	}
	s.contrast = slices.Max(c[1])
	var angles []float64
	for k := range lines {
		if c[1][k] == s.contrast {
			s.condition = append(s.condition, int(c[0][k]))
			angles = append(angles, math.Mod(c[2][k], 180))
		}
	}
	return s.orient(angles)
}

// angleTolerance is by how much a stated angle may be off the equally spaced one, in degrees: some
// sessions give whole degrees.
const angleTolerance = 1.5

// orient finds the number of equally spaced orientations, from 0° on, that the angles are, and sets
// which of them every condition showed.
func (s *session) orient(angles []float64) error {
	for _, n := range []int{5, 6, 7, 8, 9, 10, 12, 16, 18, 24, 36} {
		s.orientation = s.orientation[:0]
		shown := map[int]bool{}
		for _, a := range angles {
			k := math.Round(a * float64(n) / 180)
			if math.Abs(a-180*k/float64(n)) > angleTolerance {
				break
			}
			s.orientation = append(s.orientation, int(k)%n)
			shown[int(k)%n] = true
		}
		if len(s.orientation) == len(angles) && len(shown) == n {
			s.orientations = n
			return nil
		}
	}
	return fault.Unsupportedf("session %s has the angles %v: at least 5 orientations, equally spaced from 0, are needed", s.name, angles)
}

func numbers(t *Table, lines []int, columns ...string) ([][]float64, error) {
	out := make([][]float64, len(columns))
	for k, name := range columns {
		fields, err := t.MustColumn(name)
		if err != nil {
			return nil, err
		}
		for _, i := range lines {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fault.Invalidf("%s, line %d: %s %q is not a number", t.name, i+2, name, fields[i])
			}
			out[k] = append(out[k], v)
		}
	}
	return out, nil
}

// tuning reads the counts of a session.
func (s *session) tuning(g Gratings) ([]OrientationTuning, error) {
	file := oneOf(s.dir, s.name+".npy.gz", s.name+".npy")
	if file == "" {
		return nil, fault.NotFoundf("%s has no counts of session %s", s.dir, s.name)
	}
	a, err := npy.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if len(a.Shape) != 4 || a.Shape[0] != len(s.contamination) || a.Shape[2] < 2 || slices.Min(s.condition) < 0 || slices.Max(s.condition) >= a.Shape[1] {
		return nil, fault.Invalidf("%s has the shape %v: %d neurons × conditions × time bins × repeats are needed", file, a.Shape, len(s.contamination))
	}
	counts := a.Float64s()
	var out []OrientationTuning
	for unit, contamination := range s.contamination {
		if !(contamination < g.MaxContamination) {
			continue
		}
		o := OrientationTuning{Session: s.name, Unit: unit, Contrast: s.contrast, Curve: make([]float64, s.orientations)}
		shown := make([]float64, len(o.Curve))
		for k, c := range s.condition {
			own := counts[(unit*a.Shape[1]+c)*a.Shape[2]*a.Shape[3]:][:a.Shape[2]*a.Shape[3]]
			at := s.orientation[k]
			o.Curve[at] += s.rate(own, a.Shape[2], a.Shape[3], g.From, g.To)
			shown[at]++
			o.Spontaneous += s.rate(own, a.Shape[2], a.Shape[3], g.BlankFrom, 0) / float64(len(s.condition))
		}
		for k := range o.Curve {
			o.Curve[k] /= shown[k]
		}
		o.fit()
		out = append(out, o)
	}
	return out, nil
}

// rate is the mean of a neuron's counts, bins × repeats, in bins whose centre lies in the window.
func (s *session) rate(counts []float64, bins, repeats int, from, to float64) float64 {
	width := (s.last - s.first) / float64(bins-1)
	var sum, n float64
	for b := range bins {
		if centre := s.first + float64(b)*width; centre < from || centre >= to {
			continue
		}
		for _, v := range counts[b*repeats : (b+1)*repeats] {
			if !math.IsNaN(v) && v != 255 {
				sum, n = sum+v, n+1
			}
		}
	}
	return sum / n / width * 1000
}

// fit describes the curve as the V1 benchmarks describe those of networks: on rates from which the
// spontaneous rate is not taken off.
func (o *OrientationTuning) fit() {
	degrees := make([]float64, len(o.Curve))
	for k := range degrees {
		degrees[k] = 180 * float64(k) / float64(len(degrees))
	}
	o.CircularVariance = tuning.CircularVarianceAt(o.Curve, degrees)
	var curve [tuning.Orientations]float64
	tuning.Resample(curve[:], o.Curve)
	o.OrthogonalPreferredRatio = tuning.OrthogonalPreferredRatio(curve[:])
	fit := tuning.FitOrientation(curve[:], tuning.Hanning, 0.707)
	o.Preferred, o.HalfBandwidth = fit.Preferred, fit.Bandwidth/2
}
