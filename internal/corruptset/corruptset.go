// Package corruptset keeps sets of corrupted images on disk: it makes the tree
// <corruption>/<severity>/<class>/<file> of Tiny-ImageNet-C from a folder of images, reads such a
// tree, labelled images and the pictures of frost. Folders may lie in a .zip file.
package corruptset

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"striate/analysis/corruption"
	"striate/internal/fault"
	"striate/internal/nearest"
	"striate/internal/picture"
	"striate/internal/pillow"
)

// Quality is the JPEG quality of a benchmark's files.
const Quality = 85

// Benchmark returns the benchmark of that name.
func Benchmark(name string) (*corruption.Benchmark, error) {
	var names []string
	for _, b := range []*corruption.Benchmark{corruption.TinyImageNetC(), corruption.ImageNetC()} {
		if b.Name == name {
			return b, nil
		}
		names = append(names, b.Name)
	}
	return nil, fault.Invalidf("no benchmark %q: there are %s", name, strings.Join(names, " and "))
}

// Names resolves a list of corruptions: "all" stands for the fifteen, "extra" for the four others.
func Names(b *corruption.Benchmark, asked []string) ([]string, error) {
	var names []string
	for _, name := range asked {
		switch {
		case name == "all":
			names = append(names, b.Names("")...)
		case slices.Contains(append(corruption.Groups(), corruption.Extra), corruption.Group(name)):
			names = append(names, b.Names(corruption.Group(name))...)
		case b.Lookup(name) != nil:
			names = append(names, name)
		default:
			all := append(b.Names(""), b.Names(corruption.Extra)...)
			hint := "; there are " + strings.Join(all, ", ")
			if len(nearest.Names(name, all, 1)) > 0 {
				hint = nearest.Phrase(name, all)
			}
			return nil, fault.Invalidf("no corruption %q%s; all (the fifteen), noise, blur, weather, digital, extra stand for several", name, hint)
		}
	}
	var unique []string
	for _, name := range names {
		if !slices.Contains(unique, name) {
			unique = append(unique, name)
		}
	}
	if len(unique) == 0 {
		return nil, fault.Invalidf("no corruption asked for")
	}
	return unique, nil
}

// CheckSeverities refuses what is not in 1..5.
func CheckSeverities(severities []int) error {
	if len(severities) == 0 {
		return fault.Invalidf("no severity asked for: give some of 1, 2, 3, 4, 5")
	}
	for i, s := range severities {
		if s < 1 || s > corruption.Severities {
			return fault.Invalidf("severity %d: there are 1 to %d", s, corruption.Severities)
		}
		if slices.Contains(severities[:i], s) {
			return fault.Invalidf("severity %d is asked for twice", s)
		}
	}
	return nil
}

// frostFiles are the pictures in the order in which they are drawn.
var frostFiles = [corruption.FrostPictures]string{"frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"}

// ReadFrost reads the pictures of frost that come with the generating programs and brings them to
// the scale of the benchmark. Where no corruption needs them it returns nil.
func ReadFrost(dir string, b *corruption.Benchmark, names []string) ([]corruption.Picture, error) {
	if !slices.ContainsFunc(names, func(n string) bool { return b.Lookup(n).Pictures }) {
		return nil, nil
	}
	if dir == "" {
		return nil, fault.Invalidf("corruption frost needs its pictures: give --frost DIR with %s (they come with the ImageNet-C programs), or leave frost out",
			strings.Join(frostFiles[:], ", "))
	}
	var pictures []corruption.Picture
	for _, name := range frostFiles {
		file := path.Join(dir, name)
		if _, err := os.Stat(file); err != nil {
			return nil, fault.NotFoundf("--frost %s has no %s: corruption frost needs %s", dir, name, strings.Join(frostFiles[:], ", "))
		}
		m, _, err := picture.ReadFile(file, picture.Limits{})
		if err != nil {
			return nil, fmt.Errorf("--frost: %w", err)
		}
		pictures = append(pictures, corruption.Picture{Pix: m.Pix, Width: m.Width, Height: m.Height})
	}
	prepared, err := b.PrepareFrost(pictures)
	if err != nil {
		return nil, fault.Invalidf("--frost %s: %w", dir, err)
	}
	return prepared, nil
}

// Fit returns the pixels of an image at the size of a benchmark. Another size is refused unless
// resize is set; then Tiny-ImageNet-C squeezes the whole image, ImageNet-C makes the short side
// 256 pixels and cuts out the middle, both with Pillow's antialiased bilinear filter.
func Fit(m *picture.RGB, b *corruption.Benchmark, resize bool) ([]uint8, error) {
	n := b.Size
	switch {
	case m.Width == n && m.Height == n:
		return m.Pix, nil
	case !resize:
		return nil, fault.Invalidf("image of %d×%d pixels: %s corrupts images of %d×%d; --resize brings them to this size",
			m.Width, m.Height, b.Title, n, n)
	case n < 224:
		return m.Resize(n, n).Pix, nil
	}
	const short = 256
	w, h := short, short
	if m.Width > m.Height {
		w = short * m.Width / m.Height
	} else {
		h = short * m.Height / m.Width
	}
	if int64(w)*int64(h) > picture.DefaultMaxPixels {
		return nil, fault.Invalidf("image of %d×%d pixels is too narrow to resize", m.Width, m.Height)
	}
	return crop(pillow.Resize(m.Pix, m.Width, m.Height, 3, w, h, pillow.Bilinear), w, h, n), nil
}

// crop cuts out the middle; halves are rounded to even as torchvision does.
func crop(pix []uint8, w, h, n int) []uint8 {
	top, left := halfToEven(h-n), halfToEven(w-n)
	out := make([]uint8, n*n*3)
	for y := range n {
		copy(out[y*n*3:(y+1)*n*3], pix[((top+y)*w+left)*3:])
	}
	return out
}

// halfToEven is Python's round(v/2).
func halfToEven(v int) int {
	half := v / 2
	if v%2 != 0 && half%2 != 0 {
		half++
	}
	return half
}

// Folder is a folder of images on disk or in a .zip file.
type Folder struct {
	Path   string
	files  fs.FS
	closer io.Closer
}

// Open opens a folder or a .zip file of one.
func Open(name string) (*Folder, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fault.NotFoundf("no such folder: %s", name)
	}
	if info.IsDir() {
		return &Folder{name, os.DirFS(name), io.NopCloser(nil)}, nil
	}
	archive, err := zip.OpenReader(name)
	if err != nil {
		return nil, fault.Invalidf("%s is neither a folder nor a readable .zip: %v", name, err)
	}
	return &Folder{name, archive, archive}, nil
}

// Close releases the .zip file.
func (f *Folder) Close() error { return f.closer.Close() }

// Has tells whether there is a folder of the name.
func (f *Folder) Has(dir string) bool {
	info, err := fs.Stat(f.files, dir)
	return err == nil && info.IsDir()
}

// Folders lists the folders in dir, sorted; hidden ones are passed over.
func (f *Folder) Folders(dir string) ([]string, error) {
	entries, err := fs.ReadDir(f.files, dir)
	if err != nil {
		return nil, fault.NotFoundf("%s has no folder %s", f.Path, dir)
	}
	var names []string
	for _, e := range entries {
		if info, err := fs.Stat(f.files, path.Join(dir, e.Name())); err == nil && info.IsDir() && !hidden(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Images lists the image files below dir, sorted by path.
func (f *Folder) Images(dir string) ([]string, error) {
	var files []string
	err := fs.WalkDir(f.files, dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != dir && hidden(d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && picture.IsImageName(p):
			files = append(files, p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list images of %s: %w", path.Join(f.Path, dir), err)
	}
	slices.Sort(files)
	return files, nil
}

// hidden tells of names that archivers and file managers leave behind.
func hidden(name string) bool { return strings.HasPrefix(name, ".") || name == "__MACOSX" }

// Read decodes an image file.
func (f *Folder) Read(name string) (*picture.RGB, error) {
	file, err := f.files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path.Join(f.Path, name), err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, picture.DefaultMaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path.Join(f.Path, name), err)
	}
	if len(data) > picture.DefaultMaxBytes {
		return nil, fault.TooLargef("%s is over the limit of %d bytes", path.Join(f.Path, name), picture.DefaultMaxBytes)
	}
	m, err := picture.Decode(data, picture.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(f.Path, name), err)
	}
	return m, nil
}

// IsArchive tells whether a file's name is that of a .zip file.
func IsArchive(name string) bool { return strings.EqualFold(path.Ext(name), ".zip") }
