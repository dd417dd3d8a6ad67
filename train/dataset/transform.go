package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"

	"striate/internal/fault"
	"striate/internal/picture"
)

// Transform is the way from a decoded image to the square of pixels a network reads.
type Transform string

// The transforms of Pogoncheff, Granley and Beyeler (2023). Every resizing is Pillow's antialiased
// bilinear one, rounded to 8 bits, and every crop torchvision's.
const (
	// ImageNet: to train, a random crop of 8 to 100 % of the area and of an aspect ratio from 3/4 to
	// 4/3, resized to 224×224, then to the network's size, mirrored half of the time. To validate, the
	// short side resized to 256, the central 224×224, resized to the network's size.
	ImageNet Transform = "imagenet"
	// Tiny: images that have the network's size already. Training mirrors half of them. Others are
	// resized, aspect not kept.
	Tiny Transform = "tiny"
)

// The sides between which the ImageNet transform works, pixels.
const (
	cropSide  = 224
	shortSide = 256
)

// Validate refuses unknown transforms.
func (t Transform) Validate() error {
	if t != ImageNet && t != Tiny {
		return fault.Misusef("transform %q: give imagenet or tiny", t)
	}
	return nil
}

// deterministic tells whether all that happens before mirroring is the same at every visit.
func (t Transform) deterministic(training bool) bool { return t == Tiny || !training }

// read decodes an image file and returns the square of the network, size×size×3, before mirroring. r
// is nil in validation.
func (t Transform) read(file []byte, size int, r *rand.Rand) ([]uint8, error) {
	if t == ImageNet && r != nil {
		img, err := picture.DecodeRegion(file, picture.Limits{}, func(width, height int) picture.Region { return randomBox(width, height, r) })
		if err != nil {
			return nil, err
		}
		return img.Resize(cropSide, cropSide).Resize(size, size).Pix, nil
	}
	img, err := picture.Decode(file, picture.Limits{})
	if err != nil {
		return nil, err
	}
	if t == ImageNet {
		width, height := shortSideSize(img.Width, img.Height)
		img = img.Resize(height, width).Crop(centreBox(width, height))
	}
	return img.Resize(size, size).Pix, nil
}

// randomBox draws a crop as torchvision's RandomResizedCrop does with scale 0.08…1 and ratio 3/4…4/3:
// up to ten tries of area and log-uniform aspect ratio, else the largest central crop of an allowed
// ratio.
func randomBox(width, height int, r *rand.Rand) picture.Region {
	const minScale, maxScale = 0.08, 1.0
	minRatio, maxRatio := 3.0/4, 4.0/3
	area := float64(width * height)
	for range 10 {
		target := area * (minScale + (maxScale-minScale)*r.Float64())
		logRatio := math.Log(minRatio) + (math.Log(maxRatio)-math.Log(minRatio))*r.Float64()
		ratio := math.Exp(logRatio)
		w := int(math.RoundToEven(math.Sqrt(target * ratio)))
		h := int(math.RoundToEven(math.Sqrt(target / ratio)))
		if w > 0 && w <= width && h > 0 && h <= height {
			top := r.IntN(height - h + 1)
			return picture.Region{Left: r.IntN(width - w + 1), Top: top, Width: w, Height: h}
		}
	}
	w, h := width, height
	switch ratio := float64(width) / float64(height); {
	case ratio < minRatio:
		h = int(math.RoundToEven(float64(w) / minRatio))
	case ratio > maxRatio:
		w = int(math.RoundToEven(float64(h) * maxRatio))
	}
	return picture.Region{Left: (width - w) / 2, Top: (height - h) / 2, Width: w, Height: h}
}

// shortSideSize is the size of torchvision's Resize(256): the long side rounded down.
func shortSideSize(width, height int) (int, int) {
	if width <= height {
		return shortSide, shortSide * height / width
	}
	return shortSide * width / height, shortSide
}

// centreBox is torchvision's CenterCrop(224), whose odd pixel goes by rounding half to even.
func centreBox(width, height int) picture.Region {
	return picture.Region{
		Left: int(math.RoundToEven(float64(width-cropSide) / 2)), Top: int(math.RoundToEven(float64(height-cropSide) / 2)),
		Width: cropSide, Height: cropSide,
	}
}

// pack writes a square of interleaved pixels as three planes, mirrored left to right if asked.
func pack(dst, square []uint8, size int, mirror bool) {
	if len(square) != 3*size*size {
		panic(fmt.Sprintf("dataset: %d samples for a square of %d pixels", len(square), size))
	}
	plane := size * size
	for y := range size {
		for x := range size {
			from := 3 * (y*size + x)
			to := y*size + x
			if mirror {
				to = y*size + size - 1 - x
			}
			dst[to], dst[plane+to], dst[2*plane+to] = square[from], square[from+1], square[from+2]
		}
	}
}

// Detect proposes the transform of a split: Tiny when the images looked at, spread over it, all have
// the network's size, else ImageNet. Unreadable images do not count.
func Detect(split *Split, size int) Transform {
	const probes = 16
	found := false
	for k := range probes {
		data, err := split.Read(k * len(split.Samples) / probes)
		if err != nil {
			continue
		}
		img, err := picture.Decode(data, picture.Limits{})
		if err != nil {
			continue
		}
		if img.Width != size || img.Height != size {
			return ImageNet
		}
		found = true
	}
	if !found {
		return ImageNet
	}
	return Tiny
}
