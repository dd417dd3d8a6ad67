package jpegturbo

// The transform works on 13-bit fractions and keeps 2 extra bits between its two passes.
const (
	constBits = 13
	passBits  = 2
)

// Cosines of Loeffler et al. in 13 bits, named by their values.
const (
	fix0298 = 2446
	fix0390 = 3196
	fix0541 = 4433
	fix0765 = 6270
	fix0899 = 7373
	fix1175 = 9633
	fix1501 = 12299
	fix1847 = 15137
	fix1961 = 16069
	fix2053 = 16819
	fix2562 = 20995
	fix3072 = 25172
)

func descale(x int32, n uint) int32 { return (x + 1<<(n-1)) >> n }

// forward transforms a block of samples less 128 in place; the result is 8 times the DCT of T.81.
func forward(b *[64]int32) {
	for at := 0; at < 64; at += 8 {
		r := (*[8]int32)(b[at:])
		forward8(&r[0], &r[1], &r[2], &r[3], &r[4], &r[5], &r[6], &r[7], constBits-passBits)
		r[0] <<= passBits
		r[4] <<= passBits
	}
	for x := range 8 {
		forward8(&b[x], &b[8+x], &b[16+x], &b[24+x], &b[32+x], &b[40+x], &b[48+x], &b[56+x], constBits+passBits)
		b[x] = descale(b[x], passBits)
		b[32+x] = descale(b[32+x], passBits)
	}
}

// forward8 is the one-dimensional transform; outputs 0 and 4 are left unscaled, the others are
// descaled by n bits.
func forward8(p0, p1, p2, p3, p4, p5, p6, p7 *int32, n uint) {
	t0, t7 := *p0+*p7, *p0-*p7
	t1, t6 := *p1+*p6, *p1-*p6
	t2, t5 := *p2+*p5, *p2-*p5
	t3, t4 := *p3+*p4, *p3-*p4

	t10, t13 := t0+t3, t0-t3
	t11, t12 := t1+t2, t1-t2
	*p0, *p4 = t10+t11, t10-t11
	z1 := (t12 + t13) * fix0541
	*p2 = descale(z1+t13*fix0765, n)
	*p6 = descale(z1-t12*fix1847, n)

	z1, z2, z3, z4 := t4+t7, t5+t6, t4+t6, t5+t7
	z5 := (z3 + z4) * fix1175
	z1, z2 = -z1*fix0899, -z2*fix2562
	z3, z4 = z5-z3*fix1961, z5-z4*fix0390
	*p7 = descale(t4*fix0298+z1+z3, n)
	*p5 = descale(t5*fix2053+z2+z4, n)
	*p3 = descale(t6*fix3072+z2+z3, n)
	*p1 = descale(t7*fix1501+z1+z4, n)
}

// inverse transforms a dequantised block and writes its samples, 128 added and cut to 0..255, to
// the 8 rows of dst that are stride apart. The block is overwritten.
func inverse(b *[64]int32, dst []uint8, stride int) {
	for x := range 8 {
		if b[8+x]|b[16+x]|b[24+x]|b[32+x]|b[40+x]|b[48+x]|b[56+x] == 0 {
			dc := b[x] << passBits
			for y := 0; y < 64; y += 8 {
				b[y+x] = dc
			}
			continue
		}
		const n = constBits - passBits
		e0, e1, e2, e3, o0, o1, o2, o3 := inverse8(b[x], b[8+x], b[16+x], b[24+x], b[32+x], b[40+x], b[48+x], b[56+x])
		b[x], b[56+x] = descale(e0+o0, n), descale(e0-o0, n)
		b[8+x], b[48+x] = descale(e1+o1, n), descale(e1-o1, n)
		b[16+x], b[40+x] = descale(e2+o2, n), descale(e2-o2, n)
		b[24+x], b[32+x] = descale(e3+o3, n), descale(e3-o3, n)
	}
	const n = constBits + passBits + 3
	for y := range 8 {
		r, out := (*[8]int32)(b[8*y:]), (*[8]uint8)(dst[y*stride:])
		e0, e1, e2, e3, o0, o1, o2, o3 := inverse8(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		out[0], out[7] = clip(descale(e0+o0, n)+128), clip(descale(e0-o0, n)+128)
		out[1], out[6] = clip(descale(e1+o1, n)+128), clip(descale(e1-o1, n)+128)
		out[2], out[5] = clip(descale(e2+o2, n)+128), clip(descale(e2-o2, n)+128)
		out[3], out[4] = clip(descale(e3+o3, n)+128), clip(descale(e3-o3, n)+128)
	}
}

// inverseDC is inverse for a block of which only the mean is not zero.
func inverseDC(dc int32, dst []uint8, stride int) {
	v := clip(descale(dc<<passBits<<constBits, constBits+passBits+3) + 128)
	for y := range 8 {
		out := (*[8]uint8)(dst[y*stride:])
		*out = [8]uint8{v, v, v, v, v, v, v, v}
	}
}

// inverse8 is the one-dimensional transform, unscaled, as the parts e from even and o from odd inputs:
// outputs i and 7−i are e[i] ± o[i].
func inverse8(p0, p1, p2, p3, p4, p5, p6, p7 int32) (e0, e1, e2, e3, o0, o1, o2, o3 int32) {
	z1 := (p2 + p6) * fix0541
	t2, t3 := z1-p6*fix1847, z1+p2*fix0765
	t0, t1 := (p0+p4)<<constBits, (p0-p4)<<constBits
	e0, e3 = t0+t3, t0-t3
	e1, e2 = t1+t2, t1-t2

	z1, z2, z3, z4 := p7+p1, p5+p3, p7+p3, p5+p1
	z5 := (z3 + z4) * fix1175
	z1, z2 = -z1*fix0899, -z2*fix2562
	z3, z4 = z5-z3*fix1961, z5-z4*fix0390
	o3 = p7*fix0298 + z1 + z3
	o2 = p5*fix2053 + z2 + z4
	o1 = p3*fix3072 + z2 + z3
	o0 = p1*fix1501 + z1 + z4
	return e0, e1, e2, e3, o0, o1, o2, o3
}

func clip(v int32) uint8 {
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return uint8(v)
}
