package jsonnum

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoundTrip(t *testing.T) {
	in := []float64{1.5, math.NaN(), math.Inf(1), math.Inf(-1), 0, 1e-300}
	text, err := json.Marshal(Slice(in))
	require.NoError(t, err)
	require.Equal(t, `[1.5,null,"inf","-inf",0,1e-300]`, string(text))
	var out []Number
	require.NoError(t, json.Unmarshal(text, &out))
	for i, v := range Floats(out) {
		if math.IsNaN(in[i]) {
			require.True(t, math.IsNaN(v))
			continue
		}
		require.Equal(t, in[i], v)
	}
	require.Error(t, json.Unmarshal([]byte(`["x"]`), &out))
	require.Nil(t, Slice(nil))
	require.Nil(t, Floats(nil))
}
