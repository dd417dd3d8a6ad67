package nearest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNames(t *testing.T) {
	have := []string{"conv1", "pool", "layer1.0", "layer1.1", "layer1.2", "layer2", "avgpool", "logits"}
	require.Equal(t, "layer1.2", Names("layer1_2", have, 3)[0])
	require.Equal(t, "logits", Names("Logit", have, 3)[0])
	require.Contains(t, Names("layer1", have, 5), "layer1.0", "a prefix of a name is alike")
	require.Contains(t, Names("pool", []string{"avgpool"}, 1), "avgpool")
	require.Empty(t, Names("xyzzy", have, 3))
	require.Empty(t, Names("", have, 3))
	require.Len(t, Names("layer", have, 2), 2)
	require.Empty(t, Names(strings.Repeat("a", 1<<20), []string{"b" + strings.Repeat("a", 1<<20) + "b"}, 3),
		"overlong names are not compared letter by letter")
}

func TestPhrase(t *testing.T) {
	require.Equal(t, "; did you mean pool?", Phrase("poool", []string{"pool", "conv1"}))
	require.Equal(t, "; there are pool, conv1", Phrase("xyzzy", []string{"pool", "conv1"}))
	require.Equal(t, "", Phrase("x", nil))
}

// The name itself, where it exists, is always the first answer, and answers are names that exist.
func TestNamesFindsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9.]{1,12}`), 1, 20).Draw(t, "have")
		want := rapid.SampledFrom(have).Draw(t, "want")
		got := Names(want, have, 4)
		require.Equal(t, want, got[0])
		for _, name := range got {
			require.True(t, slices.Contains(have, name))
		}
	})
}
