// Package backend makes the GoMLX backends that networks are trained on.
//
// [New] takes the name of one: "go" is pure Go and works everywhere; "xla:cuda" and "xla:cpu" are
// there in binaries built with the tag xla; others register themselves with GoMLX.
//
// "go" is GoMLX's own Go backend behind [Lower], which turns convolutions into matrix products: the
// Go backend computes a convolution one output at a time, and a matrix product with the vector
// instructions of the processor when the program is built with GOEXPERIMENT=simd. Models stay
// written in convolutions, so that other backends see them.
package backend
