package speed

import (
	"context"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/export"
	"striate/internal/ortlib"
	"striate/train/network"
)

// Every model is measured at every size of batch, for which its file must leave the batch open.
func TestMeasure(t *testing.T) {
	if _, err := ortlib.Open(); err != nil {
		t.Skipf("ONNX Runtime is needed: %v", err)
	}
	d, err := network.Preset("resnet50")
	require.NoError(t, err)
	d.Width, d.Size, d.Classes = 8, 32, 3
	d = d.WithBlocks(1, 1, 1, 1)
	store := model.NewStore()
	require.NoError(t, d.Init(store, network.Random(0), dtypes.Float32))
	graph, err := export.Network(d, store, "")
	require.NoError(t, err)
	m, err := export.Model(graph, d, export.Options{})
	require.NoError(t, err)
	rows, err := Measure(context.Background(), []Model{{"a", m}, {"b", m}}, []int{2, 1}, 0.01, 1)
	require.NoError(t, err)
	require.Len(t, rows, 4)
	for i, r := range rows {
		require.Equal(t, []string{"a", "b", "a", "b"}[i], r.Model)
		require.Equal(t, []int{2, 2, 1, 1}[i], r.Batch)
		require.GreaterOrEqual(t, r.Runs, 3)
		require.Positive(t, r.Nodes)
		require.True(t, r.ImagesPerSecond >= r.Median && r.Median > 0 && r.CPU > 0, "%+v", r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Measure(ctx, []Model{{"a", m}}, []int{1}, 0.01, 1)
	require.ErrorIs(t, err, context.Canceled)
}
