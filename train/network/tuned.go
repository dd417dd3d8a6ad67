package network

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// tuned divides each unit of x, N×C×H×W and not negative, by a weighted sum of the units of all
// channels at its position, whose weights are a Gaussian of the distance on a ring of channels (the
// paper, Methods, "tuned normalization"; the normalisation pool of a neuron prefers neurons of certain
// tuning: Ni, Ray and Maunsell, "Tuned normalization explains the size of attention modulations",
// Neuron 2012; Burg et al., "Learning divisive normalization in primary visual cortex", PLOS
// Computational Biology 2021):
//
//	y = x/(W·x + 1)
//	W[o,i] = G[o,i]/Σ_o G[o,i],   G[o,i] = exp(−D²/2s²)/(2.5066·s),   s = max(sigmas[i], 0.5)
//	D[o,i] = |((i − o) mod C) − C/2|
//
// As coded the distance is largest for a channel itself and 0 for the one half the ring away, sigmas
// belongs to the input channel, and the columns of W sum to 1. sigmas is C; initially uniform in
// [32,33) for the paper's 256 channels, and in proportion for others.
func (b *builder) tuned(x *graph.Node, prefix string) *graph.Node {
	kernel := b.kernel(prefix+"kernel", func() *graph.Node { return b.tunedKernel(prefix) })
	return graph.Div(x, graph.AddScalar(b.convolve(x, kernel, 1, 0), 1))
}

// tunedKernel makes W, out×in×1×1.
func (b *builder) tunedKernel(prefix string) *graph.Node {
	channels := expansion * b.d.Width
	distance := b.constant(channelDistances(channels), channels, channels)
	s := graph.InsertAxes(graph.MaxScalar(b.variable(prefix+"sigmas"), 0.5), 0)
	gauss := graph.Div(
		graph.Exp(graph.Neg(graph.Div(graph.Square(distance), graph.MulScalar(graph.Square(s), 2)))),
		graph.MulScalar(s, 2.5066))
	weights := graph.Div(gauss, graph.ReduceAndKeep(gauss, graph.ReduceSum, 0))
	return graph.Reshape(weights, channels, channels, 1, 1)
}

// channelDistances returns D, out×in row-major.
func channelDistances(channels int) []float64 {
	d := make([]float64, channels*channels)
	for o := range channels {
		for i := range channels {
			d[o*channels+i] = math.Abs(float64((i-o+channels)%channels) - float64(channels/2))
		}
	}
	return d
}
