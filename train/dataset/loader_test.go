package dataset

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/stretchr/testify/require"

	"striate/internal/fault"
	"striate/train/backend"
)

// alwaysTooLarge is a random source under which no crop fits: areas near the whole, extreme ratios.
func alwaysTooLarge() *rand.Rand { return rand.New(constant{}) }

type constant struct{}

func (constant) Uint64() uint64 { return 1<<64 - 1 }

// repacked is a zip with the same files under train/.
func repacked(t testing.TB, from string) string {
	t.Helper()
	in, err := zip.OpenReader(from)
	require.NoError(t, err)
	defer in.Close()
	to := filepath.Join(t.TempDir(), "repacked.zip")
	f, err := os.Create(to)
	require.NoError(t, err)
	defer f.Close()
	out := zip.NewWriter(f)
	for _, file := range in.File {
		header := file.FileHeader
		header.Name = "train/" + file.Name
		raw, err := file.OpenRaw()
		require.NoError(t, err)
		w, err := out.CreateRaw(&header)
		require.NoError(t, err)
		var buffer bytes.Buffer
		_, err = buffer.ReadFrom(raw)
		require.NoError(t, err)
		_, err = w.Write(buffer.Bytes())
		require.NoError(t, err)
	}
	require.NoError(t, out.Close())
	return to
}

func indexOf(s *Split, path string) int {
	for i, sample := range s.Samples {
		if sample.Path == path {
			return i
		}
	}
	return -1
}

// encoded is a picture of side×side whose every pixel tells its number.
func encoded(t testing.TB, format string, side, number int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		img.Set(i%side, i/side, color.RGBA{uint8(number), uint8(i), 200, 255})
	}
	var b bytes.Buffer
	if format == "png" {
		require.NoError(t, png.Encode(&b, img))
	} else {
		require.NoError(t, jpeg.Encode(&b, img, nil))
	}
	return b.Bytes()
}

// folder writes files under a temporary directory.
func folder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, path.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	return dir
}

// twoClasses is a folder of 5 + 4 pictures to train on and 3 + 2 to validate on, 8×8 pixels.
func twoClasses(t testing.TB) map[string][]byte {
	files := map[string][]byte{}
	for split, counts := range map[string][2]int{"train": {5, 4}, "val": {3, 2}} {
		for class, n := range counts {
			for k := range n {
				files[fmt.Sprintf("%s/class%d/%02d.png", split, class, k)] = encoded(t, "png", 8, 100*class+k)
			}
		}
	}
	return files
}

func openSplit(t testing.TB, dir, name string) *Split {
	t.Helper()
	source, err := Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { source.Close() })
	split, err := source.Split(name, nil)
	require.NoError(t, err)
	return split
}

// take reads n batches: the numbers of their pictures, mirrored ones negative, and labels.
func take(t *testing.T, ds train.Dataset, n int) (numbers [][]int, labels [][]int32) {
	t.Helper()
	for batch, err := range ds.Iter() {
		require.NoError(t, err)
		numbers = append(numbers, numbersOf(batch))
		labels = append(labels, tensors.MustCopyFlatData[int32](batch.Labels[0]))
		require.NoError(t, batch.Finalize())
		if n--; n == 0 {
			break
		}
	}
	return numbers, labels
}

func numbersOf(batch train.Batch) []int {
	pixels := tensors.MustCopyFlatData[uint8](batch.Inputs[0])
	var list []int
	for at := 0; at < len(pixels); at += 3 * 64 {
		n := int(pixels[at]) + 1
		if pixels[at+64] != 0 { // the second plane counts pixels; its first is 0 unless mirrored
			n = -n
		}
		list = append(list, n)
	}
	return list
}

func TestOpenRefusals(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "absent"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = Open(folder(t, map[string][]byte{"pictures/a.png": nil}))
	require.ErrorContains(t, err, "neither train/<class>/ nor val/<class>/")
	_, err = Open(filepath.Join(folder(t, map[string][]byte{"x.zip": []byte("no zip")}), "x.zip"))
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	source, err := Open(folder(t, map[string][]byte{"train/a/x.txt": nil, "val/b/y.png": nil}))
	require.NoError(t, err)
	_, err = source.Split("train", nil)
	require.ErrorContains(t, err, "no .png, .jpg or .jpeg file")
	_, err = source.Split("val", []string{"a"})
	require.ErrorContains(t, err, "class b of val is not among the 1 classes")
	_, err = source.Split("test", nil)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

// A folder, a zip of it, and a zip that holds the folder itself are the same data.
func TestZipIsFolder(t *testing.T) {
	files := twoClasses(t)
	files["train/class0/.hidden.png"] = nil
	files["train/class0/deeper/99.png"] = encoded(t, "png", 8, 99)
	dir := folder(t, files)
	for _, prefix := range []string{"", "tiny/"} {
		name := filepath.Join(t.TempDir(), "data.zip")
		f, err := os.Create(name)
		require.NoError(t, err)
		w := zip.NewWriter(f)
		for file, data := range files {
			e, err := w.Create(prefix + file)
			require.NoError(t, err)
			_, err = e.Write(data)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		require.NoError(t, f.Close())
		a, b := openSplit(t, dir, "train"), openSplit(t, name, "train")
		require.Equal(t, []string{"class0", "class1"}, a.Classes)
		require.Len(t, a.Samples, 10)
		require.Equal(t, a.Digest(), b.Digest())
		x, err := a.Read(3)
		require.NoError(t, err)
		y, err := b.Read(3)
		require.NoError(t, err)
		require.Equal(t, x, y)
	}
}

// Tiny ImageNet's own archive keeps validation images in one folder with a table.
func TestAnnotatedValidation(t *testing.T) {
	files := twoClasses(t)
	for name := range files {
		if strings.HasPrefix(name, "val/") {
			delete(files, name)
		}
	}
	files["val/images/v0.png"] = encoded(t, "png", 8, 7)
	files["val/images/v1.png"] = encoded(t, "png", 8, 8)
	files["val/val_annotations.txt"] = []byte("v0.png\tclass1\t0\t0\t1\t1\nv1.png\tclass0\t0\t0\t1\t1\n")
	source, err := Open(folder(t, files))
	require.NoError(t, err)
	val, err := source.Split("val", []string{"class0", "class1"})
	require.NoError(t, err)
	require.Equal(t, "val/images/v1.png", val.Samples[0].Path)
	require.Equal(t, 0, val.Samples[0].Class)
	require.Equal(t, 1, val.Samples[1].Class)
}

// Every epoch shows each image once, in another order, half of them mirrored; the same seed gives the
// same batches however many workers there are, and starting later gives the later batches.
func TestTrainingOrder(t *testing.T) {
	split := openSplit(t, folder(t, twoClasses(t)), "train")
	options := Options{Batch: 2, Size: 8, Transform: Tiny, Seed: 3, Workers: 4}
	all, labels := take(t, NewLoader(split, options).Training(0), 15) // 3 epochs of 5 batches
	mirrored := 0
	for epoch := range 3 {
		seen := map[int]bool{}
		for b, numbers := range all[5*epoch : 5*epoch+5] {
			for k, n := range numbers {
				if n < 0 {
					mirrored++
					n = -n
				}
				seen[n] = true
				require.Equal(t, int32((n-1)/100), labels[5*epoch+b][k])
			}
		}
		require.Len(t, seen, 9)
		require.Len(t, all[5*epoch+4], 1, "the last batch is smaller")
	}
	require.InDelta(t, 13, mirrored, 9)
	require.NotEqual(t, all[:5], all[5:10])

	options.Workers, options.Cache = 1, 1<<20
	again, _ := take(t, NewLoader(split, options).Training(7), 8)
	require.Equal(t, all[7:], again)
	options.Seed = 4
	other, _ := take(t, NewLoader(split, options).Training(0), 5)
	require.NotEqual(t, all[:5], other)
	options.DropLast = true
	require.Equal(t, 4, NewLoader(split, options).Batches())
	options.Group = 3
	require.Equal(t, 3, NewLoader(split, options).Batches())
}

// Repeated batches keep images and get fresh draws; starting inside a repetition continues it.
func TestRepeatAndDraws(t *testing.T) {
	split := openSplit(t, folder(t, twoClasses(t)), "train")
	options := Options{Batch: 4, Size: 8, Transform: Tiny, Repeat: 3, LabelsAsInput: true,
		Draws: []Draw{{-1, 1, []int{3, 8, 8}}, {0, 1, []int{16}}}}
	read := func(from, n int) (images [][]int, draws [][]float32) {
		for batch, err := range NewLoader(split, options).Training(from).Iter() {
			require.NoError(t, err)
			require.Len(t, batch.Inputs, 4)
			require.Equal(t, []int{4, 3, 8, 8}, batch.Inputs[1].Shape().Dimensions)
			require.Equal(t, []int{4, 16}, batch.Inputs[2].Shape().Dimensions)
			require.Equal(t, batch.Labels[0].Value(), batch.Inputs[3].Value())
			images = append(images, numbersOf(batch))
			draws = append(draws, tensors.MustCopyFlatData[float32](batch.Inputs[1]))
			if n--; n == 0 {
				break
			}
		}
		return images, draws
	}
	images, draws := read(0, 6)
	require.Equal(t, images[0], images[2])
	require.NotEqual(t, images[2], images[3])
	require.NotEqual(t, draws[0], draws[1])
	var mean, square float64
	for _, v := range draws[0] {
		require.True(t, v >= -1 && v < 1)
		mean += float64(v) / float64(len(draws[0]))
		square += float64(v*v) / float64(len(draws[0]))
	}
	require.InDelta(t, 0, mean, 0.1)
	require.InDelta(t, 1.0/3, square, 0.06)
	laterImages, laterDraws := read(4, 2)
	require.Equal(t, images[4:], laterImages)
	require.Equal(t, draws[4:], laterDraws)
}

// Batches sent ahead to a backend are those of the loader, and a reader may leave at any time.
func TestOnDevice(t *testing.T) {
	b, err := backend.New("go")
	require.NoError(t, err)
	split := openSplit(t, folder(t, twoClasses(t)), "train")
	l := NewLoader(split, Options{Batch: 2, Size: 8, Transform: Tiny})
	want, _ := take(t, l.Training(0), 7)
	for n := 1; n <= 7; n++ {
		got, _ := take(t, OnDevice(l.Training(0), b, 2), n)
		require.Equal(t, want[:n], got)
	}
}

// Links to folders are folders, as torchvision sees them.
func TestLinkedFolders(t *testing.T) {
	dir, linked := folder(t, twoClasses(t)), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(linked, "train"), 0o755))
	for _, class := range []string{"class0", "class1"} {
		require.NoError(t, os.Symlink(filepath.Join(dir, "train", class), filepath.Join(linked, "train", class)))
	}
	require.NoError(t, os.Symlink(filepath.Join(dir, "val"), filepath.Join(linked, "val")))
	for _, name := range []string{"train", "val"} {
		want, got := openSplit(t, dir, name), openSplit(t, linked, name)
		require.Equal(t, want.Samples, got.Samples)
		require.Equal(t, want.Digest(), got.Digest())
	}
}

// Validation fills its last batch with images of weight 0, and Fill makes up for them.
func TestValidation(t *testing.T) {
	split := openSplit(t, folder(t, twoClasses(t)), "val")
	l := NewLoader(split, Options{Batch: 2, Size: 8, Transform: Tiny, Group: 2})
	var weights []float32
	for batch, err := range l.Validation().Iter() {
		require.NoError(t, err)
		require.Equal(t, ValidationSpec, batch.Spec)
		require.Equal(t, []int{2, 3, 8, 8}, batch.Inputs[0].Shape().Dimensions)
		weights = append(weights, tensors.MustCopyFlatData[float32](batch.Labels[1])...)
	}
	require.Equal(t, []float32{1, 1, 1, 1, 1, 0, 0, 0}, weights)
	require.Equal(t, 8.0/5, l.Fill())
}

// Damaged files are named, counted, and replaced by another of their class in training, weighed 0 in
// validation, or an error when strict.
func TestUnreadable(t *testing.T) {
	files := twoClasses(t)
	whole := encoded(t, "jpeg", 8, 9)
	files["train/class1/00.png"] = nil
	files["train/class1/01.png"] = []byte("plain text")
	files["train/class1/02.png"] = whole[:len(whole)/2]
	files["val/class1/00.png"] = files["val/class1/00.png"][:40]
	dir := folder(t, files)
	var named []string
	options := Options{Batch: 9, Size: 8, Transform: Tiny, Unreadable: func(path string, err error) { named = append(named, path) }}
	l := NewLoader(openSplit(t, dir, "train"), options)
	numbers, labels := take(t, l.Training(0), 2)
	for k, n := range numbers[0] {
		if labels[0][k] == 1 {
			require.Contains(t, []int{104, -104}, n, "the only readable image of the class")
		}
	}
	require.ElementsMatch(t, []string{"train/class1/00.png", "train/class1/01.png", "train/class1/02.png"}, named)
	require.Len(t, l.Broken(), 3)

	val := NewLoader(openSplit(t, dir, "val"), options)
	take(t, val.Validation(), -1)
	require.Equal(t, 9.0/4, val.Fill())

	options.Strict = true
	for _, err := range NewLoader(openSplit(t, dir, "train"), options).Training(0).Iter() {
		require.ErrorContains(t, err, "cannot be read")
		break
	}
	for _, err := range NewLoader(openSplit(t, dir, "val"), options).Validation().Iter() {
		require.ErrorContains(t, err, "val/class1/00.png cannot be read")
		break
	}
	files["train/class1/03.png"] = nil
	options.Strict = false
	for _, err := range NewLoader(openSplit(t, folder(t, files), "train"), options).Training(0).Iter() {
		require.ErrorContains(t, err, "class class1 has no readable image")
		break
	}
}

func TestDetect(t *testing.T) {
	split := openSplit(t, folder(t, twoClasses(t)), "train")
	require.Equal(t, Tiny, Detect(split, 8))
	require.Equal(t, ImageNet, Detect(split, 64))
	require.Error(t, Transform("other").Validate())
}
