package network

import (
	"fmt"
	"math"
)

// Role says how a parameter takes part in training.
type Role string

// The roles.
const (
	Trainable Role = "trainable" // changed by the optimizer
	Frozen    Role = "frozen"    // a constant the authors' code keeps among its parameters
	Buffer    Role = "buffer"    // a running statistic or a constant
)

// Kind says what a parameter is; its initial values follow from it.
type Kind string

// The kinds. Those from KernelDistances on are constants, which have no variable.
const (
	ConvWeight      Kind = "conv_weight"       // out×in×rows×columns
	LocalWeight     Kind = "local_weight"      // 1×out×in×rows×columns×9, offset row-major
	LinearWeight    Kind = "linear_weight"     // out×in
	LinearBias      Kind = "linear_bias"       // out
	BNWeight        Kind = "bn_weight"         // channels; scale of a batch normalisation
	BNBias          Kind = "bn_bias"           // channels; offset of a batch normalisation
	RunningMean     Kind = "running_mean"      // channels
	RunningVar      Kind = "running_var"       // channels
	DoGSigma1       Kind = "dog_sigma1"        // pairs×1×1
	DoGSigma2Scale  Kind = "dog_sigma2_scale"  // pairs×1×1
	DoGTotalScale   Kind = "dog_total_scale"   // pairs×1×1
	TunedSigmas     Kind = "tuned_sigmas"      // channels
	DivA            Kind = "div_A"             // out×in×1×1, like the next five
	DivRho          Kind = "div_rho"           //
	DivSigma        Kind = "div_sigma"         //
	DivTheta        Kind = "div_theta"         //
	DivV            Kind = "div_v"             //
	DivW            Kind = "div_w"             //
	DivBias         Kind = "div_bias"          // 1
	KernelDistances Kind = "kernel_distances"  // 5×5; squared distance from the centre
	DoGBias         Kind = "dog_bias"          // zeros
	ChannelDistance Kind = "channel_distances" // channels×channels
	XCoordinates    Kind = "x_coords"          // 3×3; 1, 2, 3 along a row
	YCoordinates    Kind = "y_coords"          // 3×3; 1, 2, 3 along a column
	PoolingMasks    Kind = "pooling_masks"     // masks×rows×columns, half precision
	PoolingCounts   Kind = "pooling_counts"    // masks, half precision
	BatchesTracked  Kind = "num_batches"       // scalar int64; 0
)

// Parameter is one entry of a network's state: a variable of the GoMLX graph and its name in the
// authors' checkpoints.
type Parameter struct {
	Name    string // of the variable; "" for a constant
	PyTorch string // in the state_dict of the authors' code
	Shape   []int  // in PyTorch
	Kind    Kind
	Role    Role
}

// Size is the number of elements.
func (p Parameter) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// VariableShape is the shape of the variable. It is PyTorch's, but for local receptive fields,
// whose weights lie positions × (9·in) × out, ready for one matrix product per position.
func (p Parameter) VariableShape() []int {
	if p.Kind != LocalWeight {
		return p.Shape
	}
	out, in, positions := p.Shape[1], p.Shape[2], p.Shape[3]*p.Shape[4]
	return []int{positions, localTaps * in, out}
}

// ToVariable copies values in PyTorch's order to dst in the order of the variable.
func ToVariable[T float32 | float64](p Parameter, dst, src []T) { reorder(p, dst, src, true) }

// FromVariable copies values in the order of the variable to dst in PyTorch's order.
func FromVariable[T float32 | float64](p Parameter, dst, src []T) { reorder(p, dst, src, false) }

func reorder[T float32 | float64](p Parameter, dst, src []T, toVariable bool) {
	if len(dst) != p.Size() || len(src) != p.Size() {
		panic(fmt.Sprintf("network: %s has %d elements, got slices of %d and %d", p.PyTorch, p.Size(), len(dst), len(src)))
	}
	if p.Kind != LocalWeight {
		copy(dst, src)
		return
	}
	out, in, positions := p.Shape[1], p.Shape[2], p.Shape[3]*p.Shape[4]
	for o := range out {
		for c := range in {
			for pos := range positions {
				for tap := range localTaps {
					torch := ((o*in+c)*positions+pos)*localTaps + tap
					variable := (pos*localTaps*in+tap*in+c)*out + o
					if toVariable {
						dst[variable] = src[torch]
					} else {
						dst[torch] = src[variable]
					}
				}
			}
		}
	}
}

// fanIn is the number of inputs of one output of a weight; 1 for what is no weight.
func (p Parameter) fanIn() int {
	switch p.Kind {
	case ConvWeight:
		return p.Shape[1] * p.Shape[2] * p.Shape[3]
	case LocalWeight:
		return p.Shape[2] * localTaps
	case LinearWeight:
		return p.Shape[1]
	default:
		return 1
	}
}

// ParityRange returns lo and span of the parity filling, see [Parity]; ok is false for constants.
// Weights have variance 1/fan-in; the others are chosen to reach every clamp of the components.
func (p Parameter) ParityRange() (lo, span float64, ok bool) {
	switch p.Kind {
	case ConvWeight, LocalWeight, LinearWeight:
		b := math.Floor(math.Sqrt(3/float64(p.fanIn()))*65536+0.5) / 65536
		return -b, 2 * b, true
	case BNWeight, RunningVar:
		return 0.5, 1, true
	case BNBias, LinearBias, RunningMean:
		return -25. / 128, 50. / 128, true
	case DoGSigma1:
		return -0.125, 2.125, true
	case DoGSigma2Scale:
		return 0.75, 1.25, true
	case DoGTotalScale:
		return -3.5, 7, true
	case TunedSigmas:
		return -4, 40, true
	case DivA:
		return -1. / 64, 5. / 64, true
	case DivRho, DivSigma:
		return -0.1875, 2.1875, true
	case DivTheta:
		return 0, 6.25, true
	case DivV, DivW:
		return -0.75, 3.5, true
	case DivBias:
		return -2, 1, true
	default:
		return 0, 0, false
	}
}

// Parameters returns the state of the network in the order of the authors' state_dict, constants
// included. d must be valid.
func (d Description) Parameters() []Parameter {
	t := &table{d: d}
	t.add("conv1.weight", t.top("conv1")+".weight", ConvWeight, Trainable, d.Width, 3, 7, 7)
	t.batchNorm("bn1", t.top("bn1"), d.Width)
	if d.Naming == SequentialNames {
		t.polar("3")
	}
	in := d.Width
	for stage, blocks := range d.Blocks {
		layer := fmt.Sprintf("layer%d", stage+1)
		for k := range blocks {
			t.block(fmt.Sprintf("%s.%d", layer, k), fmt.Sprintf("%s.%d", t.top(layer), k), stage, k, in)
			in = expansion * d.planes(stage)
		}
	}
	t.add("fc.weight", t.top("fc")+".weight", LinearWeight, Trainable, d.Classes, in)
	t.add("fc.bias", t.top("fc")+".bias", LinearBias, Trainable, d.Classes)
	if d.Naming == CompositeNames {
		t.polar("lpp") // the authors' class keeps the masks even where it max-pools
	}
	return t.list
}

// table collects the parameters of a description.
type table struct {
	d    Description
	list []Parameter
}

func (t *table) add(name, torch string, kind Kind, role Role, shape ...int) {
	t.list = append(t.list, Parameter{Name: name, PyTorch: torch, Shape: shape, Kind: kind, Role: role})
}

// constant adds an entry without a variable.
func (t *table) constant(torch string, kind Kind, role Role, shape ...int) {
	t.add("", torch, kind, role, shape...)
}

// top is the authors' name of a module at the top of the network. The network with cortical
// magnification alone is a list: 0 conv1, 1 bn1, 2 ReLU, 3 pooling, 4 to 7 layers, 8 average, 9 flatten, 10 head.
func (t *table) top(name string) string {
	if t.d.Naming != SequentialNames {
		return name
	}
	return map[string]string{"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7", "fc": "10"}[name]
}

func (t *table) batchNorm(name, torch string, channels int) {
	t.add(name+".weight", torch+".weight", BNWeight, Trainable, channels)
	t.add(name+".bias", torch+".bias", BNBias, Trainable, channels)
	t.add(name+".running_mean", torch+".running_mean", RunningMean, Buffer, channels)
	t.add(name+".running_var", torch+".running_var", RunningVar, Buffer, channels)
	t.constant(torch+".num_batches_tracked", BatchesTracked, Buffer)
}

func (t *table) polar(torch string) {
	rings, wedges := polarGrid(t.d.stemSize())
	t.constant(torch+".pooling_masks", PoolingMasks, Buffer, rings*wedges, t.d.stemSize(), t.d.stemSize())
	t.constant(torch+".pooling_mask_counts", PoolingCounts, Buffer, rings*wedges)
}

// block adds block k of a stage.
func (t *table) block(name, torch string, stage, k, in int) {
	planes := t.d.planes(stage)
	out := expansion * planes
	t.add(name+".conv1.weight", torch+".conv1.weight", ConvWeight, Trainable, planes, in, 1, 1)
	t.batchNorm(name+".bn1", torch+".bn1", planes)
	if stage == 0 {
		t.spatial(name, torch, t.d.V1[k].Conv)
	} else {
		t.add(name+".conv2.weight", torch+".conv2.weight", ConvWeight, Trainable, planes, planes, 3, 3)
	}
	t.batchNorm(name+".bn2", torch+".bn2", planes)
	t.add(name+".conv3.weight", torch+".conv3.weight", ConvWeight, Trainable, out, planes, 1, 1)
	t.batchNorm(name+".bn3", torch+".bn3", out)
	if k == 0 {
		t.add(name+".downsample.0.weight", torch+".downsample.0.weight", ConvWeight, Trainable, out, in, 1, 1)
		t.batchNorm(name+".downsample.1", torch+".downsample.1", out)
	}
	if stage == 0 {
		t.norm(name, torch, t.d.V1[k].Norm, out)
	}
}

// spatial adds the spatial stage of a block of layer1.
func (t *table) spatial(name, torch string, conv Conv) {
	width, side := t.d.Width, t.d.v1Size()
	weight, dog := torch+".conv2.weight", torch+".conv2.dog.dog_conv"
	switch {
	case t.d.Naming == CenterSurroundNames:
		weight, dog = torch+".conv2.0.weight", torch+".conv2.1.dog_conv"
	case t.d.Naming == LocalNames && conv == Local:
		weight = torch + ".conv2.1.weight"
	case t.d.Naming == CompositeNames && conv == PlainDoG:
		weight = torch + ".conv2.conv.weight"
	}
	if conv == Local {
		t.add(name+".conv2.weight", weight, LocalWeight, Trainable, 1, width, width, side, side, localTaps)
		return
	}
	t.add(name+".conv2.weight", weight, ConvWeight, Trainable, width, width, 3, 3)
	if conv == Plain {
		return
	}
	channels := dogChannels(width)
	pairs := channels * channels
	t.constant(dog+".kernel_dists", KernelDistances, Frozen, dogSize, dogSize)
	t.add(name+".dog.sigma1", dog+".sigma1", DoGSigma1, Trainable, pairs, 1, 1)
	t.add(name+".dog.sigma2_scale", dog+".sigma2_scale", DoGSigma2Scale, Trainable, pairs, 1, 1)
	t.add(name+".dog.total_scale", dog+".total_scale", DoGTotalScale, Trainable, pairs, 1, 1)
	t.constant(dog+".bias", DoGBias, Frozen, channels)
}

// norm adds the normalisation of a block of layer1.
func (t *table) norm(name, torch string, norm Norm, channels int) {
	name, torch = name+".norm.", torch+".dn."
	switch norm {
	case Tuned:
		t.constant(torch+"channel_distances", ChannelDistance, Frozen, channels, channels)
		t.add(name+"sigmas", torch+"sigmas", TunedSigmas, Trainable, channels)
	case Divisive:
		for _, p := range []struct {
			name string
			kind Kind
		}{{"A", DivA}, {"rho", DivRho}, {"sigma", DivSigma}, {"theta", DivTheta}, {"v", DivV}, {"w", DivW}} {
			t.add(name+p.name, torch+p.name, p.kind, Trainable, channels, channels, 1, 1)
		}
		t.add(name+"bias", torch+"bias", DivBias, Trainable, 1)
		t.constant(torch+"x_coords", XCoordinates, Buffer, divSize, divSize)
		t.constant(torch+"y_coords", YCoordinates, Buffer, divSize, divSize)
	}
}
