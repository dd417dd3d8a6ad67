package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"striate/internal/picture"
)

// Images returns a Source of 8-bit RGB images of the model's input size (n×height×width×3),
// normalised as the model's card says.
func (m *Model) Images(rgb []uint8) (Source, error) {
	p, err := m.preprocessor()
	if err != nil {
		return nil, err
	}
	if len(rgb)%(3*p.height*p.width) != 0 {
		panic(fmt.Sprintf("engine: %d samples are no images of %d×%d pixels", len(rgb), p.height, p.width))
	}
	return pixels{p, rgb}, nil
}

// preprocessor is what a model's card says about images.
type preprocessor struct {
	channels, height, width int
	normaliser              *picture.Normaliser
}

func (m *Model) preprocessor() (preprocessor, error) {
	var p preprocessor
	var err error
	if p.channels, p.height, p.width, err = m.ImageSize(); err != nil {
		return p, err
	}
	p.normaliser, err = m.normaliser(p.channels)
	return p, err
}

// Shape returns the shape of one image as the network reads it.
func (p preprocessor) Shape() []int { return []int{p.channels, p.height, p.width} }

// pixels is a Source that normalises images as they are asked for.
type pixels struct {
	preprocessor
	rgb []uint8
}

func (p pixels) Len() int { return len(p.rgb) / (3 * p.height * p.width) }

func (p pixels) Read(dst []float32, from, n int) error {
	plane := p.height * p.width
	p.normaliser.Apply(dst, p.rgb[from*3*plane:(from+n)*3*plane], n, plane)
	return nil
}

// Files is a Source of image files, decoded as they are asked for.
type Files struct {
	preprocessor
	ctx    context.Context
	Paths  []string
	SHA256 []string // of each file
}

// Files returns a Source of image files. All are decoded once before, so that a broken one is named
// before any work is done.
func (m *Model) Files(ctx context.Context, paths []string) (*Files, error) {
	p, err := m.preprocessor()
	if err != nil {
		return nil, err
	}
	f := &Files{preprocessor: p, ctx: ctx, Paths: paths, SHA256: make([]string, len(paths))}
	err = f.each(0, len(paths), func(i int, _ *picture.RGB, data []byte) error {
		sum := sha256.Sum256(data)
		f.SHA256[i] = hex.EncodeToString(sum[:])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Len returns the number of files.
func (f *Files) Len() int { return len(f.Paths) }

// Read decodes, resizes and normalises images.
func (f *Files) Read(dst []float32, from, n int) error {
	size := f.channels * f.height * f.width
	return f.each(from, n, func(i int, img *picture.RGB, _ []byte) error {
		at := (i - from) * size
		f.normaliser.Apply(dst[at:at+size], img.Resize(f.height, f.width).Pix, 1, f.height*f.width)
		return nil
	})
}

// each decodes n files from number from on, several at once.
func (f *Files) each(from, n int, do func(i int, img *picture.RGB, data []byte) error) error {
	g, ctx := errgroup.WithContext(f.ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := from; i < from+n; i++ {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			img, data, err := picture.ReadFile(f.Paths[i], picture.Limits{})
			if err != nil {
				return err
			}
			return do(i, img, data)
		})
	}
	return g.Wait()
}
