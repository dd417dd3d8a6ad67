package speed_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/train/backend"
	"striate/train/network"
	"striate/train/speed"
)

func TestMeasureRunsEveryTask(t *testing.T) {
	d, err := network.Flags{Network: "local_rf", Size: 32, Width: 8, Blocks: []int{2, 1, 1, 1}, Classes: 10}.Description()
	require.NoError(t, err)
	b, err := backend.New("go")
	require.NoError(t, err)
	for _, task := range []speed.Task{speed.Forward, speed.Step} {
		row, err := speed.Measure(context.Background(), b, d, task, 3, 0)
		require.NoError(t, err)
		require.Equal(t, 3, row.Runs)
		require.Positive(t, row.ImagesPerSecond)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = speed.Measure(ctx, b, d, speed.Forward, 3, 0)
	require.ErrorIs(t, err, context.Canceled)
}
