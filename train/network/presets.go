package network

import (
	"slices"
	"strings"

	"striate/internal/fault"
)

// preset is a network of the paper: its pooling, the spatial stage of the first blocks of layer1
// and of the last, and the normalisation of all of them.
type preset struct {
	name        string
	pool        Pool
	first, last Conv
	norm        Norm
	dropout     float64 // before the last spatial stage
	naming      Naming
}

// presets in the order of the paper. Composite d max-pools, whatever its docstring says: the
// authors' code switches cortical magnification off.
var presets = []preset{
	{"resnet50", MaxPool, Plain, Plain, NoNorm, 0, TorchvisionNames},
	{"center_surround", MaxPool, PlainDoG, PlainDoG, NoNorm, 0, CenterSurroundNames},
	{"local_rf", MaxPool, Plain, Local, NoNorm, 0.5, LocalNames},
	{"div_norm", MaxPool, Plain, Plain, Divisive, 0, CompositeNames},
	{"tuned_norm", MaxPool, Plain, Plain, Tuned, 0, CompositeNames},
	{"cortical_magnification", Polar, Plain, Plain, NoNorm, 0, SequentialNames},
	{"composite_a", Polar, PlainDoG, Local, Tuned, 0, CompositeNames},
	{"composite_b", Polar, Plain, Local, Tuned, 0, CompositeNames},
	{"composite_c", Polar, PlainDoG, Local, NoNorm, 0, CompositeNames},
	{"composite_d", MaxPool, PlainDoG, Local, Tuned, 0, CompositeNames},
	{"composite_e", Polar, Plain, Plain, Tuned, 0, CompositeNames},
	{"composite_f", Polar, Plain, Local, NoNorm, 0, CompositeNames},
	{"composite_g", MaxPool, Plain, Local, Tuned, 0, CompositeNames},
}

// Presets returns the names of the networks of the paper, in its order.
func Presets() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// Preset returns a network of the paper by name, at the paper's size: 64×64 pixels, width 64,
// blocks 3, 4, 6, 3, and 1000 classes.
func Preset(name string) (Description, error) {
	i := slices.IndexFunc(presets, func(p preset) bool { return p.name == name })
	if i < 0 {
		return Description{}, fault.NotFoundf("network %q is not known: take one of %s", name, strings.Join(Presets(), ", "))
	}
	p := presets[i]
	first, last := Block{Conv: p.first, Norm: p.norm}, Block{Conv: p.last, Norm: p.norm, Dropout: p.dropout}
	return Description{
		Name: p.name, Size: 64, Classes: 1000, Width: 64, Blocks: []int{3, 4, 6, 3},
		Pool: p.pool, V1: []Block{first, first, last}, DoG: CodedDoG, Naming: p.naming,
	}, nil
}
