// Package network defines the V1-constrained networks of Pogoncheff, Granley and Beyeler,
// "Explaining V1 Properties with a Biologically Constrained Deep Learning Architecture"
// (NeurIPS 2023), as GoMLX graph functions: ResNet-50 (version 1.5, stride on the 3×3 convolution)
// whose first stage, layer1, stands for V1 and may carry five components:
//
//   - difference of Gaussians after the 3×3 convolution (centre–surround receptive fields),
//   - local receptive fields instead of it (convolution without weight sharing),
//   - divisive normalisation by a pool of neighbours, or
//   - tuned normalisation along the channel axis, as the last step of a block, and
//   - cortical magnification (log-polar sampling) in place of max pooling.
//
// A network is a [Description]: size, width, blocks, and the components of each block of layer1.
// [Preset] gives the thirteen of the paper; [Flags] composes others from a command line. From a
// description come its parameters ([Description.Parameters], [Description.Init]) and the graph
// ([Description.Build]):
//
//	d, err := network.Preset("composite_a")
//	store := model.NewStore()
//	err = d.Init(store, network.Random(1), dtypes.Float32)
//	exec, err := model.NewExec(backend, store, func(scope *model.Scope, images *graph.Node) *graph.Node {
//		return d.Build(scope, images, network.Options{}).Node("layer1.2")
//	})
//
// All tensors are channels-first: images N×3×S×S with values normalised by mean 0.5 and standard
// deviation 0.5, kernels out×in×rows×columns. Variables lie in the scope given, under the names of
// torchvision's ResNet where it has one ("layer1.0.conv2.weight"), see [Parameter].
package network
