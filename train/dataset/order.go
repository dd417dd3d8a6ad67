package dataset

import "math/rand/v2"

// The uses of randomness, each with its own stream, so that one does not shift another.
const (
	useOrder   uint64 = 0x6f72646572 // order of an epoch
	useAugment uint64 = 0x6175676d65 // crop and mirroring of an image
	useDraw    uint64 = 0x64726177   // numbers that go to the network with a step
)

// stream is the random source of one use, for a seed and a counter.
func stream(use, seed, counter uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed^use<<20, counter))
}

// order is the permutation of n images in an epoch, which depends on the seed and the epoch alone.
func order(seed uint64, epoch, n int) []int {
	return stream(useOrder, seed, uint64(epoch)).Perm(n)
}
