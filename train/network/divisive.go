package network

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// divSize is the side of the divisive-normalisation pool.
const divSize = 3

// divisive divides each unit of x, N×C×H×W and not negative, by a weighted sum over its 3×3
// neighbourhood in all channels (the paper, Methods, "divisive normalization"; after Cirincione,
// Verrier, Bic et al., "Implementing divisive normalization in CNNs improves robustness to common image corruptions",
// SVRHM 2022; Heeger, "Normalization of cell responses in cat striate cortex", 1992):
//
//	y = x/(conv(x, K, zero padding 1) + |bias|)
//	K[o,i] = |A/max(2π·rho·sigma, 0.1)|·exp(−D/2)
//	D = (x' − v)²/max(rho², 0.1) + (y' − w)²/max(sigma², 0.1)
//	x' = X·cos(theta) + Y·sin(theta),  y' = −X·sin(theta) + Y·cos(theta)
//
// with X, Y = 1, 2, 3 the column and row of the kernel, not centred, as in the authors' code. A, rho,
// sigma, theta, v and w are C×C×1×1 (out×in), bias is one scalar. The bound on rho·sigma acts on the
// signed product. Initially A is uniform in [0,1), rho, sigma and bias in [1,2), theta in [0,2π), v
// and w normal with mean and standard deviation 1.
func (b *builder) divisive(x *graph.Node, prefix string) *graph.Node {
	kernel := b.kernel(prefix+"kernel", func() *graph.Node { return b.divisiveKernel(prefix) })
	offset := b.kernel(prefix+"offset", func() *graph.Node { return b.divisiveOffset(prefix) })
	pool := b.convolve(x, kernel, 1, divSize/2)
	return graph.Div(x, graph.Add(pool, perChannel(offset)))
}

// divisiveOffset is |bias|, one value.
func (b *builder) divisiveOffset(prefix string) *graph.Node {
	return graph.Abs(b.variable(prefix + "bias"))
}

// divisiveKernel makes the C×C×3×3 kernel.
func (b *builder) divisiveKernel(prefix string) *graph.Node {
	xs, ys := divCoordinates()
	x, y := b.constant(xs, 1, 1, divSize, divSize), b.constant(ys, 1, 1, divSize, divSize)
	rho, sigma, theta := b.variable(prefix+"rho"), b.variable(prefix+"sigma"), b.variable(prefix+"theta")
	cos, sin := graph.Cos(theta), graph.Sin(theta)
	along := graph.Add(graph.Mul(x, cos), graph.Mul(y, sin))
	across := graph.Sub(graph.Mul(y, cos), graph.Mul(x, sin))
	distance := graph.Add(
		graph.Div(graph.Square(graph.Sub(along, b.variable(prefix+"v"))), graph.MaxScalar(graph.Square(rho), 0.1)),
		graph.Div(graph.Square(graph.Sub(across, b.variable(prefix+"w"))), graph.MaxScalar(graph.Square(sigma), 0.1)))
	amplitude := graph.Abs(graph.Div(b.variable(prefix+"A"),
		graph.MaxScalar(graph.MulScalar(graph.Mul(rho, sigma), 2*math.Pi), 0.1)))
	return graph.Mul(amplitude, graph.Exp(graph.MulScalar(distance, -0.5)))
}

// divCoordinates returns column and row, from 1, of each kernel position.
func divCoordinates() (x, y []float64) {
	for i := range divSize * divSize {
		x, y = append(x, float64(1+i%divSize)), append(y, float64(1+i/divSize))
	}
	return x, y
}
