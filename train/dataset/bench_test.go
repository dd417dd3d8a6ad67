package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/sharedtest"
)

// Decoding, cutting and packing on one core: images a second are 1e9 over ns/op.
func BenchmarkTransform(b *testing.B) {
	for _, c := range []struct {
		name, file, split string
		transform         Transform
	}{
		{"imagenet-originals", "imagenet_originals.zip", "", ImageNet},
		{"tiny-64", "tin10_mini.zip", "train", Tiny},
	} {
		b.Run(c.name, func(b *testing.B) {
			path := sharedtest.Path(b, "data/images/"+c.file)
			if c.split == "" {
				path, c.split = repacked(b, path), "train"
			}
			split := openSplit(b, path, c.split)
			l := NewLoader(split, Options{Batch: 1, Size: 64, Transform: c.transform})
			images, labels := make([]uint8, 3*64*64), make([]int32, 1)
			i := 0
			for b.Loop() {
				require.NoError(b, l.fillTraining(plan{indices: []int{i % len(split.Samples)}}, images, labels))
				i++
			}
		})
	}
}
