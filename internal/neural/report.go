package neural

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"striate/analysis"
	"striate/analysis/predictivity"
	"striate/internal/fault"
	"striate/internal/jsonnum"
	"striate/internal/provenance"
)

// Options say how features are compared with a recording.
type Options struct {
	Method         predictivity.Regression
	Divisions      int     // of the trials into halves, for the ceiling
	Seed           uint32  // of the divisions and the shuffled control
	MinReliability float64 // neurons whose ceiling is lower are left out; 0 keeps all
	DropMissing    bool    // leave out neurons without a valid trial of some stimulus, instead of an error
	Control        bool    // also predict the responses given to the stimuli in random order
}

// Report is how well features predict a recording.
type Report struct {
	Method     string             `json:"method"`
	Components int                `json:"components,omitempty"`
	Stimuli    int                `json:"stimuli"`
	Units      int                `json:"units"`
	Neurons    []string           `json:"neurons"`           // names, in the order of r
	Dropped    []string           `json:"dropped,omitempty"` // neurons that were left out
	Score      jsonnum.Number     `json:"score"`             // mean over splits of the medians
	Error      jsonnum.Number     `json:"error"`             // of the score
	Medians    []jsonnum.Number   `json:"medians"`           // over neurons, of every split
	R          [][]jsonnum.Number `json:"r"`                 // Pearson correlation, splits × neurons
	NeuronR    []jsonnum.Number   `json:"neuron_r"`          // mean over splits, of every neuron
	Pooled     *Pooled            `json:"pooled,omitempty"`
	Ceiling    *CeilingReport     `json:"ceiling,omitempty"`
	Control    *ControlReport     `json:"control,omitempty"`
	Splits     []SplitReport      `json:"splits"`
	SplitRule  string             `json:"split_rule,omitempty"`
	Provenance provenance.Record  `json:"provenance"`
}

// Pooled is the correlation over the test stimuli of all splits together, where every stimulus is
// tested once.
type Pooled struct {
	Median jsonnum.Number   `json:"median"`
	R      []jsonnum.Number `json:"r"`
}

// ControlReport is the score when the responses are given to the stimuli in random order: what the
// procedure makes of no relation at all.
type ControlReport struct {
	Score        jsonnum.Number `json:"score"`
	Error        jsonnum.Number `json:"error"`
	PooledMedian jsonnum.Number `json:"pooled_median"`
}

// CeilingReport is the internal consistency of the recording and what share of it the score is.
type CeilingReport struct {
	Score     jsonnum.Number   `json:"score"`
	Error     jsonnum.Number   `json:"error"`
	Medians   []jsonnum.Number `json:"medians"` // over neurons, of every division of the trials
	Neurons   []jsonnum.Number `json:"neurons"`
	Divisions int              `json:"divisions"`

	SquaredRatio      jsonnum.Number `json:"squared_ratio"`              // (score/ceiling)²: the papers, Brain-Score before 2026
	SquareOverCeiling jsonnum.Number `json:"square_over_ceiling"`        // score²/ceiling: Brain-Score since 2026
	PooledRatio       jsonnum.Number `json:"pooled_squared_ratio"`       // (pooled median/ceiling)²
	PooledOverCeiling jsonnum.Number `json:"pooled_square_over_ceiling"` // pooled median²/ceiling
	ExplainedMedian   jsonnum.Number `json:"explained_median"`           // median over neurons of (r/ceiling)², r pooled where it can be
}

// SplitReport describes one fit.
type SplitReport struct {
	Name       string `json:"name,omitempty"` // the group that is held out
	Train      int    `json:"train"`
	Test       int    `json:"test"`
	Rows       []int  `json:"test_rows"` // the stimuli that were tested, in the order of the recording, from 0
	Components int    `json:"components,omitempty"`
	Iterations []int  `json:"iterations,omitempty"`
}

// Splits are the splits of a cross-validation with the rule that made them.
type Splits struct {
	List  []predictivity.Split
	Names []string // of the groups held out; nil otherwise
	Rule  string
}

// DefaultSplits returns the splits that fit the recording: its movies held out where it has movies
// (frames of one movie are nearly alike), Brain-Score's ten stratified splits where it has texture
// types, else ten folds.
func DefaultSplits(r *Recording, seed uint32) (*Splits, error) {
	if r.Table != nil {
		if movie := r.Table.Column("movie"); movie != nil {
			return HoldOut(movie, "movie")
		}
		if kind := r.Table.Column("texture_type"); kind != nil {
			return Stratified(kind, "texture_type", seed)
		}
	}
	return Folds(r.Stimuli(), min(10, r.Stimuli()), seed)
}

// HoldOut holds out the stimuli of each label in turn.
func HoldOut(labels []string, column string) (*Splits, error) {
	splits, groups, err := predictivity.GroupSplits(labels)
	return &Splits{splits, groups, "each " + column + " held out"}, err
}

// Stratified draws ten splits of nine tenths, stratified by label.
func Stratified(labels []string, column string, seed uint32) (*Splits, error) {
	splits, err := predictivity.StratifiedSplits(labels, 10, 0.9, seed)
	return &Splits{splits, nil, "10 splits 90/10, stratified by " + column}, err
}

// Folds shares the stimuli among folds.
func Folds(stimuli, count int, seed uint32) (*Splits, error) {
	splits, err := predictivity.FoldSplits(stimuli, count, seed)
	return &Splits{splits, nil, strconv.Itoa(count) + " folds"}, err
}

// Predict cross-validates a regression from features, whose rows are the stimuli of the recording
// in its order, to the neurons.
func Predict(ctx context.Context, x predictivity.Features, r *Recording, splits *Splits, o Options) (*Report, error) {
	gram, err := predictivity.NewGram(ctx, x)
	if err != nil {
		return nil, err
	}
	return PredictGram(ctx, gram, r, splits, o)
}

// PredictGram is Predict for features whose inner products are known.
func PredictGram(ctx context.Context, gram *predictivity.Gram, r *Recording, splits *Splits, o Options) (*Report, error) {
	names := r.UnitNames()
	r, ceiling, kept, err := choose(r, o)
	if err != nil {
		return nil, err
	}
	res, err := predictivity.CrossValidate(ctx, gram, r.Mean, splits.List, o.Method)
	if err != nil {
		return nil, err
	}
	rep := newReport(res, splits, gram)
	if o.Control {
		control, err := predictivity.CrossValidate(ctx, gram, shuffled(r.Mean, o.Seed), splits.List, o.Method)
		if err != nil {
			return nil, err
		}
		rep.Control = &ControlReport{jsonnum.Number(control.Score), jsonnum.Number(control.Error), jsonnum.Number(predictivity.Median(control.Pooled))}
	}
	for j, name := range names {
		if _, keep := slices.BinarySearch(kept, j); keep {
			rep.Neurons = append(rep.Neurons, name)
		} else {
			rep.Dropped = append(rep.Dropped, name)
		}
	}
	rep.setMethod(o.Method)
	if ceiling != nil {
		rep.Ceiling = newCeilingReport(ceiling, res)
	}
	return rep, nil
}

func (rep *Report) setMethod(m predictivity.Regression) {
	switch m := m.(type) {
	case predictivity.PLS:
		rep.Method, rep.Components = "pls", m.Components
	case predictivity.Ridge:
		rep.Method = "ridge"
	}
}

// choose leaves out neurons that cannot, or are not to, be predicted.
func choose(r *Recording, o Options) (*Recording, *predictivity.Ceiling, []int, error) {
	incomplete := r.Incomplete()
	if len(incomplete) > 0 && !o.DropMissing {
		j := incomplete[0]
		i := slices.IndexFunc(mat.Col(nil, j, r.Mean), math.IsNaN)
		return nil, nil, nil, fault.Invalidf("%d neurons have no valid trial of some stimulus (the first: neuron %s, stimulus %d): leave them out with --drop-missing",
			len(incomplete), r.UnitNames()[j], i)
	}
	if o.MinReliability > 0 && r.Trials == nil {
		return nil, nil, nil, fault.Invalidf("%s has no single trials, so that the reliability of its neurons is not known", r.Source)
	}
	ceiling, err := r.Ceiling(max(o.Divisions, 1), o.Seed)
	if err != nil {
		return nil, nil, nil, err
	}
	var kept []int
	for j := range r.Neurons() {
		if slices.Contains(incomplete, j) || (o.MinReliability > 0 && !(ceiling.Neurons[j] >= o.MinReliability)) {
			continue
		}
		kept = append(kept, j)
	}
	if len(kept) == 0 {
		return nil, nil, nil, fault.Invalidf("no neuron is left: of %d, %d have no valid trial of some stimulus, the others a reliability under %v",
			r.Neurons(), len(incomplete), o.MinReliability)
	}
	if len(kept) < r.Neurons() {
		r = r.Select(kept)
		if ceiling, err = r.Ceiling(max(o.Divisions, 1), o.Seed); err != nil {
			return nil, nil, nil, err
		}
	}
	return r, ceiling, kept, nil
}

func shuffled(m *mat.Dense, seed uint32) *mat.Dense {
	n, q := m.Dims()
	out := mat.NewDense(n, q, nil)
	for i, k := range rand.New(rand.NewPCG(uint64(seed), 0)).Perm(n) {
		out.SetRow(i, m.RawRowView(k))
	}
	return out
}

func newReport(res *predictivity.Result, splits *Splits, gram *predictivity.Gram) *Report {
	rep := &Report{
		Score: jsonnum.Number(res.Score), Error: jsonnum.Number(res.Error),
		Medians: jsonnum.Slice(res.Medians), NeuronR: jsonnum.Slice(res.Neurons), SplitRule: splits.Rule,
	}
	rep.Stimuli, rep.Units = gram.Dims()
	for s, fit := range res.Splits {
		rep.R = append(rep.R, jsonnum.Slice(fit.R))
		split := splits.List[s]
		d := SplitReport{
			Train: len(split.Train), Test: len(split.Test), Rows: split.Test,
			Components: fit.Dual.Components, Iterations: fit.Dual.Iterations,
		}
		if splits.Names != nil {
			d.Name = splits.Names[s]
		}
		rep.Splits = append(rep.Splits, d)
	}
	if res.Pooled != nil {
		rep.Pooled = &Pooled{jsonnum.Number(predictivity.Median(res.Pooled)), jsonnum.Slice(res.Pooled)}
	}
	return rep
}

func newCeilingReport(c *predictivity.Ceiling, res *predictivity.Result) *CeilingReport {
	ceiled := predictivity.Ceil(res.Score, c.Score)
	out := &CeilingReport{
		Score: jsonnum.Number(c.Score), Error: jsonnum.Number(c.Error), Medians: jsonnum.Slice(c.Medians),
		Neurons: jsonnum.Slice(c.Neurons), Divisions: len(c.Medians),
		SquaredRatio: jsonnum.Number(ceiled.SquaredRatio), SquareOverCeiling: jsonnum.Number(ceiled.SquareOverCeiling),
	}
	r := res.Neurons
	out.PooledRatio, out.PooledOverCeiling = jsonnum.Number(math.NaN()), jsonnum.Number(math.NaN())
	if res.Pooled != nil {
		r = res.Pooled
		pooled := predictivity.Ceil(predictivity.Median(res.Pooled), c.Score)
		out.PooledRatio, out.PooledOverCeiling = jsonnum.Number(pooled.SquaredRatio), jsonnum.Number(pooled.SquareOverCeiling)
	}
	explained := make([]float64, len(r))
	for j := range r {
		explained[j] = math.NaN()
		if c.Neurons[j] > 0 {
			explained[j] = predictivity.Ceil(math.Max(r[j], 0), c.Neurons[j]).SquaredRatio
		}
	}
	out.ExplainedMedian = jsonnum.Number(predictivity.Median(explained))
	return out
}

// Similarity compares features with a recording without a regression.
type Similarity struct {
	Stimuli    int               `json:"stimuli"`
	Units      int               `json:"units"`
	Neurons    int               `json:"neurons"`
	RSA        jsonnum.Number    `json:"rsa"` // Spearman correlation of the dissimilarities
	CKA        jsonnum.Number    `json:"cka"` // linear centred kernel alignment
	Provenance provenance.Record `json:"provenance"`
}

// Compare computes representational similarity and linear centred kernel alignment.
func Compare(ctx context.Context, x predictivity.Features, r *Recording, o Options) (*Similarity, error) {
	r, _, _, err := choose(r, o)
	if err != nil {
		return nil, err
	}
	neurons := predictivity.Matrix[float64]{Stimuli: r.Stimuli(), Units: r.Neurons(), Data: r.Mean.RawMatrix().Data}
	var grams [2]*predictivity.Gram
	var rdms [2][]float64
	for k, f := range []predictivity.Features{x, neurons} {
		if grams[k], err = predictivity.NewGram(ctx, f); err != nil {
			return nil, err
		}
		if rdms[k], err = predictivity.RDM(ctx, f); err != nil {
			return nil, err
		}
	}
	rsa, err := predictivity.RSA(rdms[0], rdms[1])
	if err != nil {
		return nil, err
	}
	out := &Similarity{Neurons: r.Neurons(), RSA: jsonnum.Number(rsa), CKA: jsonnum.Number(predictivity.LinearCKA(grams[0], grams[1]))}
	out.Stimuli, out.Units = x.Dims()
	return out, nil
}

// Summary is the report in one line.
func (rep *Report) Summary() string {
	s := fmt.Sprintf("median r %.4f ± %.4f: %d units, %d neurons, %d stimuli, %d splits",
		rep.Score, rep.Error, rep.Units, len(rep.Neurons), rep.Stimuli, len(rep.Splits))
	if rep.Pooled != nil {
		s += fmt.Sprintf("; over all test stimuli together %.4f", rep.Pooled.Median)
	}
	if rep.Ceiling != nil {
		s += fmt.Sprintf("; explained variance of the median neuron %.4f; ceiling %.4f, (r/ceiling)² %.4f, r²/ceiling %.4f", rep.Ceiling.ExplainedMedian, rep.Ceiling.Score, rep.Ceiling.SquaredRatio, rep.Ceiling.SquareOverCeiling)
	}
	if rep.Control != nil {
		s += fmt.Sprintf("; shuffled %.4f", rep.Control.Score)
		if rep.Pooled != nil {
			s += fmt.Sprintf(", together %.4f", rep.Control.PooledMedian)
		}
	}
	return s
}

// PredictNetwork shows the stimuli of the recording to the network and predicts the neurons from its
// responses, with the splits that fit the recording (DefaultSplits).
func PredictNetwork(ctx context.Context, net analysis.Network, r *Recording, view View, o Options, step func(int)) (*Report, error) {
	splits, err := DefaultSplits(r, o.Seed)
	if err != nil {
		return nil, err
	}
	features, err := NetworkFeatures(ctx, net, r, view, step)
	if err != nil {
		return nil, err
	}
	defer features.Close()
	return Predict(ctx, features, r, splits, o)
}

// DefaultOptions are PLS of 25 components, ten divisions for the ceiling, seed 1, and the control.
func DefaultOptions() Options {
	return Options{Method: predictivity.PLS{Components: 25}, Divisions: 10, Seed: 1, Control: true}
}
