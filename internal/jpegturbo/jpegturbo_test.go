package jpegturbo

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"striate/internal/sharedtest"
)

// kits returns the folders of reference pictures.
func kits(t testing.TB) []string {
	found, err := filepath.Glob(filepath.Join(sharedtest.Path(t, "golden/robust"), "*", "clean"))
	require.NoError(t, err)
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	require.NotEmpty(t, found)
	return found
}

func readPNG(t testing.TB, path string) (pix []uint8, w, h int) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	m, err := png.Decode(f)
	require.NoError(t, err)
	return pixels(m)
}

func pixels(m image.Image) (pix []uint8, w, h int) {
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := m.At(x, y).RGBA()
			pix = append(pix, uint8(r>>8), uint8(g>>8), uint8(bl>>8))
		}
	}
	return pix, b.Dx(), b.Dy()
}

// TestDecodesAsPillow: equal to the bit, because every step is integer arithmetic.
func TestDecodesAsPillow(t *testing.T) {
	for _, kit := range kits(t) {
		files, err := filepath.Glob(filepath.Join(kit, "final", "*.JPEG"))
		require.NoError(t, err)
		n := 0
		for _, path := range files {
			want := strings.TrimSuffix(path, ".JPEG") + ".decoded.png"
			if _, err := os.Stat(want); err != nil {
				continue
			}
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			got, err := Decode(data, 1<<20)
			require.NoError(t, err)
			pix, w, h := readPNG(t, want)
			require.Equal(t, [2]int{w, h}, [2]int{got.Width, got.Height})
			require.True(t, bytes.Equal(pix, got.Pix), path)
			n++
		}
		require.Positive(t, n)
	}
}

// TestEncodesAsPillow: the coefficients are Pillow's, by file and in memory.
func TestEncodesAsPillow(t *testing.T) {
	var c Codec
	for _, kit := range kits(t) {
		files, err := filepath.Glob(filepath.Join(kit, "final", "*_raw_q*.JPEG"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, path := range files {
			name, number, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".JPEG"), "_raw_q")
			quality, err := strconv.Atoi(number)
			require.NoError(t, err)
			pix, w, h := readPNG(t, filepath.Join(kit, "clean", name+".png"))
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			want, err := Decode(data, 1<<20)
			require.NoError(t, err)

			var file bytes.Buffer
			require.NoError(t, c.Encode(&file, pix, w, h, quality))
			got, err := Decode(file.Bytes(), 1<<20)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want.Pix, got.Pix), path)
			c.Recode(pix, pix, w, h, quality)
			require.True(t, bytes.Equal(want.Pix, pix), path)
		}
	}
}

// TestFilesEqualPillows: with optimised codes even the files are equal, byte for byte.
func TestFilesEqualPillows(t *testing.T) {
	var c Codec
	n := 0
	for _, kit := range kits(t) {
		files, err := filepath.Glob(filepath.Join(kit, "final", "*.JPEG"))
		require.NoError(t, err)
		for _, path := range files {
			before := filepath.Join(kit, "det", strings.TrimSuffix(filepath.Base(path), ".JPEG")+".png")
			if _, err := os.Stat(before); err != nil {
				continue
			}
			pix, w, h := readPNG(t, before)
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			var got bytes.Buffer
			require.NoError(t, c.Encode(&got, pix, w, h, 85))
			require.True(t, bytes.Equal(want, got.Bytes()), path)
			n++
		}
	}
	require.Positive(t, n)
}

// goFile reads one of the pictures that come with the Go sources.
func goFile(t testing.TB, name string) []byte {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no go command to ask for the place of its test pictures")
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src/image/testdata", name))
	if err != nil {
		t.Skip("the Go sources are not installed")
	}
	return data
}

// TestKinds: every kind of file is read, and differs from the standard library by its rounding
// (2 levels on average) where no chroma is enlarged, a little more where it is interpolated here
// and repeated there.
func TestKinds(t *testing.T) {
	for name, colours := range map[string]Colours{
		"video-001.jpeg": YCbCr, "video-001.progressive.jpeg": YCbCr, "video-001.progressive.truncated.jpeg": YCbCr,
		"video-001.221212.jpeg": YCbCr, "video-001.cmyk.jpeg": CMYK, "video-001.q50.410.jpeg": YCbCr,
		"video-001.q50.411.jpeg": YCbCr, "video-001.q50.420.jpeg": YCbCr, "video-001.q50.422.jpeg": YCbCr,
		"video-001.q50.440.jpeg": YCbCr, "video-001.q50.444.jpeg": YCbCr, "video-001.rgb.jpeg": RGB,
		"video-001.restart2.jpeg": YCbCr, "video-001.separate.dc.progression.jpeg": YCbCr,
		"video-001.separate.dc.progression.progressive.jpeg": YCbCr, "video-005.gray.jpeg": Grey,
		"video-005.gray.q50.jpeg": Grey, "video-005.gray.q50.2x2.jpeg": Grey, "video-001.q50.420.progressive.jpeg": YCbCr,
		"video-005.gray.q50.2x2.progressive.jpeg": Grey, "video-001.q50.444.progressive.jpeg": YCbCr,
	} {
		t.Run(name, func(t *testing.T) {
			data := goFile(t, name)
			got, err := Decode(data, 1<<20)
			require.NoError(t, err)
			require.Equal(t, colours, got.Colours)
			config, err := DecodeConfig(data)
			require.NoError(t, err)
			require.Equal(t, Config{got.Width, got.Height, colours}, config)
			m, err := jpeg.Decode(bytes.NewReader(data))
			require.NoError(t, err)
			want, w, h := pixels(m)
			require.Equal(t, [2]int{w, h}, [2]int{got.Width, got.Height})
			sum := 0
			for i := range want {
				d := int(want[i]) - int(got.Pix[i])
				sum += max(d, -d)
			}
			limit := 2.0
			if colours == RGB { // its green and blue are subsampled
				limit = 5
			}
			require.Less(t, float64(sum)/float64(len(want)), limit)
		})
	}
}

// TestProgressiveEqualsSequential: the same coefficients, coded in both ways, give the same pixels.
func TestProgressiveEqualsSequential(t *testing.T) {
	for _, name := range []string{"video-001.q50.420", "video-001.q50.422", "video-001.q50.440", "video-001.q50.444", "video-005.gray.q50", "video-001.q50.410", "video-001.q50.411"} {
		a, err := Decode(goFile(t, name+".jpeg"), 1<<20)
		require.NoError(t, err)
		b, err := Decode(goFile(t, name+".progressive.jpeg"), 1<<20)
		require.NoError(t, err)
		require.True(t, bytes.Equal(a.Pix, b.Pix), name)
	}
}

// TestRegions: a part has the pixels that it has in the whole image, in every kind of file; the
// smallest parts and those at the edges too.
func TestRegions(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, name := range []string{"video-001", "video-001.progressive", "video-001.221212", "video-001.cmyk", "video-001.rgb", "video-001.restart2",
		"video-001.q50.410", "video-001.q50.411", "video-001.q50.420", "video-001.q50.422", "video-001.q50.440", "video-001.q50.444",
		"video-001.q50.420.progressive", "video-005.gray", "video-005.gray.q50.2x2"} {
		data := goFile(t, name+".jpeg")
		whole, err := Decode(data, 1<<20)
		require.NoError(t, err)
		for k := range 100 {
			r := Region{Width: 1 + rng.IntN(whole.Width), Height: 1 + rng.IntN(whole.Height)}
			if k%3 == 0 {
				r.Width, r.Height = min(1+k/10, whole.Width), min(1+k/20, whole.Height)
			}
			r.Left, r.Top = rng.IntN(whole.Width-r.Width+1), rng.IntN(whole.Height-r.Height+1)
			if k%5 == 0 {
				r.Left, r.Top = whole.Width-r.Width, whole.Height-r.Height
			}
			part, err := DecodeRegion(data, 1<<20, func(width, height int) Region {
				require.Equal(t, [2]int{whole.Width, whole.Height}, [2]int{width, height})
				return r
			})
			require.NoError(t, err)
			require.Equal(t, [2]int{r.Width, r.Height}, [2]int{part.Width, part.Height})
			for y := range r.Height {
				want := whole.Pix[3*((r.Top+y)*whole.Width+r.Left):][:3*r.Width]
				require.True(t, bytes.Equal(want, part.Pix[3*y*r.Width:][:3*r.Width]), "%s: row %d of %v", name, y, r)
			}
		}
	}
}

// TestTriangle holds the enlargement against its definition, for all sizes up to 20.
func TestTriangle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 3; n <= 20; n++ {
		p := plane{pix: make([]uint8, n*n), stride: n, width: n, height: n}
		for i := range p.pix {
			p.pix[i] = uint8(rng.IntN(256))
		}
		at := func(y, x int) int { return int(p.row(y)[min(max(x, 0), n-1)]) }
		sums := make([]int32, 2*n)
		for _, width := range []int{2 * n, 2*n - 1} {
			dst := make([]uint8, width)
			for y := range 2 * n {
				p.enlarge(dst, sums, 0, n, y, 2, 2)
				dy := 2*(y%2) - 1
				for x := range dst {
					dx := 2*(x%2) - 1
					v := 9*at(y/2, x/2) + 3*at(y/2+dy, x/2) + 3*at(y/2, x/2+dx) + at(y/2+dy, x/2+dx)
					require.Equal(t, uint8((v+8-x%2)>>4), dst[x], "%d: %d,%d", n, y, x)
				}
			}
			for y := range n {
				p.enlarge(dst, sums, 0, n, y, 2, 1)
				for x := range dst {
					v := 3*at(y, x/2) + at(y, x/2+2*(x%2)-1)
					require.Equal(t, uint8((v+1+x%2)>>2), dst[x], "%d: %d,%d", n, y, x)
				}
			}
		}
	}
}

// TestRecodeIsDecodeOfEncode for sizes that are no multiples of a block.
func TestRecodeIsDecodeOfEncode(t *testing.T) {
	var c Codec
	rapid.Check(t, func(r *rapid.T) {
		w, h := rapid.IntRange(1, 50).Draw(r, "w"), rapid.IntRange(1, 50).Draw(r, "h")
		quality := rapid.IntRange(1, 100).Draw(r, "quality")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
		pix := make([]uint8, w*h*3)
		for i := range pix {
			pix[i] = uint8(min(255, 3*(i/3%w)+rng.IntN(100)))
		}
		var file bytes.Buffer
		require.NoError(r, c.Encode(&file, pix, w, h, quality))
		want, err := Decode(file.Bytes(), w*h)
		require.NoError(r, err)
		c.Recode(pix, pix, w, h, quality)
		require.True(r, bytes.Equal(want.Pix, pix))
		m, err := jpeg.Decode(&file)
		require.NoError(r, err, "the standard library reads it too")
		require.Equal(r, w, m.Bounds().Dx())
	})
}

func TestBadFiles(t *testing.T) {
	var c Codec
	var file bytes.Buffer
	require.NoError(t, c.Encode(&file, make([]uint8, 40*30*3), 40, 30, 75))
	data := file.Bytes()
	_, err := Decode(data, 40*30-1)
	require.Equal(t, LimitError{40, 30, 40*30 - 1}, err)
	for n := range data {
		_, err := Decode(data[:n], 1<<20)
		require.ErrorAs(t, err, new(FormatError), "cut at %d", n)
	}
	wide := bytes.Clone(data)
	wide[bytes.Index(wide, []byte{0xff, markSOF0})+4] = 12
	_, err = Decode(wide, 1<<20)
	require.EqualError(t, err, "JPEG with 12 bits a sample is not supported")
	lossless := bytes.Clone(data)
	lossless[bytes.Index(lossless, []byte{0xff, markSOF0})+1] = 0xc3
	_, err = Decode(lossless, 1<<20)
	require.EqualError(t, err, "JPEG with frame type 3 is not supported")
}

func FuzzDecode(f *testing.F) {
	var c Codec
	var file bytes.Buffer
	pix := make([]uint8, 20*18*3)
	for i := range pix {
		pix[i] = uint8(i * i)
	}
	require.NoError(f, c.Encode(&file, pix, 20, 18, 60))
	f.Add(file.Bytes())
	f.Add(goFile(f, "video-005.gray.q50.2x2.progressive.jpeg"))
	f.Add(goFile(f, "video-001.restart2.jpeg"))
	f.Add(goFile(f, "video-001.cmyk.jpeg"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data, 1<<16)
		if err == nil && len(m.Pix) != 3*m.Width*m.Height {
			t.Fatal("pixels do not fit the size")
		}
	})
}

func BenchmarkDecode64(b *testing.B) {
	var c Codec
	var file bytes.Buffer
	require.NoError(b, c.Encode(&file, picture(64), 64, 64, 85))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(file.Bytes(), 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode64(b *testing.B) {
	var c Codec
	pix := picture(64)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Encode(io.Discard, pix, 64, 64, 85); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecode64(b *testing.B) {
	var c Codec
	pix, dst := picture(64), make([]uint8, 64*64*3)
	b.ReportAllocs()
	for b.Loop() {
		c.Recode(dst, pix, 64, 64, 50)
	}
}

// picture is smooth with some noise, as photographs are.
func picture(n int) []uint8 {
	rng := rand.New(rand.NewPCG(3, 4))
	pix := make([]uint8, n*n*3)
	for i := range pix {
		y, x := i/3/n, i/3%n
		pix[i] = uint8(60 + 2*x + y/2 + rng.IntN(16) + i%3*10)
	}
	return pix
}
