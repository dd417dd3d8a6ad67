package train

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"striate/internal/cputime"
	"striate/train/dataset"
	"striate/train/network"
	"striate/train/run"
)

// Speed is how fast training runs: reading, decoding, transforming, the step.
type Speed struct {
	Network     string  `json:"network"`
	Backend     string  `json:"backend"`
	Method      string  `json:"adversarial"`
	Precision   string  `json:"precision"`
	Batch       int     `json:"batch"`
	Steps       int     `json:"steps"`
	ImagesPerS  float64 `json:"images_per_s"`
	MedianPerS  float64 `json:"median_images_per_s"`
	CPUPerImage float64 `json:"cpu_s_per_image"` // of all threads
	DataWait    float64 `json:"data_wait"`       // share of the time spent waiting for images
	FirstStep   float64 `json:"first_step_s"`    // with compiling
}

// Measure trains as c says for at least seconds, after a first step that compiles, and writes
// nothing. Images are those of c.Data.
func Measure(ctx context.Context, c *run.Config, o Options, seconds float64) (speed *Speed, err error) {
	o = o.withDefaults()
	caught := exceptions.TryCatch[error](func() { speed, err = measureIn(ctx, c, o, seconds) })
	if caught != nil {
		err = caught
	}
	return speed, err
}

func measureIn(ctx context.Context, c *run.Config, o Options, seconds float64) (*Speed, error) {
	source, err := dataset.Open(c.Data.Path)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	c.DropLast = true
	s := &session{ctx: ctx, config: c, options: o, store: model.NewStore()}
	if err := s.openData(source); err != nil {
		return nil, err
	}
	if s.backend, err = newBackend(o, c); err != nil {
		return nil, err
	}
	defer s.closeBackend()
	if err := c.Network.Init(s.store, network.Random(c.Seed), dtypes.Float32); err != nil {
		return nil, err
	}
	if err := s.markTrainable(); err != nil {
		return nil, err
	}
	if err := s.newTrainer(); err != nil {
		return nil, fmt.Errorf("set up training: %w", err)
	}
	return s.measure(seconds)
}

// measure takes steps until the time is over. The first one is not counted.
func (s *session) measure(seconds float64) (*Speed, error) {
	ds, err := s.feed()
	if err != nil {
		return nil, err
	}
	speed := &Speed{Network: s.config.Network.Name, Backend: s.backend.Name(), Method: s.config.Adversarial.Method,
		Precision: s.config.Precision, Batch: s.config.Batch}
	var begun time.Time
	var cpu, waited, spent float64
	mark := time.Now()
	var durations []float64
	for batch, err := range ds.Iter() {
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		metrics, err := s.trainer.TrainStep(batch)
		if err != nil {
			return nil, fmt.Errorf("step: %w", err)
		}
		if err := release(metrics); err != nil {
			return nil, err
		}
		d := time.Since(mark).Seconds()
		mark = time.Now()
		if begun.IsZero() {
			speed.FirstStep, begun, cpu, waited = d, mark, cputime.Seconds(), s.timed.Waited().Seconds()
			continue
		}
		durations = append(durations, d)
		spent += d
		if spent >= seconds {
			break
		}
	}
	n := len(durations)
	batch := float64(s.config.Batch / s.config.Accumulate)
	speed.Steps, speed.ImagesPerS, speed.MedianPerS = n, batch*float64(n)/spent, batch/median(durations)
	speed.CPUPerImage = (cputime.Seconds() - cpu) / (batch * float64(n))
	speed.DataWait = (s.timed.Waited().Seconds() - waited) / spent
	return speed, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// release waits for the values of a step and frees them.
func release(metrics []*tensors.Tensor) error {
	for _, t := range metrics {
		scalar(t)
		if err := t.FinalizeAll(); err != nil {
			return fmt.Errorf("free metrics: %w", err)
		}
	}
	return nil
}
