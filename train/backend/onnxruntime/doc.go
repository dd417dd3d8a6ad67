// Package onnxruntime is the GoMLX backend "onnx": it records a graph (package recorder), writes it as
// ONNX (package lower) and runs it in ONNX Runtime on the processor. The end of a graph that only
// touches tensors element by element, such as the update of the parameters, is computed here instead,
// in one pass and in place. Networks train on it several times faster than on the pure-Go backend.
//
// Importing the package registers the backend. Its options are threads=N, the number of processor
// cores to use, and profile=PREFIX, which makes ONNX Runtime write the time of every node of its own to
// a file for each graph when it is finalized; as in "onnx:threads=2,profile=/tmp/step".
package onnxruntime
