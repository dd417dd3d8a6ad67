package main

// benchCmd holds the measurements behind the README's figures, one a field. Each prints what it
// measured beside what it is held against.
type benchCmd struct {
	Export       benchExportCmd       `cmd:"" help:"Exported networks in ONNX Runtime, beside other exporters' files."`
	Networks     benchNetworksCmd     `cmd:"" help:"Forward passes and training steps of the networks, beside the authors' PyTorch."`
	Serve        benchServeCmd        `cmd:"" help:"HTTP queries beside bare runs of the network."`
	Predictivity benchPredictivityCmd `cmd:"" help:"Cross-validated PLS, beside scikit-learn."`
}
