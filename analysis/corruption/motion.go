package corruption

import "math"

// negligible is a weight whose samples cannot change a sum of 16-bit samples in double precision.
const negligible = 1e-18

// smear is the motion blur of ImageMagick 6 on 16-bit samples: the sum of w = 2·ceil(radius)+1
// copies, half a Gaussian in weight, each displaced by whole pixels towards the angle (degrees, y
// downwards), edges repeated, then cut back to 8 bits. dst and src hold size×size×channels samples
// and may be the same.
func (ws *Workspace) smear(dst, src []uint8, channels int, radius, sigma, angle float64) {
	n, taps := ws.size, 2*int(math.Ceil(radius))+1
	weights := grow(&ws.taps, taps)
	sum := 0.0
	for i := range weights {
		weights[i] = math.Exp(-float64(i*i)/(2*sigma*sigma)) / (math.Sqrt(2*math.Pi) * sigma)
		sum += weights[i]
	}
	sin, cos := math.Sincos(angle * math.Pi / 180)
	py, px := float64(taps)*sin, float64(taps)*cos
	length := math.Hypot(px, py)

	pad := taps // no displacement is longer
	stride := (n + 2*pad) * channels
	wide := grow(&ws.wide, n*stride)
	for y := range n {
		ws.widen(wide[y*stride:(y+1)*stride], src[y*n*channels:(y+1)*n*channels], channels, pad)
	}
	for y := range n {
		acc := ws.b[:n*channels]
		clear(acc)
		for i, w := range weights {
			w /= sum
			if w < negligible {
				break
			}
			dx := int(math.Ceil(float64(i)*px/length - 0.5))
			dy := int(math.Ceil(float64(i)*py/length - 0.5))
			row := wide[nearest.index(y+dy, n)*stride+(pad+dx)*channels:][:len(acc)]
			for j, v := range row {
				acc[j] += float64(w * v)
			}
		}
		out := dst[y*n*channels : (y+1)*n*channels]
		for j, v := range acc {
			out[j] = uint8(uint32(v+0.5) / 257)
		}
	}
}

// widen writes a row as 16-bit quanta with pad repeated pixels on each side.
func (ws *Workspace) widen(dst []float64, row []uint8, channels, pad int) {
	for i := range dst {
		x := nearest.index(i/channels-pad, ws.size)
		dst[i] = float64(uint32(row[x*channels+i%channels]) * 257)
	}
}

// motionBlur smears in a direction within 45° of the horizontal.
func motionBlur(p parameters[motion]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		ws.motion(p[severity], between(src, -45, 45))
	}
}

func (ws *Workspace) motion(p motion, angle float64) {
	ws.smear(ws.bytes, ws.img, 3, p.radius, p.sigma, angle)
	ws.setBytes(ws.bytes)
}

func (ws *Workspace) setBytes(b []uint8) {
	for i, v := range b {
		ws.out[i] = float64(v)
	}
}
