package network_test

import (
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/train/backend"
	"striate/train/network"
)

// TestFrontInTrainingEqualsTheAuthorsCode runs the stem, the pooling and layer1 in training mode,
// and compares the output, the gradients of sum(layer1·r) for the image and for every parameter, and
// the running statistics. In float64, because a network with random parameters turns the rounding of
// float32 into differences of per cents: one unit next to the threshold of a ReLU suffices.
func TestFrontInTrainingEqualsTheAuthorsCode(t *testing.T) {
	for _, name := range []string{"resnet50", "div_norm", "composite_a"} {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, caseName("front", name))
			d, err := network.Preset(name)
			require.NoError(t, err)
			store := model.NewStore()
			require.NoError(t, d.Init(store, network.Parity(g.Seed), dtypes.Float64))
			be, err := backend.New("go")
			require.NoError(t, err)
			var names []string
			exec := model.MustNewExec(be, store, func(scope *model.Scope, images, r *graph.Node) []*graph.Node {
				store.SetTraining(images.Graph(), true)
				v1 := d.Build(scope, images, network.Options{UpTo: d.V1Layer()}).Last()
				objective := graph.ReduceAllSum(graph.Mul(v1, r))
				at := []*graph.Node{images}
				names = nil
				for _, p := range d.Parameters() {
					if v := variable(store, p); v != nil && v.Trainable && v.InUseByGraph(images.Graph()) {
						names, at = append(names, p.PyTorch), append(at, v.NodeValue(images.Graph()))
					}
				}
				return append([]*graph.Node{v1}, graph.Gradient(objective, at...)...)
			})
			out, err := exec.Call(images64("input", g, -1, 2, g.Batch, 3, 64, 64), images64("cotangent", g, -1, 2, g.Batch, 256, 16, 16))
			require.NoError(t, err)

			// Outputs 1e-8, gradients 1e-6: the agreement of float64 code with the authors' in float64.
			require.Less(t, g.Tensors["layer1"].distance(flat(out[0])), 1e-8)
			require.Less(t, g.Tensors["grad/input"].distance(flat(out[1])), 1e-6)
			worst := 0.0
			compared := 2
			for i, torch := range names {
				want, ok := g.Tensors["grad/"+torch]
				require.True(t, ok, torch)
				p := parameter(t, d, torch)
				e := want.distance(torchOrder(p, flat(out[i+2])))
				require.Less(t, e, 1e-6, torch)
				worst, compared = max(worst, e), compared+1
			}
			for key, want := range g.Tensors {
				if torch, ok := strings.CutPrefix(key, "buffer_after/"); ok {
					p := parameter(t, d, torch)
					require.Less(t, want.distance(flat(variable(store, p).MustValue())), 1e-8, torch)
					compared++
				}
			}
			require.Equal(t, len(g.Tensors), compared)
			t.Logf("%s: worst of %d gradients %.2g", name, len(names)+1, worst)
		})
	}
}

// caseName is the file of a network's case.
func caseName(kind, name string) string {
	if name == "resnet50" {
		return kind + "/resnet50"
	}
	return kind + "/resnet50_" + name
}

func variable(store *model.Store, p network.Parameter) *model.Variable {
	if p.Name == "" {
		return nil
	}
	return store.GetVariable("/" + p.Name)
}

func parameter(t testing.TB, d network.Description, torch string) network.Parameter {
	t.Helper()
	for _, p := range d.Parameters() {
		if p.PyTorch == torch {
			return p
		}
	}
	t.Fatalf("%s has no parameter %s", d.Name, torch)
	return network.Parameter{}
}

// torchOrder brings the values of a variable into PyTorch's order.
func torchOrder(p network.Parameter, values []float64) []float64 {
	out := make([]float64, len(values))
	network.FromVariable(p, out, values)
	return out
}

// images64 is a stream of a case as a float64 tensor.
func images64(name string, g golden, lo, span float64, dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	v := make([]float64, n)
	for i, x := range stream(name, g.Seed, n, lo, span) {
		v[i] = float64(x)
	}
	return tensors.FromFlatDataAndDimensions(v, dims...)
}
