package main

import (
	"github.com/gomlx/gomlx/ml/model"

	"striate/train/network"
	runfolder "striate/train/run"
)

// trained is a network with parameters, and what its file says of them.
type trained struct {
	network network.Description
	store   *model.Store
	origin  string
	classes []string // names, where they are known
}

// loadTrained reads a training run, which knows its own network, or a file of arrays under PyTorch's
// names for the network of the flags.
func loadTrained(flags network.Flags, path string) (*trained, error) {
	d, err := flags.Description()
	if err != nil {
		return nil, err
	}
	t := &trained{store: model.NewStore()}
	var from runfolder.Origin
	if t.network, from, err = runfolder.Load(path, d, t.store); err != nil {
		return nil, err
	}
	t.origin = "checkpoint " + from.Digest
	_, config, err := runfolder.Locate(path)
	if err != nil {
		return nil, err
	}
	if config != nil && len(config.Data.Classes) == t.network.Classes {
		t.classes = config.Data.Classes
	}
	return t, nil
}
