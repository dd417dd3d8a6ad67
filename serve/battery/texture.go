package battery

import (
	"fmt"
	"path/filepath"

	"striate/analysis/stimulus"
	"striate/internal/fault"
	"striate/internal/picture"
	"striate/internal/provenance"
)

// loadTextures reads the folder of textures and noise; nil where no folder was given.
func (r *run) loadTextures() ([][]uint8, error) {
	if r.Textures == "" {
		return nil, nil
	}
	images, digest, err := ReadTextures(r.Textures)
	if err != nil {
		return nil, err
	}
	if r.store.dir != "" { // their pixels are not known to the program
		r.store.dir += "-" + digest
	}
	return images, nil
}

// ReadTextures reads the 450 gray images of the Freeman–Ziemba set from a folder, in canonical order,
// and returns a digest of their pixels. A missing image is an error.
func ReadTextures(dir string) (images [][]uint8, digest string, err error) {
	const pixels = stimulus.TexturePixels
	var all []byte
	for _, id := range stimulus.TextureIDs() {
		path := filepath.Join(dir, id.FileName())
		img, _, err := picture.ReadFile(path, picture.Limits{})
		if err != nil {
			if fault.CodeOf(err) == fault.NotFound {
				return nil, "", fault.NotFoundf("%s is missing: the texture set is %d images named noise-320x320-im*-smp*.png and tex-320x320-im*-smp*.png",
					path, stimulus.SetLen(stimulus.TextureSet))
			}
			return nil, "", err
		}
		if img.Width != pixels || img.Height != pixels {
			return nil, "", fault.Invalidf("%s has %d×%d pixels: textures have %d×%d", path, img.Width, img.Height, pixels, pixels)
		}
		gray := make([]uint8, pixels*pixels)
		for i := range gray {
			gray[i] = img.Pix[3*i]
			if img.Pix[3*i+1] != gray[i] || img.Pix[3*i+2] != gray[i] {
				return nil, "", fault.Invalidf("%s is in colour: textures are gray", path)
			}
		}
		images = append(images, gray)
		all = append(all, gray...)
	}
	return images, fmt.Sprintf("%.16s", provenance.Digest(all)[len("sha256:"):]), nil
}

// drawTextures renders textures, seen through their aperture, at the network's input. It is not
// safe for concurrent use.
func drawTextures(images [][]uint8) draw {
	a := stimulus.PropertyAperture
	shown := make([]uint8, a.Pixels*a.Pixels)
	return func(view *stimulus.View, dst []uint8, i int) {
		a.Apply(shown, images[i])
		view.DrawImage(dst, shown, a.Pixels, a.Pixels, a.Degrees)
	}
}
