package corruption

// parameters of one corruption at the severities 1 to 5.
type parameters[T any] [Severities]T

type (
	defocus   struct{ radius, alias float64 }
	glass     struct{ sigma, reach, passes float64 }
	motion    struct{ radius, sigma float64 }
	snowfall  struct{ mean, sd, zoom, threshold, radius, sigma, mix float64 }
	blend     struct{ image, picture float64 }
	haze      struct{ amount, decay float64 }
	elastic   struct{ alpha, sigma, jitter float64 }
	splash    struct{ mean, sd, sigma, threshold, amount, mud float64 }
	chroma    struct{ scale, shift float64 }
	zoomSteps struct {
		count int
		step  float64
	}
)

// TinyImageNetC is the benchmark at 64×64 pixels, with the parameters of its generating program.
func TinyImageNetC() *Benchmark {
	b := &Benchmark{Name: "tiny-imagenet-c", Title: "Tiny-ImageNet-C", Size: 64, frostScale: 0.3}
	b.add(Noise, "gaussian_noise", gaussianNoise(parameters[float64]{0.04, 0.08, 0.12, 0.15, 0.18}))
	b.add(Noise, "shot_noise", shotNoise(parameters[float64]{250, 100, 50, 30, 15}))
	b.add(Noise, "impulse_noise", impulseNoise(parameters[float64]{0.01, 0.02, 0.05, 0.08, 0.14}))
	b.add(Blur, "defocus_blur", defocusBlur(parameters[defocus]{{0.5, 0.6}, {1, 0.1}, {1.5, 0.1}, {2.5, 0.01}, {3, 0.1}}))
	b.add(Blur, "glass_blur", glassBlur(parameters[glass]{{0.1, 1, 1}, {0.5, 1, 1}, {0.6, 1, 2}, {0.7, 2, 1}, {0.9, 2, 2}}))
	b.add(Blur, "motion_blur", motionBlur(parameters[motion]{{10, 1}, {10, 1.5}, {10, 2}, {10, 2.5}, {12, 3}}))
	b.add(Blur, "zoom_blur", zoomBlur(parameters[zoomSteps]{{7, 0.01}, {12, 0.01}, {16, 0.01}, {21, 0.01}, {26, 0.01}}))
	b.add(Weather, "snow", snow(parameters[snowfall]{
		{0.1, 0.2, 1, 0.6, 8, 3, 0.8}, {0.1, 0.2, 1, 0.5, 10, 4, 0.8}, {0.15, 0.3, 1.75, 0.55, 10, 4, 0.7},
		{0.25, 0.3, 2.25, 0.6, 12, 6, 0.65}, {0.3, 0.3, 1.25, 0.65, 14, 12, 0.6},
	}))
	b.add(Weather, "frost", frost(parameters[blend]{{1, 0.3}, {0.9, 0.4}, {0.8, 0.45}, {0.75, 0.5}, {0.7, 0.55}}))
	b.add(Weather, "fog", fog(parameters[haze]{{0.4, 3}, {0.7, 3}, {1, 2.5}, {1.5, 2}, {2, 1.75}}))
	b.add(Weather, "brightness", brightness(parameters[float64]{0.1, 0.2, 0.3, 0.4, 0.5}))
	b.add(Digital, "contrast", contrast(parameters[float64]{0.4, 0.3, 0.2, 0.1, 0.05}))
	b.add(Digital, "elastic_transform", elasticTransform(parameters[elastic]{
		{0, 0, 5.12}, {3.2, 19.2, 3.84}, {6.4, 5.12, 3.84}, {6.4, 1.92, 1.92}, {10.24, 1.92, 1.28},
	}))
	b.add(Digital, "pixelate", pixelate(parameters[int]{57, 51, 44, 38, 32}))
	b.add(Digital, "jpeg_compression", jpegCompression(parameters[int]{65, 58, 50, 40, 25}))
	b.add(Extra, "speckle_noise", speckleNoise(parameters[float64]{0.15, 0.2, 0.25, 0.3, 0.35}))
	b.add(Extra, "gaussian_blur", gaussianBlur(parameters[float64]{0.5, 0.75, 1, 1.25, 1.5}))
	b.add(Extra, "spatter", spatter(parameters[splash]{
		{0.62, 0.1, 0.7, 0.7, 0.6, 0}, {0.65, 0.1, 0.8, 0.7, 0.6, 0}, {0.65, 0.3, 1, 0.69, 0.6, 0},
		{0.65, 0.1, 0.7, 0.68, 0.6, 1}, {0.65, 0.1, 0.5, 0.67, 0.6, 1},
	}))
	b.add(Extra, "saturate", saturate(parameters[chroma]{{0.3, 0}, {0.1, 0}, {2, 0}, {5, 0.1}, {30, 0.2}}))
	return b
}

// ImageNetC is the benchmark at 224×224 pixels. Its elastic transform is scaled for images of 244
// pixels, as in the generating program.
func ImageNetC() *Benchmark {
	b := &Benchmark{Name: "imagenet-c", Title: "ImageNet-C", Size: 224, frostScale: 1}
	b.add(Noise, "gaussian_noise", gaussianNoise(parameters[float64]{0.08, 0.12, 0.18, 0.26, 0.38}))
	b.add(Noise, "shot_noise", shotNoise(parameters[float64]{60, 25, 12, 5, 3}))
	b.add(Noise, "impulse_noise", impulseNoise(parameters[float64]{0.03, 0.06, 0.09, 0.17, 0.27}))
	b.add(Blur, "defocus_blur", defocusBlur(parameters[defocus]{{3, 0.1}, {4, 0.5}, {6, 0.5}, {8, 0.5}, {10, 0.5}}))
	b.add(Blur, "glass_blur", glassBlur(parameters[glass]{{0.7, 1, 2}, {0.9, 2, 1}, {1, 2, 3}, {1.1, 3, 2}, {1.5, 4, 2}}))
	b.add(Blur, "motion_blur", motionBlur(parameters[motion]{{10, 3}, {15, 5}, {15, 8}, {15, 12}, {20, 15}}))
	b.add(Blur, "zoom_blur", zoomBlur(parameters[zoomSteps]{{12, 0.01}, {16, 0.01}, {11, 0.02}, {13, 0.02}, {11, 0.03}}))
	b.add(Weather, "snow", snow(parameters[snowfall]{
		{0.1, 0.3, 3, 0.5, 10, 4, 0.8}, {0.2, 0.3, 2, 0.5, 12, 4, 0.7}, {0.55, 0.3, 4, 0.9, 12, 8, 0.7},
		{0.55, 0.3, 4.5, 0.85, 12, 8, 0.65}, {0.55, 0.3, 2.5, 0.85, 12, 12, 0.55},
	}))
	b.add(Weather, "frost", frost(parameters[blend]{{1, 0.4}, {0.8, 0.6}, {0.7, 0.7}, {0.65, 0.7}, {0.6, 0.75}}))
	b.add(Weather, "fog", fog(parameters[haze]{{1.5, 2}, {2, 2}, {2.5, 1.7}, {2.5, 1.5}, {3, 1.4}}))
	b.add(Weather, "brightness", brightness(parameters[float64]{0.1, 0.2, 0.3, 0.4, 0.5}))
	b.add(Digital, "contrast", contrast(parameters[float64]{0.4, 0.3, 0.2, 0.1, 0.05}))
	b.add(Digital, "elastic_transform", elasticTransform(parameters[elastic]{
		{488, 170.8, 24.4}, {488, 19.52, 48.8}, {12.2, 2.44, 4.88}, {17.08, 2.44, 4.88}, {29.28, 2.44, 4.88},
	}))
	b.add(Digital, "pixelate", pixelate(parameters[int]{134, 112, 89, 67, 56}))
	b.add(Digital, "jpeg_compression", jpegCompression(parameters[int]{25, 18, 15, 10, 7}))
	b.add(Extra, "speckle_noise", speckleNoise(parameters[float64]{0.15, 0.2, 0.35, 0.45, 0.6}))
	b.add(Extra, "gaussian_blur", gaussianBlur(parameters[float64]{1, 2, 3, 4, 6}))
	b.add(Extra, "spatter", spatter(parameters[splash]{
		{0.65, 0.3, 4, 0.69, 0.6, 0}, {0.65, 0.3, 3, 0.68, 0.6, 0}, {0.65, 0.3, 2, 0.68, 0.5, 0},
		{0.65, 0.3, 1, 0.65, 1.5, 1}, {0.67, 0.4, 1, 0.65, 1.5, 1},
	}))
	b.add(Extra, "saturate", saturate(parameters[chroma]{{0.3, 0}, {0.1, 0}, {2, 0}, {5, 0.1}, {20, 0.2}}))
	return b
}

// fixed are the corruptions that draw nothing.
var fixed = map[string]bool{
	"defocus_blur": true, "zoom_blur": true, "brightness": true, "contrast": true, "pixelate": true,
	"jpeg_compression": true, "gaussian_blur": true, "saturate": true,
}

func (b *Benchmark) add(group Group, name string, apply func(*Workspace, int, Source)) {
	b.Corruptions = append(b.Corruptions, Corruption{
		Name: name, Group: group, Random: !fixed[name], Pictures: name == "frost", size: b.Size, apply: apply,
	})
}
