package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"striate/internal/fault"
	"striate/internal/provenance"
	"striate/train/dataset"
	"striate/train/run"
)

// Validate measures the parameters that c.From names on the validation images of c.Data, writes
// validation.json into the folder and returns the row. c.Network and, where the data have fewer classes
// than the network was trained on, c.Data.Classes say what they belong to.
func Validate(ctx context.Context, c *run.Config, o Options) (row *run.Row, err error) {
	o = o.withDefaults()
	caught := exceptions.TryCatch[error](func() { row, err = validateIn(ctx, c, o) })
	if caught != nil {
		err = caught
	}
	return row, err
}

func validateIn(ctx context.Context, c *run.Config, o Options) (*run.Row, error) {
	source, err := dataset.Open(c.Data.Path)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	s := &session{ctx: ctx, config: c, options: o, store: model.NewStore()}
	d, origin, err := run.Load(c.From.Path, c.Network, s.store)
	if err != nil {
		return nil, err
	}
	c.Network, *c.From = d, origin
	c.Adversarial = run.Adversarial{Method: None}
	s.learner = newLearner(c)
	if err := check(c, o); err != nil {
		return nil, err
	}
	if err := s.openValidation(source); err != nil {
		return nil, err
	}
	if classes := s.validation.Classes(); len(classes) > d.Classes {
		return nil, fault.Invalidf("%s has %d classes, the head of %s %d: validate on the classes it was trained on", c.Data.Path, len(classes), origin.Path, d.Classes)
	}
	if s.backend, err = newBackend(o, c); err != nil {
		return nil, err
	}
	defer s.closeBackend()
	c.Provenance = provenance.Record{Version: provenance.Version(), Device: s.backend.Description(), Runtime: s.backend.Name()}
	if err := s.newTrainer(); err != nil {
		return nil, fmt.Errorf("set up validation: %w", err)
	}
	row, err := s.validate()
	if err != nil {
		return nil, unwrapFault(err)
	}
	if !isFinite(row.Loss) {
		return nil, fault.Invalidf("the loss of %s on %s is %v: its parameters are of no use", origin.Path, c.Data.Path, row.Loss)
	}
	if err := os.MkdirAll(string(o.Folder), 0o755); err != nil {
		return nil, fmt.Errorf("make %s: %w", filepath.Clean(string(o.Folder)), err)
	}
	return row, o.Folder.WriteValidation(c, *row, append([]string{}, s.validation.Broken()...))
}
