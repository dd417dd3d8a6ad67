package network

import "strconv"

// The deterministic filling of parameters by name: the same numbers in any framework and memory
// layout, so that implementations can be compared value by value. Hash of the name (FNV-1a, Fowler,
// Noll and Vo), then a counter-based generator (SplitMix64; Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014).

// Stream is a sequence of numbers that depends on a name, a seed and an index alone.
type Stream uint64

// NewStream returns the stream of a name. Seeds other than 0 count as part of the name.
func NewStream(name string, seed uint64) Stream {
	if seed != 0 {
		name += "#" + strconv.FormatUint(seed, 10)
	}
	h := uint64(0xCBF29CE484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001B3
	}
	return Stream(h)
}

// Word returns number i of the stream, 64 random bits.
func (s Stream) Word(i int) uint64 {
	z := uint64(s) + uint64(i) + 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Uniform returns number i of the stream in [0,1), a multiple of 2⁻²⁴ and so exact in float32.
func (s Stream) Uniform(i int) float64 { return float64(s.Word(i)>>40) * 0x1p-24 }

// Fill sets dst[i] = lo + span·Uniform(i), rounded once to float32. Bounds that are multiples of
// 2⁻¹⁶ below 64 make the sum exact, so that every machine gives the same bits.
func (s Stream) Fill(dst []float32, lo, span float64) {
	for i := range dst {
		dst[i] = float32(lo + span*s.Uniform(i))
	}
}
