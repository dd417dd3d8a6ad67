package dataset

import (
	"iter"
	"sync/atomic"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	gomlx "github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/train"
)

// Spec of the batches, by which a GoMLX trainer tells its graphs apart.
const (
	TrainingSpec   = "train"
	ValidationSpec = "val"
)

// plan says what is in a batch.
type plan struct {
	epoch, batch int
	indices      []int
}

// sequence is a GoMLX dataset made of a function.
type sequence struct {
	name string
	iter iter.Seq2[train.Batch, error]
}

func (s sequence) Name() string                        { return s.name }
func (s sequence) ShortName() string                   { return s.name }
func (s sequence) Iter() iter.Seq2[train.Batch, error] { return s.iter }

// Training returns an endless dataset that begins with batch number from of the whole training,
// where epochs have [Loader.Batches] batches and each batch is yielded Repeat times; from counts
// yields. Inputs are
//
//	images  uint8   N×3×Size×Size
//	draws   float32 N×Shape, in the order of Options.Draws
//	labels  int32   N×1, with LabelsAsInput
//
// and labels int32 N×1.
func (l *Loader) Training(from int) train.Dataset {
	repeat := l.options.Repeat
	plans := sequence{TrainingSpec, func(yield func(train.Batch, error) bool) {
		for at := from / repeat; ; {
			epoch := at / l.Batches()
			permutation := order(l.options.Seed, epoch, l.Len())
			for ; at/l.Batches() == epoch; at++ {
				b := at % l.Batches()
				last := min((b+1)*l.options.Batch, l.Len())
				if !yield(train.Batch{Spec: plan{epoch, b, permutation[b*l.options.Batch : last]}}, nil) {
					return
				}
			}
		}
	}}
	decoded := gomlx.ParallelMapOnHost(plans, l.decodeTraining).WithParallelism(l.options.Workers)
	drawn := sequence{TrainingSpec, func(yield func(train.Batch, error) bool) {
		step := from / repeat * repeat
		for batch, err := range decoded.Iter() {
			if err != nil {
				yield(batch, err)
				return
			}
			if !l.replay(batch, &step, from, yield) {
				return
			}
		}
	}}
	return sequence{TrainingSpec, ahead(drawn.Iter(), 2, nil)}
}

// replay yields a batch Repeat times, with its draws, leaving out what comes before from.
func (l *Loader) replay(batch train.Batch, step *int, from int, yield func(train.Batch, error) bool) bool {
	for k := range l.options.Repeat {
		s := *step
		*step++
		if s < from {
			continue
		}
		out := batch
		if k < l.options.Repeat-1 {
			var err error
			if out, err = batch.Clone(); err != nil {
				yield(train.Batch{}, err)
				return false
			}
		}
		out.Inputs = append(out.Inputs, l.draws(s, out.Inputs[0].Shape().Dimensions[0])...)
		if l.options.LabelsAsInput {
			labels, err := out.Labels[0].Clone()
			if err != nil {
				yield(train.Batch{}, err)
				return false
			}
			out.Inputs = append(out.Inputs, labels)
		}
		if !yield(out, nil) {
			return false
		}
	}
	return true
}

// draws makes the random numbers of a step for n images.
func (l *Loader) draws(step, n int) []*tensors.Tensor {
	var out []*tensors.Tensor
	for k, d := range l.options.Draws {
		t := tensors.FromShape(shapes.Make(dtypes.Float32, append([]int{n}, d.Shape...)...))
		r := stream(useDraw, l.options.Seed, uint64(step)<<8|uint64(k))
		tensors.MustMutableFlatData(t, func(values []float32) {
			for i := range values {
				values[i] = float32(d.Lo + (d.Hi-d.Lo)*r.Float64())
			}
		})
		out = append(out, t)
	}
	return out
}

// Validation returns a dataset of one pass in the order of the files. Inputs are the images, uint8
// N×3×Size×Size; labels are int32 N×1 and weights float32 N. All batches have N = Options.Batch and
// come in multiples of Options.Group; what fills them up weighs 0.
func (l *Loader) Validation() train.Dataset {
	plans := sequence{ValidationSpec, func(yield func(train.Batch, error) bool) {
		for b := range l.validationBatches() {
			var indices []int
			for i := b * l.options.Batch; i < min((b+1)*l.options.Batch, l.Len()); i++ {
				indices = append(indices, i)
			}
			if !yield(train.Batch{Spec: plan{batch: b, indices: indices}}, nil) {
				return
			}
		}
	}}
	return gomlx.ParallelMapOnHost(plans, l.decodeValidation).WithParallelism(l.options.Workers)
}

func (l *Loader) validationBatches() int {
	batches := (l.Len() + l.options.Batch - 1) / l.options.Batch
	return (batches + l.options.Group - 1) / l.options.Group * l.options.Group
}

// Fill is the ratio of images yielded by a pass of [Loader.Validation] to those that counted: a mean
// over all yielded, in which the others are 0, times Fill is the mean over those that count.
func (l *Loader) Fill() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(l.validationBatches()*l.options.Batch) / float64(l.Len()-len(l.broken))
}

func (l *Loader) decodeTraining(b train.Batch) train.Batch {
	p := b.Spec.(plan)
	images, labels := l.tensors(len(p.indices))
	var err error
	tensors.MustMutableFlatData(images, func(pixels []uint8) {
		tensors.MustMutableFlatData(labels, func(classes []int32) { err = l.fillTraining(p, pixels, classes) })
	})
	if err != nil {
		return train.Batch{Spec: err} // ParallelMapOnHost's way of returning an error
	}
	return train.Batch{Spec: TrainingSpec, Inputs: []*tensors.Tensor{images}, Labels: []*tensors.Tensor{labels}}
}

func (l *Loader) decodeValidation(b train.Batch) train.Batch {
	p := b.Spec.(plan)
	images, labels := l.tensors(l.options.Batch)
	weights := make([]float32, l.options.Batch)
	var err error
	tensors.MustMutableFlatData(images, func(pixels []uint8) {
		tensors.MustMutableFlatData(labels, func(classes []int32) { err = l.fillValidation(p, pixels, classes, weights) })
	})
	if err != nil {
		return train.Batch{Spec: err}
	}
	return train.Batch{Spec: ValidationSpec, Inputs: []*tensors.Tensor{images},
		Labels: []*tensors.Tensor{labels, tensors.FromFlatDataAndDimensions(weights, len(weights))}}
}

// tensors makes room for the images and labels of a batch.
func (l *Loader) tensors(n int) (images, labels *tensors.Tensor) {
	size := l.options.Size
	return tensors.FromShape(shapes.Make(dtypes.Uint8, n, 3, size, size)), tensors.FromShape(shapes.Make(dtypes.Int32, n, 1))
}

// Timed measures how long the one who reads a dataset waits for it.
type Timed struct {
	train.Dataset
	waited atomic.Int64
}

// Waited is the time spent waiting so far, without the first batch of an iteration.
func (t *Timed) Waited() time.Duration { return time.Duration(t.waited.Load()) }

// Iter implements train.Dataset.
func (t *Timed) Iter() iter.Seq2[train.Batch, error] {
	return func(yield func(train.Batch, error) bool) {
		first := true
		asked := time.Now()
		for batch, err := range t.Dataset.Iter() {
			if !first {
				t.waited.Add(int64(time.Since(asked)))
			}
			first = false
			if !yield(batch, err) {
				return
			}
			asked = time.Now()
		}
	}
}
