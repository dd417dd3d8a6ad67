// Package lower turns a recorded GoMLX computation into an ONNX graph.
//
// It pulls nodes from the outputs backwards, so what no output needs is never written. What
// depends on constants alone is computed once, by GoMLX's Go backend. Broadcasts stay unwritten as
// long as ONNX's own broadcasting says the same. Some combinations become the node that a person
// would have written: a maximum with zero is a Relu, a spatial mean a GlobalAveragePool, an affine
// map per channel (batch normalisation, a bias) behind a convolution is part of its weights, a
// convolution over a dilated input is a ConvTranspose, a convolution with a fed kernel at few positions
// (the gradient of a kernel) a Gemm for the whole batch, the gradient of max-pooling a ScatterElements. Every tensor is named after the parameter that made it.
package lower
