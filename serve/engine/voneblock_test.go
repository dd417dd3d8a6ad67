package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/export/voneblock"
	"striate/internal/sharedtest"
	"striate/train/network"
)

type blockGolden struct {
	Size        int       `json:"image_size"`
	Degrees     float64   `json:"visual_degrees"`
	Frequency   []float64 `json:"spatial_frequency_cpd"`
	Orientation []float64 `json:"orientation_deg"`
	Phase       []float64 `json:"phase_deg"`
	NX          []float64 `json:"nx"`
	NY          []float64 `json:"ny"`
	Q0          []int     `json:"input_channel_q0"`
	Q1          []int     `json:"input_channel_q1"`
	Output      struct {
		Shape   []int
		Samples int
		Values  []byte
		Stats   struct{ Mean, Std, Min, Max, L2, Dot float64 }
	}
}

// With the parameters that the published program drew, the block's responses equal the published
// program's to 1e-5 of the largest response: float32 sums of 625 terms in another order.
func TestVOneBlockEqualsThePublishedProgram(t *testing.T) {
	text, err := os.ReadFile(sharedtest.Path(t, "golden/voneblock/voneblock.json"))
	require.NoError(t, err)
	var g blockGolden
	require.NoError(t, json.Unmarshal(text, &g))
	p := voneblock.Params{Size: g.Size, Degrees: g.Degrees, Origin: "reference"}
	for i := range g.Frequency {
		p.Units = append(p.Units, voneblock.Unit{Orientation: g.Orientation[i], Frequency: g.Frequency[i], Phase: g.Phase[i],
			NX: g.NX[i], NY: g.NY[i], Channel0: g.Q0[i], Channel1: g.Q1[i]})
	}
	graph, err := p.Model("test")
	require.NoError(t, err)
	data, err := graph.Encode()
	require.NoError(t, err)
	e := testEngine(t, Config{})
	m, err := NewModel("voneblock", data)
	require.NoError(t, err)

	sample := []int{3, g.Size, g.Size}
	images := make([]float32, 2*product(sample))
	network.NewStream("input", 0).Fill(images, -1, 2)
	var got []float32
	err = e.Responses(context.Background(), m, []string{"v1"}, Array{sample, images}, func(_ int, out []Response) error {
		require.Equal(t, g.Output.Shape[1:], out[0].Shape)
		got = append(got, out[0].Data...)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, got, 2*512*56*56)

	at, weight := network.NewStream("samples", 0), network.NewStream("dot", 0)
	worst := 0.0
	for j := range g.Output.Samples {
		want := math.Float32frombits(binary.LittleEndian.Uint32(g.Output.Values[4*j:]))
		i := int(at.Word(j) % uint64(len(got)))
		worst = max(worst, math.Abs(float64(got[i]-want)))
	}
	t.Logf("worst deviation of a sampled response: %.3g of a maximum of %.4g", worst, g.Output.Stats.Max)
	require.Less(t, worst, 1e-5*g.Output.Stats.Max)
	var dot, squares float64
	for i, v := range got {
		dot += float64(v) * (2*weight.Uniform(i) - 1)
		squares += float64(v) * float64(v)
	}
	require.InEpsilon(t, g.Output.Stats.L2, math.Sqrt(squares), 1e-5)
	require.InDelta(t, g.Output.Stats.Dot, dot, 1e-5*g.Output.Stats.L2)
}
