package parallel

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForCoversEachOnce(t *testing.T) {
	for _, n := range []int{0, 1, 7, 100, 1001} {
		for _, step := range []int{1, 3, 64} {
			seen := make([]int, n)
			For(n, step, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					seen[i]++
				}
			})
			for i, times := range seen {
				require.Equal(t, 1, times, "%d of %d by %d", i, n, step)
			}
		}
	}
}

func TestForOnBoundsWorkers(t *testing.T) {
	var running, most atomic.Int32
	ForOn(1, 100, 1, func(int, int) {
		most.Store(max(most.Load(), running.Add(1)))
		runtime.Gosched()
		running.Add(-1)
	})
	require.EqualValues(t, 1, most.Load())
}

func TestForRaisesPanics(t *testing.T) {
	require.PanicsWithValue(t, "broken", func() {
		For(100, 1, func(lo, _ int) {
			if lo == 50 {
				panic("broken")
			}
		})
	})
}
