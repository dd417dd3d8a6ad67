package stimulus

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// The texture set: every family of textures in several samples, each with noise of the same
// spectrum.
const (
	Families       = 15
	Samples        = 15
	TextureDegrees = 4   // visual angle of an original image
	TexturePixels  = 320 // its width and height
	shift          = 40  // pixels right and down that bring the image to Center: 0.5 degrees
)

// TextureType tells noise from texture.
type TextureType int

// The two types, numbered as in the recordings.
const (
	Noise   TextureType = 1
	Texture TextureType = 2
)

// String returns the prefix of the type's file names.
func (t TextureType) String() string {
	if t == Noise {
		return "noise"
	}
	return "tex"
}

// familyNumbers are the numbers in the file names, in the order of the family codes 1…15.
var familyNumbers = [Families]int{60, 56, 13, 48, 71, 18, 327, 336, 402, 38, 23, 52, 99, 393, 30}

// TextureID names one image of the texture set.
type TextureID struct {
	Type   TextureType
	Family int // code 1…15
	Sample int // 1…15
}

// FileName is the name of the image in the original data set.
func (id TextureID) FileName() string {
	return fmt.Sprintf("%s-320x320-im%d-smp%d.png", id.Type, familyNumbers[id.Family-1], id.Sample)
}

// Index is the place of the image in the set's canonical order: type, family, sample.
func (id TextureID) Index() int {
	return ((int(id.Type)-1)*Families+id.Family-1)*Samples + id.Sample - 1
}

// Valid reports whether the image exists.
func (id TextureID) Valid() bool {
	return (id.Type == Noise || id.Type == Texture) &&
		id.Family >= 1 && id.Family <= Families && id.Sample >= 1 && id.Sample <= Samples
}

// TextureIDs lists the set in canonical order.
func TextureIDs() []TextureID {
	ids := make([]TextureID, 0, 2*Families*Samples)
	for _, t := range []TextureType{Noise, Texture} {
		for f := 1; f <= Families; f++ {
			for s := 1; s <= Samples; s++ {
				ids = append(ids, TextureID{t, f, s})
			}
		}
	}
	return ids
}

var textureName = regexp.MustCompile(`^(noise|tex)-320x320-im(\d{1,4})-smp(\d{1,3})\.png$`)

// ParseTextureName reads a file name of the original data set. It returns false for other names,
// families and samples.
func ParseTextureName(name string) (TextureID, bool) {
	m := textureName.FindStringSubmatch(name)
	if m == nil {
		return TextureID{}, false
	}
	family, _ := strconv.Atoi(m[2])
	sample, _ := strconv.Atoi(m[3])
	id := TextureID{Type: Texture, Family: 1 + slices.Index(familyNumbers[:], family), Sample: sample}
	if m[1] == "noise" {
		id.Type = Noise
	}
	return id, id.Valid()
}

// The two ways in which a texture is shown.
var (
	// PropertyAperture is that of the texture properties: 8 degrees, the image at Center.
	PropertyAperture = Aperture{Pixels: 640, Degrees: 8, shift: shift}
	// PredictivityAperture is that of the recorded responses: 4 degrees, the image in the middle.
	PredictivityAperture = Aperture{Pixels: TexturePixels, Degrees: TextureDegrees}
)

// Aperture shows a texture through a window that fades to gray as half a period of a cosine.
type Aperture struct {
	Pixels  int     // width and height of the result
	Degrees float64 // its visual angle
	shift   int
}

// Apply writes into dst (Pixels×Pixels) the gray image src (TexturePixels×TexturePixels) seen
// through the aperture: trunc((src-128)·mask + 128). It panics when lengths do not fit.
func (a Aperture) Apply(dst, src []uint8) {
	if len(src) != TexturePixels*TexturePixels || len(dst) != a.Pixels*a.Pixels {
		panic("stimulus: texture of another size")
	}
	Fill(dst, Gray)
	corner := a.Pixels/2 + a.shift - TexturePixels/2
	mask := apertureMask()
	for y := range TexturePixels {
		out := dst[(corner+y)*a.Pixels+corner:]
		for x := range TexturePixels {
			at := y*TexturePixels + x
			level := float64((float64(src[at]) - Gray) * mask[at])
			out[x] = uint8(level + Gray)
		}
	}
}

// apertureMask is half a period of a cosine over the distance from the middle, 0 beyond the edge.
var apertureMask = sync.OnceValue(func() []float64 {
	const radius = TexturePixels / 2
	mask := make([]float64, TexturePixels*TexturePixels)
	for i := range mask {
		v, u := i/TexturePixels-radius, i%TexturePixels-radius
		if square := u*u + v*v; square < radius*radius {
			mask[i] = 0.5 * (1 + math.Cos(math.Sqrt(float64(square))/radius*math.Pi))
		}
	}
	return mask
})
