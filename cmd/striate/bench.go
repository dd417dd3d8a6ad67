package main

// benchCmd holds the measurements behind the README's figures, one a field. Each prints what it
// measured beside what it is held against.
type benchCmd struct {
	Export       benchExportCmd       `cmd:"" help:"Exported networks in ONNX Runtime, beside other exporters' files."`
	Networks     benchNetworksCmd     `cmd:"" help:"Forward passes and training steps of the networks, beside the authors' PyTorch."`
	Train        benchTrainCmd        `cmd:"" help:"Training: images/s and the share of time spent waiting for images."`
	Data         benchDataCmd         `cmd:"" help:"Decoding and transforming images, per core."`
	Serve        benchServeCmd        `cmd:"" help:"HTTP queries beside bare runs of the network."`
	Predictivity benchPredictivityCmd `cmd:"" help:"Cross-validated PLS, beside scikit-learn."`
	Corruptions  benchCorruptionsCmd  `cmd:"" help:"Corruptions of one image, beside the reference programs."`
	Properties   benchPropertiesCmd   `cmd:"" help:"Stimuli, V1 properties and their similarity, beside the reference in Python."`
}

// Help shows an example.
func (benchCmd) Help() string {
	return `Example: striate bench serve`
}
