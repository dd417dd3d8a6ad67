// Package onnxruntime is the GoMLX backend "onnx": it records a graph (package recorder), writes it as
// ONNX (package lower) and runs it in ONNX Runtime on the processor. Networks train on it several
// times faster than on the pure-Go backend.
//
// Importing the package registers the backend. Its configuration is empty or threads=N, the number
// of processor cores to use.
package onnxruntime
