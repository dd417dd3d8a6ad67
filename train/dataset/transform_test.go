package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/picture"
	"striate/internal/sharedtest"
)

type goldenSquare struct {
	SHA256  string `json:"sha256"`
	Samples []int  `json:"every_389th"`
}

// same compares pixels bit for bit: Pillow's arithmetic is integer and leaves no room.
func (g goldenSquare) same(t *testing.T, pixels []uint8) {
	t.Helper()
	var samples []int
	for i := 0; i < len(pixels); i += 389 {
		samples = append(samples, int(pixels[i]))
	}
	require.Equal(t, g.Samples, samples)
	sum := sha256.Sum256(pixels)
	require.Equal(t, g.SHA256, hex.EncodeToString(sum[:]))
}

// The whole way from a JPEG file to the network's pixels, against Pillow (testdata/transforms.json
// says how it was called): colour and grey originals of many sizes.
func TestTransformsEqualPillow(t *testing.T) {
	source, err := Open(repacked(t, sharedtest.Path(t, "data/images/imagenet_originals.zip")))
	require.NoError(t, err)
	defer source.Close()
	split, err := source.Split("train", nil)
	require.NoError(t, err)
	data, err := os.ReadFile("testdata/transforms.json")
	require.NoError(t, err)
	var golden struct {
		Images []struct {
			File, Mode string
			Size, Box  []int
			Validation goldenSquare
			Training   goldenSquare
		}
	}
	require.NoError(t, json.Unmarshal(data, &golden))
	modes := map[string]int{}
	for _, g := range golden.Images {
		i := indexOf(split, "train/"+g.File)
		data, err := split.Read(i)
		require.NoError(t, err, g.File)
		square, err := ImageNet.read(data, 64, nil)
		require.NoError(t, err, g.File)
		g.Validation.same(t, square)
		img, err := picture.DecodeRegion(data, picture.Limits{}, func(width, height int) picture.Region {
			require.Equal(t, g.Size, []int{width, height})
			return picture.Region{Left: g.Box[0], Top: g.Box[1], Width: g.Box[2], Height: g.Box[3]}
		})
		require.NoError(t, err, g.File)
		g.Training.same(t, img.Resize(cropSide, cropSide).Resize(64, 64).Pix)
		modes[g.Mode]++
	}
	require.GreaterOrEqual(t, modes["L"], 3)
	require.Equal(t, 21, modes["L"]+modes["RGB"])
}

// CMYK and grey JPEG become RGB as in Pillow, and EXIF orientation is not applied, as in torchvision
// (testdata/kinds.json was made with Pillow 9.4.0: open, convert RGB, resize 16×16 BILINEAR).
func TestKindsOfJPEG(t *testing.T) {
	data, err := os.ReadFile("testdata/kinds.json")
	require.NoError(t, err)
	var golden map[string]goldenSquare
	require.NoError(t, json.Unmarshal(data, &golden))
	require.Len(t, golden, 3)
	for name, g := range golden {
		file, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		square, err := Tiny.read(file, 16, nil)
		require.NoError(t, err, name)
		g.same(t, square)
	}
}

// Area and ratio of random crops follow torchvision's distribution, and extreme images get the
// largest crop of an allowed ratio.
func TestRandomBox(t *testing.T) {
	const n = 4000
	var area, logRatio float64
	for i := range n {
		b := randomBox(500, 375, stream(useAugment, 1, uint64(i)))
		require.True(t, b.Left >= 0 && b.Top >= 0 && b.Left+b.Width <= 500 && b.Top+b.Height <= 375, b)
		share := float64(b.Width*b.Height) / (500 * 375)
		require.True(t, share > 0.075 && share <= 1, b)
		ratio := float64(b.Width) / float64(b.Height)
		require.True(t, ratio > 0.72 && ratio < 1.39, b)
		area += share / n
		logRatio += math.Log(ratio) / n
	}
	// An independent simulation of torchvision's rule gave 0.4326 and 0.0299 (200,000 draws).
	require.InDelta(t, 0.4326, area, 0.015) // 4 standard errors
	require.InDelta(t, 0.0299, logRatio, 0.01)
	require.Equal(t, picture.Region{Left: 0, Top: 437, Width: 100, Height: 133}, randomBox(100, 1007, alwaysTooLarge()))
	require.Equal(t, picture.Region{Left: 433, Top: 0, Width: 133, Height: 100}, randomBox(1000, 100, alwaysTooLarge()))
}

func TestCentreBoxRoundsHalfToEven(t *testing.T) {
	require.Equal(t, picture.Region{Left: 16, Top: 0, Width: 224, Height: 224}, centreBox(256, 225)) // 0.5 → 0
	require.Equal(t, picture.Region{Left: 58, Top: 16, Width: 224, Height: 224}, centreBox(341, 256))
	w, h := shortSideSize(500, 375)
	require.Equal(t, []int{341, 256}, []int{w, h})
	w, h = shortSideSize(375, 500)
	require.Equal(t, []int{256, 341}, []int{w, h})
}

func TestPackMirrors(t *testing.T) {
	square := []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12} // 2×2
	dst := make([]uint8, 12)
	pack(dst, square, 2, false)
	require.Equal(t, []uint8{1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12}, dst)
	pack(dst, square, 2, true)
	require.Equal(t, []uint8{4, 1, 10, 7, 5, 2, 11, 8, 6, 3, 12, 9}, dst)
}
