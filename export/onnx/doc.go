// Package onnx reads, inspects, edits, builds and writes ONNX files.
//
// A file read by [Decode] and written by [Model.Encode] keeps everything it held, also what this
// package does not know. Two edits serve the study of a network's inner layers:
//
//   - [Tap] makes any tensor of the graph an output, so that its values can be had without
//     redefining the network;
//   - [Cut] keeps only what the asked tensors depend on, so that asking for the first layer costs
//     the first layer.
//
// A [Builder] makes graphs from nothing. ONNX is specified at onnx.ai; the messages are in
// package onnxpb.
package onnx
