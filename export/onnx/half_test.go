package onnx

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// value is what the bits of a float16 mean, by the definition of the format.
func value(h uint16) float64 {
	sign, exponent, fraction := 1.0, int(h>>10&31), float64(h&1023)
	if h&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		return sign * math.Inf(1) // fraction 0; others are not numbers
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// Every float16 comes back, and every midpoint goes to the neighbour that ends in a zero bit; the
// next float32 above a midpoint goes up.
func TestHalfRoundsToNearestEven(t *testing.T) {
	for sign := range 2 {
		for i := range 0x7c00 {
			h := uint16(i | sign<<15)
			v := float32(value(h))
			require.Equal(t, h, Half(v))
			if i == 0x7bff {
				break
			}
			next := float32(value(h + 1))
			mid := (v + next) / 2
			require.Equal(t, h+h&1, Half(mid), "midpoint above %g", v)
			require.Equal(t, h+1, Half(math.Nextafter32(mid, next)))
		}
	}
	require.Equal(t, uint16(0x7c00), Half(65520))
	require.Equal(t, uint16(0x7bff), Half(65519))
	require.Equal(t, uint16(0xfc00), Half(float32(math.Inf(-1))))
	require.Equal(t, uint16(0x7e00), Half(float32(math.NaN())))
}

func TestToFloat16(t *testing.T) {
	m := decode(t, "torch.onnx")
	h, err := ToFloat16(m)
	require.NoError(t, err)
	require.NoError(t, h.check())
	require.Equal(t, Float32, h.Inputs()[0].Type)
	require.Equal(t, Float32, h.Outputs()[0].Type)
	require.Equal(t, 2, h.OpCounts()["Cast"])
	require.Equal(t, Float16, DataType(h.Initializer("conv.weight").GetDataType()))
	require.Equal(t, Float32, DataType(m.Initializer("conv.weight").GetDataType()), "the argument stays as it is")

	_, err = ToFloat16(decode(t, "control.onnx"))
	require.ErrorContains(t, err, "branch or body")

	b := NewBuilder("large", 17)
	b.Output(b.Node("Neg", "y", []string{b.Constant(Float32Tensor("c", []int64{1}, []float32{1e5}))}), Float32, Shape(1))
	large, err := b.Model()
	require.NoError(t, err)
	_, err = ToFloat16(large)
	require.ErrorContains(t, err, "float16 cannot")
}
