package attack

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// SquareConfig are the parameters of the Square attack.
type SquareConfig struct {
	Epsilon float64 // budget in the L∞ norm
	Queries int     // calls a network answers per image; 5000 is usual
	Rand    *rand.Rand
	// Progress, if not nil, is called after each round with the images that are still right.
	Progress func(query, right int)
}

// firstShare is the share of the pixels that the first squares cover.
const firstShare = 0.8

// Square writes to dst images found by random search on the logits alone: stripes of ±ε at first,
// then squares of ever smaller size set to ±ε per channel, kept when they narrow the margin of the
// true class. Images are left as soon as they are misclassified.
//
// Source: M. Andriushchenko et al. (2020), "Square attack: a query-efficient black-box adversarial
// attack via random search", ECCV.
func Square(ctx context.Context, m Classifier, dst, images []float32, labels []int, c SquareConfig) error {
	n := check(m, dst, images, labels, c.Epsilon)
	if c.Rand == nil {
		panic("attack: the Square attack needs a random source")
	}
	s := &square{SquareConfig: c, Shape: m.Shape(), ball: ball{Linf, float32(c.Epsilon)}}
	copy(dst, images)
	s.margins = make([]float32, n)
	if err := s.measure(ctx, m, images, labels, all(n), s.margins); err != nil {
		return err
	}
	active := s.active(all(n))
	size := s.Size()
	trial, found := make([]float32, len(active)*size), make([]float32, len(active))
	for q := 0; q < c.Queries && len(active) > 0; q++ {
		trial, found = trial[:len(active)*size], found[:len(active)]
		for k, i := range active {
			x := trial[k*size : (k+1)*size]
			copy(x, dst[i*size:])
			centre := images[i*size : (i+1)*size]
			if q == 0 {
				s.stripes(x, centre)
			} else {
				s.patch(x, centre, s.side(q))
			}
			s.project(x, centre)
		}
		if err := s.measure(ctx, m, trial, labels, active, found); err != nil {
			return err
		}
		for k, i := range active {
			if found[k] < s.margins[i] {
				s.margins[i] = found[k]
				copy(dst[i*size:(i+1)*size], trial[k*size:])
			}
		}
		active = s.active(active)
		if c.Progress != nil {
			c.Progress(q+1, len(active))
		}
	}
	return nil
}

type square struct {
	SquareConfig
	Shape
	ball
	margins []float32
	logits  []float32
}

func all(n int) []int {
	a := make([]int, n)
	for i := range a {
		a[i] = i
	}
	return a
}

// active keeps the images that are still classified right.
func (s *square) active(of []int) []int {
	left := of[:0]
	for _, i := range of {
		if s.margins[i] > 0 {
			left = append(left, i)
		}
	}
	return left
}

// measure writes the margins of the images that stand for those of the numbers in which.
func (s *square) measure(ctx context.Context, m Classifier, images []float32, labels, which []int, dst []float32) error {
	classes := m.Classes()
	if len(s.logits) < len(which)*classes {
		s.logits = make([]float32, len(which)*classes)
	}
	if err := m.Logits(ctx, images, s.logits[:len(which)*classes]); err != nil {
		return fmt.Errorf("logits for the Square attack: %w", err)
	}
	for k, i := range which {
		dst[k] = margin(s.logits[k*classes:(k+1)*classes], labels[i])
	}
	return nil
}

// sign returns ±ε.
func (s *square) sign() float32 {
	if s.Rand.Uint64()&1 == 0 {
		return -s.radius
	}
	return s.radius
}

func (s *square) stripes(x, centre []float32) {
	for c := range s.Channels {
		for col := range s.Width {
			d := s.sign()
			for row := range s.Height {
				i := (c*s.Height+row)*s.Width + col
				x[i] = centre[i] + d
			}
		}
	}
}

// patch sets a random square to ±ε from the image, one sign a channel.
func (s *square) patch(x, centre []float32, side int) {
	y0, x0 := s.Rand.IntN(s.Height-side+1), s.Rand.IntN(s.Width-side+1)
	for c := range s.Channels {
		d := s.sign()
		for y := y0; y < y0+side; y++ {
			for col := x0; col < x0+side; col++ {
				i := (c*s.Height+y)*s.Width + col
				x[i] = centre[i] + d
			}
		}
	}
}

// side is the length of the squares at a query: their share of the image is halved after
// 10, 50, 200, 500, 1000, 2000, 4000, 6000 and 8000 of 10000 queries.
func (s *square) side(query int) int {
	at := query * 10000 / s.Queries
	share := firstShare
	for _, t := range []int{10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000} {
		if at > t {
			share /= 2
		}
	}
	n := int(math.RoundToEven(math.Sqrt(share * float64(s.Height*s.Width))))
	return min(max(n, 1), min(s.Height, s.Width))
}
