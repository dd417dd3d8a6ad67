package train

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"striate/train/backend"
	"striate/train/run"
)

func TestTopK(t *testing.T) {
	b, err := backend.New("go")
	require.NoError(t, err)
	logits := [][]float32{
		{0, 5, 4, 3, 2, 1, -1}, // label 1: first
		{9, 8, 7, 6, 5, 4, 3},  // label 4: fifth
		{9, 8, 7, 6, 5, 4, 3},  // label 5: sixth
		{1, 1, 1, 1, 1, 1, 1},  // label 0: first of equals
		{1, 1, 1, 1, 1, 1, 1},  // label 6: last of equals
		{0, 0, 0, 0, 0, 0, 2},  // label 6, does not count
	}
	labels := [][]int32{{1}, {4}, {5}, {0}, {6}, {6}}
	weights := []float32{1, 1, 1, 1, 1, 0}
	for k, want := range map[int]float64{1: 2. / 6, 5: 3. / 6, 6: 4. / 6, 7: 5. / 6} {
		exec, err := graph.NewExec(b, func(logits, labels, weights *graph.Node) *graph.Node {
			return topK(k)(nil, []*graph.Node{labels, weights}, []*graph.Node{logits})
		})
		require.NoError(t, err)
		out, err := exec.Call(logits, labels, weights)
		require.NoError(t, err)
		require.InDelta(t, want, tensors.ToScalar[float32](out[0]), 1e-6)
	}
}

func TestSchedules(t *testing.T) {
	c := &run.Config{LR: 0.1, Schedule: Multistep, Milestones: []int{60, 80}, Gamma: 0.1, Adversarial: run.Adversarial{Method: None}}
	s := schedule{config: c, stepsPerEpoch: 10, epochs: 100}
	for step, want := range map[int]float64{0: 0.1, 599: 0.1, 600: 0.01, 799: 0.01, 800: 0.001, 999: 0.001} {
		require.InDelta(t, want, s.rate(step), 1e-12)
	}
	// Free adversarial training: 90 epochs with steps at 30 and 60 become 23 passes with steps at 8 and 16.
	c.Adversarial, c.Milestones = run.Adversarial{Method: Free, Replays: 4}, []int{30, 60}
	require.Equal(t, 23, passes(90, c))
	s.epochs = 23
	for epoch, want := range map[int]float64{7: 0.1, 8: 0.01, 15: 0.01, 16: 0.001} {
		require.InDelta(t, want, s.rate(10*epoch), 1e-12)
	}
	c.Schedule, c.LR = Cyclic, 0.2
	s.epochs = 10
	for step, want := range map[int]float64{0: 0, 25: 0.1, 50: 0.2, 75: 0.1, 100: 0} {
		require.InDelta(t, want, s.rate(step), 1e-12)
	}
	require.False(t, isFinite(math.Inf(1)))
}
