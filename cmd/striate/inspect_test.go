package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/export/inspect"
)

func TestInspect(t *testing.T) {
	const models = "../../models"
	code, out, stderr := striate(t, "inspect", "voneblock", "--models", models)
	require.Equal(t, 0, code, stderr)
	require.Empty(t, stderr)
	require.Regexp(t, `(?m)^v1 \* +Concat +\?×512×56×56 +– +25 +4 +0\.5 +0\.893 +0\.143 +0\.018$`, out)
	require.Contains(t, out, "onnx-go and striate's own read the same graph and the same values")

	path := filepath.Join(models, "voneblock.onnx")
	code, out, _ = striate(t, "inspect", path, "--json", "--degrees", "4")
	require.Equal(t, 0, code)
	var r inspect.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.InDelta(t, 25./56, *r.LayerOf("simple").Field.Y.SizeDegrees, 1e-12)

	code, out, _ = striate(t, "inspect", path, "--dot")
	require.Equal(t, 0, code)
	require.Regexp(t, `^digraph "?voneblock"? \{`, out)

	mustFail(t, 2, "--json and --dot", "inspect", path, "--json", "--dot")
	mustFail(t, 1, "voneblock", "inspect", "voneblok", "--models", models)
	mustFail(t, 1, "no such model file", "inspect", "nowhere.onnx")
	broken := filepath.Join(t.TempDir(), "broken.onnx")
	require.NoError(t, os.WriteFile(broken, []byte("\x08\x07broken"), 0o600))
	mustFail(t, 1, broken, "inspect", broken)
	mustFail(t, 1, "../voneblock", "inspect", "../voneblock", "--models", models)
}
