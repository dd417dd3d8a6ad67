package engine

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReasonsAreShort(t *testing.T) {
	err := errors.New("/src/provider_bridge.cc:1988 Provider& Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load\n library x.so")
	require.Equal(t, "Failed to load library x.so", oneLine(err))
	require.Equal(t, "Error: [x] : y", oneLine(errors.New("Error: [x] : y")))
}
