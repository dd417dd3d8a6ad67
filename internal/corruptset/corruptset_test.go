package corruptset

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/analysis/corruption"
	"striate/internal/fault"
	"striate/internal/picture"
	"striate/internal/sharedtest"
)

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, data, 0o644))
}

// encoded is a PNG of w×h pixels with a gradient.
func encoded(t testing.TB, m interface {
	image.Image
	Set(x, y int, c color.Color)
}) []byte {
	t.Helper()
	b := m.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			m.Set(x, y, color.NRGBA{uint8(40 + 3*x%200), uint8(30 + 2*y%200), uint8(x * y), uint8(255 - x%50)})
		}
	}
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, m))
	return out.Bytes()
}

func rgb(t testing.TB, w, h int) []byte { return encoded(t, image.NewNRGBA(image.Rect(0, 0, w, h))) }

func maker(names ...string) *Maker {
	return &Maker{Benchmark: corruption.TinyImageNetC(), Names: names, Severities: []int{1, 5}, Seed: 7}
}

func TestFileBeforeAndAfterJPEG(t *testing.T) {
	kit := sharedtest.Path(t, "golden/robust/dev")
	dir := t.TempDir()
	m := &Maker{Benchmark: corruption.TinyImageNetC(), Names: []string{"contrast"}, Severities: []int{5}}
	in := filepath.Join(kit, "clean/astronaut.png")
	require.NoError(t, m.File(in, filepath.Join(dir, "a.png")))
	got, _, err := picture.ReadFile(filepath.Join(dir, "a.png"), picture.Limits{})
	require.NoError(t, err)
	want, _, err := picture.ReadFile(filepath.Join(kit, "det/astronaut_contrast_5.png"), picture.Limits{})
	require.NoError(t, err)
	require.True(t, bytes.Equal(want.Pix, got.Pix))

	require.NoError(t, m.File(in, filepath.Join(dir, "a.JPEG")))
	ours, err := os.ReadFile(filepath.Join(dir, "a.JPEG"))
	require.NoError(t, err)
	theirs, err := os.ReadFile(filepath.Join(kit, "final/astronaut_contrast_5.JPEG"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(theirs, ours), "the file the generating program writes")

	err = m.File(in, filepath.Join(dir, "a.gif"))
	require.Equal(t, fault.Misuse, fault.CodeOf(err))
}

func TestTree(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "c")
	writeFile(t, filepath.Join(in, "n01/a.png"), rgb(t, 64, 64))
	writeFile(t, filepath.Join(in, "n02/grey.png"), encoded(t, image.NewGray(image.Rect(0, 0, 64, 64))))
	writeFile(t, filepath.Join(in, "n02/notes.txt"), []byte("no image"))
	writeFile(t, filepath.Join(in, ".cache/b.png"), rgb(t, 64, 64))
	f, err := Open(in)
	require.NoError(t, err)
	files, err := f.Images(".")
	require.NoError(t, err)
	require.Equal(t, []string{"n01/a.png", "n02/grey.png"}, files)
	m, done := maker("fog", "saturate"), make(chan int, 100)
	require.NoError(t, m.Tree(t.Context(), f, files, out, func(n int) { done <- n }))
	require.Len(t, done, 8)
	var made []string
	require.NoError(t, filepath.WalkDir(out, func(p string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			rel, _ := filepath.Rel(out, p)
			made = append(made, rel)
		}
		return err
	}))
	require.Equal(t, []string{
		"corruption.json", "fog/1/n01/a.JPEG", "fog/1/n02/grey.JPEG", "fog/5/n01/a.JPEG", "fog/5/n02/grey.JPEG",
		"saturate/1/n01/a.JPEG", "saturate/1/n02/grey.JPEG", "saturate/5/n01/a.JPEG", "saturate/5/n02/grey.JPEG",
	}, made)

	// A file is what the image gives on its own, whatever the order.
	one := &Maker{Benchmark: m.Benchmark, Names: []string{"fog"}, Severities: []int{5}, Seed: 7}
	single := filepath.Join(t.TempDir(), "x.jpg")
	require.NoError(t, one.File(filepath.Join(in, "n01/a.png"), single))
	want, err := os.ReadFile(single)
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(out, "fog/5/n01/a.JPEG"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))

	// What is there is kept, and a tree of another seed refused.
	require.NoError(t, os.WriteFile(filepath.Join(out, "fog/5/n01/a.JPEG"), []byte("kept"), 0o644))
	require.NoError(t, os.Remove(filepath.Join(out, "fog/1/n01/a.JPEG")))
	require.NoError(t, m.Tree(t.Context(), f, files, out, func(int) {}))
	got, err = os.ReadFile(filepath.Join(out, "fog/5/n01/a.JPEG"))
	require.NoError(t, err)
	require.Equal(t, "kept", string(got))
	require.FileExists(t, filepath.Join(out, "fog/1/n01/a.JPEG"))
	m.Seed = 8
	require.Equal(t, fault.Conflict, fault.CodeOf(m.Tree(t.Context(), f, files, out, func(int) {})))
}

func TestImagesAreNeverWrittenOver(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "a/a.png")
	writeFile(t, in, rgb(t, 64, 64))
	require.Equal(t, fault.Misuse, fault.CodeOf(maker("fog").File(in, filepath.Join(dir, "a/../a/a.png"))))
	got, err := os.ReadFile(in)
	require.NoError(t, err)
	require.Equal(t, rgb(t, 64, 64), got)

	f, err := Open(dir)
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	for _, out := range []string{dir, filepath.Join(dir, "deep/new"), filepath.Join(link, "new")} {
		err := maker("fog").Tree(t.Context(), f, []string{"a/a.png"}, out, func(int) {})
		require.Equal(t, fault.Misuse, fault.CodeOf(err), out)
		require.NoFileExists(t, filepath.Join(out, "corruption.json"))
	}
	require.NoError(t, maker("fog").Tree(t.Context(), f, []string{"a/a.png"}, dir+"-c", func(int) {}))
}

func TestTreeStopsWhenCancelled(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(in, "a/a.png"), rgb(t, 64, 64))
	f, err := Open(in)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	err = maker("fog").Tree(ctx, f, []string{"a/a.png"}, out, func(int) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	left, err := filepath.Glob(filepath.Join(out, "fog/1/a/.*"))
	require.NoError(t, err)
	require.Empty(t, left, "no half-written file")
}

func TestBadImages(t *testing.T) {
	in := t.TempDir()
	out := filepath.Join(in, "out.png")
	m := maker("contrast")
	for name, data := range map[string][]byte{"wide.png": rgb(t, 65, 64), "empty.png": nil, "text.png": []byte("not an image"), "cut.png": rgb(t, 64, 64)[:300]} {
		writeFile(t, filepath.Join(in, name), data)
		err := m.File(filepath.Join(in, name), out)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.ErrorContains(t, err, name)
		require.NoFileExists(t, out)
	}
	err := m.File(filepath.Join(in, "wide.png"), out)
	require.ErrorContains(t, err, "image of 65×64 pixels: Tiny-ImageNet-C corrupts images of 64×64; --resize")
	m.Resize = true
	require.NoError(t, m.File(filepath.Join(in, "wide.png"), out))

	// Alpha is dropped, not composited, as Pillow's convert("RGB") does; grey gives equal channels.
	alpha := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	opaque := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	writeFile(t, filepath.Join(in, "alpha.png"), encoded(t, alpha))
	for i := range opaque.Pix {
		if opaque.Pix[i] = alpha.Pix[i]; i%4 == 3 {
			opaque.Pix[i] = 255
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, opaque))
	writeFile(t, filepath.Join(in, "opaque.png"), b.Bytes())
	read := func(name string) []uint8 {
		require.NoError(t, m.File(filepath.Join(in, name), out))
		img, _, err := picture.ReadFile(out, picture.Limits{})
		require.NoError(t, err)
		return img.Pix
	}
	require.True(t, bytes.Equal(read("opaque.png"), read("alpha.png")))
	writeFile(t, filepath.Join(in, "grey.png"), encoded(t, image.NewGray(image.Rect(0, 0, 64, 64))))
	pix := read("grey.png")
	for i := 0; i < len(pix); i += 3 {
		require.Equal(t, pix[i], pix[i+1])
		require.Equal(t, pix[i], pix[i+2])
	}
}

func TestFitForImageNetC(t *testing.T) {
	b := corruption.ImageNetC()
	img, err := picture.Decode(rgb(t, 300, 410), picture.Limits{})
	require.NoError(t, err)
	pix, err := Fit(img, b, true)
	require.NoError(t, err)
	require.Len(t, pix, 224*224*3)
	_, err = Fit(img, b, false)
	require.ErrorContains(t, err, "ImageNet-C corrupts images of 224×224")
}

func TestNames(t *testing.T) {
	b := corruption.TinyImageNetC()
	names, err := Names(b, []string{"fog", "blur", "fog"})
	require.NoError(t, err)
	require.Equal(t, []string{"fog", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur"}, names)
	names, err = Names(b, []string{"all", "extra"})
	require.NoError(t, err)
	require.Len(t, names, 19)
	_, err = Names(b, []string{"fgo"})
	require.ErrorContains(t, err, "fog")
	_, err = Names(b, []string{"fogg"})
	require.ErrorContains(t, err, "did you mean fog?")
	_, err = Names(b, []string{"xyzzy"})
	require.ErrorContains(t, err, "spatter, saturate", "all are listed, and once")
	require.Equal(t, 1, strings.Count(err.Error(), "glass_blur"))
	require.Error(t, CheckSeverities([]int{0}))
	require.Error(t, CheckSeverities([]int{6}))
	require.Error(t, CheckSeverities([]int{2, 2}))
	require.Error(t, CheckSeverities(nil))
	require.NoError(t, CheckSeverities([]int{5, 1}))
}

func TestMissingFrostNamesTheFlag(t *testing.T) {
	b := corruption.TinyImageNetC()
	none, err := ReadFrost("", b, []string{"fog"})
	require.NoError(t, err)
	require.Nil(t, none)
	_, err = ReadFrost("", b, []string{"fog", "frost"})
	require.ErrorContains(t, err, "--frost DIR")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "frost1.png"), rgb(t, 300, 300))
	_, err = ReadFrost(dir, b, []string{"frost"})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.ErrorContains(t, err, "--frost "+dir+" has no frost2.png")
	for _, name := range frostFiles {
		writeFile(t, filepath.Join(dir, name), rgb(t, 200, 200))
	}
	_, err = ReadFrost(dir, b, []string{"frost"})
	require.ErrorContains(t, err, "want more than 64×64")
	_, err = ReadFrost(sharedtest.Path(t, "data/frost"), b, []string{"frost"})
	require.NoError(t, err)
}

func TestLabels(t *testing.T) {
	folders := []string{"cat", "dog"}
	labels, err := Labels("--data d", folders, nil, 2)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"cat": 0, "dog": 1}, labels)
	labels, err = Labels("--data d", folders, []string{"dog", "eel", "cat"}, 3)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"cat": 2, "dog": 0}, labels)
	_, err = Labels("--data d", folders, nil, 1000)
	require.ErrorContains(t, err, "has 2 folders of classes and the model 1000 outputs: say which output is which with --classes")
	_, err = Labels("--data d", folders, []string{"dog", "eel"}, 2)
	require.ErrorContains(t, err, "1 of 2 folders are no classes of the model (cat;")
	_, err = Labels("--data d", folders, []string{"dog"}, 2)
	require.ErrorContains(t, err, "1 names of classes for a model of 2 outputs")
	_, err = Labels("--data d", nil, nil, 2)
	require.ErrorContains(t, err, "holds no folder of a class")
}

func TestLabelledImages(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"set/val/a/1.png", "set/val/a/2.png", "set/val/b/3.png", "set/train/a/9.png"} {
		writeFile(t, filepath.Join(dir, name), rgb(t, 64, 64))
	}
	f, err := Open(dir)
	require.NoError(t, err)
	root, err := ClassRoot(f)
	require.NoError(t, err)
	require.Equal(t, "set/val", root)
	fit := func(m *picture.RGB) ([]uint8, error) { return Fit(m, corruption.TinyImageNetC(), false) }
	l, err := OpenLabelled(f, root, map[string]int{"a": 4, "b": 2}, 64*64*3, fit)
	require.NoError(t, err)
	require.Equal(t, 3, l.Len())
	pix, labels := make([]uint8, 3*64*64*3), make([]int, 3)
	require.NoError(t, l.Read(t.Context(), 0, pix, labels))
	require.Equal(t, []int{4, 4, 2}, labels)
	l.Limit(2)
	require.Equal(t, 2, l.Len())

	_, err = OpenLabelled(f, root, map[string]int{"a": 0}, 64*64*3, fit)
	require.ErrorContains(t, err, "class b is not among those of the clean images")
	writeFile(t, filepath.Join(dir, "set/val/b/4.png"), rgb(t, 30, 64))
	l, err = OpenLabelled(f, root, map[string]int{"a": 4, "b": 2}, 64*64*3, fit)
	require.NoError(t, err)
	require.ErrorContains(t, l.Read(t.Context(), 3, pix[:64*64*3], labels[:1]), "set/val/b/4.png: image of 30×64 pixels")

	empty := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(empty, "a"), 0o755))
	f, err = Open(empty)
	require.NoError(t, err)
	_, err = OpenLabelled(f, ".", map[string]int{"a": 0}, 64*64*3, fit)
	require.ErrorContains(t, err, "holds no .png, .jpg or .jpeg file")
	_, err = Open(filepath.Join(empty, "gone"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	writeFile(t, filepath.Join(empty, "b.zip"), []byte("no archive"))
	_, err = Open(filepath.Join(empty, "b.zip"))
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

// TestReadyTree reads a tree out of a .zip file.
func TestReadyTree(t *testing.T) {
	f, err := Open(sharedtest.Path(t, "data/tinyimagenet_c_reference/tinyc_reference_32img.zip"))
	require.NoError(t, err)
	defer f.Close()
	cells, err := Cells(f, []string{"fog", "snow"}, []int{1, 5})
	require.NoError(t, err)
	require.Equal(t, "snow/5", cells["snow"][5])
	folders, err := f.Folders("snow/5")
	require.NoError(t, err)
	labels, err := Labels("set", folders, nil, len(folders))
	require.NoError(t, err)
	l, err := OpenLabelled(f, "snow/5", labels, 64*64*3, func(m *picture.RGB) ([]uint8, error) { return m.Pix, nil })
	require.NoError(t, err)
	require.Equal(t, 32, l.Len())
	_, err = Cells(f, []string{"fog", "rain"}, []int{1})
	require.ErrorContains(t, err, "lacks 1 of 2 folders (rain/1)")
}

func BenchmarkTree(b *testing.B) {
	in := b.TempDir()
	writeFile(b, filepath.Join(in, "a/a.png"), rgb(b, 64, 64))
	f, err := Open(in)
	require.NoError(b, err)
	names := corruption.TinyImageNetC().Names("")
	names = append(names[:8], names[9:]...) // without frost
	for b.Loop() {
		m := &Maker{Benchmark: corruption.TinyImageNetC(), Names: names, Severities: []int{1, 2, 3, 4, 5}}
		if err := m.Tree(b.Context(), f, []string{"a/a.png"}, b.TempDir(), func(int) {}); err != nil {
			b.Fatal(err)
		}
	}
}
