package train

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"striate/internal/fault"
	"striate/train/network"
	"striate/train/parameters"
	"striate/train/run"
)

// headParameters are those of the head, which fine-tuning makes new and trains.
var headParameters = []string{"fc.weight", "fc.bias"}

// saveWeights writes the present parameters.
func (s *session) saveWeights(w run.Weights) error {
	return parameters.Save(s.options.Folder.Weights(w), s.config.Network, s.store)
}

// loadOrigin gives the network the parameters of another run or of a file. Fine-tuning makes the head
// anew, whatever classes the other one had; else the classes must agree.
func (s *session) loadOrigin() error {
	c := s.config
	from := model.NewStore()
	d, origin, err := run.Load(c.From.Path, c.Network, from)
	if err != nil {
		return err
	}
	c.From.Digest = origin.Digest
	if c.Mode != ModeFinetune && d.Classes != c.Network.Classes {
		return fault.Invalidf("%s has a head for %d classes, the data have %d: use --mode finetune, which makes a new head",
			c.From.Path, d.Classes, c.Network.Classes)
	}
	if err := c.Network.Init(s.store, network.Random(c.Seed), dtypes.Float32); err != nil {
		return err
	}
	for _, p := range c.Network.Parameters() {
		if p.Name == "" || c.Mode == ModeFinetune && slices.Contains(headParameters, p.Name) {
			continue
		}
		value, err := from.GetVariable(model.ScopeSeparator + p.Name).Value()
		if err != nil {
			return err
		}
		var copied *tensors.Tensor
		if copied, err = value.LocalClone(); err != nil {
			return err
		}
		if err := s.store.GetVariable(model.ScopeSeparator + p.Name).SetValue(copied); err != nil {
			return err
		}
	}
	return nil
}

// markTrainable marks what the optimizer is to move. In fine-tuning that is the head alone; the
// running statistics of batch normalisation move in any case, as in the authors' code.
func (s *session) markTrainable() error {
	for _, p := range s.config.Network.Parameters() {
		if p.Name == "" {
			continue
		}
		v := s.store.GetVariable(model.ScopeSeparator + p.Name)
		if v == nil {
			return fault.Invalidf("the checkpoint lacks the parameter %s", p.Name)
		}
		v.SetTrainable(p.Role == network.Trainable && (s.config.Mode != ModeFinetune || slices.Contains(headParameters, p.Name)))
	}
	return nil
}
