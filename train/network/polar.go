package network

import (
	"math"

	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/gomlx/core/graph"
)

// minPolar is the smallest map that cortical magnification can sample.
const minPolar = 8

// polarEdges are the edges of the rings on the paper's 32×32 map, in pixels from the centre: one
// pixel wide up to 14, then wider, as receptive fields grow with eccentricity.
var polarEdges = []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 23}

const (
	polarSide   = 32 // of the map the edges are given for
	polarRings  = 18 // rings of that map
	polarKernel = "pool.matrix"
	paddedCols  = 2             // one column of angles on each side before resizing
	fullTurn    = 2 * math.Pi   // of the wedges
	lastFilled  = polarSide / 2 // rings that begin beyond it keep their empty wedges
)

// polarGrid returns the number of rings and wedges for a map of the side given: 18 and 30 for 32.
func polarGrid(side int) (rings, wedges int) {
	return (polarRings*side + polarSide - 1) / polarSide, side - paddedCols
}

// polar resamples x, N×C×S×S, in log-polar coordinates to N×C×(S/2)×(S/2): rows are distance from the
// centre, columns angle. It stands for cortical magnification, the larger share of V1 that the
// centre of gaze takes (the paper, Methods, "cortical magnification"; polar sampling as in Esteves et al., "Polar
// transformer networks", ICLR 2018). The map is linear and fixed, one (S/2)²×S² matrix for every
// channel, see [PolarMatrix]; there is nothing to learn.
func (b *builder) polar(x *graph.Node) *graph.Node {
	side, channels := x.Shape().Dimensions[2], x.Shape().Dimensions[1]
	matrix := b.kernel(polarKernel, b.polarMatrix)
	flat := withTail(x, channels, side*side)
	y := b.dot(flat, []int{2}, nil, matrix, []int{0}, nil)
	return withTail(y, channels, side/2, side/2)
}

// polarMatrix is the transpose of PolarMatrix, S²×(S/2)².
func (b *builder) polarMatrix() *graph.Node {
	side := b.d.stemSize()
	return b.constant(transpose(PolarMatrix(side), side*side), side*side, side*side/4)
}

// PolarMatrix returns the fixed linear map of cortical magnification for a map of side×side, row-major
// with (side/2)² rows (output position) and side² columns (input position):
//
//  1. [PolarMasks] averages the pixels of each ring and wedge into a map of rings×wedges.
//  2. That map is padded by one column on each side, mirrored without repeating the edge, and
//     resized to (side/2)×(side/2) by bilinear interpolation without antialiasing.
//
// side must be even and at least 8.
func PolarMatrix(side int) []float64 {
	rings, wedges := polarGrid(side)
	masks, counts := PolarMasks(side)
	out, in := side/2, side*side
	m := make([]float64, out*out*in)
	for i := range out {
		r0, r1, f := bilinear(i, rings, out)
		for j := range out {
			row := m[(i*out+j)*in:][:in]
			c0, c1, e := bilinear(j, wedges+paddedCols, out)
			for _, t := range []struct {
				ring, column int
				weight       float64
			}{{r0, c0, (1 - f) * (1 - e)}, {r0, c1, (1 - f) * e}, {r1, c0, f * (1 - e)}, {r1, c1, f * e}} {
				k := t.ring*wedges + mirror(t.column-1, wedges)
				for p, v := range masks[k*in:][:in] {
					row[p] += t.weight * float64(v) / float64(counts[k])
				}
			}
		}
	}
	return m
}

// PolarMasks returns the weight of each pixel in each ring and wedge, (rings·wedges)×side×side,
// ring-major, and the sum of the weights of each, 1 where there are none.
//
// The centre is pixel (side/2, side/2). A pixel belongs to the ring whose lower edge its distance
// reaches, and to one of side−2 wedges by its angle from the right, counter-clockwise. Near the
// centre wedges are emptier than pixels: in rings that begin within side/2, the non-empty masks, in
// order, are stretched to all wedges by linear interpolation along the stack. Rings further out keep
// their empty wedges. Values are rounded to half precision, as the authors' code stores them.
func PolarMasks(side int) (masks, counts []float32) {
	rings, wedges := polarGrid(side)
	edges := ringEdges(side, rings)
	pixels := side * side
	raw := polarBins(side, edges, wedges)
	masks, counts = make([]float32, rings*wedges*pixels), make([]float32, rings*wedges)
	for ring := range rings {
		var full []int // the non-empty wedges of the ring
		for w := range wedges {
			if len(raw[ring*wedges+w]) > 0 {
				full = append(full, w)
			}
		}
		stretched := edges[ring] <= lastFilled*float64(side)/polarSide
		for w := range wedges {
			k := ring*wedges + w
			mask := make([]float64, pixels)
			if stretched {
				i0, i1, f := bilinear(w, len(full), wedges)
				addMask(mask, raw[ring*wedges+full[i0]], 1-f)
				addMask(mask, raw[ring*wedges+full[i1]], f)
			} else {
				addMask(mask, raw[k], 1)
			}
			sum := 0.0
			for p, v := range mask {
				sum += v
				masks[k*pixels+p] = toHalf(v)
			}
			if sum == 0 {
				sum = 1
			}
			counts[k] = toHalf(sum)
		}
	}
	return masks, counts
}

// ringEdges scales the paper's edges to a map of another side and number of rings.
func ringEdges(side, rings int) []float64 {
	edges := make([]float64, rings+1)
	for k := range edges {
		u := math.Min(float64(k)*polarSide/float64(side), polarRings)
		i := min(int(u), polarRings-1)
		edges[k] = (polarEdges[i] + (u-float64(i))*(polarEdges[i+1]-polarEdges[i])) * float64(side) / polarSide
	}
	return edges
}

// polarBins lists the pixels of each ring and wedge, ring-major.
func polarBins(side int, edges []float64, wedges int) [][]int {
	rings := len(edges) - 1
	bins := make([][]int, rings*wedges)
	for p := range side * side {
		x, y := float64(p%side-side/2), float64(side/2-p/side)
		distance, angle := math.Hypot(x, y), math.Atan2(y, x)
		if angle < 0 {
			angle += fullTurn
		}
		ring := 0
		for ring < rings && distance >= edges[ring+1] {
			ring++
		}
		if ring == rings {
			continue // beyond the last edge: a corner
		}
		k := ring*wedges + min(wedgeOf(angle, wedges), wedges-1)
		bins[k] = append(bins[k], p)
	}
	return bins
}

// wedgeOf returns the last wedge whose lower edge is not above angle.
func wedgeOf(angle float64, wedges int) int {
	step := fullTurn / float64(wedges)
	w := 0
	for w+1 <= wedges && angle >= float64(w+1)*step {
		w++
	}
	return w
}

// addMask adds weight to the pixels of a bin.
func addMask(mask []float64, pixels []int, weight float64) {
	for _, p := range pixels {
		mask[p] += weight
	}
}

// bilinear returns the two samples of n, and the weight of the second, that make sample i of out in a
// linear interpolation with half-pixel centres (PyTorch's align_corners=False).
func bilinear(i, n, out int) (i0, i1 int, weight float64) {
	src := math.Max((float64(i)+0.5)*float64(n)/float64(out)-0.5, 0)
	i0 = min(int(src), n-1)
	return i0, min(i0+1, n-1), src - float64(i0)
}

// mirror folds an index just outside 0..n−1 back without repeating the edge.
func mirror(i, n int) int {
	switch {
	case i < 0:
		return -i
	case i >= n:
		return 2*(n-1) - i
	default:
		return i
	}
}

func toHalf(v float64) float32 { return float16.FromFloat32(float32(v)).Float32() }

// transpose returns the transpose of a row-major matrix with the number of columns given.
func transpose(m []float64, columns int) []float64 {
	rows := len(m) / columns
	t := make([]float64, len(m))
	for i := range rows {
		for j := range columns {
			t[j*rows+i] = m[i*columns+j]
		}
	}
	return t
}
