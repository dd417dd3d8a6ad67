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

// The names of the stages in the goldens, where ours differ.
func goldenStage(name string) string {
	if name == "conv1" {
		return "stem"
	}
	return strings.Replace(name, "pre_norm", "pre_dn", 1)
}

func TestNetworksEqualTheAuthorsCode(t *testing.T) {
	for _, name := range []string{"resnet50", "center_surround", "div_norm", "composite_a", "composite_e"} {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, caseName("models", name))
			d, err := network.Preset(name)
			require.NoError(t, err)
			store := model.NewStore()
			require.NoError(t, d.Init(store, network.Parity(g.Seed), dtypes.Float32))
			var names []string
			be, err := backend.New("go")
			require.NoError(t, err)
			exec := model.MustNewExec(be, store, func(scope *model.Scope, images *graph.Node) []*graph.Node {
				a := d.Build(scope, images, network.Options{})
				names = a.Names()
				out := make([]*graph.Node, len(names))
				for i, n := range names {
					out[i] = a.Node(n)
				}
				return out
			})
			images := stream("input", g.Seed, 2*3*64*64, -1, 2)
			out, err := exec.Call(tensors.FromFlatDataAndDimensions(images, 2, 3, 64, 64))
			require.NoError(t, err)
			worst := 0.0
			for i, n := range names {
				want, ok := g.Tensors[goldenStage(n)]
				require.True(t, ok, n)
				e := want.distance(flat(out[i]))
				require.Less(t, e, 1e-4, n)
				worst = max(worst, e)
			}
			require.Len(t, names, len(g.Tensors))
			t.Logf("%s: worst of %d stages %.2g", name, len(names), worst)
		})
	}
}

// flat returns the values of a float32 or float64 tensor as float64.
func flat(t *tensors.Tensor) []float64 {
	if t.DType() == dtypes.Float64 {
		return tensors.MustCopyFlatData[float64](t)
	}
	v := tensors.MustCopyFlatData[float32](t)
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
