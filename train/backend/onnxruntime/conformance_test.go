package onnxruntime_test

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/support/backendtest"
)

// GoMLX's own tests of backends, for the operations and types that the backend says it has. Their
// "special" group also has one-dimensional windows, unsigned sums and empty tensors, which no network
// needs; what it has in common with networks is tested in package lower.
func TestConformance(t *testing.T) {
	b := open(t, "onnx")
	float32s := &backendtest.AllTestsConfiguration{ConvGeneralDTypes: []dtypes.DType{dtypes.Float32}}
	t.Run("BinaryOps", func(t *testing.T) { backendtest.TestBinaryOps(t, b) })
	t.Run("UnaryOps", func(t *testing.T) { backendtest.TestUnaryOps(t, b) })
	t.Run("ConvertDType", func(t *testing.T) { backendtest.TestConvertDType(t, b) })
	t.Run("Exec", func(t *testing.T) { backendtest.TestExec(t, b) })
	t.Run("ConvGeneral", func(t *testing.T) { backendtest.TestConvGeneral(t, b, float32s) })
	t.Run("DotGeneral", func(t *testing.T) { backendtest.TestDotGeneral(t, b) })
	t.Run("Barriers", func(t *testing.T) { backendtest.TestBarriers(t, b) })
}
