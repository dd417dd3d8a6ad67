//go:build goexperiment.simd && amd64

package upperbits

import "simd/archsimd"

// Clear clears the upper halves of the vector registers. It takes a few cycles: call it at the
// start of a piece of scalar work of a millisecond or so.
func Clear() {
	if archsimd.X86.AVX() {
		archsimd.ClearAVXUpperBits()
	}
}
