package train

import (
	"fmt"
	"io"
	"math"
	"time"

	"striate/internal/fault"
	"striate/train/dataset"
	"striate/train/run"
)

// What a run does.
const (
	ModeTrain    = "train"    // all parameters
	ModeFinetune = "finetune" // a new head on given parameters
	ModeValidate = "validate" // nothing: measures
)

// Methods of adversarial training.
const (
	None = "none"
	Free = "free"
	Fast = "fast"
	PGD  = "pgd"
)

// Number formats of matrix products.
const (
	Float32  = "float32"
	BFloat16 = "bfloat16"
)

// Options say how a run is carried out; its numbers do not depend on them, but for rounding on
// another backend.
type Options struct {
	Folder  run.Folder
	Resume  bool
	Backend string // see package backend; "" is auto
	Devices int    // that share each batch
	Workers int    // batches decoded at once; 0: one a processor
	Cache   int64  // bytes of decoded images kept in memory
	Strict  bool   // unreadable images are errors

	LogEvery        int           // steps between rows of metrics.csv; the end of an epoch always has one
	CheckpointEvery int           // steps between checkpoints; 0: each epoch
	CheckpointAfter time.Duration // and after so much time
	Keep            int           // checkpoints kept

	Stdout, Stderr io.Writer // results; progress and warnings
	Quiet          bool

	afterStep func(step int) error // for tests: an error here ends the run as abruptly as a crash
}

func (o Options) withDefaults() Options {
	o.Devices = max(o.Devices, 1)
	o.LogEvery = max(o.LogEvery, 1)
	o.Keep = max(o.Keep, 1)
	if o.CheckpointAfter == 0 {
		o.CheckpointAfter = 10 * time.Minute
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	return o
}

func (o Options) warnf(format string, args ...any) {
	fmt.Fprintf(o.Stderr, "striate: "+format+"\n", args...)
}

// check refuses configurations that cannot work.
func check(c *run.Config, o Options) error {
	positive := func(name string, v float64) error {
		if !(v > 0) || math.IsInf(v, 0) {
			return fault.Misusef("%s %v: give a positive number", name, v)
		}
		return nil
	}
	for _, err := range []error{
		positive("epochs", float64(c.Epochs)), positive("batch", float64(c.Batch)), positive("accumulate", float64(c.Accumulate)),
		positive("lr", c.LR), positive("gamma", c.Gamma), checkSchedule(c), checkAdversarial(&c.Adversarial),
		dataset.Transform(c.Transform).Validate(),
	} {
		if err != nil {
			return err
		}
	}
	parts := c.Accumulate * o.Devices
	switch {
	case c.Momentum < 0 || c.Momentum >= 1:
		return fault.Misusef("momentum %v: give a number from 0 to below 1", c.Momentum)
	case c.WeightDecay < 0:
		return fault.Misusef("weight decay %v: give 0 or a positive number", c.WeightDecay)
	case c.Precision != Float32 && c.Precision != BFloat16:
		return fault.Misusef("precision %q: give float32 or bfloat16", c.Precision)
	case c.Batch%parts != 0:
		return fault.Misusef("a batch of %d does not divide into %d parts (accumulate × devices)", c.Batch, parts)
	case c.Accumulate > 1 && o.Devices > 1:
		return fault.Misusef("gradient accumulation on several devices is not supported: use one of the two")
	case c.Adversarial.Method == Free && parts > 1:
		return fault.Misusef("free adversarial training moves weights and noise by one gradient: use it without accumulation, on one device")
	}
	return nil
}

func checkAdversarial(a *run.Adversarial) error {
	switch a.Method {
	case None:
		return nil
	case Free, Fast, PGD:
	default:
		return fault.Misusef("adversarial method %q: give none, free, fast or pgd", a.Method)
	}
	switch {
	case a.Epsilon < 0 || a.Epsilon > 1:
		return fault.Misusef("epsilon %v: give a distance of pixel values in 0..1, such as 4/255", a.Epsilon)
	case a.Step < 0 || a.Step > 1:
		return fault.Misusef("step %v: give a distance of pixel values in 0..1, such as 2/255", a.Step)
	case a.Method == PGD && a.Steps < 1:
		return fault.Misusef("%d steps of PGD: give 1 or more", a.Steps)
	case a.Method == Free && a.Replays < 1:
		return fault.Misusef("%d replays: give 1 or more", a.Replays)
	}
	return nil
}
