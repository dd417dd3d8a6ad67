// Package jpegturbo reads and writes JPEG files with the arithmetic of libjpeg-turbo as Pillow and
// OpenCV call it: the accurate integer DCT and the triangle filter that enlarges subsampled chroma.
// Decoded pixels are equal to theirs to the bit, which the standard library's are not (its chroma
// is repeated, not interpolated, and differs by tens of levels at coloured edges). Networks are
// trained and published scores are measured on images decoded that way.
//
// Decode reads sequential and progressive Huffman-coded files of 8 bits: grey, YCbCr of any
// integral subsampling, RGB, CMYK and YCCK, with restart intervals. Encode writes what Pillow's
// save writes for an RGB image with optimize set. Recode does the lossy part of both in memory.
// One thing differs: libjpeg smooths the blocks of a progressive file whose later scans are
// missing, Decode shows what is there.
//
// Sources: ITU-T Recommendation T.81 (1992) for the format and its sections cited below; Loeffler,
// Ligtenberg and Moschytz (1989), "Practical fast 1-D DCT algorithms with 11 multiplications",
// for the transform.
package jpegturbo

import "fmt"

// FormatError reports a file that is not a JPEG, is damaged or ends early.
type FormatError string

// Error returns the reason.
func (e FormatError) Error() string { return "damaged JPEG: " + string(e) }

// UnsupportedError reports a kind of JPEG that Decode does not read: arithmetic coding, lossless,
// hierarchical, 12 bits.
type UnsupportedError string

// Error returns what is unsupported.
func (e UnsupportedError) Error() string { return "JPEG with " + string(e) + " is not supported" }

// LimitError reports an image of more pixels than the caller allows.
type LimitError struct{ Width, Height, MaxPixels int }

// Error states the size and the limit.
func (e LimitError) Error() string {
	return fmt.Sprintf("JPEG of %d×%d pixels is over the limit of %d pixels", e.Width, e.Height, e.MaxPixels)
}

// zigzag maps the position in the order of coding to row*8+column (T.81, figure A.6).
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}

// The example quantisation tables of T.81, annex K.1, in row order.
var (
	baseLuminance = [64]int32{
		16, 11, 10, 16, 24, 40, 51, 61,
		12, 12, 14, 19, 26, 58, 60, 55,
		14, 13, 16, 24, 40, 57, 69, 56,
		14, 17, 22, 29, 51, 87, 80, 62,
		18, 22, 37, 56, 68, 109, 103, 77,
		24, 35, 55, 64, 81, 104, 113, 92,
		49, 64, 78, 87, 103, 121, 120, 101,
		72, 92, 95, 98, 112, 100, 103, 99,
	}
	baseChrominance = [64]int32{
		17, 18, 24, 47, 99, 99, 99, 99,
		18, 21, 26, 66, 99, 99, 99, 99,
		24, 26, 56, 99, 99, 99, 99, 99,
		47, 66, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99,
	}
)

// scaled returns base scaled to a quality of 1..100, in row order, each within 1..255.
func scaled(base *[64]int32, quality int) (t [64]int32) {
	scale := int32(200 - 2*quality)
	if quality < 50 {
		scale = int32(5000 / quality)
	}
	for i, b := range base {
		t[i] = min(max((b*scale+50)/100, 1), 255)
	}
	return t
}

func checkQuality(quality int) {
	if quality < 1 || quality > 100 {
		panic(fmt.Sprintf("jpegturbo: quality %d outside 1..100", quality))
	}
}

func checkImage(pix []uint8, width, height int) {
	if width <= 0 || height <= 0 || width > 65500 || height > 65500 || len(pix) != width*height*3 {
		panic(fmt.Sprintf("jpegturbo: %d samples as an RGB image of %d×%d", len(pix), width, height))
	}
}
