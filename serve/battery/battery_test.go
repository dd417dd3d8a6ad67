package battery

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis"
	"striate/analysis/stimulus"
	"striate/analysis/v1score"
	"striate/internal/fault"
	"striate/internal/graypng"
)

// patches is a network of Gabor-like filters, four channels at each of 7×7 places of an image of
// 28×28 pixels. Like a convolution, a unit sees only the pixels around its place.
type patches struct {
	rows, cols [2]int // of the places that are computed
	shown      *int   // images that went through
	spoil      func(unit int, v float32) float32
	limit      int // images after which it fails; 0: never
}

const (
	patchSize   = 9
	patchPlaces = 7
	patchInput  = 28
	patchStride = 4
	patchOffset = 2 // puts place (4, 4) at the stimuli, 0.5 degrees from the middle of 3.5
)

func newPatches() *patches {
	return &patches{rows: [2]int{0, patchPlaces}, cols: [2]int{0, patchPlaces}, shown: new(int)}
}

func (n *patches) InputSize() (height, width int) { return patchInput, patchInput }
func (n *patches) Units() (channels, height, width int) {
	return 4, n.rows[1] - n.rows[0], n.cols[1] - n.cols[0]
}

func (n *patches) Part(_ context.Context, y0, y1, x0, x1 int) (analysis.Network, error) {
	part := *n
	part.rows, part.cols = [2]int{y0, y1}, [2]int{x0, x1}
	return &part, nil
}

// Seen is the pixels that the places see.
func (n *patches) Seen() (y0, y1, x0, x1 int) {
	at := func(place int) int { return patchStride*place + patchOffset }
	half := patchSize / 2
	return max(0, at(n.rows[0])-half), min(patchInput, at(n.rows[1]-1)+half+1),
		max(0, at(n.cols[0])-half), min(patchInput, at(n.cols[1]-1)+half+1)
}

// weights are the filters, channel by channel.
var weights = func() (w [4][patchSize * patchSize]float64) {
	for c := range w {
		theta, sf, half := float64(c)*math.Pi/4, 0.14, patchSize/2
		for i := range w[c] {
			y, x := float64(i/patchSize-half), float64(i%patchSize-half)
			w[c][i] = math.Exp(-(y*y+x*x)/14) * math.Cos(2*math.Pi*sf*(x*math.Cos(theta)+y*math.Sin(theta))+float64(c))
		}
	}
	return w
}()

func (n *patches) Responses(ctx context.Context, images []uint8, dst []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	count := len(images) / (patchInput * patchInput * 3)
	if *n.shown += count; n.limit > 0 && *n.shown > n.limit {
		return context.Canceled
	}
	at := 0
	for i := range count {
		image := images[i*patchInput*patchInput*3:]
		for c := range 4 {
			for row := n.rows[0]; row < n.rows[1]; row++ {
				for col := n.cols[0]; col < n.cols[1]; col++ {
					sum := 0.3 // all units respond a little to the background
					for k, w := range weights[c] {
						y := row*patchStride + patchOffset + k/patchSize - patchSize/2
						x := col*patchStride + patchOffset + k%patchSize - patchSize/2
						if y >= 0 && y < patchInput && x >= 0 && x < patchInput {
							sum += w * (float64(image[(y*patchInput+x)*3]) - 128) / 64
						}
					}
					dst[at] = float32(max(0, sum))
					if n.spoil != nil {
						dst[at] = n.spoil((c*patchPlaces+row)*patchPlaces+col, dst[at])
					}
					at++
				}
			}
		}
	}
	return nil
}

func options(n *patches) Options {
	return Options{Network: n, Degrees: 3.5, Model: "patches", Layer: "v1", Distributions: v1score.Published(), Resamples: 50, Seed: 3}
}

// direct measures the same units without any streaming, from all responses at once.
func direct(t *testing.T, n *patches, degrees float64) *v1score.Measurement {
	view := stimulus.NewView(patchInput, patchInput, degrees)
	image, units := make([]uint8, view.ImageLen()), 4*patchPlaces*patchPlaces
	responses := func(name stimulus.SetName) v1score.Rows {
		set, _ := stimulus.NewSet(name)
		rows := v1score.Responses[float32]{Stimuli: set.Len(), Data: make([]float32, set.Len()*units)}
		out := make([]float32, units)
		for i := range set.Len() {
			view.Draw(image, set, i)
			require.NoError(t, n.Responses(context.Background(), image, out))
			for u, v := range out {
				rows.Data[u*set.Len()+i] = v
			}
		}
		return rows
	}
	m, err := v1score.Measure(v1score.Sets{
		Blank: responses(stimulus.BlankSet), ReceptiveField: responses(stimulus.ReceptiveFieldSet), Orientation: responses(stimulus.OrientationSet),
		SpatialFrequency: responses(stimulus.SpatialFrequencySet), Size: responses(stimulus.SizeSet),
	})
	require.NoError(t, err)
	return m
}

func sameTables(t *testing.T, want, got []*v1score.Table) {
	require.Len(t, got, len(want))
	for k := range want {
		require.Equal(t, want[k].Kept, got[k].Kept)
		for i, v := range want[k].Values {
			if !(math.IsNaN(v) && math.IsNaN(got[k].Values[i])) {
				require.Equal(t, v, got[k].Values[i])
			}
		}
	}
}

// Streaming, leaving out units that cannot see the stimuli, and computing parts of the layer must
// not change a single value.
func TestRunEqualsDirectMeasurement(t *testing.T) {
	want := direct(t, newPatches(), 3.5)
	for _, all := range []bool{false, true} {
		o := options(newPatches())
		o.AllFields = all
		got, err := Run(context.Background(), o)
		require.NoError(t, err)
		require.Equal(t, want.InField, got.Units)
		require.Equal(t, want.Rates, got.Measurement.Rates)
		sameTables(t, want.Tables, got.Measurement.Tables)
		r := got.Report
		require.Equal(t, 196, r.Units.Layer)
		if all {
			require.Equal(t, 196, r.Units.Mapped)
		} else {
			require.Less(t, r.Units.Mapped, 196)
		}
		require.Equal(t, len(want.InField), r.Units.InField)
		require.Equal(t, 9097, r.Images)
		require.Equal(t, 9, len(r.Properties))
		require.Equal(t, 12, len(r.NotScored))
		require.Contains(t, r.Warnings[0], "Nyquist")
		require.NotEmpty(t, r.Examples)
		for _, e := range r.Examples {
			require.Len(t, e.RF, 441)
			require.Len(t, e.Orientation, 12)
			require.Len(t, e.Frequency, 22)
			require.Len(t, e.Size, 12)
		}
		var page bytes.Buffer
		require.NoError(t, r.WriteHTML(&page))
		require.Contains(t, page.String(), "surround suppression index")
		require.NotContains(t, page.String(), "src=", "nothing is fetched")
		require.NotContains(t, page.String(), "href=")
	}
}

// A run that is cut off goes on where it was; a finished one is read.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	whole, err := Run(context.Background(), options(newPatches()))
	require.NoError(t, err)
	total := 0
	cut := newPatches()
	cut.limit = 4000
	o := options(cut)
	o.Cache = dir
	_, err = Run(context.Background(), o)
	require.ErrorIs(t, err, context.Canceled)
	total += min(*cut.shown, cut.limit)

	rest := newPatches()
	o.Network = rest
	done := 0
	o.Progress = func(n, all int) { done = n; require.Equal(t, 9097+1, all) }
	again, err := Run(context.Background(), o)
	require.NoError(t, err)
	require.Equal(t, 9097+1, done, "the blank is shown twice: to the layer, and to the units in the field")
	require.Equal(t, 9097, again.Report.Images)
	total += *rest.shown
	require.Less(t, *rest.shown, 9097-3000, "what was done is not done again")
	require.Less(t, total, 9098+perPosition*side, "at most one part is lost")
	sameTables(t, whole.Measurement.Tables, again.Measurement.Tables)

	none := newPatches()
	o.Network = none
	third, err := Run(context.Background(), o)
	require.NoError(t, err)
	require.Zero(t, *none.shown)
	sameTables(t, whole.Measurement.Tables, third.Measurement.Tables)

	o.Key.ModelDigest = "another"
	_, err = Run(context.Background(), o)
	require.NoError(t, err)
	require.NotZero(t, *none.shown, "another model's responses are not these")
}

// A file of the cache that is broken is computed anew.
func TestBrokenCache(t *testing.T) {
	o := options(newPatches())
	o.Cache = t.TempDir()
	want, err := Run(context.Background(), o)
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(o.Cache, "*", "*", "size-*-000.npy"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, os.WriteFile(files[0], []byte("half a file"), 0o600))
	got, err := Run(context.Background(), o)
	require.NoError(t, err)
	sameTables(t, want.Measurement.Tables, got.Measurement.Tables)
}

func TestDrawnUnits(t *testing.T) {
	run := func(units int, seed uint32) (*Result, error) {
		o := options(newPatches())
		o.Units, o.UnitsSeed = units, seed
		return Run(context.Background(), o)
	}
	one, err := run(150, 1)
	require.NoError(t, err)
	again, err := run(150, 1)
	require.NoError(t, err)
	require.Equal(t, one.Units, again.Units)
	require.Equal(t, 150, one.Report.Units.Drawn)
	other, err := run(150, 2)
	require.NoError(t, err)
	require.NotEqual(t, one.Units, other.Units)
	_, err = run(197, 1)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, err = run(1, 1)
	require.ErrorContains(t, err, "--units")
}

func TestRefusedRuns(t *testing.T) {
	n := newPatches()
	for name, change := range map[string]func(*Options){
		"field of view must":           func(o *Options) { o.Degrees = 0 },
		"does not contain the stimuli": func(o *Options) { o.Degrees = 0.9 },
		"MiB are there":                func(o *Options) { o.Memory = 100 << 20 },
		"missing":                      func(o *Options) { o.Textures = t.TempDir() },
	} {
		o := options(n)
		change(&o)
		_, err := Run(context.Background(), o)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "\n")
		require.Zero(t, *n.shown, "refused before any work")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Run(ctx, options(n))
	require.ErrorIs(t, err, context.Canceled)
}

func TestSpoiltResponses(t *testing.T) {
	spoil := func(f func(unit int, v float32) float32) error {
		n := newPatches()
		n.spoil = f
		_, err := Run(context.Background(), options(n))
		return err
	}
	require.ErrorContains(t, spoil(func(int, float32) float32 { return 0 }), "none of the")
	require.ErrorContains(t, spoil(func(int, float32) float32 { return 4 }), "none of the")
	require.ErrorContains(t, spoil(func(int, float32) float32 { return float32(math.NaN()) }), "none of the")

	n := newPatches()
	n.spoil = func(unit int, v float32) float32 {
		if unit == 0*49+4*7+4 && *n.shown > 5000 { // of the middle place, after the orientation set
			return float32(math.NaN())
		}
		return v
	}
	result, err := Run(context.Background(), options(n))
	require.NoError(t, err)
	require.Contains(t, strings.Join(result.Report.Warnings, "\n"), "1 units have responses to the size set that are NaN or infinite")
}

func TestTextures(t *testing.T) {
	dir := t.TempDir()
	var e graypng.Encoder
	write := func(id stimulus.TextureID, size int) {
		pix := make([]uint8, size*size)
		for i := range pix {
			y, x := i/size, i%size
			pix[i] = uint8(x*id.Family + y*id.Sample)
			if id.Type == stimulus.Noise {
				pix[i] = uint8(96 + (x*y*id.Family+y*id.Sample)%64)
			}
		}
		var b bytes.Buffer
		require.NoError(t, e.Encode(&b, pix, size, size))
		require.NoError(t, os.WriteFile(filepath.Join(dir, id.FileName()), b.Bytes(), 0o600))
	}
	for _, id := range stimulus.TextureIDs() {
		write(id, stimulus.TexturePixels)
	}
	o := options(newPatches())
	o.Textures, o.Cache = dir, t.TempDir()
	result, err := Run(context.Background(), o)
	require.NoError(t, err)
	require.Len(t, result.Measurement.Tables, 6)
	require.Equal(t, 9097+450, result.Report.Images)
	texture := result.Measurement.Tables[5]
	require.Contains(t, texture.Kept, true)
	require.Equal(t, 23, len(result.Report.NotScored))

	last := stimulus.TextureIDs()[449]
	write(last, 64)
	_, err = Run(context.Background(), o)
	require.ErrorContains(t, err, "64×64 pixels")
	require.NoError(t, os.Remove(filepath.Join(dir, last.FileName())))
	_, err = Run(context.Background(), o)
	require.ErrorContains(t, err, last.FileName())
}

// A layer without space is measured, with a warning.
func TestLayerWithoutSpace(t *testing.T) {
	o := options(newPatches())
	o.Network = flat{newPatches()}
	result, err := Run(context.Background(), o)
	require.NoError(t, err)
	require.Contains(t, result.Report.Warnings[0], "no space")
	require.Equal(t, 196, result.Report.Units.Mapped)
}

// flat hides where units are.
type flat struct{ *patches }

func (f flat) Units() (channels, height, width int) { return 196, 1, 1 }
func (f flat) Part(context.Context, int, int, int, int) (analysis.Network, error) {
	return f, nil
}

// crowd is a layer of very many units without space, all with their receptive field at the stimuli: the
// most that a run can have to hold.
type crowd struct{ patches *patches }

const (
	crowdUnits = 100_000
	inField    = 0 // the channel of patches that they repeat
)

func (c crowd) InputSize() (height, width int)       { return patchInput, patchInput }
func (c crowd) Units() (channels, height, width int) { return crowdUnits, 1, 1 }
func (c crowd) Part(context.Context, int, int, int, int) (analysis.Network, error) {
	return c, nil
}

func (c crowd) Responses(ctx context.Context, images []uint8, dst []float32) error {
	count := len(images) / (patchInput * patchInput * 3)
	few := make([]float32, 4*count)
	if err := c.patches.Responses(ctx, images, few); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = few[i/crowdUnits*4+inField] * float32(1+i%crowdUnits%97)
	}
	return nil
}

// BenchmarkMemory scores 100,000 units that are all measured. 1.5 GB of memory are allowed.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		middle := newPatches()
		middle.rows, middle.cols = [2]int{4, 5}, [2]int{4, 5}
		o := options(middle)
		o.Network = crowd{middle}
		result, err := Run(context.Background(), o)
		require.NoError(b, err)
		require.Equal(b, crowdUnits, result.Report.Units.InField)
	}
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	b.ReportMetric(float64(u.Maxrss)/1000, "MB-resident")
}
