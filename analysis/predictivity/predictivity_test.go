package predictivity

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"striate/internal/fault"
)

func random(rng *rand.Rand, rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	for i := range m.RawMatrix().Data {
		m.RawMatrix().Data[i] = rng.NormFloat64()
	}
	return m
}

// driven returns features and responses of which a part is linear in the features.
func driven(seed uint64, stimuli, units, neurons int) (x, y *mat.Dense) {
	rng := rand.New(rand.NewPCG(seed, 0))
	x = random(rng, stimuli, units)
	y = random(rng, stimuli, neurons)
	var signal mat.Dense
	signal.Mul(x, random(rng, units, neurons))
	signal.Scale(1/math.Sqrt(float64(units)), &signal)
	y.Add(y, &signal)
	return x, y
}

// The two forms are the same arithmetic in another order. A power method that stops at a changing
// weight of 1e-3 may stop a step apart when the change is within rounding of the limit; that would
// be a difference far over 1e-6, and must not happen for ordinary data.
func TestSampleSpaceEqualsDirect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stimuli := rapid.IntRange(12, 60).Draw(t, "stimuli")
		units := rapid.IntRange(8, 1500).Draw(t, "units")
		neurons := rapid.IntRange(1, 30).Draw(t, "neurons")
		k := rapid.IntRange(1, min(7, units)).Draw(t, "components")
		x, y := driven(rapid.Uint64().Draw(t, "seed"), stimuli, units, neurons)
		for i := range stimuli { // a mean far over the spread must not cost digits
			for j, v := range x.RawRowView(i) {
				x.Set(i, j, v+1000)
			}
		}
		g, err := NewGram(context.Background(), features(x))
		require.NoError(t, err)
		splits, err := FoldSplits(stimuli, 4, 3)
		require.NoError(t, err)
		res, err := CrossValidate(context.Background(), g, y, splits, PLS{k})
		require.NoError(t, err)
		for s, split := range splits {
			m, err := FitPLS(pick(x, split.Train), pick(y, split.Train), k)
			require.NoError(t, err)
			require.Equal(t, m.Iterations, res.Splits[s].Dual.Iterations)
			want, got := m.Predict(pick(x, split.Test)), res.Splits[s].Predicted
			require.True(t, mat.EqualApprox(want, got, 1e-8), "predictions differ")
		}
	})
}

// Features in blocks, as float32, and in another order of units give the same inner products.
func TestGramIsOfCentredFeatures(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := random(rng, 70, 2*blockUnits+17) // several blocks and tiles, none whole
	g := gram(t, x)
	centred := mat.DenseCopyOf(x)
	_, p := x.Dims()
	centreColumns(centred.RawMatrix().Data, make([]float64, p))
	var want mat.Dense
	want.Mul(centred, centred.T())
	require.True(t, mat.EqualApprox(&want, mat.NewDense(70, 70, g.k), 1e-9))

	data := make([]float32, 0, 70*p)
	for _, v := range x.RawMatrix().Data {
		data = append(data, float32(v))
	}
	g32, err := NewGram(context.Background(), Matrix[float32]{70, p, data})
	require.NoError(t, err)
	require.True(t, mat.EqualApprox(&want, mat.NewDense(70, 70, g32.k), 1e-3))
}

func TestRidgeEqualsNormalEquations(t *testing.T) {
	x, y := driven(4, 30, 9, 3)
	const penalty = 2.5
	splits, err := FoldSplits(30, 3, 0)
	require.NoError(t, err)
	res, err := CrossValidate(context.Background(), gram(t, x), y, splits, Ridge{Penalties: []float64{penalty}})
	require.NoError(t, err)
	for s, split := range splits {
		want := primalRidge(pick(x, split.Train), pick(y, split.Train), pick(x, split.Test), penalty)
		require.True(t, mat.EqualApprox(want, res.Splits[s].Predicted, 1e-10))
	}
}

func primalRidge(x, y, test *mat.Dense, penalty float64) *mat.Dense {
	_, p := x.Dims()
	_, q := y.Dims()
	xm, ym := make([]float64, p), make([]float64, q)
	centreColumns(x.RawMatrix().Data, xm)
	centreColumns(y.RawMatrix().Data, ym)
	var a, b, coef, out mat.Dense
	a.Mul(x.T(), x)
	for i := range p {
		a.Set(i, i, a.At(i, i)+penalty)
	}
	b.Mul(x.T(), y)
	if err := coef.Solve(&a, &b); err != nil {
		panic(err)
	}
	shifted := mat.DenseCopyOf(test)
	shifted.Apply(func(_, j int, v float64) float64 { return v - xm[j] }, test)
	out.Mul(shifted, &coef)
	out.Apply(func(_, j int, v float64) float64 { return v + ym[j] }, &out)
	return &out
}

// The penalty of a neuron is the one whose predictions of left-out train stimuli, made one by one,
// err least.
func TestRidgeChoosesByLeavingOut(t *testing.T) {
	x, y := driven(5, 24, 40, 4)
	penalties := []float64{0.01, 1, 100, 1e4}
	split := Split{}
	for i := range 20 {
		split.Train = append(split.Train, i)
	}
	split.Test = []int{20, 21, 22, 23}
	res, err := CrossValidate(context.Background(), gram(t, x), y, []Split{split}, Ridge{penalties})
	require.NoError(t, err)
	for j := range 4 {
		best, least := 0.0, math.Inf(1)
		for _, penalty := range penalties {
			var loss float64
			for i := range 20 {
				rest := slices.Delete(slices.Clone(split.Train), i, i+1)
				e := primalRidge(pick(x, rest), pick(y, rest), pick(x, []int{i}), penalty).At(0, j) - y.At(i, j)
				loss += e * e
			}
			if loss < least {
				best, least = penalty, loss
			}
		}
		require.Equal(t, best, res.Splits[0].Dual.Penalties[j], "neuron %d", j)
	}
}

func TestBadInput(t *testing.T) {
	x, y := driven(6, 20, 30, 3)
	g := gram(t, x)
	folds, err := FoldSplits(20, 5, 0)
	require.NoError(t, err)
	holes := mat.DenseCopyOf(y)
	holes.Set(7, 1, math.NaN())
	for name, c := range map[string]struct {
		y      *mat.Dense
		splits []Split
		method Regression
		says   string
	}{
		"more components than train stimuli": {y, folds, PLS{25}, "ask for at most 15 components"},
		"no components":                      {y, folds, PLS{0}, "at least 1"},
		"a response without a valid trial":   {holes, folds, PLS{3}, "neuron 1 to stimulus 7"},
		"no splits":                          {y, nil, PLS{3}, "no splits"},
		"unknown stimulus":                   {y, []Split{{[]int{0, 1, 2, 3, 20}, []int{4}}}, PLS{3}, "names stimulus 20"},
		"negative stimulus":                  {y, []Split{{[]int{0, 1, 2, 3, 5}, []int{-1}}}, PLS{3}, "names stimulus -1"},
		"tested on a train stimulus":         {y, []Split{{[]int{0, 1, 2, 3, 4}, []int{4}}}, PLS{3}, "stimulus 4 twice"},
		"nothing to test":                    {y, []Split{{[]int{0, 1, 2, 3, 4}, nil}}, PLS{3}, "0 test stimuli"},
		"penalty of zero":                    {y, folds, Ridge{[]float64{0}}, "must be positive"},
		"ridge of two stimuli":               {y, []Split{{[]int{0, 1}, []int{4}}}, Ridge{}, "at least 3"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := CrossValidate(context.Background(), g, c.y, c.splits, c.method)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
		})
	}
	few := gram(t, mat.DenseCopyOf(x.Slice(0, 20, 0, 4)))
	_, err = CrossValidate(context.Background(), few, y, folds, PLS{5})
	require.ErrorContains(t, err, "the features have 4")

	x.Set(3, 11, math.Inf(1))
	_, err = NewGram(context.Background(), features(x))
	require.ErrorContains(t, err, "stimulus 3, unit 11")
}

// A neuron that answers every stimulus alike has no correlation and does not count; constant
// features are no features.
func TestConstantNeuronsAndFeatures(t *testing.T) {
	x, y := driven(7, 40, 20, 3)
	folds, err := FoldSplits(40, 4, 1)
	require.NoError(t, err)
	want, err := CrossValidate(context.Background(), gram(t, x), y, folds, PLS{3})
	require.NoError(t, err)

	wide, more := mat.NewDense(40, 22, nil), mat.NewDense(40, 4, nil)
	wide.Copy(x)
	more.Slice(0, 40, 1, 4).(*mat.Dense).Copy(y)
	for i := range 40 {
		wide.Set(i, 20, 1e6)
		more.Set(i, 0, 0.1)
	}
	got, err := CrossValidate(context.Background(), gram(t, wide), more, folds, PLS{3})
	require.NoError(t, err)
	require.True(t, math.IsNaN(got.Neurons[0]))
	require.True(t, math.IsNaN(got.Pooled[0]))
	requireClose(t, want.Medians, got.Medians, 1e-12, "medians")
	requireClose(t, want.Neurons, got.Neurons[1:], 1e-12, "neurons")

	for _, method := range []Regression{PLS{3}, Ridge{}} { // features that say nothing predict the mean
		flat, err := CrossValidate(context.Background(), gram(t, mat.NewDense(40, 9, nil)), y, folds, method)
		require.NoError(t, err)
		require.True(t, math.IsNaN(flat.Score))
		requireFinite(t, flat.Splits[0].Predicted)
	}
}

func TestCancelled(t *testing.T) {
	x, y := driven(8, 40, 20, 3)
	g := gram(t, x)
	folds, err := FoldSplits(40, 4, 1)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = CrossValidate(ctx, g, y, folds, PLS{3})
	require.ErrorIs(t, err, context.Canceled)
	_, err = NewGram(ctx, features(x))
	require.ErrorIs(t, err, context.Canceled)
}

func TestShuffledResponsesAreNotPredicted(t *testing.T) {
	x, y := driven(9, 120, 40, 8)
	folds, err := FoldSplits(120, 5, 1)
	require.NoError(t, err)
	res, err := CrossValidate(context.Background(), gram(t, x), y, folds, PLS{5})
	require.NoError(t, err)
	require.Greater(t, res.Score, 0.4)

	control, err := CrossValidate(context.Background(), gram(t, x), pick(y, rand.New(rand.NewPCG(1, 1)).Perm(120)), folds, PLS{5})
	require.NoError(t, err)
	require.Less(t, math.Abs(control.Score), 0.15)
}

func TestGroupSplits(t *testing.T) {
	labels := []string{"b", "a", "b", "c", "a"}
	splits, groups, err := GroupSplits(labels)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, groups)
	require.Equal(t, []Split{{[]int{0, 2, 3}, []int{1, 4}}, {[]int{1, 3, 4}, []int{0, 2}}, {[]int{0, 1, 2, 4}, []int{3}}}, splits)
	_, _, err = GroupSplits([]string{"a", "a"})
	require.ErrorContains(t, err, "at least two")
}

func TestFoldSplitsTestEveryStimulusOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 200).Draw(t, "stimuli")
		k := rapid.IntRange(2, n).Draw(t, "folds")
		splits, err := FoldSplits(n, k, rapid.Uint32().Draw(t, "seed"))
		require.NoError(t, err)
		require.NoError(t, CheckSplits(splits, n))
		var tested []int
		for _, s := range splits {
			require.Len(t, s.Train, n-len(s.Test))
			require.InDelta(t, float64(n)/float64(k), len(s.Test), 1)
			tested = append(tested, s.Test...)
		}
		slices.Sort(tested)
		require.Len(t, slices.Compact(tested), n)
	})
	_, err := FoldSplits(5, 6, 0)
	require.ErrorContains(t, err, "2 to 5")
}

// scikit-learn 1.2.1: KFold(3, shuffle=True, random_state=1).split(range(8)), test lists.
func TestFoldSplitsEqualKFold(t *testing.T) {
	splits, err := FoldSplits(8, 3, 1)
	require.NoError(t, err)
	var tests [][]int
	for _, s := range splits {
		tests = append(tests, s.Test)
	}
	require.Equal(t, [][]int{{1, 2, 7}, {0, 4, 6}, {3, 5}}, tests)
}

func TestStratifiedSplitsBadInput(t *testing.T) {
	for says, c := range map[string]struct {
		labels []string
		train  float64
	}{
		"between 0 and 1":       {[]string{"a", "b", "a", "b"}, 1},
		"single stimulus":       {[]string{"a", "b", "a", "a", "a", "a"}, 0.5},
		"at least one of every": {[]string{"a", "b", "a", "b"}, 0.9},
	} {
		_, err := StratifiedSplits(c.labels, 2, c.train, 1)
		require.ErrorContains(t, err, says)
	}
}

func TestPearson(t *testing.T) {
	require.InDelta(t, 1, Pearson([]float64{1, 2, 3}, []float64{10, 20, 30}), 1e-15)
	require.InDelta(t, -0.5, Pearson([]float64{1, 2, 3}, []float64{3, 1, 2}), 1e-15)
	for _, pair := range [][2][]float64{{{1, 1, 1}, {1, 2, 3}}, {{1}, {2}}, {nil, nil}} {
		require.True(t, math.IsNaN(Pearson(pair[0], pair[1])))
	}
	require.Panics(t, func() { Pearson([]float64{1}, nil) })
}

func TestMedian(t *testing.T) {
	nan := math.NaN()
	require.Equal(t, 2.0, Median([]float64{nan, 3, 1, 2}))
	require.Equal(t, 2.5, Median([]float64{4, 1, 2, nan, 3}))
	require.True(t, math.IsNaN(Median([]float64{nan})))
}

func TestCeilingSkipsMissingTrials(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	const stimuli, repeats = 60, 12
	trials := Trials{stimuli, 2, repeats, make([]float64, stimuli*2*repeats)}
	for i := range stimuli {
		signal := rng.NormFloat64()
		for r := range repeats {
			v := signal + rng.NormFloat64()
			trials.Data[(i*2)*repeats+r] = v
			trials.Data[(i*2+1)*repeats+r] = v
			if r >= 8 {
				trials.Data[(i*2+1)*repeats+r] = math.NaN()
			}
		}
	}
	c, err := InternalConsistency(trials, 10, 1)
	require.NoError(t, err)
	// Reliability of the mean of n trials with equal variance of signal and noise: n/(n+1).
	require.InDelta(t, 12.0/13, c.Neurons[0], 0.03)
	require.InDelta(t, 8.0/9, c.Neurons[1], 0.04)
	require.Less(t, c.Neurons[1], c.Neurons[0])

	_, err = InternalConsistency(Trials{2, 1, 1, []float64{1, 2}}, 10, 1)
	require.ErrorContains(t, err, "at least two")
	mean := Trials{1, 2, 2, []float64{1, math.NaN(), math.NaN(), math.NaN()}}.Mean()
	require.Equal(t, 1.0, mean.At(0, 0))
	require.True(t, math.IsNaN(mean.At(0, 1)))
}

func TestRSA(t *testing.T) {
	ctx := context.Background()
	x := mat.NewDense(4, 3, []float64{1, 2, 3, 3, 2, 1, 1, 3, 2, 5, 5, 5})
	rdm, err := RDM(ctx, features(x))
	require.NoError(t, err)
	nan := math.NaN()
	requireClose(t, []float64{2, 0.5, nan, 1.5, nan, nan}, rdm, 1e-15, "dissimilarities")

	a, _ := driven(10, 20, 50, 1)
	first, err := RDM(ctx, features(a))
	require.NoError(t, err)
	scaled := mat.DenseCopyOf(a)
	scaled.Apply(func(i, _ int, v float64) float64 { return 3*v + float64(i) }, a)
	second, err := RDM(ctx, features(scaled)) // scale and offset of a stimulus do not count
	require.NoError(t, err)
	r, err := RSA(first, second)
	require.NoError(t, err)
	require.InDelta(t, 1, r, 1e-9)
	_, err = RSA([]float64{nan}, []float64{1})
	require.ErrorContains(t, err, "at least 3 stimuli")
}

// Ranks with ties, against scipy.stats.spearmanr.
func TestSpearman(t *testing.T) {
	require.InDelta(t, 0.8207826816681233, Spearman([]float64{1, 2, 3, 4, 5}, []float64{5, 6, 7, 8, 7}), 1e-15)
	require.InDelta(t, -0.23570226039551587, Spearman([]float64{1, 1, 2, 2}, []float64{3, 1, 2, 1}), 1e-15)
}

func TestLinearCKA(t *testing.T) {
	x, y := driven(11, 30, 12, 5)
	want := func(x, y *mat.Dense) float64 { // the definition, in the space of the units
		var xy, xx, yy mat.Dense
		cx, cy := mat.DenseCopyOf(x), mat.DenseCopyOf(y)
		_, p := x.Dims()
		_, q := y.Dims()
		centreColumns(cx.RawMatrix().Data, make([]float64, p))
		centreColumns(cy.RawMatrix().Data, make([]float64, q))
		xy.Mul(cx.T(), cy)
		xx.Mul(cx.T(), cx)
		yy.Mul(cy.T(), cy)
		return math.Pow(mat.Norm(&xy, 2), 2) / (mat.Norm(&xx, 2) * mat.Norm(&yy, 2))
	}
	require.InDelta(t, want(x, y), LinearCKA(gram(t, x), gram(t, y)), 1e-12)
	var turned mat.Dense
	var qr mat.QR
	qr.Factorize(random(rand.New(rand.NewPCG(2, 2)), 12, 12))
	var rotation mat.Dense
	qr.QTo(&rotation)
	turned.Mul(x, &rotation)
	turned.Scale(7, &turned)
	require.InDelta(t, 1, LinearCKA(gram(t, x), gram(t, &turned)), 1e-12)
}

func BenchmarkGram(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, units := range []int{10_000, 100_000} {
		x := Matrix[float32]{440, units, make([]float32, 440*units)}
		for i := range x.Data {
			x.Data[i] = rng.Float32()
		}
		b.Run(strconv.Itoa(units), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NewGram(context.Background(), x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCrossValidatePLS(b *testing.B) {
	x, y := driven(1, 440, 10_000, 100)
	splits, err := FoldSplits(440, 10, 1)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CrossValidate(context.Background(), gram(b, x), y, splits, PLS{25}); err != nil {
			b.Fatal(err)
		}
	}
}
