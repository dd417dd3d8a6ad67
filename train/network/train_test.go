package network_test

import (
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/stretchr/testify/require"

	"striate/train/backend"
	"striate/train/network"
	"striate/train/optimizer"
)

// TestTrainingStepsEqualTheAuthorsCode takes two steps of SGD with momentum and weight decay on the
// whole network in float64, and compares loss, logits, gradients, parameters, momentum and running
// statistics. The tolerances of the first step are those of two float64 programs; in the second,
// differences have passed through one update at a learning rate of 0.1.
func TestTrainingStepsEqualTheAuthorsCode(t *testing.T) {
	for _, name := range []string{"resnet50", "composite_a"} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("two steps of a whole network in float64")
			}
			g := readGolden(t, caseName("train", name))
			s := newTrainingCase(t, name, g)
			s.step(t, g.Step1, 1e-8, 1e-6)
			s.step(t, g.Step2, 1e-5, 1e-5)
		})
	}
}

// trainingCase is a network about to take steps on one batch.
type trainingCase struct {
	d              network.Description
	store          *model.Store
	exec           *model.Exec
	images, labels *tensors.Tensor
	trained        []string // variables with a gradient, in the order of the outputs
}

func newTrainingCase(t *testing.T, name string, g golden) *trainingCase {
	d, err := network.Preset(name)
	require.NoError(t, err)
	s := &trainingCase{d: d, store: model.NewStore(), images: images64("input", g, -1, 2, g.Batch, 3, 64, 64),
		labels: tensors.FromFlatDataAndDimensions(g.Labels, g.Batch, 1)}
	require.NoError(t, d.Init(s.store, network.Parity(g.Seed), dtypes.Float64))
	be, err := backend.New("go")
	require.NoError(t, err)
	sgd := optimizer.SGD{LearningRate: 0.1, Momentum: 0.9, WeightDecay: 1e-5}
	s.exec = model.MustNewExec(be, s.store, func(scope *model.Scope, images, labels *graph.Node) []*graph.Node {
		s.store.SetTraining(images.Graph(), true)
		logits := d.Build(scope, images, network.Options{}).Last()
		l := loss.SparseCategoricalCrossEntropyLogits([]*graph.Node{labels}, []*graph.Node{logits})
		gradients := scope.BuildTrainableVariablesGradientsGraph(l)
		s.trained = nil
		for v := range scope.IterVariables() {
			if v.Trainable && v.InUseByGraph(images.Graph()) {
				s.trained = append(s.trained, v.Name())
			}
		}
		sgd.UpdateGraphWithGradients(scope, gradients, l.DType())
		return append([]*graph.Node{l, logits}, gradients...)
	})
	return s
}

// step takes one step and compares everything with the golden: values to valueTol, gradients and what
// follows from them to gradTol.
func (s *trainingCase) step(t *testing.T, want goldenStep, valueTol, gradTol float64) {
	out, err := s.exec.Call(s.images, s.labels)
	require.NoError(t, err)
	require.InEpsilon(t, want.Loss64, tensors.ToScalar[float64](out[0]), valueTol)
	require.Less(t, want.Logits.distance(flat(out[1])), valueTol, "logits")
	require.Len(t, s.trained, len(want.Grad))
	worst := map[string]float64{}
	for _, p := range s.d.Parameters() {
		v := variable(s.store, p)
		if v == nil {
			continue
		}
		after, buffer := want.ParamAfter[p.PyTorch], want.BufferAfter[p.PyTorch]
		value := torchOrder(p, flat(v.MustValue()))
		if p.Role == network.Buffer {
			check(t, worst, "running statistics", p.PyTorch, buffer.distance(value), valueTol)
			continue
		}
		gradient := out[2+slices.Index(s.trained, p.Name)]
		grad := want.Grad[p.PyTorch]
		check(t, worst, "gradients", p.PyTorch, grad.distance(torchOrder(p, flat(gradient))), gradTol)
		check(t, worst, "parameters", p.PyTorch, after.distance(value), gradTol)
	}
	t.Logf("worst: %v", worst)
}

func check(t *testing.T, worst map[string]float64, what, name string, distance, tolerance float64) {
	t.Helper()
	require.Less(t, distance, tolerance, "%s of %s", what, name)
	worst[what] = max(worst[what], distance)
}
