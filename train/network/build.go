package network

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Options of a graph. The zero value builds the whole network with live kernels.
type Options struct {
	// Frozen takes the kernels that are functions of few parameters (difference of Gaussians, tuned
	// and divisive normalisation) as they are now, computed once on the host and kept as
	// variables of the store, so that an exported graph holds them as constants. For inference
	// only: later changes of the parameters do not reach the graph.
	Frozen bool
	// MatMulDType, if set, is the type convolutions and matrix products are computed in (mixed
	// precision); parameters, statistics and normalisations keep the type of the images.
	MatMulDType dtypes.DType
	// DropoutMask, if set, gives the mask of the dropout before local receptive fields: ones where
	// channels are kept and zeros where not, shaped N×C×1×1, kept with probability keep. By default
	// GoMLX's generator draws it. Called in training only.
	DropoutMask func(shape shapes.Shape, keep float64) *graph.Node
	// UpTo, if set, is the layer after which the graph ends.
	UpTo string
}

// Activations are the named nodes of one forward pass.
type Activations struct {
	names []string
	nodes map[string]*graph.Node
}

// Names returns the names in the order of the forward pass. They are those of
// [Description.Layers] and, inside layer1, of the stages of a block: "layer1.0.conv2" (after the
// difference of Gaussians or the local receptive fields, before bn2) and "layer1.0.pre_norm" (input
// of the normalisation, where there is one).
func (a *Activations) Names() []string { return a.names }

// Node returns a node by name, nil if there is none.
func (a *Activations) Node(name string) *graph.Node { return a.nodes[name] }

// Last returns the last node: the logits, unless Options.UpTo ended the graph before.
func (a *Activations) Last() *graph.Node { return a.nodes[a.names[len(a.names)-1]] }

// builder makes the graph of one forward pass.
type builder struct {
	d        Description
	scope    *model.Scope
	options  Options
	g        *graph.Graph
	dtype    dtypes.DType
	training bool
	out      *Activations
}

// Build adds the network to the graph of images, N×3×Size×Size, normalised to mean 0.5 and
// standard deviation 0.5. The variables must exist in scope (see [Description.Init] and package
// parameters) with the dtype of images. In a training graph (scope.IsTraining) batch normalisation
// takes the statistics of the batch and updates the running ones, and dropout is on. Like every
// GoMLX graph function it panics on errors, which model.NewExec and Exec.Call turn into errors.
func (d Description) Build(scope *model.Scope, images *graph.Node, options Options) *Activations {
	if err := d.Validate(); err != nil {
		panic(err)
	}
	dims := images.Shape().Dimensions
	if len(dims) != 4 || dims[1] != 3 || dims[2] != d.Size || dims[3] != d.Size {
		panic(fmt.Errorf("%s takes images N×3×%d×%d, got %s", d.Name, d.Size, d.Size, images.Shape()))
	}
	b := &builder{d: d, scope: scope, options: options, g: images.Graph(), dtype: images.DType(),
		training: scope.IsTraining(images.Graph()), out: &Activations{nodes: map[string]*graph.Node{}}}
	b.forward(images)
	return b.out
}

// mark names a node and reports whether the graph ends here.
func (b *builder) mark(name string, x *graph.Node) (last bool) {
	b.out.names = append(b.out.names, name)
	b.out.nodes[name] = x
	return name == b.options.UpTo
}

// forward runs the network from the images to the logits, or to Options.UpTo.
func (b *builder) forward(x *graph.Node) {
	x = b.conv(x, "conv1.weight", 2, 3)
	x = relu(b.batchNorm(x, "bn1"))
	if b.mark("conv1", x) {
		return
	}
	x = b.pool(x)
	if b.mark("pool", x) {
		return
	}
	for stage, blocks := range b.d.Blocks {
		for k := range blocks {
			stride := 1
			if stage > 0 && k == 0 {
				stride = 2
			}
			name := fmt.Sprintf("layer%d.%d", stage+1, k)
			var spec *Block
			if stage == 0 {
				spec = &b.d.V1[k]
			}
			x = b.block(x, name, stride, k == 0, spec)
			if stage == 0 && b.mark(name, x) {
				return
			}
		}
		if stage > 0 && b.mark(fmt.Sprintf("layer%d", stage+1), x) {
			return
		}
	}
	x = graph.ReduceMean(x, 2, 3)
	if b.mark("avgpool", x) {
		return
	}
	b.mark("logits", b.head(x))
}

// head is the linear classifier: N×features to N×classes.
func (b *builder) head(x *graph.Node) *graph.Node {
	y := b.dot(x, []int{1}, nil, b.variable("fc.weight"), []int{1}, nil)
	return graph.Add(y, graph.InsertAxes(b.variable("fc.bias"), 0))
}

// block is a bottleneck block, with its components where spec is given: 1×1 convolution, spatial
// stage, 1×1 convolution, each batch-normalised; sum with the identity path, which the first block
// of a stage projects to its channels; ReLU; normalisation.
func (b *builder) block(x *graph.Node, name string, stride int, project bool, spec *Block) *graph.Node {
	y := relu(b.batchNorm(b.conv(x, name+".conv1.weight", 1, 0), name+".bn1"))
	if spec != nil {
		y = b.spatial(y, name, *spec)
		b.mark(name+".conv2", y)
	} else {
		y = b.conv(y, name+".conv2.weight", stride, 1)
	}
	y = relu(b.batchNorm(y, name+".bn2"))
	y = b.batchNorm(b.conv(y, name+".conv3.weight", 1, 0), name+".bn3")
	if project {
		x = b.batchNorm(b.conv(x, name+".downsample.0.weight", stride, 0), name+".downsample.1")
	}
	y = relu(graph.Add(y, x))
	if spec == nil || spec.Norm == NoNorm {
		return y
	}
	b.mark(name+".pre_norm", y)
	if spec.Norm == Divisive {
		return b.divisive(y, name+".norm.")
	}
	return b.tuned(y, name+".norm.")
}

// spatial is the middle of a block of layer1.
func (b *builder) spatial(x *graph.Node, name string, spec Block) *graph.Node {
	if spec.Dropout > 0 && b.training {
		x = b.dropout(x, 1-spec.Dropout)
	}
	switch spec.Conv {
	case Local:
		return b.local(x, b.variable(name+".conv2.weight"))
	case PlainDoG:
		return b.dog(b.conv(x, name+".conv2.weight", 1, 1), name+".dog.")
	default:
		return b.conv(x, name+".conv2.weight", 1, 1)
	}
}

// variable returns the current value of a variable.
func (b *builder) variable(name string) *graph.Node {
	v := b.scope.GetVariable(name)
	if v == nil {
		panic(fmt.Errorf("%s: parameter %q has no value: initialise or load the parameters first", b.d.Name, name))
	}
	return v.NodeValue(b.g)
}
