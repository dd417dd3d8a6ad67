// Package inspect says what is in an ONNX file: operators, parameters, layers with their shapes, and
// for every layer which part of the image one of its units sees (its receptive field).
//
// The bytes are decoded twice, by programs that share no code: by github.com/owulveryck/onnx-go into
// a [Graph] of this package, and by striate/export/onnx. The two readings are compared operator by
// operator, attribute by attribute and weight by weight. Where onnx-go cannot read a file (float16,
// branches and bodies, weights in other files) or the two differ, the graph is that of
// striate/export/onnx and the report says so.
//
// Receptive fields are computed from the graph alone, without running it. What the rules of this
// package do not cover is reported as unknown, with the reason.
package inspect
