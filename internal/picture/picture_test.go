package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
)

func encodePNG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

// hugePNG is a well-formed header of width×height pixels with hardly any data behind it.
func hugePNG(width, height uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		binary.Write(&b, binary.BigEndian, uint32(len(data)))
		body := append([]byte(kind), data...)
		b.Write(body)
		binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(body))
	}
	head := binary.BigEndian.AppendUint32(nil, width)
	head = binary.BigEndian.AppendUint32(head, height)
	chunk("IHDR", append(head, 8, 2, 0, 0, 0))
	chunk("IDAT", bytes.Repeat([]byte{0}, 2000))
	chunk("IEND", nil)
	return b.Bytes()
}

func TestDecodeKinds(t *testing.T) {
	box := image.Rect(0, 0, 2, 1)
	nrgba := image.NewNRGBA(box)
	nrgba.SetNRGBA(0, 0, color.NRGBA{10, 20, 30, 5})
	nrgba.SetNRGBA(1, 0, color.NRGBA{40, 50, 60, 255})
	gray := image.NewGray(box)
	gray.SetGray(1, 0, color.Gray{77})
	deep := image.NewNRGBA64(box)
	deep.SetNRGBA64(0, 0, color.NRGBA64{0x1234, 0x5678, 0x9abc, 0x8000})
	deep.SetNRGBA64(1, 0, color.NRGBA64{0xffff, 0, 0x00ff, 0xffff})
	palette := image.NewPaletted(box, color.Palette{color.NRGBA{1, 2, 3, 255}, color.NRGBA{200, 100, 50, 128}})
	palette.SetColorIndex(1, 0, 1)
	for name, c := range map[string]struct {
		img  image.Image
		want []uint8
	}{
		"alpha is dropped":   {nrgba, []uint8{10, 20, 30, 40, 50, 60}},
		"grey is replicated": {gray, []uint8{0, 0, 0, 77, 77, 77}},
		"16 bits are cut":    {deep, []uint8{0x12, 0x56, 0x9a, 0xff, 0, 0}},
		"palette":            {palette, []uint8{1, 2, 3, 200, 100, 50}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(encodePNG(t, c.img), Limits{})
			require.NoError(t, err)
			require.Equal(t, &RGB{2, 1, c.want}, got)
		})
	}
}

func TestBadImages(t *testing.T) {
	good := encodePNG(t, image.NewGray(image.Rect(0, 0, 20, 20)))
	var jpg bytes.Buffer
	require.NoError(t, jpeg.Encode(&jpg, image.NewGray(image.Rect(0, 0, 40, 40)), nil))
	for name, c := range map[string]struct {
		data []byte
		code fault.Code
	}{
		"empty":          {nil, fault.Invalid},
		"text":           {[]byte("hello, this is text"), fault.Invalid},
		"gif":            {[]byte("GIF89a..............."), fault.Invalid},
		"cut png":        {good[:len(good)/2], fault.Invalid},
		"png, head only": {good[:20], fault.Invalid},
		"cut jpeg":       {jpg.Bytes()[:jpg.Len()-20], fault.Invalid},
		"30000×30000":    {hugePNG(30000, 30000), fault.TooLarge},
		"a long line":    {hugePNG(1<<20, 1), fault.TooLarge},
		"no pixels":      {hugePNG(0, 10), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(c.data, Limits{})
			require.Error(t, err)
			require.Equal(t, c.code, fault.CodeOf(err), err)
		})
	}
}

func TestHugeImageCostsNothing(t *testing.T) {
	data := hugePNG(30000, 30000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Decode(data, Limits{})
	runtime.ReadMemStats(&after)
	require.Error(t, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestCollect(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.png", "a.JPEG", "c.txt", "sub/d.jpg"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	got, err := Collect([]string{dir})
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "a.JPEG"), filepath.Join(dir, "b.png"), filepath.Join(dir, "sub/d.jpg")}, got)
	_, err = Collect([]string{t.TempDir()})
	require.ErrorContains(t, err, "holds no")

	links := t.TempDir()
	for name, to := range map[string]string{"all": dir, "one.png": filepath.Join(dir, "b.png"), "again": links} { // the last leads round in a circle
		require.NoError(t, os.Symlink(to, filepath.Join(links, name)))
	}
	got, err = Collect([]string{links})
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(links, "all/a.JPEG"), filepath.Join(links, "all/b.png"), filepath.Join(links, "all/sub/d.jpg"), filepath.Join(links, "one.png")}, got)
	got, err = Collect([]string{filepath.Join(links, "all")})
	require.NoError(t, err)
	require.Len(t, got, 3, "a link to a folder")
	_, err = Collect([]string{filepath.Join(dir, "nothing")})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestNormaliser(t *testing.T) {
	rgb := []uint8{0, 128, 255, 255, 0, 10}
	dst := make([]float32, 6)
	NewNormaliser(3, []float64{0.5}, []float64{0.5}, false).Apply(dst, rgb, 1, 2)
	half := (float32(128)/255 - 0.5) / 0.5
	require.Equal(t, []float32{-1, 1, half, -1, 1, (float32(10)/255 - 0.5) / 0.5}, dst)
	NewNormaliser(3, []float64{0, 0.5, 0}, []float64{1, 0.5, 1}, true).Apply(dst, rgb, 1, 2)
	require.Equal(t, []float32{1, float32(10) / 255, half, -1, 0, 1}, dst)
	NewNormaliser(1, []float64{0}, []float64{1}, false).Apply(dst[:2], rgb, 1, 2)
	require.Equal(t, []float32{float32(104) / 255, float32(77) / 255}, dst[:2])
}

func FuzzDecode(f *testing.F) {
	f.Add(encodePNG(f, image.NewGray(image.Rect(0, 0, 3, 3))))
	f.Add(encodePNG(f, image.NewPaletted(image.Rect(0, 0, 3, 3), color.Palette{color.Black})))
	f.Add(hugePNG(30000, 30000))
	var jpg bytes.Buffer
	require.NoError(f, jpeg.Encode(&jpg, image.NewRGBA(image.Rect(0, 0, 17, 9)), nil))
	f.Add(jpg.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := Decode(data, Limits{MaxPixels: 1 << 16})
		if err == nil && len(img.Pix) != 3*img.Width*img.Height {
			t.Fatalf("%d samples for %d×%d", len(img.Pix), img.Width, img.Height)
		}
	})
}
