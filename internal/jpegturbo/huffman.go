package jpegturbo

// huffmanSpec is a code as a DHT segment states it: how many codes of each length 1..16, and the
// symbols in order of their codes.
type huffmanSpec struct {
	counts  [17]uint8
	symbols []uint8
}

// optimal builds the code of T.81, annex K.2: Huffman's construction with lengths cut to 16 bits
// and no code of ones only, for which an extra symbol 256 of frequency 1 holds the place. Among
// equal frequencies the larger symbol goes first. freq is used up.
func optimal(freq *[257]int) (spec huffmanSpec) {
	var size, next [257]int
	for i := range next {
		next[i] = -1
	}
	freq[256] = 1
	var room [257]int
	alive := room[:0] // symbols that stand for a tree, in order
	for s, f := range freq {
		if f > 0 {
			alive = append(alive, s)
		}
	}
	for len(alive) > 1 {
		i := rarest(freq, alive, -1)
		j := rarest(freq, alive, i)
		a, b := alive[i], alive[j]
		freq[a] += freq[b]
		alive = append(alive[:j], alive[j+1:]...)
		end := lengthen(&size, &next, a)
		next[end] = b
		lengthen(&size, &next, b)
	}
	var counts [258]int
	for _, s := range size {
		if s > 0 {
			counts[s]++
		}
	}
	for i := len(counts) - 1; i > 16; i-- {
		for counts[i] > 0 { // a pair moves up: one takes its parent's place, one hangs beside a shorter code
			j := i - 2
			for counts[j] == 0 {
				j--
			}
			counts[i] -= 2
			counts[i-1]++
			counts[j+1] += 2
			counts[j]--
		}
	}
	longest := 16
	for counts[longest] == 0 {
		longest--
	}
	counts[longest]-- // the place of symbol 256
	for i := range spec.counts {
		spec.counts[i] = uint8(counts[i])
	}
	for length := 1; length < len(counts); length++ {
		for s := range 256 {
			if size[s] == length {
				spec.symbols = append(spec.symbols, uint8(s))
			}
		}
	}
	return spec
}

// rarest returns the place in alive of the symbol with the lowest frequency besides the one at
// except, the last of several.
func rarest(freq *[257]int, alive []int, except int) int {
	found := -1
	for i, s := range alive {
		if i != except && (found < 0 || freq[s] <= freq[alive[found]]) {
			found = i
		}
	}
	return found
}

// lengthen adds a bit to every symbol of the chain that starts at s and returns its end.
func lengthen(size, next *[257]int, s int) int {
	size[s]++
	for next[s] >= 0 {
		s = next[s]
		size[s]++
	}
	return s
}

// codes returns code and length of each symbol (T.81, annex C).
func (s *huffmanSpec) codes() (code [256]uint32, length [256]uint8) {
	next, at := uint32(0), 0
	for l := 1; l <= 16; l++ {
		for range s.counts[l] {
			code[s.symbols[at]], length[s.symbols[at]] = next, uint8(l)
			next++
			at++
		}
		next <<= 1
	}
	return code, length
}

// lookBits is how many bits the first look-up of a decoder resolves.
const lookBits = 9

// huffmanTable decodes one code.
type huffmanTable struct {
	look    [1 << lookBits]uint16 // length<<8 | symbol, 0 for longer codes
	limit   [18]int32             // per length: the first code that is too large, left-aligned to 16 bits
	offset  [17]int32             // per length: index of the first symbol less its code
	symbols [256]uint8
	defined bool
}

// build fills the table. It fails when the lengths over-subscribe the code space.
func (t *huffmanTable) build(s *huffmanSpec) error {
	*t = huffmanTable{defined: true}
	copy(t.symbols[:], s.symbols)
	code, at := int32(0), int32(0)
	for l := 1; l <= 16; l++ {
		t.offset[l] = at - code
		for range s.counts[l] {
			if l <= lookBits {
				entry := uint16(l)<<8 | uint16(s.symbols[at])
				first := code << (lookBits - l)
				for i := range int32(1) << (lookBits - l) {
					if first+i < int32(len(t.look)) {
						t.look[first+i] = entry
					}
				}
			}
			code++
			at++
		}
		if code > 1<<l {
			return FormatError("more Huffman codes than their lengths allow")
		}
		t.limit[l] = code << (16 - l)
		code <<= 1
	}
	t.limit[17] = 1 << 30
	return nil
}
