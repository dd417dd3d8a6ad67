package pillow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// noise fills n samples from the linear congruential generator that made the reference images.
func noise(n int) []uint8 {
	x := uint64(12345)
	out := make([]uint8, n)
	for i := range out {
		x = (x*1103515245 + 12345) % (1 << 31)
		out[i] = uint8(x >> 16)
	}
	return out
}

// testdata/resize.json holds digests of what Pillow 9.4 makes of the same noise. Equality is exact:
// the arithmetic is in integers.
func TestResizeEqualsPillow(t *testing.T) {
	text, err := os.ReadFile("testdata/resize.json")
	require.NoError(t, err)
	var cases []struct {
		From, To []int
		Channels int
		Filter   string
		SHA256   string
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.Len(t, cases, 56)
	filters := map[string]Filter{"Box": Box, "Bilinear": Bilinear, "Bicubic": Bicubic, "Lanczos": Lanczos}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.Filter, c.From, c.To, c.Channels), func(t *testing.T) {
			src := noise(c.From[0] * c.From[1] * c.Channels)
			got := sha256.Sum256(Resize(src, c.From[0], c.From[1], c.Channels, c.To[0], c.To[1], filters[c.Filter]))
			require.Equal(t, c.SHA256, hex.EncodeToString(got[:]))
		})
	}
}

func TestResizeLeavesSourceAlone(t *testing.T) {
	src := noise(12)
	out := Resize(src, 2, 2, 3, 2, 2, Bilinear)
	out[0]++
	require.Equal(t, noise(12), src)
	require.Panics(t, func() { Resize(src, 2, 2, 1, 3, 3, Box) })
}

func BenchmarkResize(b *testing.B) {
	src := noise(500 * 375 * 3)
	for b.Loop() {
		Resize(src, 500, 375, 3, 64, 64, Bilinear)
	}
}
