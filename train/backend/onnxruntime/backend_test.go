package onnxruntime_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/stretchr/testify/require"

	"striate/internal/ortlib"
	"striate/train/backend"
	_ "striate/train/backend/onnxruntime"
	"striate/train/network"
	"striate/train/optimizer"
)

func open(t testing.TB, name string) compute.Backend {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skipf("ONNX Runtime is needed: %v", err)
	}
	b, err := backend.New(name)
	require.NoError(t, err)
	return b
}

// trainer takes training steps of a network on random images.
type trainer struct {
	d     network.Description
	store *model.Store
	exec  *model.Exec
	dtype dtypes.DType
}

func newTrainer(t testing.TB, b compute.Backend, d network.Description, sgd optimizer.SGD, dtype dtypes.DType) *trainer {
	t.Helper()
	tr := &trainer{d: d, store: model.NewStore(), dtype: dtype}
	require.NoError(t, d.Init(tr.store, network.Parity(1), dtype))
	var err error
	tr.exec, err = model.NewExec(b, tr.store, func(scope *model.Scope, images, labels *graph.Node) *graph.Node {
		g := images.Graph()
		scope.Store().SetTraining(g, true)
		logits := d.Build(scope, graph.ConvertDType(images, dtype), network.Options{}).Last()
		l := graph.ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*graph.Node{labels}, []*graph.Node{logits}))
		sgd.UpdateGraph(scope, g, l)
		return graph.ConvertDType(l, dtypes.Float32)
	})
	require.NoError(t, err)
	return tr
}

func (tr *trainer) step(t testing.TB, batch int) float64 {
	t.Helper()
	images := make([]float32, batch*3*tr.d.Size*tr.d.Size)
	network.NewStream("input", 0).Fill(images, -1, 2)
	labels := make([]int32, batch)
	for i := range labels {
		labels[i] = int32(network.NewStream("labels", 0).Word(i) % uint64(tr.d.Classes))
	}
	out, err := tr.exec.Call(tensors.FromFlatDataAndDimensions(images, batch, 3, tr.d.Size, tr.d.Size), tensors.FromFlatDataAndDimensions(labels, batch, 1))
	require.NoError(t, err)
	return float64(tensors.ToScalar[float32](out[0]))
}

// values returns the values of a variable of either float type.
func values(t testing.TB, v *model.Variable) []float64 {
	t.Helper()
	value, err := v.Value()
	require.NoError(t, err)
	if v.DType() == dtypes.Float64 {
		data, err := tensors.CopyFlatData[float64](value)
		require.NoError(t, err)
		return data
	}
	data, err := tensors.CopyFlatData[float32](value)
	require.NoError(t, err)
	wide := make([]float64, len(data))
	for i, x := range data {
		wide[i] = float64(x)
	}
	return wide
}

// distances returns |a−b|₂/|b|₂ of each float variable of two trainers.
func distances(t testing.TB, a, b *trainer) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for v := range b.store.RootScope().IterVariables() {
		if !v.DType().IsFloat() {
			continue
		}
		x, y := values(t, a.store.GetVariable(v.Path())), values(t, v)
		var sum, norm float64
		for i := range y {
			sum, norm = sum+(x[i]-y[i])*(x[i]-y[i]), norm+y[i]*y[i]
		}
		if all[v.Path()] = 0; sum != 0 {
			all[v.Path()] = math.Sqrt(sum / norm)
		}
	}
	return all
}

// A training step of every network (forward pass, gradients of convolutions and max-pooling, running
// statistics, momentum and weight decay) leaves the parameters as near to those of a step in float64
// as the Go backend's step in float32 does. A fixed tolerance would be loose: a unit within rounding
// of zero changes side in one of two programs, and with it a little of every gradient behind it.
func TestTrainingStepsEqualTheGoBackend(t *testing.T) {
	const batch = 4
	onnx, plain := open(t, "onnx"), open(t, "go")
	sgd := optimizer.SGD{LearningRate: 0.01, Momentum: 0.9, WeightDecay: 1e-4}
	for _, name := range network.Presets() {
		t.Run(name, func(t *testing.T) {
			d, err := network.Preset(name)
			require.NoError(t, err)
			d.Width, d.Classes, d.Size = 8, 10, 32
			d = d.WithBlocks(2, 1, 1, 1)
			for i := range d.V1 {
				d.V1[i].Dropout = 0 // its mask is another one on each backend
			}
			truth := newTrainer(t, plain, d, sgd, dtypes.Float64)
			got, peer := newTrainer(t, onnx, d, sgd, dtypes.Float32), newTrainer(t, plain, d, sgd, dtypes.Float32)
			want := truth.step(t, batch)
			off := func(loss float64) float64 { return math.Abs(loss-want) / want }
			require.Less(t, off(got.step(t, batch)), 4*off(peer.step(t, batch))+1e-4, "loss")
			ours, theirs := distances(t, got, truth), distances(t, peer, truth)
			require.Greater(t, len(ours), len(d.Parameters())/2)
			var worstOurs, worstTheirs float64
			for path := range ours {
				worstOurs, worstTheirs = max(worstOurs, ours[path]), max(worstTheirs, theirs[path])
			}
			for path := range ours {
				require.Less(t, ours[path], 4*worstTheirs+1e-4, path)
			}
			require.InEpsilon(t, truth.step(t, batch), got.step(t, batch), 1e-2, "the second step starts from the first one's parameters")
			t.Logf("%d variables, worst %.1e; the Go backend's %.1e", len(ours), worstOurs, worstTheirs)
		})
	}
}

func BenchmarkStep(b *testing.B) {
	for _, name := range []string{"resnet50", "composite_a"} {
		for _, batch := range []int{8, 32} {
			for _, kind := range []string{"onnx", "go"} {
				b.Run(fmt.Sprintf("%s/%s/batch%d", name, kind, batch), func(b *testing.B) {
					d, err := network.Preset(name)
					require.NoError(b, err)
					tr := newTrainer(b, open(b, kind), d, optimizer.SGD{LearningRate: 0.1, Momentum: 0.9, WeightDecay: 1e-5}, dtypes.Float32)
					tr.step(b, batch)
					for b.Loop() {
						tr.step(b, batch)
					}
					b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "images/s")
				})
			}
		}
	}
}
