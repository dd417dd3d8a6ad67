package train

import (
	"math"

	"striate/internal/fault"
	"striate/train/run"
)

// Names of schedules.
const (
	Multistep = "multistep"
	Cyclic    = "cyclic"
)

// schedule is the learning rate over the steps of a run.
type schedule struct {
	config        *run.Config
	stepsPerEpoch int
	epochs        int
}

// rate returns the learning rate of step number step, counted from 0.
//
// Multistep, as PyTorch's MultiStepLR: lr·gamma^k, k the number of milestones that the epoch, counted
// from 0, has reached. Cyclic, as the reference of fast adversarial training: from 0 to lr over the
// first half of the steps and back to 0 over the second.
func (s schedule) rate(step int) float64 {
	if s.config.Schedule == Cyclic {
		half := float64(s.stepsPerEpoch*s.epochs) / 2
		return s.config.LR * math.Max(0, 1-math.Abs(float64(step)-half)/half)
	}
	lr := s.config.LR
	reached, before := 0, 0
	for _, m := range s.config.Milestones {
		reached += passes(m-before, s.config)
		before = m
		if step/s.stepsPerEpoch >= reached {
			lr *= s.config.Gamma
		}
	}
	return lr
}

// passes converts a number of epochs to passes through the data. Free adversarial training replays
// every minibatch, so its epochs count as many times as there are replays: their number, and that
// between two milestones, are divided by the replays and rounded up, as in the reference (Shafahi et al.
// 2019).
func passes(epochs int, c *run.Config) int {
	if c.Adversarial.Method != Free {
		return epochs
	}
	return (epochs + c.Adversarial.Replays - 1) / c.Adversarial.Replays
}

func checkSchedule(c *run.Config) error {
	if c.Schedule != Multistep && c.Schedule != Cyclic {
		return fault.Misusef("schedule %q: give multistep or cyclic", c.Schedule)
	}
	for i, m := range c.Milestones {
		if m < 1 || i > 0 && m <= c.Milestones[i-1] {
			return fault.Misusef("milestones %v: give rising numbers of epochs from 1", c.Milestones)
		}
	}
	return nil
}
