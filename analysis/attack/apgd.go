package attack

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// APGDConfig are the parameters of Auto-PGD.
type APGDConfig struct {
	Norm    Norm
	Epsilon float64    // budget
	Steps   int        // 100 is usual
	Rand    *rand.Rand // start on the sphere of the budget
}

// apgd is the state of a run: an image a row.
type apgd struct {
	ball
	size             int
	images           []float32
	x, last          []float32 // places now and one step before
	best, bestGrad   []float32 // highest loss
	grad             []float32
	step             []float32 // per image
	loss, bestLoss   []float32
	previous         []float32 // loss one step before
	raised           []int     // steps since the checkpoint that raised the loss
	checked          []float32 // best loss at the last checkpoint
	reduced, settled []bool    // step halved at the last checkpoint; already misclassified
}

// APGD writes to dst the images that Auto-PGD on the cross-entropy reaches: gradient steps with
// momentum whose length is halved, per image, whenever they stop helping. An image that was once
// misclassified stays as it was then; one that never was is left where its loss was highest.
//
// Source: F. Croce and M. Hein (2020), "Reliable evaluation of adversarial robustness with an
// ensemble of diverse parameter-free attacks", ICML, algorithm 1.
func APGD(ctx context.Context, m Differentiable, dst, images []float32, labels []int, c APGDConfig) error {
	n := check(m, dst, images, labels, c.Epsilon)
	if c.Rand == nil {
		panic("attack: APGD needs a random source")
	}
	s := newAPGD(m.Shape().Size(), n, images, c)
	if err := s.evaluate(ctx, m, dst, labels); err != nil {
		return err
	}
	copy(s.best, s.x)
	copy(s.bestGrad, s.grad)
	copy(s.bestLoss, s.loss)
	copy(s.checked, s.loss)
	interval := max(int(0.22*float64(c.Steps)), 1)
	since := 0
	for k := range c.Steps {
		copy(s.previous, s.loss)
		s.move(k == 0)
		if err := s.evaluate(ctx, m, dst, labels); err != nil {
			return err
		}
		s.keepBest()
		if since++; since == interval {
			s.checkpoint(interval)
			interval = max(interval-max(int(0.03*float64(c.Steps)), 1), max(int(0.06*float64(c.Steps)), 1))
			since = 0
		}
	}
	for i := range n {
		if !s.settled[i] {
			copy(s.row(dst, i), s.row(s.best, i))
		}
	}
	return nil
}

func newAPGD(size, n int, images []float32, c APGDConfig) *apgd {
	plane := func() []float32 { return make([]float32, n*size) }
	each := func() []float32 { return make([]float32, n) }
	s := &apgd{
		ball: ball{c.Norm, float32(c.Epsilon)}, size: size, images: images,
		x: plane(), last: plane(), best: plane(), bestGrad: plane(), grad: plane(),
		step: each(), loss: each(), bestLoss: each(), previous: each(), checked: each(),
		raised: make([]int, n), reduced: make([]bool, n), settled: make([]bool, n),
	}
	for i := range n {
		s.step[i] = 2 * s.radius
		s.reduced[i] = true
		s.sphere(c.Rand, s.row(s.x, i), s.row(images, i))
	}
	copy(s.last, s.x)
	return s
}

func (s *apgd) row(a []float32, i int) []float32 { return a[i*s.size : (i+1)*s.size] }

// sphere writes a random place at the full budget from centre to x, moved into [0, 1].
func (s *apgd) sphere(rng *rand.Rand, x, centre []float32) {
	scale := 0.0
	for i := range x {
		if s.norm == Linf {
			x[i] = 2*rng.Float32() - 1
			scale = max(scale, math.Abs(float64(x[i])))
		} else {
			x[i] = float32(rng.NormFloat64())
		}
	}
	if s.norm == L2 {
		scale = length(x)
	}
	for i, c := range centre {
		x[i] = clip01(c + s.radius*float32(float64(x[i])/(scale+1e-12)))
	}
}

// evaluate takes the loss and its gradient at x, and keeps in dst what is misclassified.
func (s *apgd) evaluate(ctx context.Context, m Differentiable, dst []float32, labels []int) error {
	if err := m.LossGradient(ctx, s.x, labels, s.grad, s.loss); err != nil {
		return fmt.Errorf("gradient for APGD: %w", err)
	}
	right, err := Right(ctx, m, s.x, labels)
	if err != nil {
		return err
	}
	for i, r := range right {
		if !r && !s.settled[i] {
			s.settled[i] = true
			copy(s.row(dst, i), s.row(s.x, i))
		}
	}
	return nil
}

// move takes a step with momentum 0.75, projected before and after.
func (s *apgd) move(first bool) {
	keep := float32(0.75)
	if first {
		keep = 1
	}
	z := make([]float32, s.size)
	for i := range s.step {
		x, last, centre := s.row(s.x, i), s.row(s.last, i), s.row(s.images, i)
		s.climb(z, x, s.row(s.grad, i), s.step[i])
		s.project(z, centre)
		for j := range z {
			z[j] = x[j] + keep*(z[j]-x[j]) + (1-keep)*(x[j]-last[j])
		}
		s.project(z, centre)
		copy(last, x)
		copy(x, z)
	}
}

func (s *apgd) keepBest() {
	for i, l := range s.loss {
		if l > s.previous[i] {
			s.raised[i]++
		}
		if l > s.bestLoss[i] {
			s.bestLoss[i] = l
			copy(s.row(s.best, i), s.row(s.x, i))
			copy(s.row(s.bestGrad, i), s.row(s.grad, i))
		}
	}
}

// checkpoint halves the step of the images that oscillate or stand still, and takes them back to
// their best place.
func (s *apgd) checkpoint(interval int) {
	for i := range s.step {
		oscillates := float64(s.raised[i]) <= 0.75*float64(interval)
		stands := !s.reduced[i] && s.checked[i] >= s.bestLoss[i]
		s.reduced[i] = oscillates || stands
		s.checked[i] = s.bestLoss[i]
		s.raised[i] = 0
		if s.reduced[i] {
			s.step[i] /= 2
			copy(s.row(s.x, i), s.row(s.best, i))
			copy(s.row(s.grad, i), s.row(s.bestGrad, i))
		}
	}
}
