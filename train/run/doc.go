// Package run is the folder of one training run:
//
//	config.json         what was trained, on what and how (Config)
//	metrics.csv         the course of loss and accuracy (Row)
//	curves.png, .svg    the same, drawn
//	last.safetensors    parameters after the last epoch, under the names of the authors' PyTorch code
//	best.safetensors    parameters of the epoch with the highest validation accuracy
//	summary.json        how it ended (Summary)
//	checkpoints/        GoMLX checkpoints: parameters, momentum and position, to resume from
//
// Only checkpoints matter for resuming, only config.json and a parameter file for exporting.
package run
