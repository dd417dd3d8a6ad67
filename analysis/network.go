// Package analysis holds the arithmetic of striate: what is measured on the units of a vision
// network and on recorded neurons. Its subpackages render stimuli, fit tuning curves, compute V1
// properties and scores, predict recorded responses, corrupt images and attack networks.
//
// Nothing below this folder opens a file, a connection or a model runtime: a network is an
// interface, so every analysis runs on a fake in a test and on any backend in production.
package analysis

import "context"

// Network is one layer of a vision network as the analyses see it: something that maps 8-bit
// images to the responses of units.
type Network interface {
	// InputSize is the size in pixels of the images the network takes.
	InputSize() (height, width int)
	// Units is the shape of the layer. A layer without space has height = width = 1. Unit
	// (c, y, x) has the index (c*height+y)*width + x.
	Units() (channels, height, width int)
	// Responses writes the response of unit u to image i to dst[i*units+u]. images holds n
	// 8-bit RGB images, n×height×width×3; dst has n×channels×height×width places. It returns
	// the context's error when it is cancelled.
	Responses(ctx context.Context, images []uint8, dst []float32) error
}
