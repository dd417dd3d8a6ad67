package network_test

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/train/backend"
	"striate/train/network"
)

// small returns a preset at a size that runs in milliseconds.
func small(t testing.TB, name string) network.Description {
	d, err := network.Flags{Network: name, Size: 32, Width: 8, Blocks: []int{2, 1, 1, 1}, Classes: 10}.Description()
	require.NoError(t, err)
	return d
}

func TestFrozenKernelsChangeNothing(t *testing.T) {
	be, err := backend.New("go")
	require.NoError(t, err)
	for _, name := range network.Presets() {
		d := small(t, name)
		store := model.NewStore()
		require.NoError(t, d.Init(store, network.Random(1), dtypes.Float32))
		require.NoError(t, d.Freeze(store))
		run := func(o network.Options, n int) []float64 {
			exec := model.MustNewExec(be, store, func(scope *model.Scope, images *graph.Node) *graph.Node {
				return d.Build(scope, images, o).Last()
			})
			out, err := exec.Call1(tensors.FromFlatDataAndDimensions(stream("input", 0, n*3*32*32, -1, 2), n, 3, 32, 32))
			require.NoError(t, err, name)
			return flat(out)
		}
		live := run(network.Options{}, 2)
		require.Equal(t, live, run(network.Options{Frozen: true}, 2), name)
	}
}
