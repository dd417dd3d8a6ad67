package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"striate/internal/fault"
	"striate/train"
	_ "striate/train/backend/onnxruntime" // registers the backend "onnx"
	"striate/train/dataset"
	"striate/train/network"
	runfolder "striate/train/run"
)

type trainCmd struct {
	network.Flags `embed:""`

	Data       string `help:"Images: a folder, or a .zip of one, with train/<class>/ and val/<class>/." placeholder:"DIR"`
	Out        string `help:"Folder of the run: configuration, metrics, curves, parameters, checkpoints." required:"" placeholder:"RUN"`
	Mode       string `help:"train; finetune (a new head on --checkpoint, all else frozen); validate (measure --checkpoint, or RUN itself)." enum:"train,finetune,validate" default:"train"`
	Checkpoint string `help:"Parameters to start from: the folder of a run, or a .npz or .safetensors file." placeholder:"RUN"`
	Resume     bool   `help:"Go on from the last checkpoint of RUN, as configured there."`

	protocolFlags    `embed:""`
	adversarialFlags `embed:""`
	machineFlags     `embed:""`
}

// protocolFlags say how parameters are moved. The defaults are the paper's.
type protocolFlags struct {
	Epochs      int     `help:"Passes through the images." default:"100"`
	Batch       int     `help:"Images of a step." default:"128"`
	LR          float64 `help:"Learning rate at the start." default:"0.1" name:"lr"`
	Schedule    string  `help:"multistep, or cyclic: up to --lr and down to 0 again." enum:"multistep,cyclic" default:"multistep"`
	Milestones  []int   `help:"Epochs after which the rate is multiplied by --gamma." default:"60,80"`
	Gamma       float64 `help:"Factor at each milestone." default:"0.1"`
	Momentum    float64 `help:"Momentum of stochastic gradient descent." default:"0.9"`
	WeightDecay float64 `help:"Weight decay of all trained parameters." default:"1e-5"`
	Seed        uint64  `help:"Seed of first parameters, order, crops and noise." default:"0"`
	Transform   string  `help:"imagenet (random resized crop, mirroring), tiny (mirroring only), or auto: tiny where images have the network's size." enum:"auto,imagenet,tiny" default:"auto"`
	Precision   string  `help:"Type of matrix products: float32, or bfloat16 on xla." enum:"float32,bfloat16" default:"float32"`
	Accumulate  int     `help:"Compute each batch in so many parts, for little memory." default:"1"`
	DropLast    bool    `help:"Leave out the last, smaller batch of an epoch."`
}

// adversarialFlags say how images are changed in training.
type adversarialFlags struct {
	Adversarial string   `help:"Adversarial training: none, free, fast or pgd." enum:"none,free,fast,pgd" default:"none"`
	Epsilon     fraction `help:"Largest change of a pixel value in 0..1." default:"4/255"`
	AttackStep  fraction `help:"Step of the change; default: epsilon (free), 1.25 epsilon (fast), epsilon/4 (pgd)." placeholder:"A/B"`
	AttackSteps int      `help:"Steps of pgd." default:"7"`
	Replays     int      `help:"Replays of each batch in free; epochs and milestones are divided by it." default:"4"`
}

// machineFlags say how the run is carried out.
type machineFlags struct {
	Backend         string `help:"auto, onnx, go, xla:cuda or xla:cpu." default:"auto"`
	Devices         int    `help:"Devices that share each batch (xla)." default:"1"`
	Workers         int    `help:"Batches decoded at once; 0: one a processor." default:"0"`
	Cache           int64  `help:"Decoded images kept in memory, MiB, where all fit and are the same at each visit." default:"2048"`
	Corrupt         string `help:"Unreadable images: skip (named, counted) or fail." enum:"skip,fail" default:"skip"`
	LogEvery        int    `help:"Steps between rows of metrics.csv." default:"50"`
	CheckpointEvery int    `help:"Steps between checkpoints, besides one each epoch and ten minutes." default:"0"`
	Keep            int    `help:"Checkpoints kept." default:"2"`
}

// fraction is a number written as 0.0157 or 4/255.
type fraction float64

// UnmarshalText reads the number.
func (f *fraction) UnmarshalText(text []byte) error {
	above, below, divided := strings.Cut(string(text), "/")
	v, err := strconv.ParseFloat(strings.TrimSpace(above), 64)
	if err == nil && divided {
		var d float64
		d, err = strconv.ParseFloat(strings.TrimSpace(below), 64)
		v /= d
	}
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is no number such as 0.0157 or 4/255", text)
	}
	*f = fraction(v)
	return nil
}

// Help shows examples.
func (trainCmd) Help() string {
	return `Examples:
  striate train --network composite_a --data tiny.zip --out runs/a
  striate train --network composite_a --width 8 --blocks 1,1,1,1 --data mini.zip --out runs/small --epochs 30 --batch 32 --lr 0.05
  striate train --data tiny.zip --out runs/a --resume
  striate train --mode finetune --checkpoint runs/a --data other.zip --out runs/b
  striate train --mode validate --data other.zip --out runs/b
  striate train --adversarial free --network resnet50 --data tiny.zip --out runs/robust

Ctrl-C writes a checkpoint first. docs/training.md tells of the rest.`
}

// Run trains, fine-tunes or validates.
func (c *trainCmd) Run(ctx context.Context, g *globals, k *kong.Context) error {
	o := train.Options{Folder: runfolder.Folder(c.Out), Resume: c.Resume, Backend: c.Backend, Devices: c.Devices, Workers: c.Workers,
		Cache: c.Cache << 20, Strict: c.Corrupt == "fail", LogEvery: c.LogEvery, CheckpointEvery: c.CheckpointEvery, Keep: c.Keep,
		Stdout: g.Stdout, Stderr: g.Stderr, Quiet: g.Quiet}
	if c.Mode == train.ModeValidate {
		return c.validate(ctx, o)
	}
	config, err := c.config(given(k))
	if err != nil {
		return err
	}
	sum, err := train.Train(ctx, config, o)
	if err != nil {
		return err
	}
	if sum.Best != nil {
		fmt.Fprintf(g.Stdout, "best: epoch %d, validation top-1 %.4f, top-5 %.4f (%s)\n", sum.Best.Epoch, sum.Best.Top1, sum.Best.Top5,
			o.Folder.Weights(runfolder.Best))
	}
	fmt.Fprintf(g.Stdout, "%d epochs, %d steps, %.1f images/s, %.1f %% of the time waiting for images\n", sum.Epochs, sum.Steps,
		sum.ImagesPerS, 100*sum.DataWait)
	return nil
}

// given lists the flags that stand on the command line.
func given(k *kong.Context) map[string]bool {
	names := map[string]bool{}
	for _, p := range k.Path {
		if p.Flag != nil {
			names[p.Flag.Name] = true
		}
	}
	return names
}

// config is the configuration that the flags describe, or that of the run that goes on.
func (c *trainCmd) config(given map[string]bool) (*runfolder.Config, error) {
	fresh, err := c.fresh()
	if err != nil || !c.Resume {
		return fresh, err
	}
	old, err := runfolder.Folder(c.Out).Read()
	if err != nil {
		return nil, err
	}
	if err := agree(old, fresh, given); err != nil {
		return nil, err
	}
	if given["epochs"] {
		old.Epochs = c.Epochs
	}
	if given["data"] {
		old.Data.Path = c.Data
	}
	return old, nil
}

// fresh is the configuration of a new run.
func (c *trainCmd) fresh() (*runfolder.Config, error) {
	d, err := c.Description()
	if err != nil {
		return nil, err
	}
	config := &runfolder.Config{Network: d, Mode: c.Mode, Data: runfolder.Data{Path: c.Data}, Epochs: c.Epochs, Batch: c.Batch, LR: c.LR,
		Schedule: c.Schedule, Milestones: c.Milestones, Gamma: c.Gamma, Momentum: c.Momentum, WeightDecay: c.WeightDecay, Seed: c.Seed,
		Transform: c.Transform, Precision: c.Precision, Accumulate: c.Accumulate, DropLast: c.DropLast, Adversarial: c.adversarial()}
	if c.Checkpoint != "" {
		config.From = &runfolder.Origin{Path: c.Checkpoint}
		_, other, err := runfolder.Locate(c.Checkpoint)
		if err != nil {
			return nil, err
		}
		if other != nil {
			config.Network = other.Network
		}
	}
	config.Network.Classes = c.Classes // 0: as many as the data have
	switch {
	case c.Resume:
		return config, nil
	case c.Data == "":
		return nil, fault.Misusef("say what to train on: --data DIR")
	case c.Mode == train.ModeFinetune && c.Checkpoint == "":
		return nil, fault.Misusef("say what to fine-tune: --checkpoint RUN")
	}
	if c.Transform == "auto" {
		config.Transform, err = detect(c.Data, "train", d.Size)
	}
	return config, err
}

// adversarial fills in what the method takes by default.
func (c *trainCmd) adversarial() runfolder.Adversarial {
	a := runfolder.Adversarial{Method: c.Adversarial}
	if a.Method == train.None {
		return a
	}
	a.Epsilon, a.Step = float64(c.Epsilon), float64(c.AttackStep)
	step := a.Epsilon
	switch a.Method {
	case train.Free:
		a.Replays = c.Replays
	case train.Fast:
		step *= 1.25
	case train.PGD:
		a.Steps = c.AttackSteps
		step /= 4
	}
	if a.Step == 0 {
		a.Step = step
	}
	return a
}

// detect chooses the transform by the images.
func detect(data, split string, size int) (string, error) {
	source, err := dataset.Open(data)
	if err != nil {
		return "", err
	}
	defer source.Close()
	s, err := source.Split(split, nil)
	if err != nil {
		return "", err
	}
	return string(dataset.Detect(s, size)), nil
}

// settings are what flags set in a configuration, each on its own, by the name of the flag.
var settings = map[string]func(*runfolder.Config) any{
	"mode":         func(c *runfolder.Config) any { return c.Mode },
	"batch":        func(c *runfolder.Config) any { return c.Batch },
	"lr":           func(c *runfolder.Config) any { return c.LR },
	"schedule":     func(c *runfolder.Config) any { return c.Schedule },
	"milestones":   func(c *runfolder.Config) any { return c.Milestones },
	"gamma":        func(c *runfolder.Config) any { return c.Gamma },
	"momentum":     func(c *runfolder.Config) any { return c.Momentum },
	"weight-decay": func(c *runfolder.Config) any { return c.WeightDecay },
	"seed":         func(c *runfolder.Config) any { return c.Seed },
	"transform":    func(c *runfolder.Config) any { return c.Transform },
	"precision":    func(c *runfolder.Config) any { return c.Precision },
	"accumulate":   func(c *runfolder.Config) any { return c.Accumulate },
	"drop-last":    func(c *runfolder.Config) any { return c.DropLast },
	"adversarial":  func(c *runfolder.Config) any { return c.Adversarial.Method },
	"epsilon":      func(c *runfolder.Config) any { return c.Adversarial.Epsilon },
	"attack-step":  func(c *runfolder.Config) any { return c.Adversarial.Step },
	"attack-steps": func(c *runfolder.Config) any { return c.Adversarial.Steps },
	"replays":      func(c *runfolder.Config) any { return c.Adversarial.Replays },
	"network":      func(c *runfolder.Config) any { return strings.TrimSuffix(c.Network.Name, "+") },
	"size":         func(c *runfolder.Config) any { return c.Network.Size },
	"width":        func(c *runfolder.Config) any { return c.Network.Width },
	"blocks":       func(c *runfolder.Config) any { return c.Network.Blocks },
	"pool":         func(c *runfolder.Config) any { return c.Network.Pool },
	"dog":          func(c *runfolder.Config) any { return c.Network.DoG },
}

// agree refuses flags that contradict the run that goes on.
func agree(old, fresh *runfolder.Config, given map[string]bool) error {
	for _, flag := range slices.Sorted(maps.Keys(given)) {
		value, ok := settings[flag]
		if !ok || flag == "transform" && fresh.Transform == "auto" {
			continue
		}
		if was, is := value(old), value(fresh); !reflect.DeepEqual(was, is) {
			return fault.Misusef("--%s is %v, but %v in the run that goes on: leave it out, or start another run with another --out", flag, is, was)
		}
	}
	return nil
}

// validate measures the parameters of --checkpoint, or of RUN.
func (c *trainCmd) validate(ctx context.Context, o train.Options) error {
	from := c.Checkpoint
	if from == "" {
		from = c.Out
	}
	_, config, err := runfolder.Locate(from)
	if err != nil {
		return err
	}
	if config == nil {
		c.Resume = true // nothing is trained: no data or parameters are missing
		if config, err = c.fresh(); err != nil {
			return err
		}
	}
	if c.Data != "" {
		config.Data.Path = c.Data
	}
	if config.Data.Path == "" {
		return fault.Misusef("say what to validate on: --data DIR")
	}
	if c.Transform != "auto" {
		config.Transform = c.Transform
	} else if config.Transform, err = detect(config.Data.Path, "val", config.Network.Size); err != nil {
		return err
	}
	config.Mode, config.From, config.Batch = c.Mode, &runfolder.Origin{Path: from}, c.Batch
	row, err := train.Validate(ctx, config, o)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(o.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"images": config.Data.Val, "loss": row.Loss, "top1": row.Top1, "top5": row.Top5, "parameters": config.From.Path})
}
