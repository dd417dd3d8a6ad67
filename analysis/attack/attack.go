// Package attack perturbs images within a budget so that a network errs: the fast gradient sign
// method, projected gradient descent in the L∞ and L2 norms, Auto-PGD on the cross-entropy, and,
// for networks without gradients, the Square attack on their logits alone.
//
// Everything happens in pixel space: images are float32 in [0, 1], n×channels×height×width, and
// budgets are in the same units (8/255 is eight grey levels). How a network normalises its input is
// its own business; a projection in normalised space would make another attack. All attacks are
// untargeted and raise the cross-entropy of the true class, gradients being taken with the network
// as it infers (batch statistics frozen).
package attack

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// Shape is the shape of one image.
type Shape struct{ Channels, Height, Width int }

// Size is the number of samples of an image.
func (s Shape) Size() int { return s.Channels * s.Height * s.Width }

// Classifier is a network as seen by an attack on its answers.
type Classifier interface {
	Shape() Shape
	Classes() int
	// Logits writes the logits of n images to dst (n×classes).
	Logits(ctx context.Context, images []float32, dst []float32) error
}

// Differentiable is a network whose gradients are known.
type Differentiable interface {
	Classifier
	// LossGradient writes the cross-entropy of each of n images to loss (n), and its derivative by
	// the image's pixels to grad (n×size).
	LossGradient(ctx context.Context, images []float32, labels []int, grad, loss []float32) error
}

// Norm measures a perturbation.
type Norm int

// The norms.
const (
	Linf Norm = iota
	L2
)

// String returns the usual name.
func (n Norm) String() string {
	if n == L2 {
		return "L2"
	}
	return "Linf"
}

// check panics on what a program gets wrong, and returns the number of images.
func check(m Classifier, dst, images []float32, labels []int, epsilon float64) int {
	size := m.Shape().Size()
	if size <= 0 || len(images) != len(labels)*size || len(dst) != len(images) {
		panic(fmt.Sprintf("attack: %d samples into %d for %d images of %d", len(images), len(dst), len(labels), size))
	}
	for _, l := range labels {
		if l < 0 || l >= m.Classes() {
			panic(fmt.Sprintf("attack: label %d of %d classes", l, m.Classes()))
		}
	}
	if !(epsilon >= 0) {
		panic(fmt.Sprintf("attack: budget %v", epsilon))
	}
	return len(labels)
}

// FGSM writes clip(x + ε·sign ∇L, 0, 1) to dst: one step, no random start.
//
// Source: I. Goodfellow, J. Shlens and C. Szegedy (2015), "Explaining and harnessing adversarial
// examples", ICLR.
func FGSM(ctx context.Context, m Differentiable, dst, images []float32, labels []int, epsilon float64) error {
	return PGD(ctx, m, dst, images, labels, PGDConfig{Norm: Linf, Epsilon: epsilon, Step: epsilon, Steps: 1})
}

// PGDConfig are the parameters of projected gradient descent.
type PGDConfig struct {
	Norm    Norm
	Epsilon float64 // budget
	Step    float64 // length of a step, in the norm
	Steps   int
	// Start are perturbations to start with, n×size; nil starts from the images themselves, or with
	// random perturbations when Rand is given: uniform in the box, or uniform in the L2 ball.
	Start []float32
	Rand  *rand.Rand
	// Restarts repeats the attack from other random starts on the images that are still classified
	// right. 0 means 1.
	Restarts int
}

// PGD takes steps up the gradient of the loss, each followed by a projection on the ball about the
// image and on [0, 1], and writes the images reached to dst.
//
// Source: A. Madry et al. (2018), "Towards deep learning models resistant to adversarial attacks",
// ICLR.
func PGD(ctx context.Context, m Differentiable, dst, images []float32, labels []int, c PGDConfig) error {
	n := check(m, dst, images, labels, c.Epsilon)
	if err := c.once(ctx, m, dst, images, labels); err != nil || c.Restarts < 2 || c.Rand == nil {
		return err
	}
	again := make([]float32, len(dst))
	for range c.Restarts - 1 {
		if err := c.once(ctx, m, again, images, labels); err != nil {
			return err
		}
		right, err := Right(ctx, m, again, labels)
		if err != nil {
			return err
		}
		size := m.Shape().Size()
		for i := range n {
			if !right[i] {
				copy(dst[i*size:(i+1)*size], again[i*size:])
			}
		}
	}
	return nil
}

func (c *PGDConfig) once(ctx context.Context, m Differentiable, dst, images []float32, labels []int) error {
	n, size := len(labels), m.Shape().Size()
	b := ball{c.Norm, float32(c.Epsilon)}
	switch {
	case c.Start != nil:
		for i, d := range c.Start {
			dst[i] = clip01(images[i] + d)
		}
	case c.Rand != nil:
		for i := range n {
			b.random(c.Rand, dst[i*size:(i+1)*size], images[i*size:(i+1)*size])
		}
	default:
		copy(dst, images)
	}
	grad, loss := make([]float32, len(dst)), make([]float32, n)
	for range c.Steps {
		if err := m.LossGradient(ctx, dst, labels, grad, loss); err != nil {
			return fmt.Errorf("gradient for PGD: %w", err)
		}
		for i := range n {
			x := dst[i*size : (i+1)*size]
			b.climb(x, x, grad[i*size:(i+1)*size], float32(c.Step))
			b.project(x, images[i*size:(i+1)*size])
		}
	}
	return nil
}

// Right tells which images a network puts into their class.
func Right(ctx context.Context, m Classifier, images []float32, labels []int) ([]bool, error) {
	classes := m.Classes()
	logits := make([]float32, len(labels)*classes)
	if err := m.Logits(ctx, images, logits); err != nil {
		return nil, fmt.Errorf("logits of attacked images: %w", err)
	}
	right := make([]bool, len(labels))
	for i, l := range labels {
		right[i] = margin(logits[i*classes:(i+1)*classes], l) > 0
	}
	return right, nil
}

// margin is how far the logit of the label is above the largest other.
func margin(logits []float32, label int) float32 {
	other := float32(math.Inf(-1))
	for i, v := range logits {
		if i != label {
			other = max(other, v)
		}
	}
	return logits[label] - other
}

// ball is the set of images within a budget of another.
type ball struct {
	norm   Norm
	radius float32
}

// climb writes x plus a step up the gradient to dst.
func (b ball) climb(dst, x, grad []float32, step float32) {
	scale := float32(0)
	if b.norm == L2 {
		scale = step / float32(length(grad)+1e-10)
	}
	for i, g := range grad {
		switch {
		case b.norm == L2:
			dst[i] = x[i] + float32(scale*g)
		case g > 0:
			dst[i] = x[i] + step
		case g < 0:
			dst[i] = x[i] - step
		default:
			dst[i] = x[i]
		}
	}
}

// project moves x to the nearest place within the ball about centre, then into [0, 1].
func (b ball) project(x, centre []float32) {
	if b.norm == Linf {
		for i, c := range centre {
			x[i] = clip01(min(max(x[i], c-b.radius), c+b.radius))
		}
		return
	}
	sum := 0.0
	for i, c := range centre {
		d := float64(x[i] - c)
		sum += d * d
	}
	scale := float32(1)
	if d := math.Sqrt(sum); d > float64(b.radius) {
		scale = float32(float64(b.radius) / d)
	}
	for i, c := range centre {
		x[i] = clip01(c + float32((x[i]-c)*scale))
	}
}

// random writes a place drawn uniformly within the ball about centre to x, moved into [0, 1].
func (b ball) random(rng *rand.Rand, x, centre []float32) {
	if b.norm == Linf {
		for i, c := range centre {
			x[i] = clip01(c + b.radius*(2*rng.Float32()-1))
		}
		return
	}
	// The first n of n+2 coordinates of a point on a sphere are uniform in the ball.
	sum := 0.0
	for i := range x {
		z := rng.NormFloat64()
		sum += z * z
		x[i] = float32(z)
	}
	for range 2 {
		z := rng.NormFloat64()
		sum += z * z
	}
	scale := float32(float64(b.radius) / math.Sqrt(sum))
	for i, c := range centre {
		x[i] = clip01(c + x[i]*scale)
	}
}

func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

func clip01(v float32) float32 { return min(max(v, 0), 1) }
