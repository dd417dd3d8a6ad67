package graypng

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodersReadIt(t *testing.T) {
	var e Encoder
	for _, size := range [][2]int{{1, 1}, {7, 3}, {300, 200}, {7, 3}} {
		w, h := size[0], size[1]
		pix := make([]uint8, w*h)
		for i := range pix {
			pix[i] = uint8(i * i)
		}
		var b bytes.Buffer
		require.NoError(t, e.Encode(&b, pix, w, h))
		img, err := png.Decode(&b)
		require.NoError(t, err)
		gray, ok := img.(*image.Gray)
		require.True(t, ok, "8-bit gray")
		require.Equal(t, image.Rect(0, 0, w, h), gray.Bounds())
		require.Equal(t, pix, gray.Pix)
		require.Zero(t, b.Len(), "nothing follows the image")
	}
	require.Panics(t, func() { e.Encode(&bytes.Buffer{}, make([]uint8, 5), 2, 2) }) //nolint:errcheck
}
