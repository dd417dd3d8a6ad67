package stimulus

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextureNames(t *testing.T) {
	ids := TextureIDs()
	require.Len(t, ids, SetLen(TextureSet))
	for i, id := range ids {
		require.Equal(t, i, id.Index())
		back, ok := ParseTextureName(id.FileName())
		require.True(t, ok)
		require.Equal(t, id, back)
	}
	id, ok := ParseTextureName("tex-320x320-im60-smp15.png")
	require.True(t, ok)
	require.Equal(t, TextureID{Texture, 1, 15}, id)
	for _, name := range []string{"tex-320x320-im61-smp1.png", "tex-320x320-im60-smp16.png",
		"tex-320x320-im60-smp0.png", "texture.png", "noise-320x320-im60-smp1.jpg", ""} {
		_, ok := ParseTextureName(name)
		require.False(t, ok, name)
	}
}

// The formula of the aperture, pixel by pixel over the whole canvas.
func TestApertures(t *testing.T) {
	src := make([]uint8, TexturePixels*TexturePixels)
	for i := range src {
		src[i] = uint8(i*7 + i/320*13)
	}
	for _, a := range []Aperture{PropertyAperture, PredictivityAperture} {
		got := make([]uint8, a.Pixels*a.Pixels)
		a.Apply(got, src)
		offset := 0
		if a == PropertyAperture {
			offset = 40
		}
		for r := range a.Pixels {
			for c := range a.Pixels {
				u, v := c-a.Pixels/2-offset, r-a.Pixels/2-offset
				mask := 0.0
				if u*u+v*v < 160*160 {
					mask = 0.5 * (1 + math.Cos(math.Sqrt(float64(u*u+v*v))/160*math.Pi))
				}
				level := 0.0
				if mask > 0 {
					level = (float64(src[(v+160)*320+u+160]) - 128) * mask
				}
				require.Equal(t, uint8(math.Trunc(level+128)), got[r*a.Pixels+c], "%d, %d", r, c)
			}
		}
	}
}

func TestWrongSizesPanic(t *testing.T) {
	require.Panics(t, func() { PropertyAperture.Apply(make([]uint8, 5), make([]uint8, 5)) })
	require.Panics(t, func() { NewScreen(10, 10, 0, 8) })
	require.Panics(t, func() { NewRenderer(Canvas{}) })
	require.Panics(t, func() { NewRenderer(SquareCanvas(8, 1)).Draw(make([]uint8, 5), Grating{}) })
	_, ok := NewSet("plaids")
	require.False(t, ok)
	require.Zero(t, SetLen("plaids"))
}
