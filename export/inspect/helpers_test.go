package inspect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"striate/export/onnx"
	"striate/internal/card"
)

func cardOf(t testing.TB, m *onnx.Model) card.Card {
	c, _, err := card.Decode(m.Metadata())
	require.NoError(t, err)
	return c
}
