package predictivity

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"

	"striate/internal/fault"
)

// Features is a matrix of stimuli × units that is read by blocks of units, so that a layer of any
// width can be read from a file or made as it is asked for.
type Features interface {
	// Dims returns the number of stimuli and of units.
	Dims() (stimuli, units int)
	// Block writes the units [from, from+width) of every stimulus to dst, stimuli × width in
	// row-major order.
	Block(ctx context.Context, dst []float64, from, width int) error
}

// Matrix is Features held in memory: stimuli × units in row-major order.
type Matrix[T float32 | float64] struct {
	Stimuli, Units int
	Data           []T
}

// Dims returns the number of stimuli and of units.
func (m Matrix[T]) Dims() (stimuli, units int) { return m.Stimuli, m.Units }

// Block writes the units [from, from+width) of every stimulus to dst.
func (m Matrix[T]) Block(_ context.Context, dst []float64, from, width int) error {
	for i := range m.Stimuli {
		row := m.Data[i*m.Units+from : i*m.Units+from+width]
		for j, v := range row {
			dst[i*width+j] = float64(v)
		}
	}
	return nil
}

// blockUnits is the width of the blocks: 440 stimuli × 1024 units of float64 are 3.6 MB.
const blockUnits = 1024

// eachBlock calls fn with every block of x in order, after checking that its values are finite.
func eachBlock(ctx context.Context, x Features, fn func(block []float64, from, width int)) error {
	stimuli, units := x.Dims()
	buf := make([]float64, stimuli*min(blockUnits, units))
	for from := 0; from < units; from += blockUnits {
		if err := ctx.Err(); err != nil {
			return err
		}
		width := min(blockUnits, units-from)
		block := buf[:stimuli*width]
		if err := x.Block(ctx, block, from, width); err != nil {
			return err
		}
		if sum := floats.Sum(block); math.IsNaN(sum) || math.IsInf(sum, 0) {
			if err := finite(block, from, width); err != nil {
				return err
			}
		}
		fn(block, from, width)
	}
	return nil
}

func finite(block []float64, from, width int) error {
	for i, v := range block {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fault.Invalidf("the feature of stimulus %d, unit %d is %v: features must be finite", i/width, from+i%width, v)
		}
	}
	return nil
}
