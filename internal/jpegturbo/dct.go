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
		inverse8(&b[x], &b[8+x], &b[16+x], &b[24+x], &b[32+x], &b[40+x], &b[48+x], &b[56+x], constBits-passBits)
	}
	for y := range 8 {
		r := (*[8]int32)(b[8*y:])
		inverse8(&r[0], &r[1], &r[2], &r[3], &r[4], &r[5], &r[6], &r[7], constBits+passBits+3)
		out := (*[8]uint8)(dst[y*stride:])
		for x, v := range r {
			out[x] = clip(v + 128)
		}
	}
}

func inverse8(p0, p1, p2, p3, p4, p5, p6, p7 *int32, n uint) {
	z1 := (*p2 + *p6) * fix0541
	t2, t3 := z1-*p6*fix1847, z1+*p2*fix0765
	t0, t1 := (*p0+*p4)<<constBits, (*p0-*p4)<<constBits
	t10, t13 := t0+t3, t0-t3
	t11, t12 := t1+t2, t1-t2

	t0, t1, t2, t3 = *p7, *p5, *p3, *p1
	z1, z2, z3, z4 := t0+t3, t1+t2, t0+t2, t1+t3
	z5 := (z3 + z4) * fix1175
	z1, z2 = -z1*fix0899, -z2*fix2562
	z3, z4 = z5-z3*fix1961, z5-z4*fix0390
	t0 = t0*fix0298 + z1 + z3
	t1 = t1*fix2053 + z2 + z4
	t2 = t2*fix3072 + z2 + z3
	t3 = t3*fix1501 + z1 + z4

	*p0, *p7 = descale(t10+t3, n), descale(t10-t3, n)
	*p1, *p6 = descale(t11+t2, n), descale(t11-t2, n)
	*p2, *p5 = descale(t12+t1, n), descale(t12-t1, n)
	*p3, *p4 = descale(t13+t0, n), descale(t13-t0, n)
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
