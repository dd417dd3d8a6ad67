// Package recorder is a GoMLX backend that computes nothing: it writes down the operations of a
// graph as it is built. The [Tape] that results says what a network does without anything being
// written twice: package lower turns it into ONNX, and [Evaluate] runs parts of it on another
// backend, which is how constants are folded.
//
// Shapes, types and the legality of operations are those of GoMLX's own Go backend, which the
// recorder builds along. An operation it does not have gives an error that says which and where.
package recorder
