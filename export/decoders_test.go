package export_test

import (
	"testing"

	foreign "github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/simple"
	"github.com/stretchr/testify/require"

	"striate/export"
	"striate/train/network"
)

// Every file also decodes with owulveryck/onnx-go, a reader that shares no code with ours.
func TestForeignDecoderReadsEveryFile(t *testing.T) {
	for _, name := range network.Presets() {
		d, store := small(t, name)
		forward, err := export.Network(d, store, "")
		require.NoError(t, err)
		gradient, err := export.Gradient(d, store, d.V1Layer())
		require.NoError(t, err)
		for _, g := range []export.Graph{forward, gradient} {
			m := exported(t, g, d)
			data, err := m.Encode()
			require.NoError(t, err)
			graph := simple.NewSimpleGraph()
			decoded := foreign.NewModel(graph)
			require.NoError(t, decoded.UnmarshalBinary(data), g.Name)
			require.Len(t, decoded.Input, len(m.Inputs()), g.Name)
			// Its graph has a vertex for every tensor.
			require.Equal(t, len(m.Tensors()), graph.Nodes().Len(), g.Name)
		}
	}
}
