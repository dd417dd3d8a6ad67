package train

import (
	"context"
	"fmt"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/core/tensors"
	mldata "github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	gooptimizer "github.com/gomlx/gomlx/ml/train/optimizer"

	"striate/internal/progress"
	"striate/train/dataset"
	"striate/train/run"
)

// session is a run under way.
type session struct {
	ctx      context.Context
	config   *run.Config
	options  Options
	schedule schedule
	learner  *learner

	training, validation *dataset.Loader // validation may be nil
	timed                *dataset.Timed
	backend              compute.Backend
	store                *model.Store
	trainer              *gomlx.Trainer
	keeper               *keeper
	metrics              *run.Metrics
	watch                *watch // nil but in fast adversarial training

	at           position
	waitedBefore float64   // seconds of waiting that at.Waited holds already
	mark         time.Time // when the present step began
	saved        time.Time // when the last checkpoint was written
	shown        time.Time // when the bar was last described
	bar          *progress.Bar
	stop         string // why training ends early
}

// loopSteps is the number of steps of the loop in an epoch: batches, or parts of them whose gradients
// are accumulated, times replays.
func (s *session) loopSteps() int {
	return s.training.Batches() / s.options.Devices * s.replays()
}

func (s *session) replays() int {
	if s.config.Adversarial.Method == Free {
		return s.config.Adversarial.Replays
	}
	return 1
}

// unit is the number of loop steps between points where a run can be resumed.
func (s *session) unit() int { return max(s.replays(), s.config.Accumulate) }

// images is the number of images of loop step number step, counted from 0.
func (s *session) images(step int) int {
	batch := s.config.Batch / s.config.Accumulate
	within := step % s.loopSteps() / s.replays()
	return min(batch, s.training.Len()-within*batch)
}

// newTrainer makes GoMLX's trainer for the backend and store of the session.
func (s *session) newTrainer() error {
	s.trainer = gomlx.NewTrainer(s.backend, s.store, s.learner.model, loss.SparseCategoricalCrossEntropyLogits,
		s.learner.optimizer(), stepMetrics(), meanMetrics())
	if s.config.Accumulate > 1 {
		return s.trainer.AccumulateGradients(s.config.Accumulate)
	}
	return nil
}

// spread makes a dataset of one that yields shards, when several devices share each batch. GoMLX then
// runs the step as one program over all devices: means over the batch, those of batch normalisation
// included, are over the whole batch.
func (s *session) spread(ds gomlx.Dataset, inputs, labels int) (gomlx.Dataset, error) {
	if s.options.Devices == 1 {
		return ds, nil
	}
	mesh, err := distributed.NewDeviceMesh([]int{s.options.Devices}, []string{"shards"})
	if err != nil {
		return nil, fmt.Errorf("spread over %d devices: %w", s.options.Devices, err)
	}
	specs := func(n int) ([]*distributed.ShardingSpec, error) {
		list := make([]*distributed.ShardingSpec, n)
		for i := range list {
			spec, err := distributed.NewShardingSpec(mesh, distributed.AxisSpec{"shards"})
			if err != nil {
				return nil, fmt.Errorf("spread over %d devices: %w", s.options.Devices, err)
			}
			list[i] = spec
		}
		return list, nil
	}
	in, err := specs(inputs)
	if err != nil {
		return nil, err
	}
	out, err := specs(labels)
	if err != nil {
		return nil, err
	}
	return mldata.NewDistributedAccumulator(s.backend, ds, distributed.AutoSharding, in, out, nil)
}

// feed is the dataset of the training that is left.
func (s *session) feed() (gomlx.Dataset, error) {
	ds := s.training.Training(s.at.Step * s.options.Devices)
	if onAccelerator(s.backend) && s.options.Devices == 1 {
		ds = dataset.OnDevice(ds, s.backend, 2)
	}
	s.timed = &dataset.Timed{Dataset: ds}
	inputs := 1 + len(s.learner.draws())
	if s.learner.startsAtRandom() {
		inputs++
	}
	return s.spread(s.timed, inputs, 1)
}

// loop trains to the end.
func (s *session) loop() error {
	total := s.loopSteps() * s.schedule.epochs
	if s.at.Step >= total {
		return nil
	}
	ds, err := s.feed()
	if err != nil {
		return err
	}
	left := 0
	for step := s.at.Step; step < total; step++ {
		left += s.images(step)
	}
	s.bar = progress.New(s.options.Stderr, "train", int64(left), s.options.Quiet)
	defer s.bar.Close()
	if err := s.setRate(); err != nil {
		return err
	}
	loop := gomlx.NewLoop(s.trainer)
	loop.LoopStep = s.at.Step
	loop.OnStep("striate", 0, func(_ *gomlx.Loop, metrics []*tensors.Tensor) error { return s.onStep(metrics) })
	s.mark, s.saved = time.Now(), time.Now()
	_, err = loop.RunSteps(ds, total-s.at.Step)
	return err
}

// setRate sets the learning rate of the next step.
func (s *session) setRate() error {
	rate := s.schedule.rate(s.at.Step / s.config.Accumulate)
	value := tensors.FromScalar(float32(rate))
	path := model.JoinPath(model.ScopeSeparator+gooptimizer.Scope, gooptimizer.ParamLearningRate)
	if v := s.store.GetVariable(path); v != nil {
		return v.SetValue(value)
	}
	v, err := s.store.CreateVariable(path, value)
	if err != nil {
		return fmt.Errorf("set the learning rate: %w", err)
	}
	v.SetTrainable(false)
	return nil
}
