package jpegturbo

// Fractions of 16 bits of the matrix of JFIF 1.02 (ITU-R BT.601, full range).
const half16 = 1 << 15

// toYCC splits the RGB pixels of one row.
func toYCC(y, cb, cr, rgb []uint8) {
	cb, cr = cb[:len(y)], cr[:len(y)]
	for i := range y {
		p := rgb[3*i : 3*i+3 : 3*i+3]
		r, g, b := int32(p[0]), int32(p[1]), int32(p[2])
		y[i] = uint8((19595*r + 38470*g + 7471*b + half16) >> 16)
		cb[i] = uint8((-11059*r - 21709*g + 32768*b + 128<<16 + half16 - 1) >> 16)
		cr[i] = uint8((32768*r - 27439*g - 5329*b + 128<<16 + half16 - 1) >> 16)
	}
}

// chromaTables hold the products of the inverse matrix for each chroma value.
var chromaTables = func() (t struct{ crR, cbB, crG, cbG [256]int32 }) {
	for i := range int32(256) {
		c := i - 128
		t.crR[i] = (91881*c + half16) >> 16
		t.cbB[i] = (116130*c + half16) >> 16
		t.crG[i] = -46802 * c
		t.cbG[i] = -22554*c + half16
	}
	return t
}()

// toRGB joins one row of Y, Cb and Cr into RGB pixels.
func toRGB(rgb, y, cb, cr []uint8) {
	t := &chromaTables
	cb, cr = cb[:len(y)], cr[:len(y)]
	for i, l := range y {
		p := rgb[3*i : 3*i+3 : 3*i+3]
		b, r := cb[i], cr[i]
		p[0] = clip(int32(l) + t.crR[r])
		p[1] = clip(int32(l) + (t.cbG[b]+t.crG[r])>>16)
		p[2] = clip(int32(l) + t.cbB[b])
	}
}

// inkToRGB turns one row of CMYK as Adobe's programs store it (255 = no ink) into RGB pixels, as
// Pillow's convert("RGB") does.
func inkToRGB(rgb, c, m, y, k []uint8) {
	for i, key := range k {
		for j, ink := range [3]uint8{c[i], m[i], y[i]} {
			// Pillow's MULDIV255 of the ink and what the black leaves.
			t := uint32(255-ink)*uint32(key) + 128
			rgb[3*i+j] = clip(int32(key) - int32((t>>8+t)>>8))
		}
	}
}
