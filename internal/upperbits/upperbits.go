// Package upperbits keeps scalar arithmetic fast in programs built with GOEXPERIMENT=simd.
//
// In such a program a preempted goroutine comes back with the upper halves of its vector registers
// restored, and on Intel processors every scalar floating-point instruction then waits for the
// halves that it leaves alone: loops over numbers run three to eight times as long, until
// something clears them.
package upperbits
