package train

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"striate/internal/fault"
	"striate/internal/provenance"
	"striate/train/dataset"
	"striate/train/network"
	"striate/train/run"
)

// Train trains as c says and returns how it ended. With Options.Resume it goes on from the last
// checkpoint of the folder. A cancelled context ends it at the next step, with a checkpoint written;
// the error is then the context's.
func Train(ctx context.Context, c *run.Config, o Options) (summary *run.Summary, err error) {
	o = o.withDefaults()
	caught := exceptions.TryCatch[error](func() { summary, err = trainIn(ctx, c, o) })
	if caught != nil {
		err = caught
	}
	return summary, err
}

func trainIn(ctx context.Context, c *run.Config, o Options) (*run.Summary, error) {
	source, err := dataset.Open(c.Data.Path)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	s := &session{ctx: ctx, config: c, options: o}
	if err := s.openData(source); err != nil {
		return nil, err
	}
	if err := s.openStore(); err != nil {
		return nil, err
	}
	defer s.closeBackend()
	if s.metrics, err = o.Folder.OpenMetrics(s.at.CSV); err != nil {
		return nil, err
	}
	defer s.metrics.Close()
	if err := s.newTrainer(); err != nil {
		return nil, fmt.Errorf("set up training: %w", err)
	}
	if c.Adversarial.Method == Fast {
		if s.watch, err = s.newWatch(); err != nil {
			return nil, err
		}
	}
	err = s.loop()
	if err != nil && !errors.Is(err, errStopped) {
		return nil, unwrapFault(err)
	}
	return s.finish()
}

// unwrapFault takes from GoMLX's account of hooks and steps what was said for the user.
func unwrapFault(err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return err
}

// openData lists the images and fills in what the configuration says of them.
func (s *session) openData(source *dataset.Source) error {
	c := s.config
	train, err := source.Split("train", c.Data.Classes)
	if err != nil {
		return err
	}
	if c.Network.Classes == 0 {
		c.Network.Classes = len(train.Classes)
	}
	if c.Network.Classes != len(train.Classes) {
		return fault.Invalidf("%s has %d classes, the network %d outputs: leave out --classes, or take the data it was made for",
			c.Data.Path, len(train.Classes), c.Network.Classes)
	}
	digest := train.Digest()
	if s.options.Resume && c.Data.TrainDigest != digest {
		return fault.Conflictf("%s is not the data that %s was trained on: its files differ", c.Data.Path, s.options.Folder)
	}
	c.Data.Train, c.Data.TrainDigest, c.Data.Classes = len(train.Samples), digest, train.Classes
	if err := check(c, s.options); err != nil {
		return err
	}
	s.learner = newLearner(c)
	s.training = dataset.NewLoader(train, s.loaderOptions(c.Batch/c.Accumulate/s.options.Devices))
	if s.training.Batches() < s.options.Devices {
		return fault.Invalidf("%s has %d images to train on, fewer than a batch of %d: lower --batch", c.Data.Path, len(train.Samples), c.Batch)
	}
	s.schedule = schedule{config: c, stepsPerEpoch: s.loopSteps() / c.Accumulate, epochs: passes(c.Epochs, c)}
	if !source.Has("val") {
		s.options.warnf("%s has no val/<class>/: training without validation", c.Data.Path)
		return nil
	}
	return s.openValidation(source)
}

// openValidation lists the validation images.
func (s *session) openValidation(source *dataset.Source) error {
	c := s.config
	val, err := source.Split("val", c.Data.Classes)
	if err != nil {
		return err
	}
	c.Data.Val, c.Data.ValDigest = len(val.Samples), val.Digest()
	o := s.loaderOptions(min(c.Batch/s.options.Devices, max(1, len(val.Samples)/s.options.Devices)))
	o.Draws, o.LabelsAsInput, o.Repeat, o.Group = nil, false, 1, s.options.Devices
	s.validation = dataset.NewLoader(val, o)
	return nil
}

func (s *session) loaderOptions(batch int) dataset.Options {
	c := s.config
	return dataset.Options{Batch: batch, Size: c.Network.Size, Transform: dataset.Transform(c.Transform), Seed: c.Seed,
		Workers: s.options.Workers, Cache: s.options.Cache, Strict: s.options.Strict, DropLast: c.DropLast,
		Group: c.Accumulate * s.options.Devices, Repeat: s.replays(), Draws: s.learner.draws(), LabelsAsInput: s.learner.startsAtRandom(),
		Unreadable: func(path string, err error) { s.options.warnf("skipped %s: %v", path, err) }}
}

// openStore gives the parameters their values: those of the last checkpoint, of another run or file,
// or random ones.
func (s *session) openStore() error {
	c, o := s.config, s.options
	var err error
	if s.backend, err = newBackend(o, c); err != nil {
		return err
	}
	c.Provenance = provenance.Record{Version: provenance.Version(), Seed: &c.Seed, Device: s.backend.Description(), Runtime: s.backend.Name()}
	if !o.Resume && o.Folder.Exists() {
		return fault.Conflictf("%s holds a run already: continue it with --resume, or give another --out", o.Folder)
	}
	if err := os.MkdirAll(string(o.Folder), 0o755); err != nil {
		return fmt.Errorf("make folder of the run: %w", err)
	}
	s.store = model.NewStore()
	var at *position
	if s.keeper, at, err = openCheckpoints(o.Folder.Checkpoints(), o.Keep, s.store); err != nil {
		return err
	}
	switch {
	case at != nil && !o.Resume:
		return fault.Conflictf("%s holds checkpoints of another run: continue it with --resume, or give another --out", o.Folder)
	case at != nil:
		s.at = *at
	case c.From != nil:
		err = s.loadOrigin()
	default:
		err = c.Network.Init(s.store, network.Random(c.Seed), dtypes.Float32)
	}
	if err != nil {
		return err
	}
	if err := s.markTrainable(); err != nil {
		return err
	}
	return o.Folder.Write(c)
}

// finish writes the summary.
func (s *session) finish() (*run.Summary, error) {
	waited := s.at.Waited
	if s.timed != nil {
		waited += s.timed.Waited().Seconds() - s.waitedBefore
	}
	sum := &run.Summary{Epochs: s.at.Step / s.loopSteps(), Steps: s.at.Step / s.config.Accumulate, Best: s.at.Best, Last: s.at.Last,
		Seconds: s.at.Seconds, Unreadable: append([]string{}, s.training.Broken()...), Stopped: s.stop, RobustShares: s.at.PGD5, Provenance: s.config.Provenance}
	if s.validation != nil {
		sum.Unreadable = append(sum.Unreadable, s.validation.Broken()...)
	}
	if s.at.Seconds > 0 {
		sum.ImagesPerS, sum.DataWait = float64(s.at.Images)/s.at.Seconds, waited/s.at.Seconds
	}
	var err error
	if sum.BestDigest, err = provenance.DigestFile(s.options.Folder.Weights(run.Best)); err != nil {
		return nil, err
	}
	if sum.LastDigest, err = provenance.DigestFile(s.options.Folder.Weights(run.Last)); err != nil {
		return nil, err
	}
	if n := len(sum.Unreadable); n > 0 {
		s.options.warnf("%d unreadable image(s) were skipped; summary.json names them", n)
	}
	if s.stop != "" {
		s.options.warnf("stopped after epoch %d: %s", sum.Epochs, s.stop)
	}
	return sum, s.options.Folder.WriteSummary(sum)
}
