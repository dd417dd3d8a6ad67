package run

import (
	"fmt"
	"os"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"

	"striate/internal/fault"
	"striate/internal/provenance"
	"striate/train/network"
	"striate/train/parameters"
)

// Locate resolves where parameters are to be read from: a folder of a run, of which it returns the
// configuration and the parameters of the best epoch, or of the last where no validation chose one; or a
// .npz or .safetensors file, which has no configuration.
func Locate(path string) (file string, c *Config, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, fault.NotFoundf("no parameters at %s: give the folder of a training run, or a .npz or .safetensors file", path)
	}
	if !info.IsDir() {
		return path, nil, nil
	}
	if c, err = Folder(path).Read(); err != nil {
		return "", nil, err
	}
	for _, w := range []Weights{Best, Last} {
		if _, err := os.Stat(Folder(path).Weights(w)); err == nil {
			return Folder(path).Weights(w), c, nil
		}
	}
	return "", nil, fault.NotFoundf("%s has no parameters yet: its first epoch is not over", path)
}

// Load fills store, at its root scope, with the parameters at path (see [Locate]). It returns the
// network they belong to: that of the run, or for a file d with as many classes as the file's head has.
func Load(path string, d network.Description, store *model.Store) (network.Description, Origin, error) {
	file, c, err := Locate(path)
	if err != nil {
		return d, Origin{}, err
	}
	arrays, err := parameters.Read(file)
	if err != nil {
		return d, Origin{}, err
	}
	if c != nil {
		d = c.Network
	}
	for _, p := range d.Parameters() {
		if head := arrays[p.PyTorch]; p.Name == "fc.bias" && head != nil && len(head.Shape) == 1 {
			d.Classes = head.Shape[0]
		}
	}
	if err := parameters.Set(arrays, d, store, dtypes.Float32); err != nil {
		return d, Origin{}, fmt.Errorf("%s: %w", file, err)
	}
	digest, err := provenance.DigestFile(file)
	return d, Origin{Path: file, Digest: digest}, err
}
