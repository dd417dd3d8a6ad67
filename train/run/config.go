package run

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/provenance"
	"striate/train/network"
)

// Names of the files of a run.
const (
	configFile  = "config.json"
	metricsFile = "metrics.csv"
	summaryFile = "summary.json"
	checkpoints = "checkpoints"
)

// Weights names a parameter file of a run.
type Weights string

// The parameter files.
const (
	Best Weights = "best.safetensors"
	Last Weights = "last.safetensors"
)

// Config is what a run trains, on what and how: all that its numbers follow from.
type Config struct {
	Network network.Description `json:"network"`
	Mode    string              `json:"mode"` // train, finetune or validate
	Data    Data                `json:"data"`
	From    *Origin             `json:"from,omitempty"` // the parameters at the start, if not random

	Epochs      int     `json:"epochs"`
	Batch       int     `json:"batch"`
	LR          float64 `json:"lr"`
	Schedule    string  `json:"schedule"` // multistep or cyclic
	Milestones  []int   `json:"milestones"`
	Gamma       float64 `json:"gamma"`
	Momentum    float64 `json:"momentum"`
	WeightDecay float64 `json:"weight_decay"`
	Seed        uint64  `json:"seed"`
	Transform   string  `json:"transform"` // imagenet or tiny
	Precision   string  `json:"precision"` // float32 or bfloat16
	Accumulate  int     `json:"accumulate"`
	DropLast    bool    `json:"drop_last"`

	Adversarial Adversarial `json:"adversarial"`

	Provenance provenance.Record `json:"provenance"`
}

// Data identifies the images.
type Data struct {
	Path        string   `json:"path"`
	Classes     []string `json:"classes"` // in the order of the labels
	Train       int      `json:"train"`   // images
	Val         int      `json:"val"`
	TrainDigest string   `json:"train_digest,omitempty"` // of paths, classes and sizes
	ValDigest   string   `json:"val_digest,omitempty"`
}

// Origin is where parameters came from.
type Origin struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
}

// Adversarial says how images are changed in training.
type Adversarial struct {
	Method  string  `json:"method"`            // none, free, fast or pgd
	Epsilon float64 `json:"epsilon,omitempty"` // of pixel values in [0,1]
	Step    float64 `json:"step,omitempty"`
	Steps   int     `json:"steps,omitempty"`   // of pgd
	Replays int     `json:"replays,omitempty"` // of free
}

// Summary is how a run ended.
type Summary struct {
	Epochs       int               `json:"epochs"` // finished
	Steps        int               `json:"steps"`  // of the optimizer
	Best         *Row              `json:"best,omitempty"`
	Last         *Row              `json:"last,omitempty"`
	ImagesPerS   float64           `json:"images_per_s"`
	DataWait     float64           `json:"data_wait"` // share of the training time spent waiting for images
	Seconds      float64           `json:"seconds"`   // of training, validation left out
	Unreadable   []string          `json:"unreadable"`
	Stopped      string            `json:"stopped,omitempty"` // why, if before the last epoch
	BestDigest   string            `json:"best_digest,omitempty"`
	LastDigest   string            `json:"last_digest,omitempty"`
	RobustShares []float64         `json:"pgd5_accuracy,omitempty"` // on one batch, after each epoch of fast adversarial training
	Provenance   provenance.Record `json:"provenance"`
}

// Folder is the folder of a run.
type Folder string

// Weights is the path of a parameter file.
func (f Folder) Weights(w Weights) string { return filepath.Join(string(f), string(w)) }

// Checkpoints is the folder of the GoMLX checkpoints.
func (f Folder) Checkpoints() string { return filepath.Join(string(f), checkpoints) }

// Metrics is the path of metrics.csv.
func (f Folder) Metrics() string { return filepath.Join(string(f), metricsFile) }

// Exists tells whether the folder holds a run.
func (f Folder) Exists() bool {
	_, err := os.Stat(filepath.Join(string(f), configFile))
	return err == nil
}

// Read reads the configuration of the run.
func (f Folder) Read() (*Config, error) {
	path := filepath.Join(string(f), configFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.NotFoundf("%s is not the folder of a training run: it has no readable config.json", f)
	}
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fault.Invalidf("%s: %v", path, err)
	}
	if err := c.Network.Validate(); err != nil {
		return nil, fault.Invalidf("%s: %v", path, err)
	}
	return &c, nil
}

// Write writes the configuration.
func (f Folder) Write(c *Config) error { return f.writeJSON(configFile, c) }

// WriteSummary writes the summary.
func (f Folder) WriteSummary(s *Summary) error { return f.writeJSON(summaryFile, s) }

// WriteValidation writes the numbers of a validation, with the configuration they belong to.
func (f Folder) WriteValidation(c *Config, row Row, unreadable []string) error {
	return f.writeJSON("validation.json", struct {
		Loss       float64  `json:"loss"`
		Top1       float64  `json:"top1"`
		Top5       float64  `json:"top5"`
		Images     int      `json:"images"`
		Unreadable []string `json:"unreadable"`
		Config     *Config  `json:"config"`
	}{row.Loss, row.Top1, row.Top5, c.Data.Val - len(unreadable), unreadable, c})
}

func (f Folder) writeJSON(name string, v any) error {
	return atomicfile.Write(filepath.Join(string(f), name), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		return nil
	})
}
