package main

// benchCmd holds the measurements behind the README's figures, one a field. Each prints what it
// measured beside what it is held against.
type benchCmd struct {
	Export benchExportCmd `cmd:"" help:"Exported networks in ONNX Runtime, beside other exporters' files."`
	Serve  benchServeCmd  `cmd:"" help:"HTTP queries beside bare runs of the network."`
}
