package train

import (
	"fmt"
	"time"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"striate/internal/fault"
	"striate/train/run"
)

// scalar is the value of a metric.
func scalar(t *tensors.Tensor) float64 { return shapes.ConvertTo[float64](t.Value()) }

// onStep follows every step of the loop.
func (s *session) onStep(metrics []*tensors.Tensor) error {
	lossValue := scalar(metrics[ofStepLoss])
	if !isFinite(lossValue) {
		return s.diverged(fmt.Sprintf("the loss is %v", lossValue))
	}
	n := s.images(s.at.Step)
	spent := time.Since(s.mark).Seconds()
	for _, w := range []*window{&s.at.Window, &s.at.Epoch} {
		w.add(n, lossValue, scalar(metrics[ofStepTop1]), scalar(metrics[ofStepTop5]), spent)
	}
	s.at.Images += n
	s.at.Seconds += spent
	s.show(n, lossValue)
	s.at.Step++
	if err := s.afterStep(); err != nil {
		return err
	}
	s.mark = time.Now()
	if s.options.afterStep != nil {
		return s.options.afterStep(s.at.Step)
	}
	return nil
}

// show moves the bar.
func (s *session) show(n int, lossValue float64) {
	s.bar.Add(n)
	if now := time.Now(); now.Sub(s.shown) > 200*time.Millisecond {
		s.shown = now
		s.bar.Describe(fmt.Sprintf("epoch %d/%d, loss %.3f, top-1 %.3f, images", s.at.Step/s.loopSteps()+1, s.schedule.epochs,
			lossValue, s.at.Epoch.Top1/float64(s.at.Epoch.Images)))
	}
}

// afterStep does what is due where a run can be resumed: rows, validation, checkpoints, the end.
func (s *session) afterStep() error {
	if s.at.Step%s.unit() != 0 {
		return nil
	}
	step := s.at.Step / s.config.Accumulate
	endOfEpoch := s.at.Step%s.loopSteps() == 0
	if endOfEpoch || step%s.options.LogEvery == 0 {
		if err := s.writeTrainRow(); err != nil {
			return err
		}
	}
	if endOfEpoch {
		if err := s.endEpoch(); err != nil {
			return err
		}
	}
	interrupted := s.ctx.Err()
	every := s.options.CheckpointEvery
	switch {
	case endOfEpoch || interrupted != nil || s.stop != "", every > 0 && step%every == 0,
		time.Since(s.saved) > s.options.CheckpointAfter:
		if err := s.save(); err != nil {
			return err
		}
	}
	if interrupted != nil {
		s.options.warnf("interrupted after step %d; continue with --resume", step)
		return interrupted
	}
	if s.stop != "" {
		return errStopped
	}
	return s.setRate()
}

// row begins a row of metrics.csv.
func (s *session) row(split string) run.Row {
	last := s.at.Step - 1
	return run.Row{Epoch: last/s.loopSteps() + 1, Step: s.at.Step / s.config.Accumulate, Split: split,
		LR: s.schedule.rate(last / s.config.Accumulate)}
}

func (s *session) writeTrainRow() error {
	row := s.at.Window.means(s.row("train"))
	s.at.Window = window{}
	return s.metrics.Add(row)
}

// save writes a checkpoint, unless the parameters are no longer numbers.
func (s *session) save() error {
	ok, err := finite(s.store)
	if err != nil {
		return err
	}
	if !ok {
		return s.diverged("a parameter is no longer a finite number")
	}
	s.at.CSV = s.metrics.Size()
	s.at.Waited += s.timed.Waited().Seconds() - s.waitedBefore
	s.waitedBefore = s.timed.Waited().Seconds()
	if err := s.keeper.save(s.at); err != nil {
		return err
	}
	s.saved = time.Now()
	return nil
}

// diverged is the error of a training that left the finite numbers.
func (s *session) diverged(what string) error {
	step := s.at.Step/s.config.Accumulate + 1
	return fault.Invalidf("%s at step %d (epoch %d): training stopped; the last good checkpoint is %s: start anew with a lower --lr, or resume from it",
		what, step, s.at.Step/s.loopSteps()+1, s.keeper.last())
}
