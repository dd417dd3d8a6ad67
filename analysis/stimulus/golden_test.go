package stimulus

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/npy"
	"striate/internal/sharedtest"
)

type goldenImage struct {
	Index   int
	SHA     string `json:"sha256"`
	Robust  string `json:"sha256_robust"`
	Rounded string `json:"sha256_correctly_rounded"`
	Screen8 string `json:"sha256_screen8_224"`
	MaskPx  int    `json:"mask_px"`
}

func (g goldenImage) want() string {
	if g.Rounded != "" {
		return g.Rounded
	}
	return g.SHA
}

func readJSON(t testing.TB, name string, v any) {
	data, err := os.ReadFile(sharedtest.Path(t, "golden/v1bench/"+name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v))
}

func digest(b []uint8) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func images(t testing.TB) map[SetName][]goldenImage {
	var raw map[string]json.RawMessage
	readJSON(t, "stimuli_hashes.json", &raw)
	out := map[SetName][]goldenImage{}
	for _, name := range GratingSets {
		var list []goldenImage
		require.NoError(t, json.Unmarshal(raw["Marques2020_"+string(name)], &list))
		out[name] = list
	}
	return out
}

// Every pixel of all 9,096 gratings and the blank, both as published and as a network of 8 degrees
// and 224 pixels sees them. Equality is exact: pixels are integers.
func TestAllImagesEqualReference(t *testing.T) {
	golden := images(t)
	total := 0
	for _, name := range GratingSets {
		set, ok := NewSet(name)
		require.True(t, ok)
		require.Len(t, golden[name], set.Len())
		require.Equal(t, set.Len(), SetLen(name))
		total += len(set.Gratings)
		var wg sync.WaitGroup
		workers := runtime.GOMAXPROCS(0)
		for w := range workers {
			wg.Go(func() {
				r, view := NewRenderer(set.Canvas()), NewView(224, 224, 8)
				whole, small := make([]uint8, set.Pixels*set.Pixels), make([]uint8, view.ImageLen())
				for i := w; i < set.Len(); i += workers {
					set.Draw(r, whole, i)
					if got, want := digest(whole), golden[name][i].want(); got != want {
						t.Errorf("%s %d: other pixels than the reference", name, i)
					}
					view.Draw(small, set, i)
					// Where the reference's sine is off by a bit, so are the pixels that it resized.
					if g := golden[name][i]; g.Screen8 != "" && g.Rounded == "" && digest(small) != g.Screen8 {
						t.Errorf("%s %d: other pixels at the network's input", name, i)
					}
				}
			})
		}
		wg.Wait()
	}
	require.Equal(t, 9096, total)
}

func TestParametersEqualReference(t *testing.T) {
	var params map[string]struct {
		Y    []float64 `json:"position_y"`
		X    []float64 `json:"position_x"`
		C    []float64 `json:"contrast"`
		R    []float64 `json:"radius"`
		F    []float64 `json:"spatial_frequency"`
		O    []float64 `json:"orientation"`
		P    []float64 `json:"phase"`
		Deg  float64   `json:"degrees"`
		Size int       `json:"size_px"`
	}
	readJSON(t, "stimuli_params.json", &params)
	for _, name := range GratingSets {
		set, _ := NewSet(name)
		p := params["Marques2020_"+string(name)]
		require.Equal(t, p.Deg, set.Degrees)
		require.Equal(t, p.Size, set.Pixels)
		require.Len(t, p.Y, len(set.Gratings))
		for i, g := range set.Gratings {
			require.Equal(t, Grating{p.Y[i], p.X[i], p.C[i], p.R[i], p.F[i], p.O[i], p.P[i]}, g, "%s %d", name, i)
		}
	}
}

func TestScreensEqualReference(t *testing.T) {
	var cases []struct {
		Source  string
		From    float64 `json:"source_degrees"`
		To      float64 `json:"target_degrees"`
		Mode    string  `json:"screen_mode"`
		Size    []int   `json:"screen_size_wh"`
		Screen  string  `json:"screen_sha256"`
		Resized map[string]string
		Params  gratingParams `json:"grating_params"`
	}
	readJSON(t, "dev/screen/cases.json", &cases)
	for _, c := range cases {
		src := screenSource(t, c.Source, c.Params)
		s := NewScreen(src.w, src.h, c.From, c.To)
		require.Equal(t, c.Size, []int{s.Width, s.Height}, "%s %g → %g", c.Source, c.From, c.To)
		placed := make([]uint8, s.Width*s.Height*src.channels)
		s.Place(placed, src.pix, src.w, src.h, src.channels)
		if c.Mode == "RGB" && src.channels == 1 {
			placed = rgb(placed)
		}
		require.Equal(t, c.Screen, digest(placed), "%s %g → %g", c.Source, c.From, c.To)
		if src.channels > 1 {
			continue
		}
		for size, want := range c.Resized {
			n := map[string]int{"224": 224, "299": 299, "64": 64}[size]
			view := NewView(n, n, c.To)
			got := make([]uint8, view.ImageLen())
			view.DrawImage(got, src.pix, src.h, src.w, c.From)
			require.Equal(t, want, digest(got), "%s %g → %g at %d", c.Source, c.From, c.To, n)
		}
	}
}

type gratingParams struct {
	Y           float64 `json:"position_y"`
	X           float64 `json:"position_x"`
	Contrast    float64
	Radius      float64
	SF          float64 `json:"spatial_frequency"`
	Orientation float64
	Phase       float64
}

type picture struct {
	pix            []uint8
	h, w, channels int
}

// screenSource is the image that a case places: a grating, or an array beside the cases.
func screenSource(t *testing.T, name string, g gratingParams) picture {
	if name == "grating672_L" {
		pix := make([]uint8, SetPixels*SetPixels)
		NewRenderer(SquareCanvas(SetPixels, SetDegrees)).Draw(pix,
			Grating{g.Y, g.X, g.Contrast, g.Radius, g.SF, g.Orientation, g.Phase})
		return picture{pix, SetPixels, SetPixels, 1}
	}
	a, err := npy.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/screen/"+name+".npy"))
	require.NoError(t, err)
	p := picture{a.Data.([]uint8), a.Shape[0], a.Shape[1], 1}
	if len(a.Shape) == 3 {
		p.channels = a.Shape[2]
	}
	return p
}

func rgb(gray []uint8) []uint8 {
	out := make([]uint8, 0, 3*len(gray))
	for _, v := range gray {
		out = append(out, v, v, v)
	}
	return out
}

func TestNyquist(t *testing.T) {
	require.Equal(t, []float64{14.67206469127474}, AboveNyquist(SpatialFrequencies[:], 224, 8))
	require.Empty(t, AboveNyquist(SpatialFrequencies[:], 448, 8))
	require.Len(t, AboveNyquist(SpatialFrequencies[:], 64, 8), 8)
}

// What the fast form of a pixel leaves out must not matter at any frequency a canvas can show.
func TestRowsEqualSinglePixels(t *testing.T) {
	canvas := SquareCanvas(97, 2)
	r := NewRenderer(canvas)
	dst := make([]uint8, 97*97)
	for i := range 200 {
		k := float64(i)
		g := Grating{
			Y: math.Sin(k) / 3, X: math.Cos(2*k) / 3, Contrast: math.Mod(k/7, 1.0001), Radius: math.Mod(k/11, 1.3),
			SpatialFrequency: math.Mod(k*1.7, 24), Orientation: math.Mod(k*15, 360), Phase: math.Mod(k*45, 360),
		}
		r.Draw(dst, g)
		w := newWave(g)
		for row := range 97 {
			for col := range 97 {
				x, y := float64(col-48)/canvas.PixelsPerDegree-g.X, float64(row-48)/canvas.PixelsPerDegree-g.Y
				want := uint8(Gray)
				if float64(x*x)+float64(y*y) <= g.Radius*g.Radius {
					want = w.pixel(x, y)
				}
				require.Equal(t, want, dst[row*97+col], "grating %d, row %d, column %d", i, row, col)
			}
		}
	}
}
