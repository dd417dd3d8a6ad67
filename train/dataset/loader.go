package dataset

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"striate/internal/fault"
)

// Options say how a split is turned into batches.
type Options struct {
	Batch     int       // images of a batch
	Size      int       // height and width of the network's input, pixels
	Transform Transform // from decoded image to network
	Seed      uint64    // of order, crops, mirroring and draws
	Workers   int       // batches decoded at once; 0: one a processor
	Cache     int64     // bytes of decoded images kept, where every visit sees the same pixels
	Strict    bool      // an unreadable image is an error instead of being skipped
	DropLast  bool      // leaves out the last, smaller batch of an epoch
	Group     int       // the batches of an epoch are a multiple of Group; what is over is left out
	Repeat    int       // each batch is yielded so many times running (free adversarial training)
	Draws     []Draw    // random numbers yielded with the images
	// LabelsAsInput yields the labels among the inputs too, after the draws, for graphs that need
	// them before the loss.
	LabelsAsInput bool
	// Unreadable, if set, is told of each unreadable image once.
	Unreadable func(path string, err error)
}

// Draw asks for uniform random numbers in [Lo, Hi), of the shape for each image.
type Draw struct {
	Lo, Hi float64
	Shape  []int
}

// Loader makes batches of a split. It may be used by several goroutines.
type Loader struct {
	split   *Split
	options Options
	byClass [][]int // samples of each class
	cache   []atomic.Pointer[[]uint8]
	mu      sync.Mutex
	broken  map[int]error
}

// NewLoader returns a loader of the split. It panics when batch or size is not positive.
func NewLoader(split *Split, o Options) *Loader {
	if o.Batch < 1 || o.Size < 1 {
		panic(fmt.Sprintf("dataset: batches of %d images of %d pixels", o.Batch, o.Size))
	}
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Group, o.Repeat = max(o.Group, 1), max(o.Repeat, 1)
	l := &Loader{split: split, options: o, broken: map[int]error{}, byClass: make([][]int, len(split.Classes))}
	for i, s := range split.Samples {
		l.byClass[s.Class] = append(l.byClass[s.Class], i)
	}
	if int64(len(split.Samples))*int64(3*o.Size*o.Size) <= o.Cache {
		l.cache = make([]atomic.Pointer[[]uint8], len(split.Samples))
	}
	return l
}

// Len is the number of images.
func (l *Loader) Len() int { return len(l.split.Samples) }

// Classes are the names of the classes.
func (l *Loader) Classes() []string { return l.split.Classes }

// Batches is the number of different batches of an epoch of training.
func (l *Loader) Batches() int {
	n, b := len(l.split.Samples), l.options.Batch
	if group := l.options.Group; group > 1 {
		return n / (b * group) * group
	}
	if l.options.DropLast {
		return n / b
	}
	return (n + b - 1) / b
}

// Broken lists the images that could not be read so far, sorted, and why.
func (l *Loader) Broken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for i, err := range l.broken {
		list = append(list, fmt.Sprintf("%s: %v", l.split.Samples[i].Path, err))
	}
	slices.Sort(list)
	return list
}

// square returns the pixels of sample i before mirroring; r is nil in validation.
func (l *Loader) square(i int, r *rand.Rand) ([]uint8, error) {
	keep := l.cache != nil && l.options.Transform.deterministic(r != nil)
	if keep {
		if p := l.cache[i].Load(); p != nil {
			return *p, nil
		}
	}
	l.mu.Lock()
	err := l.broken[i]
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	data, err := l.split.Read(i)
	var square []uint8
	if err == nil {
		square, err = l.options.Transform.read(data, l.options.Size, r)
	}
	if err != nil {
		return nil, l.report(i, err)
	}
	if keep {
		l.cache[i].Store(&square)
	}
	return square, nil
}

// report remembers an unreadable image and tells of it once.
func (l *Loader) report(i int, err error) error {
	path := l.split.Samples[i].Path
	l.mu.Lock()
	_, known := l.broken[i]
	l.broken[i] = err
	l.mu.Unlock()
	if !known && l.options.Unreadable != nil {
		l.options.Unreadable(path, err)
	}
	return err
}

// trainingSquare is square for training: an unreadable image is replaced by the next readable one of
// its class, so that neither batches shrink nor classes shift.
func (l *Loader) trainingSquare(i int, r *rand.Rand) ([]uint8, error) {
	square, err := l.square(i, r)
	if err == nil {
		return square, nil
	}
	sample := l.split.Samples[i]
	if l.options.Strict {
		return nil, fault.Invalidf("%s cannot be read: %v (leave out the file, or skip such files)", sample.Path, err)
	}
	class := l.byClass[sample.Class]
	at := slices.Index(class, i)
	for k := 1; k < len(class); k++ {
		if square, err := l.square(class[(at+k)%len(class)], r); err == nil {
			return square, nil
		}
	}
	return nil, fault.Invalidf("class %s has no readable image (%s: %v)", l.split.Classes[sample.Class], sample.Path, err)
}

// fillTraining decodes the images of a batch into planes and labels.
func (l *Loader) fillTraining(p plan, images []uint8, labels []int32) error {
	size := l.options.Size
	for k, i := range p.indices {
		r := stream(useAugment, l.options.Seed, uint64(p.epoch)<<32|uint64(i))
		mirror := r.Uint64()>>63 == 1
		square, err := l.trainingSquare(i, r)
		if err != nil {
			return err
		}
		pack(images[k*3*size*size:], square, size, mirror)
		labels[k] = int32(l.split.Samples[i].Class)
	}
	return nil
}

// fillValidation is fillTraining for validation. Images that do not count, because they are
// unreadable or only fill up the last batch, have weight 0.
func (l *Loader) fillValidation(p plan, images []uint8, labels []int32, weights []float32) error {
	size := l.options.Size
	for k, i := range p.indices {
		square, err := l.square(i, nil)
		if err != nil {
			if l.options.Strict {
				return fault.Invalidf("%s cannot be read: %v (leave out the file, or skip such files)", l.split.Samples[i].Path, err)
			}
			continue
		}
		pack(images[k*3*size*size:], square, size, false)
		labels[k], weights[k] = int32(l.split.Samples[i].Class), 1
	}
	return nil
}

// String describes the split in a line.
func (s *Split) String() string {
	return fmt.Sprintf("%s: %d images of %d classes (%s)", s.Name, len(s.Samples), len(s.Classes), strings.Join(s.Classes[:min(3, len(s.Classes))], ", "))
}
