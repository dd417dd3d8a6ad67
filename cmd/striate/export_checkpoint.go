package main

import (
	"github.com/gomlx/gomlx/ml/model"

	"striate/train/network"
	runfolder "striate/train/run"
)

// loadParameters fills store from a training run or from a file of arrays with PyTorch's names. A run
// knows its own network, which flags do not change; a file knows its number of classes.
func loadParameters(flags network.Flags, path string, store *model.Store) (d network.Description, origin string, err error) {
	if d, err = flags.Description(); err != nil {
		return d, "", err
	}
	d, from, err := runfolder.Load(path, d, store)
	return d, from.Path + " " + from.Digest, err
}
