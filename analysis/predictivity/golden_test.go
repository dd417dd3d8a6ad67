package predictivity

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"striate/internal/npy"
	"striate/internal/sharedtest"
)

// The reference is scikit-learn in float64. With equal numbers of power iterations only rounding
// differs, so 1e-12 of the largest value holds with room; a different count of iterations would
// show in the third or fourth digit.
const goldenTolerance = 1e-12

func readJSON(t testing.TB, name string, dst any) {
	t.Helper()
	data, err := os.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/"+name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, dst))
}

func readMatrix(t testing.TB, name string) *mat.Dense {
	t.Helper()
	a, err := npy.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/"+name))
	require.NoError(t, err)
	require.Len(t, a.Shape, 2)
	return mat.NewDense(a.Shape[0], a.Shape[1], a.Float64s())
}

func features(m *mat.Dense) Matrix[float64] {
	n, p := m.Dims()
	return Matrix[float64]{n, p, m.RawMatrix().Data}
}

func gram(t testing.TB, m *mat.Dense) *Gram {
	t.Helper()
	g, err := NewGram(context.Background(), features(m))
	require.NoError(t, err)
	return g
}

func requireClose(t testing.TB, want, got []float64, tolerance float64, msg string) {
	t.Helper()
	require.Len(t, got, len(want), msg)
	var largest float64
	for _, v := range want {
		largest = math.Max(largest, math.Abs(v))
	}
	for i, v := range want {
		if math.IsNaN(v) {
			require.True(t, math.IsNaN(got[i]), "%s: entry %d is %v, want NaN", msg, i, got[i])
			continue
		}
		require.InDelta(t, v, got[i], tolerance*largest, "%s: entry %d", msg, i)
	}
}

// nullable reads null as NaN.
type nullable []float64

func (n *nullable) UnmarshalJSON(data []byte) error {
	var list []*float64
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, p := range list {
		if p == nil {
			*n = append(*n, math.NaN())
		} else {
			*n = append(*n, *p)
		}
	}
	return nil
}

type plsProblem struct {
	ID          int
	Name        string
	WellPosed   bool `json:"well_posed"`
	Components  int  `json:"n_components"`
	Train, Test []int
	Iterations  []int  `json:"n_iter"`
	Raises      string `json:"raises"`
}

func TestPLSGoldens(t *testing.T) {
	var problems []plsProblem
	readJSON(t, "pls/problems.json", &problems)
	require.NotEmpty(t, problems)
	for _, p := range problems {
		t.Run(p.Name, func(t *testing.T) {
			x, y := readMatrix(t, fmt.Sprintf("pls/p%02d_X.npy", p.ID)), readMatrix(t, fmt.Sprintf("pls/p%02d_Y.npy", p.ID))
			split := Split{p.Train, p.Test}
			res, err := CrossValidate(context.Background(), gram(t, x), y, []Split{split}, PLS{p.Components})
			direct, directErr := FitPLS(pick(x, p.Train), pick(y, p.Train), p.Components)
			switch {
			case p.Raises != "" || p.Components >= len(p.Train):
				require.Error(t, err)
				require.Error(t, directErr)
				return
			case !p.WellPosed:
				require.NoError(t, err)
				requireFinite(t, res.Splits[0].Predicted)
				require.Less(t, res.Splits[0].Dual.Components, p.Components)
				return
			}
			require.NoError(t, err)
			require.NoError(t, directErr)
			want := readMatrix(t, fmt.Sprintf("pls/p%02d_pred.npy", p.ID)).RawMatrix().Data
			require.Equal(t, p.Iterations, res.Splits[0].Dual.Iterations)
			require.Equal(t, p.Iterations, direct.Iterations)
			requireClose(t, want, res.Splits[0].Predicted.RawMatrix().Data, goldenTolerance, "sample-space predictions")
			requireClose(t, want, direct.Predict(pick(x, p.Test)).RawMatrix().Data, goldenTolerance, "direct predictions")

			coef := readMatrix(t, fmt.Sprintf("pls/p%02d_coef.npy", p.ID))
			requireClose(t, mat.DenseCopyOf(coef.T()).RawMatrix().Data, direct.Coefficients.RawMatrix().Data, goldenTolerance, "coefficients")
			weights := readMatrix(t, fmt.Sprintf("pls/p%02d_xweights3.npy", p.ID))
			_, k := weights.Dims()
			_, units := x.Dims()
			requireClose(t, weights.RawMatrix().Data, mat.DenseCopyOf(direct.Weights.Slice(0, units, 0, k)).RawMatrix().Data, goldenTolerance, "weights")
		})
	}
}

func requireFinite(t testing.TB, m *mat.Dense) {
	t.Helper()
	for _, v := range m.RawMatrix().Data {
		require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
	}
}

type cvCase struct {
	ID        json.RawMessage
	Train     [][]int
	Test      [][]int
	Labels    []string   `json:"texture_type"`
	Order     []int      `json:"r_neuroid_order"`
	Neuron    []int      `json:"neuroid_id"`
	R         []nullable `json:"r_split_by_neuroid"`
	Medians   nullable   `json:"median_per_split"`
	Score     float64
	Error     float64
	Half1     [][]int    `json:"half1"`
	Half2     [][]int    `json:"half2"`
	Corrected []nullable `json:"r_corrected_split_by_neuroid"`
	Ceiling   float64
	Averaged  struct {
		Order []string
		First []float64 `json:"first_stimulus"`
	}
	StimulusID []string `json:"stimulus_id"`
	Example    struct {
		Score  float64
		Ceiled float64
		Before float64 `json:"ceiled_before_2026"`
	} `json:"explained_variance_example"`
}

func TestCrossValidationGoldens(t *testing.T) {
	var cases []cvCase
	readJSON(t, "cv/cases.json", &cases)
	for _, c := range cases {
		if c.R == nil {
			continue
		}
		t.Run(string(c.ID), func(t *testing.T) {
			splits, err := StratifiedSplits(c.Labels, 10, 0.9, 1)
			require.NoError(t, err)
			for s := range splits {
				require.Equal(t, Split{c.Train[s], c.Test[s]}, splits[s])
			}
			x, y := readMatrix(t, fmt.Sprintf("cv/c%s_X.npy", c.ID)), readMatrix(t, fmt.Sprintf("cv/c%s_Y.npy", c.ID))
			res, err := CrossValidate(context.Background(), gram(t, x), y, splits, PLS{25})
			require.NoError(t, err)
			for s, want := range c.R {
				got := make([]float64, len(want))
				for k, id := range c.Order {
					for j, n := range c.Neuron {
						if n == id {
							got[k] = res.Splits[s].R[j]
						}
					}
				}
				requireClose(t, want, got, goldenTolerance, fmt.Sprintf("split %d", s))
			}
			requireClose(t, c.Medians, res.Medians, goldenTolerance, "medians")
			require.InDelta(t, c.Score, res.Score, goldenTolerance)
			require.InDelta(t, c.Error, res.Error, goldenTolerance)
			require.Nil(t, res.Pooled, "the splits overlap")
		})
	}
}

func TestCeilingGoldens(t *testing.T) {
	var cases []cvCase
	readJSON(t, "cv/cases.json", &cases)
	tested := 0
	for _, c := range cases {
		if c.Corrected == nil {
			continue
		}
		tested++
		var id string
		require.NoError(t, json.Unmarshal(c.ID, &id))
		trials := readTrials(t, "cv/"+id+"_data.npy")
		got, err := InternalConsistency(trials, 10, 1)
		require.NoError(t, err)
		for s, h := range got.Halves {
			require.Equal(t, Split{c.Half1[s], c.Half2[s]}, h)
			requireClose(t, c.Corrected[s], got.R[s], goldenTolerance, "corrected correlations")
		}
		requireClose(t, c.Medians, got.Medians, goldenTolerance, "medians")
		require.InDelta(t, c.Ceiling, got.Score, goldenTolerance)
		require.InDelta(t, c.Error, got.Error, goldenTolerance)

		for i, name := range c.StimulusID {
			if name == c.Averaged.Order[0] {
				requireClose(t, c.Averaged.First, trials.Mean().RawRowView(i), 1e-7, "mean (stored as float32)")
			}
		}
		ceiled := Ceil(c.Example.Score, c.Ceiling)
		require.InDelta(t, c.Example.Ceiled, ceiled.SquareOverCeiling, goldenTolerance)
		require.InDelta(t, c.Example.Before, ceiled.SquaredRatio, goldenTolerance)
	}
	require.Equal(t, 3, tested)
}

// readTrials reads stimuli × repeats × neurons.
func readTrials(t testing.TB, name string) Trials {
	a, err := npy.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/"+name))
	require.NoError(t, err)
	n, r, q := a.Shape[0], a.Shape[1], a.Shape[2]
	out := Trials{n, q, r, make([]float64, a.Len())}
	for k, v := range a.Float64s() {
		i, rest := k/(r*q), k%(r*q)
		out.Data[(i*q+rest%q)*r+rest/q] = v
	}
	return out
}

func TestSplitGoldens(t *testing.T) {
	var g struct {
		Stratified []struct {
			Seed   uint32 `json:"random_state"`
			Labels []string
			Size   float64 `json:"train_size"`
			Count  int     `json:"n_splits"`
			Train  [][]int
			Test   [][]int
		} `json:"stratified_shuffle_split"`
		Shuffle []struct {
			Seed  uint32 `json:"random_state"`
			N     int
			Count int `json:"n_splits"`
			Train [][]int
			Test  [][]int
		} `json:"shuffle_split"`
	}
	readJSON(t, "rng.json", &g)
	require.NotEmpty(t, g.Stratified)
	require.NotEmpty(t, g.Shuffle)
	for _, c := range g.Stratified {
		splits, err := StratifiedSplits(c.Labels, c.Count, c.Size, c.Seed)
		require.NoError(t, err)
		for s := range splits {
			require.Equal(t, Split{c.Train[s], c.Test[s]}, splits[s])
		}
	}
	for _, c := range g.Shuffle {
		for s, h := range halves(c.N, c.Count, c.Seed) {
			require.Equal(t, Split{c.Train[s], c.Test[s]}, h)
		}
	}
}
