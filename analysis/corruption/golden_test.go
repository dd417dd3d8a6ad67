package corruption

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/npy"
	"striate/internal/picture"
	"striate/internal/sharedtest"
)

// kit is one folder of reference pictures.
type kit struct{ name, dir string }

func kits(t testing.TB) []kit {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(sharedtest.Path(t, "golden/robust"), "*", "clean"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	var all []kit
	for _, f := range found {
		all = append(all, kit{filepath.Base(filepath.Dir(f)), filepath.Dir(f)})
	}
	return all
}

func (k kit) path(parts ...string) string {
	return filepath.Join(append([]string{k.dir}, parts...)...)
}

func (k kit) clean(t testing.TB, name string) []uint8 {
	return readImage(t, k.path("clean", name+".png"))
}

func readImage(t testing.TB, path string) []uint8 {
	t.Helper()
	img, _, err := picture.ReadFile(path, picture.Limits{})
	require.NoError(t, err)
	require.Equal(t, [2]int{64, 64}, [2]int{img.Width, img.Height})
	return img.Pix
}

func readFloats(t testing.TB, path string) []float64 {
	t.Helper()
	a, err := npy.ReadFile(path)
	require.NoError(t, err)
	return a.Float64s()
}

// goldens lists the files IMG_CORRUPTION_SEVERITY of a folder.
type golden struct {
	path, image string
	corruption  *Corruption
	severity    int
}

func (k kit) goldens(t testing.TB, b *Benchmark, folder, suffix string) []golden {
	t.Helper()
	files, err := filepath.Glob(k.path(folder, "*"+suffix))
	require.NoError(t, err)
	var all []golden
	for _, path := range files {
		stem := strings.TrimSuffix(filepath.Base(path), suffix)
		name, severity := stem[:len(stem)-2], stem[len(stem)-1:]
		for i := range b.Corruptions {
			if img, ok := strings.CutSuffix(name, "_"+b.Corruptions[i].Name); ok {
				s, err := strconv.Atoi(severity)
				require.NoError(t, err)
				all = append(all, golden{path, img, &b.Corruptions[i], s})
			}
		}
	}
	require.NotEmpty(t, all, folder)
	return all
}

// stream draws from stored normals and uniforms, cyclically.
type stream struct {
	z, u   []float64
	zi, ui int
}

func (s *stream) Normal() float64 {
	v := s.z[s.zi%len(s.z)]
	s.zi++
	return v
}

func (s *stream) Uniform01() float64 {
	v := s.u[s.ui%len(s.u)]
	s.ui++
	return v
}

func (s *stream) Poisson(lambda float64) float64 {
	u := s.Uniform01()
	p := math.Exp(-lambda)
	k, cdf := 0.0, p
	for cdf < u && k < 2000 {
		k++
		p *= lambda / k
		cdf += p
	}
	return k
}

func (k kit) stream(t testing.TB, offset int) *stream {
	z, u := readFloats(t, k.path("inputs", "z.npy")), readFloats(t, k.path("inputs", "u.npy"))
	return &stream{z, u, offset, offset}
}

// shrunkFrost reads the pictures of frost that are at the scale of Tiny-ImageNet-C already.
func shrunkFrost(t testing.TB) []Picture {
	t.Helper()
	var all []Picture
	for i := range FrostPictures {
		img, _, err := picture.ReadFile(sharedtest.Path(t, fmt.Sprintf("golden/robust/shared/frost_0.3/frost%d.png", i+1)), picture.Limits{})
		require.NoError(t, err)
		all = append(all, Picture{img.Pix, img.Width, img.Height})
	}
	return all
}

// compare counts the values that differ and fails when one differs by more than a level, or more
// than 1 in 1000 differ: ties at whole levels fall by the order of floating-point operations.
func compare(t testing.TB, want, got []uint8, what string) int {
	t.Helper()
	n, most := 0, 0
	for i := range want {
		d := int(want[i]) - int(got[i])
		if d = max(d, -d); d > 0 {
			n++
			most = max(most, d)
		}
	}
	if most > 1 || n > len(want)/1000 {
		t.Errorf("%s: %d of %d values differ, by up to %d", what, n, len(want), most)
	}
	return n
}

func TestDeterministic(t *testing.T) {
	b := TinyImageNetC()
	ws := NewWorkspace(64)
	got := make([]uint8, 64*64*3)
	for _, k := range kits(t) {
		differ := map[string]int{}
		for _, g := range k.goldens(t, b, "det", ".png") {
			require.False(t, g.corruption.Random)
			g.corruption.Apply(ws, got, k.clean(t, g.image), g.severity, nil)
			differ[g.corruption.Name] += compare(t, readImage(t, g.path), got, g.path)
		}
		t.Log(k.name, "values that differ:", differ)
	}
}

// TestBeforeTruncation: 2e-4 of 255, the single precision of zoom_blur.
func TestBeforeTruncation(t *testing.T) {
	b := TinyImageNetC()
	ws := NewWorkspace(64)
	for _, k := range kits(t) {
		for _, g := range k.goldens(t, b, "det_float", ".npy.gz") {
			want := readFloats(t, g.path)
			require.InDeltaSlice(t, want, g.corruption.float(ws, k.clean(t, g.image), g.severity, nil), 2e-4, g.path)
		}
	}
}

func TestFromStreams(t *testing.T) {
	b := TinyImageNetC()
	ws := NewWorkspace(64)
	ws.SetFrost(shrunkFrost(t))
	var meta map[string]struct {
		Offset int `json:"offset"`
		ZUsed  int `json:"z_used"`
		UUsed  int `json:"u_used"`
	}
	data, err := os.ReadFile(sharedtest.Path(t, "golden/robust/shared/exact_meta.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &meta))
	got := make([]uint8, 64*64*3)
	for _, k := range kits(t) {
		differ := map[string]int{}
		for _, g := range k.goldens(t, b, "exact", ".png") {
			m, ok := meta[k.name+"/exact/"+filepath.Base(g.path)]
			require.True(t, ok, g.path)
			s := k.stream(t, m.Offset)
			g.corruption.Apply(ws, got, k.clean(t, g.image), g.severity, s)
			differ[g.corruption.Name] += compare(t, readImage(t, g.path), got, g.path)
			require.Equal(t, m.ZUsed, (s.zi-m.Offset)%len(s.z), "normals drawn: %s", g.path)
			require.Equal(t, m.UUsed, (s.ui-m.Offset)%len(s.u), "uniforms drawn: %s", g.path)
		}
		t.Log(k.name, "values that differ:", differ)
	}
}

// TestMotionAtFixedAngles is exact: the arithmetic ends in integers.
func TestMotionAtFixedAngles(t *testing.T) {
	p := parameters[motion]{{10, 1}, {10, 1.5}, {10, 2}, {10, 2.5}, {12, 3}}
	ws := NewWorkspace(64)
	for _, k := range kits(t) {
		files, err := filepath.Glob(k.path("motion_fixed", "*.png"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, path := range files {
			parts := strings.Split(strings.TrimSuffix(filepath.Base(path), ".png"), "_")
			require.Len(t, parts, 3)
			severity, err := strconv.Atoi(parts[1])
			require.NoError(t, err)
			angle, err := strconv.ParseFloat(parts[2], 64)
			require.NoError(t, err)
			copy(ws.img, k.clean(t, parts[0]))
			ws.motion(p[severity-1], angle)
			want := readImage(t, path)
			for i, v := range want {
				require.Equal(t, float64(v), ws.out[i], path)
			}
		}
	}
}

// TestPlasma: 1e-6, the single precision of the stored maps.
func TestPlasma(t *testing.T) {
	decay := []float64{3, 3, 2.5, 2, 1.75}
	for _, k := range kits(t) {
		for s := range Severities {
			got := make([]float64, 64*64)
			plasma(got, 64, decay[s], k.stream(t, 101*s))
			want := readFloats(t, k.path("inputs", fmt.Sprintf("plasma_%d.npy.gz", s+1)))
			require.InDeltaSlice(t, want, got, 1e-6)
		}
	}
}

// TestDefocusKernels: 1e-8, a tenth of the last digit of single precision.
func TestDefocusKernels(t *testing.T) {
	for s, p := range []defocus{{0.5, 0.6}, {1, 0.1}, {1.5, 0.1}, {2.5, 0.01}, {3, 0.1}} {
		want := readFloats(t, sharedtest.Path(t, fmt.Sprintf("golden/robust/shared/defocus_kernel_%d.npy", s+1)))
		got := make([]float64, 17*17)
		for _, r := range disc(p) {
			for x := r.from; x < r.to; x++ {
				got[(r.dy+8)*17+x+8] = r.weight
			}
		}
		require.InDeltaSlice(t, want, got, 1e-8, "severity %d", s+1)
	}
}

func TestZoomFactors(t *testing.T) {
	var params map[string]struct {
		Factors [][]float64 `json:"zoom_blur_factors"`
	}
	data, err := os.ReadFile(sharedtest.Path(t, "golden/robust/params.json"))
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &all))
	params = map[string]struct {
		Factors [][]float64 `json:"zoom_blur_factors"`
	}{}
	for name, steps := range map[string]parameters[zoomSteps]{
		"tiny_imagenet_c_64": {{7, 0.01}, {12, 0.01}, {16, 0.01}, {21, 0.01}, {26, 0.01}},
		"imagenet_c_224":     {{12, 0.01}, {16, 0.01}, {11, 0.02}, {13, 0.02}, {11, 0.03}},
	} {
		p := params[name]
		require.NoError(t, json.Unmarshal(all[name], &p))
		for s, want := range p.Factors {
			require.Len(t, want, steps[s].count)
			for i, f := range want {
				require.Equal(t, f, steps[s].factor(i), "%s severity %d", name, s+1)
			}
		}
	}
}

// TestShrinksFrostAsOpenCV is exact: fixed-point arithmetic.
func TestShrinksFrostAsOpenCV(t *testing.T) {
	var pictures []Picture
	for i := range FrostPictures {
		ext := "png"
		if i > 2 {
			ext = "jpg"
		}
		img, _, err := picture.ReadFile(sharedtest.Path(t, fmt.Sprintf("data/frost/frost%d.%s", i+1, ext)), picture.Limits{})
		require.NoError(t, err)
		pictures = append(pictures, Picture{img.Pix, img.Width, img.Height})
	}
	got, err := TinyImageNetC().PrepareFrost(pictures)
	require.NoError(t, err)
	for i, want := range shrunkFrost(t) {
		require.Equal(t, [2]int{want.Width, want.Height}, [2]int{got[i].Width, got[i].Height})
		differ := 0
		for j := range want.Pix {
			if want.Pix[j] != got[i].Pix[j] {
				differ++
			}
		}
		require.Zero(t, differ, "picture %d", i+1)
	}
}
