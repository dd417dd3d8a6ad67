package optimizer_test

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/stretchr/testify/require"

	"striate/train/backend"
	"striate/train/optimizer"
)

// descend takes steps on the loss x²·p, whose gradient for p is x², and returns p after each.
func descend(t *testing.T, store *model.Store, sgd optimizer.SGD, gradients []float64, before func(step int)) []float64 {
	t.Helper()
	b, err := backend.New("go")
	require.NoError(t, err)
	exec := model.MustNewExec(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		p := scope.VariableWithValue("p", 2.0)
		scope.VariableWithValue("frozen", 1.0).SetTrainable(false)
		l := graph.Mul(p.NodeValue(x.Graph()), scope.GetVariable("frozen").NodeValue(x.Graph()))
		l = graph.Mul(l, x)
		sgd.UpdateGraph(scope, x.Graph(), l)
		return l
	})
	var path []float64
	for i, g := range gradients {
		if before != nil {
			before(i)
		}
		_, err := exec.Call1(g)
		require.NoError(t, err)
		path = append(path, tensors.ToScalar[float64](store.GetVariable("/p").MustValue()))
	}
	return path
}

// TestSGDFollowsItsDefinition against the recurrence worked out beside it.
func TestSGDFollowsItsDefinition(t *testing.T) {
	gradients := []float64{0.5, -1, 2, 0}
	for _, o := range []optimizer.SGD{
		{LearningRate: 0.1}, {LearningRate: 0.1, Momentum: 0.9}, {LearningRate: 0.1, Momentum: 0.9, WeightDecay: 0.01}, {LearningRate: 0.1, WeightDecay: 0.5},
	} {
		store := model.NewStore()
		got := descend(t, store, o, gradients, nil)
		p, v := 2.0, 0.0
		for i, g := range gradients {
			v = o.Momentum*v + g + o.WeightDecay*p
			p -= o.LearningRate * v
			require.InDelta(t, p, got[i], 1e-12, "%+v step %d", o, i)
		}
		require.Equal(t, 1.0, tensors.ToScalar[float64](store.GetVariable("/frozen").MustValue()))
		require.Equal(t, int64(len(gradients)), gomlx.GetGlobalStep(store))
	}
}

func TestLearningRateIsAVariable(t *testing.T) {
	store := model.NewStore()
	got := descend(t, store, optimizer.SGD{LearningRate: 0.1}, []float64{1, 1}, func(step int) {
		if step == 1 {
			v := store.GetVariable("/optimizers/learning_rate")
			require.NoError(t, v.SetValue(tensors.FromScalar(0.01)))
		}
	})
	require.InDeltaSlice(t, []float64{1.9, 1.89}, got, 1e-12)
}

func TestClearForgetsTheMomentum(t *testing.T) {
	store := model.NewStore()
	o := optimizer.SGD{LearningRate: 0.1, Momentum: 0.9}
	descend(t, store, o, []float64{1}, nil)
	require.NotNil(t, store.GetVariable("/optimizers/velocity/p"))
	require.NoError(t, o.Clear(store.RootScope()))
	require.Nil(t, store.GetVariable("/optimizers/velocity/p"))
}
