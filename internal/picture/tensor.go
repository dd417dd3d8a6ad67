package picture

import "fmt"

// Normaliser maps 8-bit pixels to what a network reads: value/255, less the mean, over the standard
// deviation, in float32 as torchvision's ToTensor and Normalize do.
type Normaliser struct {
	channels int
	table    [3][256]float32 // of each network channel
	source   [3]int          // RGB sample that network channel c reads
}

// NewNormaliser takes the number of channels of the network's input (1 or 3), mean and standard
// deviation (1 or 3 entries) and whether the first channel is blue. It panics on other counts.
func NewNormaliser(channels int, mean, std []float64, bgr bool) *Normaliser {
	if (channels != 1 && channels != 3) || len(mean) != len(std) || (len(mean) != 1 && len(mean) != 3) {
		panic(fmt.Sprintf("picture: normaliser of %d channels with %d means and %d deviations", channels, len(mean), len(std)))
	}
	n := &Normaliser{channels: channels, source: [3]int{0, 1, 2}}
	if bgr {
		n.source = [3]int{2, 1, 0}
	}
	for c := range channels {
		k := min(c, len(mean)-1)
		m, s := float32(mean[k]), float32(std[k])
		for v := range 256 {
			n.table[c][v] = (float32(v)/255 - m) / s
		}
	}
	return n
}

// Apply writes count images of pixels pixels each (8-bit RGB, interleaved) to dst as N×C×H×W. A
// network of one channel gets the luma of ITU-R 601, as Pillow's convert("L") rounds it.
func (n *Normaliser) Apply(dst []float32, rgb []uint8, count, pixels int) {
	if len(rgb) != count*pixels*3 || len(dst) != count*pixels*n.channels {
		panic(fmt.Sprintf("picture: %d samples and %d places for %d images of %d pixels", len(rgb), len(dst), count, pixels))
	}
	for i := range count {
		in := rgb[i*pixels*3 : (i+1)*pixels*3]
		if n.channels == 1 {
			out := dst[i*pixels : (i+1)*pixels]
			for p := range out {
				luma := (19595*uint32(in[3*p]) + 38470*uint32(in[3*p+1]) + 7471*uint32(in[3*p+2]) + 0x8000) >> 16
				out[p] = n.table[0][luma]
			}
			continue
		}
		for c := range 3 {
			out := dst[(i*3+c)*pixels : (i*3+c+1)*pixels]
			table, at := &n.table[c], n.source[c]
			for p := range out {
				out[p] = table[in[3*p+at]]
			}
		}
	}
}
