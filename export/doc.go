// Package export writes GoMLX networks as ONNX files that describe themselves.
//
// Nothing about an architecture is written here: a network's own graph function is run on a backend
// that records (package recorder), and the recording is lowered to ONNX (package lower). The batch
// stays open, layers keep their names as outputs, and the model card lies in the file's metadata.
// [Network] exports a network, [Gradient] the gradient of one of its layers for the image,
// [Verify] compares what ONNX Runtime makes of a file with what GoMLX makes of the network.
package export
