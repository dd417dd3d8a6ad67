package network

import (
	"slices"

	"striate/internal/fault"
)

// Flags are the command-line flags that describe a network: a preset and what departs from it. The
// tags are those of alecthomas/kong; zero values keep what the preset has.
type Flags struct {
	Network string   `help:"Network of the paper: resnet50, center_surround, local_rf, div_norm, tuned_norm, cortical_magnification, composite_a to composite_g." default:"resnet50"`
	Classes int      `help:"Number of classes (preset: 1000)."`
	Size    int      `help:"Height and width of the input, pixels (preset: 64)."`
	Width   int      `help:"Channels of conv1 (preset: 64)."`
	Blocks  []int    `help:"Blocks of layer1 to layer4 (preset: 3,4,6,3)." placeholder:"N,N,N,N"`
	Pool    Pool     `help:"Instead of the preset's: max or polar (cortical magnification)."`
	V1      []Conv   `help:"Spatial stage of each block of layer1, instead of the preset's: conv, dog (3x3 convolution and difference of Gaussians) or local." placeholder:"STAGE,..." name:"v1"`
	Norm    Norm     `help:"Normalisation of the blocks of layer1, instead of the preset's: none, divisive or tuned."`
	Dropout *float64 `help:"Dropout of channels before local receptive fields, instead of the preset's."`
	DoG     DoG      `help:"Kernel of the difference of Gaussians: coded (as the authors coded it) or classical." default:"coded" name:"dog"`
}

// Description returns the network described, or why it cannot work.
func (f Flags) Description() (Description, error) {
	name := f.Network
	if name == "" {
		name = "resnet50"
	}
	d, err := Preset(name)
	if err != nil {
		return Description{}, fault.Misusef("%w", err)
	}
	override(&d.Classes, f.Classes)
	override(&d.Size, f.Size)
	override(&d.Width, f.Width)
	override(&d.DoG, f.DoG)
	if f.Blocks != nil {
		d = d.WithBlocks(f.Blocks...)
	}
	paper := slices.Clone(d.V1)
	pool := d.Pool
	override(&d.Pool, f.Pool)
	if f.V1 != nil && len(f.V1) != len(d.V1) {
		return Description{}, fault.Invalidf("--v1 names %d spatial stages, but layer1 has %d blocks: give one for each", len(f.V1), len(d.V1))
	}
	for k := range d.V1 {
		b := &d.V1[k]
		if f.V1 != nil {
			*b = Block{Conv: f.V1[k], Norm: b.Norm}
		}
		override(&b.Norm, f.Norm)
		if f.Dropout != nil && b.Conv == Local {
			b.Dropout = *f.Dropout
		}
	}
	if pool != d.Pool || !slices.EqualFunc(paper, d.V1, sameParameters) {
		d.Name, d.Naming = name+"+", CompositeNames
	}
	return d, d.Validate()
}

// sameParameters tells whether two blocks have the same parameters: dropout has none.
func sameParameters(a, b Block) bool { return a.Conv == b.Conv && a.Norm == b.Norm }

// override sets *p to v unless v is zero.
func override[T comparable](p *T, v T) {
	var zero T
	if v != zero {
		*p = v
	}
}
