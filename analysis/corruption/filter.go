package corruption

import "math"

// border says how an image goes on beyond its edge.
type border int

const (
	nearest border = iota // the edge sample repeated
	reflect               // … c b a | a b c …, as often as needed
)

// index maps a place outside 0..n−1 to the sample that stands for it.
func (b border) index(i, n int) int {
	if b == nearest {
		return min(max(i, 0), n-1)
	}
	i %= 2 * n
	if i < 0 {
		i += 2 * n
	}
	if i >= n {
		i = 2*n - 1 - i
	}
	return i
}

// gaussianTaps returns the normalised weights for distances 0..r of a Gaussian cut at truncate
// standard deviations. Longer kernels than the reflected image's period are folded into it.
func (ws *Workspace) gaussianTaps(sigma, truncate float64, edge border) []float64 {
	r := int(truncate*sigma + 0.5)
	full := grow(&ws.taps, 2*r+1)
	scale := -0.5 / (sigma * sigma)
	for i := range full {
		d := float64(i - r)
		full[i] = math.Exp(scale * float64(d*d))
	}
	sum := pairwise(full)
	half := full[r:]
	for i := range half {
		half[i] /= sum
	}
	if n := ws.size; edge == reflect && r > n {
		return fold(half, n)
	}
	return half
}

// fold adds, in place, the weights of all distances that reach the same sample of an image of n
// samples that reflects with a period of 2n.
func fold(half []float64, n int) []float64 {
	for d, w := range half {
		if d <= n {
			continue
		}
		switch m := d % (2 * n); {
		case m == 0: // from both sides
			half[0] += 2 * w
		case m <= n:
			half[m] += w
		default:
			half[2*n-m] += w
		}
	}
	return half[:n+1]
}

// pairwise sums as numpy does, so that the normalised weights are equal to the last bit: eight
// running sums up to 128 numbers, halves beyond.
func pairwise(a []float64) float64 {
	if len(a) < 8 {
		sum := 0.0
		for _, v := range a {
			sum += v
		}
		return sum
	}
	if n := len(a); n > 128 {
		half := n / 2
		half -= half % 8
		return pairwise(a[:half]) + pairwise(a[half:])
	}
	r := [8]float64(a[:8])
	i := 8
	for ; i+8 <= len(a); i += 8 {
		for j := range r {
			r[j] += a[i+j]
		}
	}
	sum := ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
	for ; i < len(a); i++ {
		sum += a[i]
	}
	return sum
}

// gaussian filters an image of size×size×channels, columns first, then rows, and writes it to dst,
// which must not be src. single rounds to single precision after each pass. A sigma of 0 copies.
func (ws *Workspace) gaussian(dst, src []float64, channels int, sigma, truncate float64, edge border, single bool) {
	if sigma <= 1e-15 {
		copy(dst, src)
		return
	}
	taps := ws.gaussianTaps(sigma, truncate, edge)
	ws.filterColumns(dst, src, channels, taps, edge, single)
	ws.filterRows(dst, channels, taps, edge, single)
}

// filterColumns adds the taps from the farthest to the nearest, as scipy does.
func (ws *Workspace) filterColumns(dst, src []float64, channels int, taps []float64, edge border, single bool) {
	n, stride := ws.size, ws.size*channels
	for y := range n {
		out := dst[y*stride : (y+1)*stride]
		for i, v := range src[y*stride : (y+1)*stride] {
			out[i] = v * taps[0]
		}
		for d := len(taps) - 1; d > 0; d-- {
			up := src[edge.index(y-d, n)*stride:][:len(out)]
			down := src[edge.index(y+d, n)*stride:][:len(out)]
			w := taps[d]
			for i := range out {
				out[i] += float64((up[i] + down[i]) * w)
			}
		}
		if single {
			toSingle(out)
		}
	}
}

func (ws *Workspace) filterRows(dst []float64, channels int, taps []float64, edge border, single bool) {
	n, r := ws.size, len(taps)-1
	line := grow(&ws.line, (n+2*r)*channels)
	for y := range n {
		row := dst[y*n*channels : (y+1)*n*channels]
		copy(line[r*channels:], row)
		for d := 1; d <= r; d++ {
			left, right := edge.index(-d, n), edge.index(n-1+d, n)
			copy(line[(r-d)*channels:(r-d+1)*channels], row[left*channels:])
			copy(line[(r+n-1+d)*channels:(r+n+d)*channels], row[right*channels:])
		}
		for i := range row {
			row[i] = line[r*channels+i] * taps[0]
		}
		for d := r; d > 0; d-- {
			left, right := line[(r-d)*channels:][:len(row)], line[(r+d)*channels:][:len(row)]
			w := taps[d]
			for i := range row {
				row[i] += float64((left[i] + right[i]) * w)
			}
		}
		if single {
			toSingle(row)
		}
	}
}

func toSingle(a []float64) {
	for i, v := range a {
		a[i] = float64(float32(v))
	}
}
