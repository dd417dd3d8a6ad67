package corruption

import "math"

// toHSV converts a colour to hue in [0, 1), saturation and value (the hexcone model of A. R. Smith,
// 1978).
func toHSV(r, g, b float64) (h, s, v float64) {
	v = max(r, g, b)
	delta := v - min(r, g, b)
	if delta == 0 {
		return 0, 0, v
	}
	switch v {
	case b:
		h = 4 + (r-g)/delta
	case g:
		h = 2 + (b-r)/delta
	default:
		h = (g - b) / delta
	}
	h /= 6
	if h < 0 {
		h++
	}
	return h, delta / v, v
}

// toRGB is the inverse of toHSV.
func toRGB(h, s, v float64) (r, g, b float64) {
	sector := math.Floor(h * 6)
	f := float64(h*6) - sector
	p := v * (1 - s)
	q := v * (1 - float64(f*s))
	t := v * (1 - float64((1-f)*s))
	switch int(sector) % 6 {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	}
	return v, p, q
}

func (ws *Workspace) mapHSV(f func(h, s, v float64) (float64, float64, float64)) {
	for i := 0; i < len(ws.img); i += 3 {
		h, s, v := f(toHSV(unit[ws.img[i]], unit[ws.img[i+1]], unit[ws.img[i+2]]))
		r, g, b := toRGB(h, s, v)
		ws.out[i], ws.out[i+1], ws.out[i+2] = clip01(r)*255, clip01(g)*255, clip01(b)*255
	}
}

// brightness adds to the value.
func brightness(shift parameters[float64]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, _ Source) {
		d := shift[severity]
		ws.mapHSV(func(h, s, v float64) (float64, float64, float64) { return h, s, clip01(v + d) })
	}
}

// saturate scales and shifts the saturation.
func saturate(p parameters[chroma]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, _ Source) {
		q := p[severity]
		ws.mapHSV(func(h, s, v float64) (float64, float64, float64) {
			return h, clip01(float64(s*q.scale) + q.shift), v
		})
	}
}

// contrast draws each channel towards its mean.
func contrast(scale parameters[float64]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, _ Source) {
		var mean [3]float64
		for i, v := range ws.img {
			mean[i%3] += unit[v]
		}
		for c := range mean {
			mean[c] /= float64(ws.size * ws.size)
		}
		k := scale[severity]
		for i, v := range ws.img {
			m := mean[i%3]
			ws.out[i] = clip01(float64((unit[v]-m)*k)+m) * 255
		}
	}
}
