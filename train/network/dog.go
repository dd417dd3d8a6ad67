package network

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

//go:generate go run ./dogfigure -out ../../docs/figures/dog.png

// dogSize is the side of the difference-of-Gaussians kernels.
const dogSize = 5

// dogChannels is the number of channels the difference of Gaussians works on, the first quarter:
// 16 of the paper's 64.
func dogChannels(width int) int { return width / 4 }

// dog filters the first quarter of the channels of x, N×C×H×W, with differences of Gaussians and
// passes the others unchanged, in the original order.
//
// It stands for centre–surround antagonism (the paper, Methods, "center-surround antagonism"; after Hasani, Soleymani and
// Aghajan, "Surround modulation: a bio-inspired connectivity structure for convolutional neural
// networks", NeurIPS 2019). Each of the P² pairs of P = C/4 output and input channels has a 5×5
// kernel of three parameters, shaped P²×1×1, pair P·out + in. With d the squared distance from the
// centre and
//
//	s1 = max(sigma1, 0.1)    s2 = s1·max(sigma2_scale, 1.0001)
//
// the kernel as the authors coded it, the default, is
//
//	raw = (e(s1) − e(s2))·total_scale,    e(s) = (s/π)·exp(−d/s)
//	K[pair] = raw[pair]/max(√Σ raw², 1e-12)    Σ over pairs, for each of the 25 positions
//
// whose sign is the same at all positions, that of −total_scale, because s·exp(−d/s) grows with s.
// The classical one, as the paper has it in words,
//
//	K = (g(s1) − g(s2))·total_scale,    g(s) = exp(−d/2s²)/(2πs²)
//
// has an excitatory centre and an inhibitory surround where total_scale > 0.
//
// Initially sigma1 and sigma2_scale are uniform in [1,2), total_scale normal with standard
// deviation 2; sigma1 of a classical kernel is uniform in [½,1), so that the sign changes within
// the 5×5 window.
func (b *builder) dog(x *graph.Node, prefix string) *graph.Node {
	channels := dogChannels(b.d.Width)
	kernel := b.kernel(prefix+"kernel", func() *graph.Node { return b.dogKernel(prefix) })
	part := graph.SliceAxis(x, 1, graph.AxisRangeFromStart(channels))
	rest := graph.SliceAxis(x, 1, graph.AxisRangeToEnd(channels))
	return graph.Concatenate([]*graph.Node{b.convolve(part, kernel, 1, dogSize/2), rest}, 1)
}

// dogKernel makes the P×P×5×5 kernel.
func (b *builder) dogKernel(prefix string) *graph.Node {
	channels := dogChannels(b.d.Width)
	distance := b.constant(dogDistances(), 1, dogSize, dogSize)
	s1 := graph.MaxScalar(b.variable(prefix+"sigma1"), 0.1)
	s2 := graph.Mul(s1, graph.MaxScalar(b.variable(prefix+"sigma2_scale"), 1.0001))
	scale := b.variable(prefix + "total_scale")
	var kernel *graph.Node
	if b.d.DoG == ClassicalDoG {
		gaussian := func(s *graph.Node) *graph.Node {
			variance := graph.Square(s)
			return graph.Div(graph.Exp(graph.Div(distance, graph.MulScalar(variance, -2))), graph.MulScalar(variance, 2*math.Pi))
		}
		kernel = graph.Mul(graph.Sub(gaussian(s1), gaussian(s2)), scale)
	} else {
		coded := func(s *graph.Node) *graph.Node {
			return graph.Mul(graph.MulScalar(s, 1/math.Pi), graph.Exp(graph.Neg(graph.Div(distance, s))))
		}
		raw := graph.Mul(graph.Sub(coded(s1), coded(s2)), scale)
		norm := graph.Sqrt(graph.ReduceAndKeep(graph.Square(raw), graph.ReduceSum, 0))
		kernel = graph.Div(raw, graph.MaxScalar(norm, 1e-12))
	}
	return graph.Reshape(kernel, channels, channels, dogSize, dogSize)
}

// dogDistances returns the squared distance of each kernel position from the centre.
func dogDistances() []float64 {
	d := make([]float64, 0, dogSize*dogSize)
	for y := -dogSize / 2; y <= dogSize/2; y++ {
		for x := -dogSize / 2; x <= dogSize/2; x++ {
			d = append(d, float64(x*x+y*y))
		}
	}
	return d
}
