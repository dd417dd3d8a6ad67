package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"striate/analysis/robustness"
	"striate/internal/atomicfile"
	"striate/internal/corruptset"
	"striate/internal/fault"
	"striate/internal/picture"
	"striate/internal/progress"
	"striate/internal/provenance"
	"striate/serve/evaluate"
)

type robustnessCmd struct {
	modelFlags  `embed:""`
	Data        string   `help:"Clean images: a folder (or .zip) of folders of classes, or an image folder with val/." required:"" placeholder:"DIR"`
	Out         string   `help:"Result to write; a table goes beside it, as .csv." required:"" placeholder:"R.json"`
	Corruptions []string `help:"Corruptions: names, groups (noise, blur, weather, digital, extra), all, or none." default:"all" placeholder:"T,…"`
	Severities  []int    `help:"Severities." default:"1,2,3,4,5"`
	Corrupted   string   `help:"Published set: a folder (or .zip) <corruption>/<severity>/<class>/<image>. Then nothing is corrupted here, unless --generate." placeholder:"DIR"`
	Generate    bool     `help:"Corrupt the clean images too, beside --corrupted."`
	Frost       string   `help:"Folder of the pictures of frost." placeholder:"DIR"`
	Benchmark   string   `help:"tiny-imagenet-c or imagenet-c; default: the one of the model's input size." placeholder:"NAME"`
	Resize      bool     `help:"Bring images of another size to the benchmark's."`
	FinalJPEG   bool     `name:"final-jpeg" help:"Put images corrupted here through the JPEG pass of the published ones." default:"true" negatable:""`
	Seed        uint64   `help:"Seed of what is random." default:"0"`
	Limit       int      `help:"Use so many images only, spread over the classes." placeholder:"N"`
	Classes     string   `help:"Names of the model's outputs, one a line, where the card has none." placeholder:"FILE"`
	Logits      string   `help:"Layer of the logits; default: logits, or the last." placeholder:"LAYER"`
	Units       string   `help:"Look at the units of this layer too: how their responses and their tuning move." placeholder:"LAYER"`
	Attacks     []string `help:"Attacks: fgsm, pgd-linf, pgd-l2, apgd-linf, apgd-l2, square." placeholder:"A,…"`
	Epsilon     []string `help:"Budgets in pixel space [0, 1], as 0.0157 or 4/255; default: 4/255, and 0.5 in L2." placeholder:"E,…"`
	EpsilonL2   []string `name:"epsilon-l2" help:"Budgets of attacks in the L2 norm; default: --epsilon, or 0.5." placeholder:"E,…"`
	Steps       int      `help:"Steps of PGD (10) and APGD (100)." placeholder:"N"`
	Queries     int      `help:"Queries an image of the Square attack (5000)." placeholder:"N"`
	Gradient    string   `help:"Gradient graph of the model; default: MODEL.gradient.onnx beside it." placeholder:"FILE"`
	Baseline    string   `help:"Errors of a reference network, rows corruption,severity,error (and clean,0,error): adds mCE." placeholder:"CSV"`
	Figures     string   `help:"Folder for heat maps and curves, .png and .svg." placeholder:"DIR"`
}

// Help shows an example.
func (robustnessCmd) Help() string {
	return `Examples:
  striate robustness --model m.onnx --data tiny-imagenet-200/val --frost frost/ --out r.json --figures figures/
  striate robustness --model m.onnx --data val/ --corrupted Tiny-ImageNet-C/ --out r.json
  striate robustness --model m.onnx --data val/ --corruptions none --attacks fgsm,pgd-linf --epsilon 1/255,4/255 --out r.json

Numbers on a published set and on images corrupted here do not compare, and are kept apart. An
interrupted run is taken up again by the same command.`
}

// Run measures.
func (c *robustnessCmd) Run(ctx context.Context, g *globals) error {
	stem, ok := strings.CutSuffix(c.Out, ".json")
	if !ok {
		return fault.Misusef("--out %s: the result's name must end in .json", c.Out)
	}
	options, err := c.options()
	if err != nil {
		return err
	}
	var baseline robustness.Baseline
	if c.Baseline != "" {
		if baseline, err = evaluate.ReadBaseline(c.Baseline); err != nil {
			return err
		}
	}
	e, m, err := c.open()
	if err != nil {
		return err
	}
	defer e.Close()
	v, err := evaluate.Prepare(ctx, e, m, options)
	if err != nil {
		return err
	}
	defer v.Close() //nolint:errcheck // freeing memory
	closeData, err := c.images(v)
	defer closeData()
	if err != nil {
		return err
	}
	if c.Baseline != "" {
		if err := v.CheckBaseline(baseline); err != nil {
			return err
		}
	}
	journal, err := openJournal(c.Out+".partial", v, c)
	if err != nil {
		return err
	}
	defer journal.Close()
	v.Plan.Journal = journal
	total := int64(v.Plan.Shown())
	if v.Plan.Published != nil {
		total = -1 // the images of a published set are listed folder by folder
	}
	bar := progress.New(g.Stderr, "images", total, g.Quiet)
	v.Plan.Done = bar.Add
	result, err := v.Run(ctx)
	if err != nil {
		return err
	}
	bar.Close()
	if c.Baseline != "" {
		if err := result.Normalise(baseline); err != nil {
			return err
		}
	}
	if err := c.write(result, stem); err != nil {
		return err
	}
	journal.Remove()
	for _, line := range result.Lines() {
		fmt.Fprintln(g.Stdout, line)
	}
	return nil
}

func (c *robustnessCmd) options() (evaluate.Options, error) {
	o := evaluate.Options{
		Benchmark: c.Benchmark, Corruptions: c.Corruptions, Severities: c.Severities, Seed: c.Seed, Frost: c.Frost, FinalJPEG: c.FinalJPEG,
		Resize: c.Resize, Logits: c.Logits, Units: c.Units, Attacks: c.Attacks, Steps: c.Steps, Queries: c.Queries, Gradient: c.Gradient,
	}
	if c.Corrupted != "" && !c.Generate && c.Units == "" && o.Frost == "" {
		o.Published = true // nothing is corrupted here: frost needs no pictures
	}
	var err error
	if o.Epsilons, err = evaluate.ParseEpsilons(c.Epsilon); err != nil {
		return o, err
	}
	if o.EpsilonsL2, err = evaluate.ParseEpsilons(c.EpsilonL2); err != nil {
		return o, err
	}
	if len(o.Epsilons)+len(o.EpsilonsL2) > 0 && len(o.Attacks) == 0 {
		return o, fault.Misusef("--epsilon is the budget of --attacks, and none is asked for")
	}
	if c.Classes != "" {
		o.Classes, err = evaluate.ReadClasses(c.Classes)
	}
	return o, err
}

// images opens the data and puts it into the plan.
func (c *robustnessCmd) images(v *evaluate.Evaluation) (closeAll func(), err error) {
	var open []*corruptset.Folder
	closeAll = func() {
		for _, f := range open {
			f.Close() //nolint:errcheck // only read
		}
	}
	data, err := corruptset.Open(c.Data)
	if err != nil {
		return closeAll, err
	}
	open = append(open, data)
	root, err := corruptset.ClassRoot(data)
	if err != nil {
		return closeAll, err
	}
	folders, err := data.Folders(root)
	if err != nil {
		return closeAll, err
	}
	labels, err := corruptset.Labels("--data "+path.Join(c.Data, root), folders, v.ClassNames(), v.Outputs)
	if err != nil {
		return closeAll, err
	}
	length := v.Plan.Size * v.Plan.Size * 3
	list := func(f *corruptset.Folder, dir string) (*corruptset.Labelled, error) {
		l, err := corruptset.OpenLabelled(f, dir, labels, length, func(m *picture.RGB) ([]uint8, error) { return v.Fit(m) })
		if err == nil {
			l.Limit(c.Limit)
		}
		return l, err
	}
	if v.Plan.Images, err = list(data, root); err != nil {
		return closeAll, err
	}
	v.Plan.Generate = len(v.Plan.Corruptions) > 0 && (c.Corrupted == "" || c.Generate)
	if c.Corrupted == "" || len(v.Plan.Corruptions) == 0 {
		return closeAll, nil
	}
	tree, err := corruptset.Open(c.Corrupted)
	if err != nil {
		return closeAll, err
	}
	open = append(open, tree)
	cells, err := corruptset.Cells(tree, v.Plan.Corruptions, v.Plan.Severities)
	if err != nil {
		return closeAll, err
	}
	v.Plan.Published = func(name string, severity int) (robustness.Images, error) { return list(tree, cells[name][severity]) }
	return closeAll, nil
}

func (c *robustnessCmd) write(r *evaluate.Result, stem string) error {
	r.Parameters["data"], r.Parameters["corrupted"], r.Parameters["limit"] = c.Data, c.Corrupted, c.Limit
	if err := writeJSON(c.Out, r, "  "); err != nil {
		return err
	}
	if err := atomicfile.Write(stem+".csv", r.WriteCSV); err != nil {
		return err
	}
	if c.Figures == "" {
		return nil
	}
	return r.WriteFigures(c.Figures)
}

// journal keeps the results of an interrupted run in a file, a JSON object a line; the first says
// what run it is of.
type journal struct {
	file  *os.File
	known map[string]json.RawMessage
}

// entry is one line.
type entry struct {
	Key    string          `json:"key"`
	Result json.RawMessage `json:"result"`
}

// openJournal opens the file of the same run, or begins one.
func openJournal(name string, v *evaluate.Evaluation, c *robustnessCmd) (*journal, error) {
	run, err := json.Marshal(map[string]any{
		"version": provenance.Version(), "model": v.Model.Digest, "card": v.Model.Card, "options": v.Options, "data": c.Data, "corrupted": c.Corrupted,
		"limit": c.Limit, "generate": v.Plan.Generate,
	})
	if err != nil {
		return nil, err
	}
	j := &journal{known: map[string]json.RawMessage{}}
	if data, err := os.ReadFile(name); err == nil {
		j.read(data, provenance.Digest(run))
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("make folder for %s: %w", name, err)
	}
	if j.file, err = os.Create(name); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	j.line(entry{Key: "run", Result: json.RawMessage(fmt.Sprintf("%q", provenance.Digest(run)))}) //nolint:errcheck // Store reports
	for key, result := range j.known {
		j.line(entry{key, result}) //nolint:errcheck
	}
	return j, nil
}

// read takes the lines of a file of the same run; a last line that was cut off is passed over.
func (j *journal) read(data []byte, run string) {
	for i, line := range strings.Split(string(data), "\n") {
		var e entry
		if json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		if i == 0 && string(e.Result) != fmt.Sprintf("%q", run) {
			return
		}
		if i > 0 {
			j.known[e.Key] = e.Result
		}
	}
}

func (j *journal) line(e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(text, '\n'))
	return err
}

// Load returns a result that is known.
func (j *journal) Load(key string, result any) bool {
	raw, ok := j.known[key]
	return ok && json.Unmarshal(raw, result) == nil
}

// Store keeps a result.
func (j *journal) Store(key string, result any) error {
	raw, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if err := j.line(entry{key, raw}); err != nil {
		return fmt.Errorf("keep what was measured: %w", err)
	}
	return nil
}

// Close closes the file and leaves it for the next run.
func (j *journal) Close() { j.file.Close() }

// Remove deletes the file, when all is written.
func (j *journal) Remove() { os.Remove(j.file.Name()) }
