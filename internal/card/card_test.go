package card

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
)

func example() Card {
	return Card{Network: "voneblock", Origin: "seed 0", InputSize: [2]int{224, 200}, Mean: []float64{0.5, 0.4, 0.3}, Std: []float64{0.5, 0.25, 0.2},
		ChannelOrder: "RGB", Degrees: 8, Layers: []Layer{{"v1", []int{512, 56, 56}}}, V1Layer: "v1", Classes: []string{"a", "b, c"}, Version: "1", Notes: "x"}
}

func TestRoundTrip(t *testing.T) {
	props := example().Encode()
	props["author"] = "somebody"
	got, found, err := Decode(props)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, example(), got)

	_, found, err = Decode(map[string]string{"author": "somebody"})
	require.NoError(t, err)
	require.False(t, found)
}

func TestBadCards(t *testing.T) {
	for _, props := range []map[string]string{
		{"striate.input_size": "0,3"}, {"striate.input_size": "1,2,3"}, {"striate.mean": "0.5", "striate.std": "0.5,0.5,0.5"},
		{"striate.mean": "a"}, {"striate.mean": "0.5", "striate.std": "0"}, {"striate.layers": "{"}, {"striate.degrees": "-1"}, {"striate.degrees": "NaN"},
		{"striate.channel_order": "GRB"},
	} {
		_, _, err := Decode(props)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", props)
	}
}

func TestSidecar(t *testing.T) {
	path := Sidecar(filepath.Join(t.TempDir(), "net.onnx"))
	require.Equal(t, "net.card.json", filepath.Base(path))
	_, found, err := ReadFile(path)
	require.NoError(t, err)
	require.False(t, found)
	require.NoError(t, os.WriteFile(path, []byte(`{"input_size":[64,64],"mean":[0.5],"std":[0.5],"degrees":8}`), 0o600))
	c, found, err := ReadFile(path)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, [2]int{64, 64}, c.InputSize)
	require.NoError(t, os.WriteFile(path, []byte(`{"sizes":[64,64]}`), 0o600))
	_, _, err = ReadFile(path)
	require.ErrorContains(t, err, "sizes")
	require.NoError(t, os.WriteFile(path, []byte(`{"input_size":[3,64,64]}`), 0o600))
	_, _, err = ReadFile(path)
	require.ErrorContains(t, err, "height and width in pixels, not [3 64 64]")
}

func TestOverride(t *testing.T) {
	c, err := Override{Size: "64", Mean: "0.1", Std: "0.2", Degrees: 4}.Apply(example())
	require.NoError(t, err)
	require.Equal(t, [2]int{64, 64}, c.InputSize)
	require.Equal(t, []float64{0.1}, c.Mean)
	require.Equal(t, 4.0, c.Degrees)
	_, err = Override{Mean: "0.1"}.Apply(example())
	require.ErrorContains(t, err, "std")
	_, err = Override{Size: "big"}.Apply(example())
	require.Equal(t, fault.Misuse, fault.CodeOf(err))
}
