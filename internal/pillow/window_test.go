package pillow

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The windowed form leaves work out; what it returns must not differ by one gray level.
func TestGrayResizerEqualsResize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40)
		sw, sh, dw, dh := size.Draw(t, "sw"), size.Draw(t, "sh"), size.Draw(t, "dw"), size.Draw(t, "dh")
		filter := Filter(rapid.IntRange(int(Box), int(Lanczos)).Draw(t, "filter"))
		around := rapid.Byte().Draw(t, "around")
		in := Window{Top: rapid.IntRange(0, sh).Draw(t, "top"), Left: rapid.IntRange(0, sw).Draw(t, "left")}
		in.Bottom = rapid.IntRange(in.Top, sh).Draw(t, "bottom")
		in.Right = rapid.IntRange(in.Left, sw).Draw(t, "right")

		src := make([]uint8, sw*sh)
		fill(src, around)
		inside := noise(sw * sh)
		for y := in.Top; y < in.Bottom; y++ {
			copy(src[y*sw+in.Left:y*sw+in.Right], inside[y*sw:])
		}
		r := NewGrayResizer(sw, sh, dw, dh, filter)
		got := make([]uint8, dw*dh)
		for range 2 { // the second image finds the buffers used
			out := r.Resize(got, src, in, around)
			require.Equal(t, Resize(src, sw, sh, 1, dw, dh, filter), got)
			for i, v := range got {
				y, x := i/dw, i%dw
				if y < out.Top || y >= out.Bottom || x < out.Left || x >= out.Right {
					require.Equal(t, around, v)
				}
			}
		}
	})
}
