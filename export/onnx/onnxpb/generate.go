// Package onnxpb holds the messages of an ONNX file, generated from onnx.proto beside it.
// Use package onnx, which reads, writes and edits them.
package onnxpb

// Needs protoc 3.21 and protoc-gen-go v1.36.12.
//go:generate protoc -I ../../.. --go_out=../../.. --go_opt=module=striate export/onnx/onnxpb/onnx.proto
