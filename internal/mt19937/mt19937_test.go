package mt19937

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/sharedtest"
)

type draws struct {
	Random []struct {
		Seed   uint32
		Values []float64
	} `json:"random_sample"`
	Permutation []struct {
		Seed   uint32
		N      int
		Values []int
	}
	Choice []struct {
		Seed       uint32
		Population int
		Size       int
		Indices    []int32
	}
}

func load(t *testing.T) (d draws) {
	data, err := os.ReadFile(sharedtest.Path(t, "golden/v1bench/dev/rng.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &d))
	require.NotEmpty(t, d.Random)
	return d
}

// The draws are integers, or doubles made of integers: they must be equal.
func TestDrawsEqualRandomState(t *testing.T) {
	d := load(t)
	for _, c := range d.Random {
		s := New(c.Seed)
		for i, want := range c.Values {
			require.Equal(t, want, s.Float64(), "seed %d, draw %d", c.Seed, i)
		}
	}
	for _, c := range d.Permutation {
		require.Equal(t, c.Values, New(c.Seed).Permutation(c.N), "seed %d, n %d", c.Seed, c.N)
	}
	for _, c := range d.Choice {
		got := make([]int32, c.Size)
		New(c.Seed).Choice(got, c.Population)
		require.Equal(t, c.Indices, got, "seed %d, n %d", c.Seed, c.Population)
	}
}

// First outputs published with the reference C implementation for init_genrand(5489).
func TestFirstOutputs(t *testing.T) {
	s := New(5489)
	for _, want := range []uint32{3499211612, 581869302, 3890346734, 3586334585, 545404204} {
		require.Equal(t, want, s.Uint32())
	}
	for i := 5; i < 9999; i++ {
		s.Uint32()
	}
	require.Equal(t, uint32(4123659995), s.Uint32(), "the 10,000th output")
}

func TestChoiceIsBoundedInSequence(t *testing.T) {
	for _, n := range []int{1, 2, 3, 64, 65, 304, 100000} {
		one, many := New(7), New(7)
		for range 3 { // odd lengths: the block of 624 ends inside a call
			got := make([]int32, 1001)
			many.Choice(got, n)
			for i, v := range got {
				require.Equal(t, one.Bounded(uint32(n-1)), uint32(v), "n %d, draw %d", n, i)
			}
		}
		require.Equal(t, one.Uint32(), many.Uint32(), "both used as many outputs")
	}
}

func TestChoiceWithoutReplacement(t *testing.T) {
	require.Equal(t, New(3).Permutation(10)[:4], New(3).ChoiceWithoutReplacement(10, 4))
	require.Panics(t, func() { New(3).ChoiceWithoutReplacement(2, 3) })
	require.Panics(t, func() { New(3).Choice(make([]int32, 1), 0) })
}

func BenchmarkChoice(b *testing.B) {
	s, dst := New(1), make([]int32, 304)
	b.SetBytes(int64(4 * len(dst)))
	for b.Loop() {
		s.Choice(dst, 62)
	}
}
