// Package robustness measures how well a network stands up to corrupted and attacked images: its
// accuracy, and, for the units of a layer, how far the pattern of responses and the tuning move.
//
// Source: D. Hendrycks and T. Dietterich (2019), "Benchmarking neural network robustness to common
// corruptions and perturbations", ICLR, for corruption errors; G. Pogoncheff, J. Granley and
// M. Beyeler (2023), "Explaining V1 properties with a biologically constrained deep learning
// architecture", NeurIPS, for plain means of accuracies over Tiny-ImageNet-C.
package robustness

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"striate/analysis"
	"striate/analysis/corruption"
	"striate/internal/jpegturbo"
	"striate/internal/pillow"
)

// Images are labelled 8-bit images of one size, RGB.
type Images interface {
	Len() int
	// Read writes the images from, from+1, … to dst and their labels to labels, as many as labels
	// has places.
	Read(ctx context.Context, from int, dst []uint8, labels []int) error
}

// Memory are images held in memory.
type Memory struct {
	Pix    []uint8 // n×size×size×3
	Labels []int
}

// Len returns the number of images.
func (m Memory) Len() int { return len(m.Labels) }

// Read copies images.
func (m Memory) Read(ctx context.Context, from int, dst []uint8, labels []int) error {
	size := len(m.Pix) / len(m.Labels)
	copy(dst, m.Pix[from*size:(from+len(labels))*size])
	copy(labels, m.Labels[from:])
	return ctx.Err()
}

// Cell is the accuracy of a network on images of one corruption at one severity. Clean images have
// no corruption and severity 0.
type Cell struct {
	Corruption string           `json:"corruption,omitempty"`
	Group      corruption.Group `json:"group,omitempty"`
	Severity   int              `json:"severity,omitempty"`
	Images     int              `json:"images"`
	Right      int              `json:"right"`
	Accuracy   float64          `json:"accuracy"` // Right/Images
}

// Corrupter makes corrupted images of a benchmark.
type Corrupter struct {
	Benchmark *corruption.Benchmark
	Seed      uint64
	Frost     []corruption.Picture // from Benchmark.PrepareFrost; nil without the corruption frost
	// Quality is that of a JPEG pass after the corruption, as the published sets have; 0 for none.
	Quality int

	workers chan *worker
}

type worker struct {
	ws    *corruption.Workspace
	src   *corruption.Random
	codec jpegturbo.Codec
}

func (c *Corrupter) acquire() *worker {
	select {
	case w := <-c.workers:
		return w
	default:
	}
	w := &worker{ws: corruption.NewWorkspace(c.Benchmark.Size), src: corruption.NewRandom(0, "", 0, nil)}
	w.ws.SetFrost(c.Frost)
	return w
}

// Apply corrupts images of the benchmark's size in place, several at once. It panics when there is
// no such corruption.
func (c *Corrupter) Apply(ctx context.Context, images []uint8, name string, severity int) error {
	one := c.Benchmark.Lookup(name)
	if one == nil {
		panic(fmt.Sprintf("robustness: no corruption %q", name))
	}
	if c.workers == nil {
		c.workers = make(chan *worker, runtime.GOMAXPROCS(0))
	}
	n := c.Benchmark.Size
	size := n * n * 3
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(cap(c.workers))
	for at := 0; at < len(images); at += size {
		img := images[at : at+size]
		work.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			w := c.acquire()
			w.src.Seed(c.Seed, name, severity, img)
			one.Apply(w.ws, img, img, severity, w.src)
			if c.Quality > 0 {
				w.codec.Recode(img, img, n, n, c.Quality)
			}
			select {
			case c.workers <- w:
			default:
			}
			return nil
		})
	}
	return work.Wait()
}

// batch is how many images are corrupted and shown at a time.
const batch = 64

// Evaluator measures accuracies. Images are of size×size pixels; a network that takes another size
// is shown them resized by Pillow's bilinear filter.
type Evaluator struct {
	Network analysis.Network // its layer holds the logits, a unit a class
	Size    int
	Done    func(images int) // told of images that were shown; may be nil
}

// Accuracy measures the accuracy on images; prepare, if not nil, changes each batch first.
func (e *Evaluator) Accuracy(ctx context.Context, images Images, prepare func(pix []uint8) error) (Cell, error) {
	c := Cell{Images: images.Len()}
	units := unitsOf(e.Network)
	labels, logits := make([]int, batch), make([]float32, batch*units)
	err := each(ctx, images, e.Size, labels, func(pix []uint8, labels []int) error {
		if prepare != nil {
			if err := prepare(pix); err != nil {
				return err
			}
		}
		out := logits[:len(labels)*units]
		if err := show(ctx, e.Network, e.Size, pix, out); err != nil {
			return err
		}
		for i, l := range labels {
			if best(out[i*units:(i+1)*units]) == l {
				c.Right++
			}
		}
		if e.Done != nil {
			e.Done(len(labels))
		}
		return nil
	})
	c.Accuracy = float64(c.Right) / float64(c.Images)
	return c, err
}

// Generated measures the accuracy on images corrupted on the fly.
func (e *Evaluator) Generated(ctx context.Context, images Images, c *Corrupter, name string, severity int) (Cell, error) {
	cell, err := e.Accuracy(ctx, images, func(pix []uint8) error { return c.Apply(ctx, pix, name, severity) })
	cell.Corruption, cell.Severity = name, severity
	cell.Group = c.Benchmark.Lookup(name).Group
	return cell, err
}

// each reads images by batches.
func each(ctx context.Context, images Images, size int, labels []int, do func(pix []uint8, labels []int) error) error {
	pix := make([]uint8, len(labels)*size*size*3)
	for from := 0; from < images.Len(); from += len(labels) {
		n := min(len(labels), images.Len()-from)
		part := pix[:n*size*size*3]
		if err := images.Read(ctx, from, part, labels[:n]); err != nil {
			return err
		}
		if err := do(part, labels[:n]); err != nil {
			return err
		}
	}
	return nil
}

// show writes the responses of a network to square images of the size.
func show(ctx context.Context, net analysis.Network, size int, pix []uint8, dst []float32) error {
	height, width := net.InputSize()
	if height != size || width != size {
		n := len(pix) / (size * size * 3)
		resized := make([]uint8, 0, n*height*width*3)
		for i := range n {
			resized = append(resized, pillow.Resize(pix[i*size*size*3:(i+1)*size*size*3], size, size, 3, width, height, pillow.Bilinear)...)
		}
		pix = resized
	}
	return net.Responses(ctx, pix, dst)
}

func unitsOf(net analysis.Network) int {
	c, h, w := net.Units()
	return c * h * w
}

// best is the index of the first largest value.
func best(v []float32) int {
	b := 0
	for i, x := range v {
		if x > v[b] {
			b = i
		}
	}
	return b
}
