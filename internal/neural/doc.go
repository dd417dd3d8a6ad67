// Package neural reads recordings of neurons and everything that belongs to them: the folder form
// (arrays with CSV files of names beside them), .npz, Brain-Score's stimulus sets (CSV and zip) and
// assemblies (netCDF-4), and matches their stimuli with those of a network's responses.
//
// # The folder form
//
//	stimuli.csv     a line a stimulus; columns stimulus_id, file, sha256 name it, others describe it
//	units.csv       a line a neuron; column unit_id names it
//	responses.npy   mean responses, stimuli × neurons
//	trials.npy      single trials, stimuli × neurons × repeats; instead of, or beside, responses.npy
//	images/         the files that stimuli.csv names
//
// Arrays are of any numeric type and may be .npy.gz. A missing trial is NaN, in arrays of uint8 255.
// A folder may also name these files images.csv, mean_counts.npy and counts_<population>.npy.gz (the
// trials of the neurons whose population, in units.csv, it is), and images128/.
package neural
