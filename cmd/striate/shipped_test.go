package main

import (
	"bytes"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/export/onnx"
	"striate/export/voneblock"
	"striate/internal/card"
)

// The shipped model is what `striate export --network voneblock --seed 0` writes, its version apart.
// Weights are compared to the last bits of float32: exp and cos may differ by one between processors.
func TestShippedModelIsReproducible(t *testing.T) {
	data, err := os.ReadFile(shippedModel)
	require.NoError(t, err)
	shipped, err := onnx.Decode(data)
	require.NoError(t, err)
	c, found, err := card.Decode(shipped.Metadata())
	require.NoError(t, err)
	require.True(t, found)
	params, err := voneblock.Draw(voneblock.ReferenceSize, voneblock.ReferenceDegrees, voneblock.ReferenceUnits, 0)
	require.NoError(t, err)
	made, err := params.Model(c.Version)
	require.NoError(t, err)
	again, err := made.Encode()
	require.NoError(t, err)
	if bytes.Equal(data, again) {
		return
	}
	require.Equal(t, shipped.Metadata(), made.Metadata())
	require.Equal(t, shipped.OpCounts(), made.OpCounts())
	for _, v := range made.Tensors() {
		if !v.Constant || v.Type != onnx.Float32 {
			continue
		}
		want, err := onnx.Float32s(shipped.Initializer(v.Name))
		require.NoError(t, err)
		got, err := onnx.Float32s(made.Initializer(v.Name))
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for i := range want {
			require.InDelta(t, want[i], got[i], 1e-6*math.Abs(float64(want[i]))+1e-12, v.Name)
		}
	}
}
