package network

import (
	"fmt"
	"slices"
	"strings"

	"striate/internal/fault"
)

// Pool is what stands between conv1 and layer1.
type Pool string

// The kinds of pooling.
const (
	MaxPool Pool = "max"   // 3×3 maximum, stride 2
	Polar   Pool = "polar" // cortical magnification: fixed log-polar sampling
)

// Conv is the spatial stage in the middle of a bottleneck block of layer1.
type Conv string

// The kinds of spatial stage.
const (
	Plain    Conv = "conv"  // 3×3 convolution
	PlainDoG Conv = "dog"   // 3×3 convolution, then a difference of Gaussians on a quarter of the channels
	Local    Conv = "local" // 3×3 local receptive fields: a kernel of its own at each position
)

// Norm is the normalisation that ends a block of layer1.
type Norm string

// The kinds of normalisation.
const (
	NoNorm   Norm = "none"
	Divisive Norm = "divisive" // by a weighted sum over neighbours in space and all channels
	Tuned    Norm = "tuned"    // by a weighted sum over channels, Gaussian in channel distance
)

// DoG is the kernel of the difference-of-Gaussians component.
type DoG string

// The kinds of difference of Gaussians; docs/networks.md compares them.
const (
	CodedDoG     DoG = "coded"     // as in the authors' published code
	ClassicalDoG DoG = "classical" // unit-volume Gaussians whose difference changes sign
)

// Naming is the way the authors' code names the parameters of a network.
type Naming string

// The authors built five of the networks from torchvision's and nine from a class of their own, so
// the names in their checkpoints differ. A new composition takes CompositeNames.
const (
	TorchvisionNames    Naming = "torchvision"     // conv1.weight, layer1.0.conv2.weight, fc.weight
	CenterSurroundNames Naming = "center_surround" // layer1.0.conv2.0.weight, layer1.0.conv2.1.dog_conv.sigma1
	LocalNames          Naming = "local_rf"        // layer1.2.conv2.1.weight
	SequentialNames     Naming = "sequential"      // 0.weight, 4.0.conv2.weight, 10.weight
	CompositeNames      Naming = "composite"       // layer1.0.conv2.conv.weight, layer1.0.dn.sigmas, lpp.pooling_masks
)

// Block is one bottleneck block of layer1.
type Block struct {
	Conv Conv `json:"conv"`
	Norm Norm `json:"norm"`
	// Dropout is the share of channels silenced in training before the spatial stage (0: none).
	Dropout float64 `json:"dropout,omitempty"`
}

// Description says everything about the architecture of a network. Its JSON form is the one of
// checkpoints and model cards.
type Description struct {
	Name    string  `json:"name"`
	Size    int     `json:"size"`    // height and width of the input, pixels
	Classes int     `json:"classes"` // outputs of the head
	Width   int     `json:"width"`   // channels of conv1; layer1 has 4×Width, layer4 32×Width
	Blocks  []int   `json:"blocks"`  // blocks of layer1, layer2, layer3, layer4
	Pool    Pool    `json:"pool"`
	V1      []Block `json:"v1"` // the blocks of layer1, Blocks[0] of them
	DoG     DoG     `json:"dog"`
	Naming  Naming  `json:"naming"`
}

// Expansion is the ratio of a bottleneck block's outer to its inner channels.
const expansion = 4

// Limits of a description: far above any use, low enough that no allocation surprises.
const (
	maxSize    = 1024
	maxWidth   = 1024
	maxClasses = 1 << 20
	maxBlocks  = 256
	minSize    = 8
)

// WithBlocks returns a copy with the number of blocks of each stage changed. The components of
// layer1 are carried over: the last block keeps those of the last, the others those of the first.
func (d Description) WithBlocks(blocks ...int) Description {
	v1 := d.V1
	d.Blocks = slices.Clone(blocks)
	d.V1 = nil
	if len(blocks) == 0 || blocks[0] < 1 || blocks[0] > maxBlocks || len(v1) == 0 {
		return d // Validate says what is wrong
	}
	d.V1 = slices.Repeat(v1[:1], blocks[0]-1)
	d.V1 = append(d.V1, v1[len(v1)-1])
	return d
}

// Validate reports the first reason why no network can be built from d.
func (d Description) Validate() error {
	switch {
	case d.Size < minSize || d.Size > maxSize:
		return fault.Invalidf("input size %d: must be %d to %d pixels", d.Size, minSize, maxSize)
	case d.Width < 1 || d.Width > maxWidth:
		return fault.Invalidf("width %d: must be 1 to %d channels", d.Width, maxWidth)
	case d.Classes < 1 || d.Classes > maxClasses:
		return fault.Invalidf("%d classes: must be 1 to %d", d.Classes, maxClasses)
	case len(d.Blocks) != 4:
		return fault.Invalidf("blocks %v: give four numbers, one for each of layer1 to layer4, such as 3,4,6,3", d.Blocks)
	}
	for i, n := range d.Blocks {
		if n < 1 || n > maxBlocks {
			return fault.Invalidf("blocks %v: layer%d must have 1 to %d blocks", d.Blocks, i+1, maxBlocks)
		}
	}
	if len(d.V1) != d.Blocks[0] {
		return fault.Invalidf("components of %d blocks given, but layer1 has %d: give one for each block", len(d.V1), d.Blocks[0])
	}
	if err := oneOf("pool", d.Pool, MaxPool, Polar); err != nil {
		return err
	}
	if err := oneOf("DoG variant", d.DoG, CodedDoG, ClassicalDoG); err != nil {
		return err
	}
	if err := oneOf("naming", d.Naming, TorchvisionNames, CenterSurroundNames, LocalNames, SequentialNames, CompositeNames); err != nil {
		return err
	}
	if d.Pool == Polar && (d.stemSize()%2 != 0 || d.stemSize() < minPolar) {
		return fault.Invalidf("input size %d: cortical magnification needs conv1's map to have an even side of at least %d pixels, here it has %d; take an input size of %d or more that is a multiple of 4",
			d.Size, minPolar, d.stemSize(), 2*minPolar)
	}
	for k, b := range d.V1 {
		if err := d.validateBlock(b); err != nil {
			return fault.Invalidf("block %d of layer1: %w", k, err)
		}
	}
	return nil
}

func (d Description) validateBlock(b Block) error {
	if err := oneOf("spatial stage", b.Conv, Plain, PlainDoG, Local); err != nil {
		return err
	}
	if err := oneOf("normalisation", b.Norm, NoNorm, Divisive, Tuned); err != nil {
		return err
	}
	if b.Dropout < 0 || b.Dropout >= 1 {
		return fault.Invalidf("dropout %g: must be at least 0 and below 1", b.Dropout)
	}
	if b.Conv == PlainDoG && d.Width%4 != 0 {
		return fault.Invalidf("the difference of Gaussians works on a quarter of the channels, so the width must be a multiple of 4, not %d", d.Width)
	}
	return nil
}

func oneOf[T ~string](what string, value T, known ...T) error {
	if slices.Contains(known, value) {
		return nil
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	return fault.Invalidf("%s %q is not known: take one of %s", what, value, strings.Join(names, ", "))
}

// stemSize is the side of conv1's map, v1Size that of layer1's.
func (d Description) stemSize() int { return (d.Size + 1) / 2 }
func (d Description) v1Size() int   { return (d.stemSize() + 1) / 2 }

// planes is the number of inner channels of the blocks of stage i = 0..3 (layer1..layer4).
func (d Description) planes(stage int) int { return d.Width << stage }

// Layers returns the names of the layers a finished network offers, in the order of the forward
// pass: conv1 (after batch normalisation and ReLU), pool, each block of layer1 (the last of which
// is V1), layer2, layer3, layer4, avgpool, logits.
func (d Description) Layers() []string {
	names := []string{"conv1", "pool"}
	for k := range d.V1 {
		names = append(names, fmt.Sprintf("layer1.%d", k))
	}
	return append(names, "layer2", "layer3", "layer4", "avgpool", "logits")
}

// V1Layer is the name of the layer that stands for V1: the last block of layer1.
func (d Description) V1Layer() string { return fmt.Sprintf("layer1.%d", len(d.V1)-1) }

// LayerShape returns channels, height and width of a layer of Layers; height and width are 1 for
// avgpool and logits, which have no space.
func (d Description) LayerShape(layer string) (channels, height, width int, err error) {
	size := d.v1Size()
	switch {
	case layer == "conv1":
		return d.Width, d.stemSize(), d.stemSize(), nil
	case layer == "pool":
		return d.Width, size, size, nil
	case layer == "avgpool":
		return expansion * d.planes(3), 1, 1, nil
	case layer == "logits":
		return d.Classes, 1, 1, nil
	case !slices.Contains(d.Layers(), layer):
		return 0, 0, 0, fault.NotFoundf("%s has no layer %q: take one of %s", d.Name, layer, strings.Join(d.Layers(), ", "))
	}
	stage := int(layer[len("layer")] - '1')
	for range stage {
		size = (size + 1) / 2
	}
	return expansion * d.planes(stage), size, size, nil
}
