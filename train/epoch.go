package train

import (
	"errors"
	"fmt"
	"math"
	"time"

	"striate/internal/fault"
	"striate/train/run"
)

// errStopped ends a training that is over before its last epoch, without failing.
var errStopped = errors.New("stopped")

// endEpoch validates, keeps the parameters and draws the curves.
func (s *session) endEpoch() error {
	val, err := s.validate()
	if err != nil {
		return err
	}
	if ok, err := finite(s.store); err != nil {
		return err
	} else if !ok {
		return s.diverged("a parameter is no longer a finite number")
	}
	if val != nil && !isFinite(val.Loss) {
		return s.diverged(fmt.Sprintf("the validation loss is %v", val.Loss))
	}
	if err := s.saveWeights(run.Last); err != nil {
		return err
	}
	if val != nil {
		at := s.row("val")
		val.Epoch, val.Step, val.LR = at.Epoch, at.Step, at.LR
		s.at.Last = val
		if err := s.metrics.Add(*val); err != nil {
			return err
		}
	}
	if val == nil || s.at.Best == nil || val.Top1 > s.at.Best.Top1 {
		s.at.Best = val
		if err := s.saveWeights(run.Best); err != nil {
			return err
		}
	}
	if s.watch != nil {
		if err := s.watchRobustness(); err != nil {
			return err
		}
	}
	s.report(val)
	s.at.Epoch = window{}
	return s.options.Folder.DrawCurves()
}

// validate measures loss and accuracy on the validation images; nil without them. The row says
// nothing of the epoch.
func (s *session) validate() (*run.Row, error) {
	if s.validation == nil {
		return nil, nil
	}
	begun := time.Now()
	s.bar.Describe("validating")
	ds, err := s.spread(s.validation.Validation(), 1, 2)
	if err != nil {
		return nil, err
	}
	means, err := s.trainer.Eval(ds)
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	row := run.Row{Split: "val"}
	fill := s.validation.Fill()
	row.Loss = scalar(means[ofMeanLoss]) * fill
	row.Top1, row.Top5 = s.share(scalar(means[ofMeanTop1])*fill), s.share(scalar(means[ofMeanTop5])*fill)
	row.ImagesPerS = float64(s.validation.Len()) / time.Since(begun).Seconds()
	for _, t := range means {
		if err := t.FinalizeAll(); err != nil {
			return nil, fmt.Errorf("validate: %w", err)
		}
	}
	return &row, nil
}

// share removes float32's rounding from a share of the validation images.
func (s *session) share(x float64) float64 {
	n := float64(s.validation.Len() - len(s.validation.Broken()))
	return math.Round(x*n) / n
}

// report prints an epoch in a line.
func (s *session) report(val *run.Row) {
	t := s.at.Epoch.means(s.row("train"))
	text := fmt.Sprintf("epoch %d/%d  train loss %.4f top-1 %.4f", t.Epoch, s.schedule.epochs, t.Loss, t.Top1)
	if val != nil {
		text += fmt.Sprintf("  val loss %.4f top-1 %.4f top-5 %.4f", val.Loss, val.Top1, val.Top5)
	}
	if k := len(s.at.PGD5); k > 0 {
		text += fmt.Sprintf("  PGD-5 top-1 %.3f", s.at.PGD5[k-1])
	}
	fmt.Fprintf(s.options.Stdout, "%s  lr %.4g  %.1f images/s\n", text, t.LR, t.ImagesPerS)
}

// largestDrop is the fall of robust accuracy between two epochs at which fast adversarial training has
// learned to fool its one-step attack (Wong, Rice and Kolter 2020).
const largestDrop = 0.2

// watchRobustness stops a training that has overfitted to its attack.
func (s *session) watchRobustness() error {
	share, err := s.watch.accuracy(s.store)
	if err != nil {
		return err
	}
	s.at.PGD5 = append(s.at.PGD5, share)
	if k := len(s.at.PGD5); k > 1 && s.at.PGD5[k-2]-share > largestDrop {
		s.stop = fmt.Sprintf("accuracy under PGD-5 fell from %.3f to %.3f within an epoch: the network has learned to fool the one-step attack; "+
			"%s holds the best parameters; lower --step or --epsilon, or use pgd", s.at.PGD5[k-2], share, run.Best)
	}
	return nil
}

// newWatch reads the batch that robustness is watched on: the first of the training.
func (s *session) newWatch() (*watch, error) {
	for batch, err := range s.training.Training(0).Iter() {
		if err != nil {
			return nil, err
		}
		return newWatch(s.backend, s.learner, batch.Inputs[0], batch.Labels[0])
	}
	return nil, fault.Invalidf("no image to train on")
}
