package adversarial

import "github.com/gomlx/gomlx/core/graph"

// PGD is projected gradient ascent of the loss inside the ℓ∞ ball and the box of pixel values:
//
//	x ← x + Step·sign(∂loss/∂x), clipped to [x₀−Epsilon, x₀+Epsilon], then to [0,1]
//
// Steps times. One step from no start is the fast gradient sign method; one step from a random start
// is what fast adversarial training takes, with Step = 1.25·Epsilon.
type PGD struct {
	Epsilon float64 // of pixel values in [0,1]
	Step    float64
	Steps   int
}

// Perturb returns the changed pixels, a constant for gradients. loss builds the scalar loss of
// pixels, once a step; what it updates (running statistics in a training graph) is updated as often.
// start, of the shape of pixels, is added first, clipped to the box; nil is none.
func (a PGD) Perturb(pixels, start *graph.Node, loss func(pixels *graph.Node) *graph.Node) *graph.Node {
	low, high := graph.AddScalar(pixels, -a.Epsilon), graph.AddScalar(pixels, a.Epsilon)
	x := pixels
	if start != nil {
		x = box(graph.Add(x, start))
	}
	for range a.Steps {
		at := graph.Identity(graph.StopGradient(x))
		slope := graph.Gradient(loss(at), at)[0]
		x = graph.Add(at, graph.MulScalar(graph.Sign(slope), a.Step))
		x = box(graph.Clip(x, low, high))
	}
	return graph.StopGradient(x)
}
