package corruption

// gaussianNoise adds normal noise of the parameter's standard deviation to each sample.
func gaussianNoise(sd parameters[float64]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		s := sd[severity]
		for i, v := range ws.img {
			ws.out[i] = clip01(unit[v]+float64(s*src.Normal())) * 255
		}
	}
}

// shotNoise replaces each sample by a Poisson count, of which the parameter makes a white sample.
func shotNoise(photons parameters[float64]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		n := photons[severity]
		for i, v := range ws.img {
			ws.out[i] = clip01(src.Poisson(unit[v]*n)/n) * 255
		}
	}
}

// impulseNoise sets a share of the samples to 0 or 1. All first uniforms are drawn before all
// second ones.
func impulseNoise(share parameters[float64]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		p := share[severity]
		for i := range ws.a {
			ws.a[i] = src.Uniform01()
		}
		for i, v := range ws.img {
			salt := src.Uniform01() <= 0.5
			switch {
			case ws.a[i] > p:
				ws.out[i] = float64(v)
			case salt:
				ws.out[i] = 255
			default:
				ws.out[i] = 0
			}
		}
	}
}

// speckleNoise multiplies each sample by 1 plus normal noise.
func speckleNoise(sd parameters[float64]) func(*Workspace, int, Source) {
	return func(ws *Workspace, severity int, src Source) {
		s := sd[severity]
		for i, v := range ws.img {
			x := unit[v]
			ws.out[i] = clip01(x+float64(x*float64(s*src.Normal()))) * 255
		}
	}
}
