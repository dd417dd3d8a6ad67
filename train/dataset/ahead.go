package dataset

import (
	"fmt"
	"iter"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
)

// ahead reads source in a goroutine of its own, up to n batches ahead, and prepares each there. GoMLX's
// Buffer and OnDevice do the same, but when the reader leaves they stop their source while the goroutine
// may be reading it, which iterators do not allow.
func ahead(source iter.Seq2[train.Batch, error], n int, prepare func(train.Batch) error) iter.Seq2[train.Batch, error] {
	type item struct {
		batch train.Batch
		err   error
	}
	return func(yield func(train.Batch, error) bool) {
		items, done := make(chan item, n), make(chan struct{})
		var reader sync.WaitGroup
		reader.Go(func() {
			defer close(items)
			for batch, err := range source {
				if err == nil && prepare != nil {
					err = prepare(batch)
				}
				select {
				case items <- item{batch, err}:
				case <-done:
					batch.Finalize() //nolint:errcheck // nobody is left to be told
					return
				}
			}
		})
		defer func() {
			close(done)
			for it := range items {
				it.batch.Finalize() //nolint:errcheck // as above
			}
			reader.Wait()
		}()
		for it := range items {
			if !yield(it.batch, it.err) || it.err != nil {
				return
			}
		}
	}
}

// OnDevice returns ds with its batches sent to device 0 of the backend n ahead.
func OnDevice(ds train.Dataset, b compute.Backend, n int) train.Dataset {
	send := func(batch train.Batch) error {
		for _, list := range [][]*tensors.Tensor{batch.Inputs, batch.Labels} {
			for _, t := range list {
				if err := t.MaterializeOnDevice(b, true, 0); err != nil {
					return fmt.Errorf("send images to the device: %w", err)
				}
				t.FinalizeLocal()
			}
		}
		return nil
	}
	return sequence{ds.Name(), ahead(ds.Iter(), n, send)}
}
