//go:build !goexperiment.simd || !amd64

package upperbits

// Clear does nothing: there is nothing to clear.
func Clear() {}
