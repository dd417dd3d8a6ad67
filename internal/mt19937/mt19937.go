// Package mt19937 is the Mersenne Twister with the draws of numpy's legacy RandomState, so that a
// seed gives the resamples and cross-validation folds that the reference programs of this field
// give.
//
// Source: M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed
// uniform pseudorandom number generator", ACM TOMACS 8 (1998) 3–30.
package mt19937

import "math/bits"

const (
	stateLen  = 624
	shift     = 397
	upperMask = 0x80000000
	lowerMask = 0x7fffffff
	twistXor  = 0x9908b0df
)

// Source is a generator. It is not safe for concurrent use.
type Source struct {
	state [stateLen]uint32
	out   [stateLen]uint32 // the tempered state
	next  int              // first unused place of out
}

// New returns a generator seeded as numpy.random.RandomState(seed).
func New(seed uint32) *Source {
	s := &Source{next: stateLen}
	s.state[0] = seed
	for i := uint32(1); i < stateLen; i++ {
		prev := s.state[i-1]
		s.state[i] = 1812433253*(prev^(prev>>30)) + i
	}
	return s
}

// refill makes the next 624 outputs.
func (s *Source) refill() {
	st := &s.state
	for i := 0; i < stateLen-shift; i++ {
		st[i] = st[i+shift] ^ twist(st[i], st[i+1])
	}
	for i := stateLen - shift; i < stateLen-1; i++ {
		st[i] = st[i+shift-stateLen] ^ twist(st[i], st[i+1])
	}
	st[stateLen-1] = st[shift-1] ^ twist(st[stateLen-1], st[0])
	for i, y := range st {
		y ^= y >> 11
		y ^= y << 7 & 0x9d2c5680
		y ^= y << 15 & 0xefc60000
		s.out[i] = y ^ y>>18
	}
	s.next = 0
}

func twist(a, b uint32) uint32 {
	y := a&upperMask | b&lowerMask
	return y>>1 ^ -(y&1)&twistXor
}

// Uint32 returns the next output of the generator.
func (s *Source) Uint32() uint32 {
	if s.next == stateLen {
		s.refill()
	}
	s.next++
	return s.out[s.next-1]
}

// Float64 returns a number in [0, 1) with 53 random bits, as RandomState.random_sample.
func (s *Source) Float64() float64 {
	a, b := s.Uint32()>>5, s.Uint32()>>6
	return (float64(a)*67108864 + float64(b)) / 9007199254740992
}

// Bounded returns an integer in [0, m]. It draws nothing when m is 0.
func (s *Source) Bounded(m uint32) uint32 {
	if m == 0 {
		return 0
	}
	mask := uint32(1)<<bits.Len32(m) - 1 // bits.Len32 = 32 gives 1<<32 - 1 = all ones
	for {
		if v := s.Uint32() & mask; v <= m {
			return v
		}
	}
}

// Choice fills dst with indices drawn with replacement from [0, n), as RandomState.choice(n,
// len(dst)). It panics when n < 1 and dst is not empty.
func (s *Source) Choice(dst []int32, n int) {
	if n < 1 && len(dst) > 0 {
		panic("mt19937: choice from nothing")
	}
	if n <= 1 {
		clear(dst)
		return
	}
	m := uint32(n - 1)
	mask := uint32(1)<<bits.Len32(m) - 1
	for k := 0; k < len(dst); {
		if s.next == stateLen {
			s.refill()
		}
		taken := s.next
		for _, v := range s.out[s.next:] {
			taken++
			v &= mask
			dst[k] = int32(v)
			// Whether a draw is kept is a coin toss, which a branch would mispredict: 1 where v <= m.
			k += int((uint64(v) - uint64(m) - 1) >> 63)
			if k == len(dst) {
				break
			}
		}
		s.next = taken
	}
}

// Shuffle permutes list in place, as RandomState.shuffle.
func (s *Source) Shuffle(list []int) {
	for i := len(list) - 1; i > 0; i-- {
		j := s.Bounded(uint32(i))
		list[i], list[j] = list[j], list[i]
	}
}

// Permutation returns 0…n-1 in random order, as RandomState.permutation(n).
func (s *Source) Permutation(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	s.Shuffle(list)
	return list
}

// ChoiceWithoutReplacement returns k different indices of [0, n), as RandomState.choice(n, k,
// replace=False): the first k of a permutation. It panics when k > n.
func (s *Source) ChoiceWithoutReplacement(n, k int) []int {
	return s.Permutation(n)[:k]
}
