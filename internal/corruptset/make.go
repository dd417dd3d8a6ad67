package corruptset

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"striate/analysis/corruption"
	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/jpegturbo"
	"striate/internal/picture"
	"striate/internal/provenance"
)

// Maker corrupts files.
type Maker struct {
	Benchmark  *corruption.Benchmark
	Names      []string
	Severities []int
	Seed       uint64
	Frost      []corruption.Picture
	Resize     bool
}

// worker corrupts one image at a time.
type worker struct {
	*Maker
	ws    *corruption.Workspace
	src   *corruption.Random
	codec jpegturbo.Codec
	out   []uint8
	file  bytes.Buffer
}

func (m *Maker) worker() *worker {
	w := &worker{Maker: m, ws: corruption.NewWorkspace(m.Benchmark.Size), out: make([]uint8, m.Benchmark.Size*m.Benchmark.Size*3)}
	w.ws.SetFrost(m.Frost)
	w.src = corruption.NewRandom(0, "", 0, nil)
	return w
}

// apply corrupts img into w.out.
func (w *worker) apply(name string, severity int, img []uint8) {
	w.src.Seed(w.Seed, name, severity, img)
	w.Benchmark.Lookup(name).Apply(w.ws, w.out, img, severity, w.src)
}

// encode writes w.out as a file of the benchmark to w.file.
func (w *worker) encode() error {
	w.file.Reset()
	return w.codec.Encode(&w.file, w.out, w.Benchmark.Size, w.Benchmark.Size, Quality)
}

// File corrupts one image by the first corruption and severity. A .png holds the pixels before the
// benchmark's final JPEG pass, a .jpg or .jpeg is the result of it.
func (m *Maker) File(in, out string) error {
	if source, err := os.Stat(in); err == nil {
		if target, err := os.Stat(out); err == nil && os.SameFile(source, target) {
			return fault.Misusef("%s would be written over the image itself: choose another name", out)
		}
	}
	img, _, err := picture.ReadFile(in, picture.Limits{})
	if err != nil {
		return err
	}
	pix, err := Fit(img, m.Benchmark, m.Resize)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	w := m.worker()
	w.apply(m.Names[0], m.Severities[0], pix)
	switch strings.ToLower(filepath.Ext(out)) {
	case ".png":
		return atomicfile.Write(out, func(f io.Writer) error { return writePNG(f, w.out, m.Benchmark.Size) })
	case ".jpg", ".jpeg":
		if err := w.encode(); err != nil {
			return err
		}
		return atomicfile.Write(out, func(f io.Writer) error { _, err := w.file.WriteTo(f); return err })
	}
	return fault.Misusef("%s: the name of an image must end in .png, .jpg or .jpeg", out)
}

func writePNG(w io.Writer, rgb []uint8, size int) error {
	m := image.NewRGBA(image.Rect(0, 0, size, size))
	for i := range size * size {
		copy(m.Pix[4*i:], rgb[3*i:3*i+3])
		m.Pix[4*i+3] = 255 // without transparency the encoder writes RGB
	}
	return png.Encode(w, m)
}

// manifest is the file in a tree that says what made it.
const manifest = "corruption.json"

// made is its content.
type made struct {
	provenance.Record
	Benchmark string `json:"benchmark"`
	Quality   int    `json:"jpeg_quality"`
	Resize    bool   `json:"resize"`
}

// Tree corrupts every image below a folder into out/<corruption>/<severity>/<path of the image>, as
// JPEG files. Files that are there already are left as they are, so that an interrupted run is taken
// up again; a tree that was made otherwise is refused, and so is one among the images, which the next
// run would take for images. done is told of every file.
func (m *Maker) Tree(ctx context.Context, in *Folder, files []string, out string, done func(int)) error {
	names, err := outputNames(files)
	if err != nil {
		return fmt.Errorf("%s: %w", in.Path, err)
	}
	if within(in.Path, out) {
		return fault.Misusef("%s lies among the images of %s: choose a folder outside", out, in.Path)
	}
	if err := m.sign(out); err != nil {
		return err
	}
	var next atomic.Int64
	work, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() error {
			w := m.worker()
			for i := int(next.Add(1)) - 1; i < len(files); i = int(next.Add(1)) - 1 {
				if err := w.each(ctx, in, files[i], out, names[i], done); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return work.Wait()
}

// within tells whether a path, of which some may not exist, is the folder or lies in it.
func within(folder, path string) bool {
	base, err := os.Stat(folder)
	if err != nil || !base.IsDir() {
		return false
	}
	if path, err = filepath.Abs(path); err != nil {
		return false
	}
	for {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if at, err := os.Stat(path); err == nil && os.SameFile(base, at) {
			return true
		}
		up := filepath.Dir(path)
		if up == path {
			return false
		}
		path = up
	}
}

// each makes all corruptions of one image.
func (w *worker) each(ctx context.Context, in *Folder, file, out, name string, done func(int)) error {
	var pix []uint8
	for _, corr := range w.Names {
		for _, severity := range w.Severities {
			if err := ctx.Err(); err != nil {
				return err
			}
			target := filepath.Join(out, corr, fmt.Sprint(severity), filepath.FromSlash(name))
			if _, err := os.Stat(target); err == nil {
				done(1)
				continue
			}
			if pix == nil {
				img, err := in.Read(file)
				if err != nil {
					return err
				}
				if pix, err = Fit(img, w.Benchmark, w.Resize); err != nil {
					return fmt.Errorf("%s: %w", filepath.Join(in.Path, file), err)
				}
			}
			w.apply(corr, severity, pix)
			if err := w.encode(); err != nil {
				return err
			}
			if err := atomicfile.Quick(target, w.file.Bytes()); err != nil {
				return err
			}
			done(1)
		}
	}
	return nil
}

// outputNames keeps the paths of the images and gives them the ending of JPEG files.
func outputNames(files []string) ([]string, error) {
	names, from := make([]string, len(files)), map[string]string{}
	for i, f := range files {
		name := f
		if strings.EqualFold(filepath.Ext(f), ".png") {
			name = strings.TrimSuffix(f, filepath.Ext(f)) + ".JPEG"
		}
		if other, taken := from[name]; taken {
			return nil, fault.Invalidf("%s and %s would both become %s: rename one", other, f, name)
		}
		names[i], from[name] = name, f
	}
	return names, nil
}

// sign writes the manifest, or compares it with the one that is there.
func (m *Maker) sign(out string) error {
	want := made{
		Record:    provenance.Record{Version: provenance.Version(), Seed: &m.Seed},
		Benchmark: m.Benchmark.Name, Quality: Quality, Resize: m.Resize,
	}
	file := filepath.Join(out, manifest)
	if data, err := os.ReadFile(file); err == nil {
		var have made
		if err := json.Unmarshal(data, &have); err != nil {
			return fault.Invalidf("%s is damaged: remove it, or the folder", file)
		}
		if have.Seed == nil || *have.Seed != m.Seed || have.Benchmark != want.Benchmark || have.Quality != want.Quality || have.Resize != want.Resize {
			return fault.Conflictf("%s holds images made with another seed, benchmark or size (see %s): choose another folder", out, file)
		}
		return nil
	}
	return atomicfile.Write(file, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(want)
	})
}
