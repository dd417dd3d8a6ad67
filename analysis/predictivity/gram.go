package predictivity

import (
	"context"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Gram is the inner products between stimuli, stimuli × stimuli, of features whose mean over all
// stimuli is subtracted. It is all that the analyses need to know of a layer.
//
// The mean is subtracted before the products, not after, so that features with a mean far larger
// than their spread lose no digits; products and sums are float64 whatever the features are.
type Gram struct {
	stimuli, units int
	k              []float64 // stimuli × stimuli, symmetric
}

// NewGram reads x once by blocks of units. It costs stimuli²·units multiplications, holds
// stimuli² + 1024·stimuli numbers of float64, and returns an error when a feature is not finite.
func NewGram(ctx context.Context, x Features) (*Gram, error) {
	n, p := x.Dims()
	if n < 1 || p < 1 {
		panic("predictivity: features without stimuli or units")
	}
	g := &Gram{n, p, make([]float64, n*n)}
	mean := make([]float64, blockUnits)
	err := eachBlock(ctx, x, func(block []float64, _, width int) {
		centreColumns(block, mean[:width])
		addProducts(g.k, block, n, width)
	})
	if err != nil {
		return nil, err
	}
	mirror(g.k, n)
	return g, nil
}

// Dims returns the number of stimuli, and the number of units the products were made from.
func (g *Gram) Dims() (stimuli, units int) { return g.stimuli, g.units }

// centreColumns subtracts from block, rows × len(mean), the mean of every column.
func centreColumns(block, mean []float64) {
	width := len(mean)
	n := len(block) / width
	clear(mean)
	for i := range n {
		for j, v := range block[i*width : (i+1)*width] {
			mean[j] += v
		}
	}
	for j := range mean {
		mean[j] /= float64(n)
	}
	for i := range n {
		row := block[i*width : (i+1)*width]
		for j := range row {
			row[j] -= mean[j]
		}
	}
}

// tile is the side of the square tiles of the Gram matrix that are made at a time: one tile of
// products and the two strips of features it is made from stay in the second-level cache.
const tile = 64

// addProducts adds block·blockᵀ to the tiles on and above the diagonal of k, n × n.
func addProducts(k, block []float64, n, width int) {
	type pair struct{ i, j int }
	work := make(chan pair)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for w := range work {
				rows, cols := min(tile, n-w.i), min(tile, n-w.j)
				blas64.Gemm(blas.NoTrans, blas.Trans, 1,
					blas64.General{Rows: rows, Cols: width, Stride: width, Data: block[w.i*width:]},
					blas64.General{Rows: cols, Cols: width, Stride: width, Data: block[w.j*width:]}, 1,
					blas64.General{Rows: rows, Cols: cols, Stride: n, Data: k[w.i*n+w.j:]})
			}
		})
	}
	for i := 0; i < n; i += tile {
		for j := i; j < n; j += tile {
			work <- pair{i, j}
		}
	}
	close(work)
	wg.Wait()
}

// mirror copies the upper triangle of k, n × n, to the lower one.
func mirror(k []float64, n int) {
	for i := range n {
		for j := range i {
			k[i*n+j] = k[j*n+i]
		}
	}
}

// centred returns the inner products of the train stimuli with each other and of the test stimuli
// with the train stimuli, after subtraction of the mean of the train stimuli.
func (g *Gram) centred(train, test []int) (within, across *mat.Dense) {
	m := len(train)
	mean := make([]float64, m) // of row i over the train columns
	var grand float64
	within = mat.NewDense(m, m, nil)
	for i, a := range train {
		row := within.RawRowView(i)
		for j, b := range train {
			row[j] = g.k[a*g.stimuli+b]
			mean[i] += row[j]
		}
		mean[i] /= float64(m)
		grand += mean[i] / float64(m)
	}
	for i := range train {
		row := within.RawRowView(i)
		for j := range row {
			row[j] += grand - mean[i] - mean[j]
		}
	}
	if len(test) == 0 {
		return within, nil
	}
	across = mat.NewDense(len(test), m, nil)
	for i, a := range test {
		row := across.RawRowView(i)
		var rowMean float64
		for j, b := range train {
			row[j] = g.k[a*g.stimuli+b]
			rowMean += row[j] / float64(m)
		}
		for j := range row {
			row[j] += grand - rowMean - mean[j]
		}
	}
	return within, across
}
