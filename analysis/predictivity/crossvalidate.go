package predictivity

import (
	"context"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"striate/internal/fault"
)

// Result is a cross-validated regression.
type Result struct {
	Splits  []SplitResult
	Medians []float64 // over neurons, of every split
	Score   float64   // mean of the medians
	Error   float64   // population standard deviation of the medians over the square root of their number
	Neurons []float64 // mean over splits of the correlation of every neuron

	// Pooled is the correlation of every neuron over the test stimuli of all splits together, nil
	// when the splits test a stimulus more than once. It compares predictions of different fits,
	// so that it also counts whether the mean response to a held-out group is predicted.
	Pooled []float64
}

// SplitResult is one fit.
type SplitResult struct {
	R         []float64  // correlation of prediction and response over the test stimuli, of every neuron
	Predicted *mat.Dense // test stimuli × neurons
	Dual      *Dual
}

// CrossValidate fits a regression from the features behind gram to responses, stimuli × neurons, on
// the train stimuli of every split and correlates its predictions for the test stimuli with the
// responses. Splits run in parallel. It returns an error when a response is not finite, a split is
// not valid or the regression cannot be fitted.
func CrossValidate(ctx context.Context, gram *Gram, responses *mat.Dense, splits []Split, method Regression) (*Result, error) {
	n, q := responses.Dims()
	if n != gram.stimuli {
		panic("predictivity: features and responses with different numbers of stimuli")
	}
	if err := checkResponses(responses); err != nil {
		return nil, err
	}
	if err := CheckSplits(splits, n); err != nil {
		return nil, err
	}
	for s, split := range splits {
		if err := method.Check(len(split.Train), gram.units); err != nil {
			return nil, fault.Invalidf("split %d: %w", s, err)
		}
	}
	res := &Result{Splits: make([]SplitResult, len(splits)), Medians: make([]float64, len(splits)), Neurons: make([]float64, q)}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for s, split := range splits {
		group.Go(func() (err error) {
			res.Splits[s], err = fitSplit(ctx, gram, responses, split, method)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for s := range splits {
		res.Medians[s] = Median(res.Splits[s].R)
	}
	res.Score, res.Error = meanError(res.Medians)
	column := make([]float64, len(splits))
	for j := range q {
		for s := range splits {
			column[s] = res.Splits[s].R[j]
		}
		res.Neurons[j], _ = meanError(column)
	}
	res.Pooled = pool(res.Splits, responses, splits)
	return res, nil
}

func checkResponses(responses *mat.Dense) error {
	n, q := responses.Dims()
	for i := range n {
		for j, v := range responses.RawRowView(i)[:q] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fault.Invalidf("the response of neuron %d to stimulus %d is %v: leave out neurons or stimuli without a valid trial", j, i, v)
			}
		}
	}
	return nil
}

func fitSplit(ctx context.Context, gram *Gram, responses *mat.Dense, split Split, method Regression) (SplitResult, error) {
	_, q := responses.Dims()
	train, test := pick(responses, split.Train), pick(responses, split.Test)
	mean := make([]float64, q)
	centreColumns(train.RawMatrix().Data, mean)
	within, across := gram.centred(split.Train, split.Test)
	dual, err := method.Fit(ctx, within, train)
	if err != nil {
		return SplitResult{}, err
	}
	res := SplitResult{R: make([]float64, q), Predicted: mat.NewDense(len(split.Test), q, nil), Dual: dual}
	res.Predicted.Mul(across, dual.Coefficients)
	for i := range split.Test {
		floats.Add(res.Predicted.RawRowView(i), mean)
	}
	for j := range q {
		res.R[j] = Pearson(mat.Col(nil, j, res.Predicted), mat.Col(nil, j, test))
	}
	return res, nil
}

// pick returns a copy of the rows of m.
func pick(m *mat.Dense, rows []int) *mat.Dense {
	_, q := m.Dims()
	out := mat.NewDense(len(rows), q, nil)
	for i, r := range rows {
		out.SetRow(i, m.RawRowView(r))
	}
	return out
}

func pool(results []SplitResult, responses *mat.Dense, splits []Split) []float64 {
	n, q := responses.Dims()
	seen := make([]bool, n)
	var rows []int
	for _, s := range splits {
		for _, i := range s.Test {
			if seen[i] {
				return nil
			}
			seen[i] = true
			rows = append(rows, i)
		}
	}
	predicted, measured := make([]float64, len(rows)), make([]float64, len(rows))
	out := make([]float64, q)
	for j := range q {
		at := 0
		for _, r := range results {
			at += copy(predicted[at:], mat.Col(nil, j, r.Predicted))
		}
		for k, i := range rows {
			measured[k] = responses.At(i, j)
		}
		out[j] = Pearson(predicted, measured)
	}
	return out
}
