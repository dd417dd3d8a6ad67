package main

import (
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"striate/internal/fault"
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

// agrees refuses flags that say something else of the network than what was found at the path.
func (t *trained) agrees(path string, asked network.Description, given map[string]bool) error {
	base := func(d network.Description) string { return strings.TrimSuffix(d.Name, "+") }
	have := t.network
	conv := func(a, b network.Block) bool { return a.Conv == b.Conv }
	norm := func(a, b network.Block) bool { return a.Norm == b.Norm }
	for _, f := range []struct {
		flag string
		same bool
	}{
		{"network", base(asked) == base(have)},
		{"classes", asked.Classes == have.Classes},
		{"size", asked.Size == have.Size},
		{"width", asked.Width == have.Width},
		{"blocks", slices.Equal(asked.Blocks, have.Blocks)},
		{"pool", asked.Pool == have.Pool},
		{"v1", slices.EqualFunc(asked.V1, have.V1, conv)},
		{"norm", slices.EqualFunc(asked.V1, have.V1, norm)},
		{"dog", asked.DoG == have.DoG},
	} {
		if given[f.flag] && !f.same {
			return fault.Misusef("--%s says something else than %s, which is %s with %d classes, size %d, width %d and blocks %v: leave the flag out",
				f.flag, path, have.Name, have.Classes, have.Size, have.Width, have.Blocks)
		}
	}
	return nil
}
