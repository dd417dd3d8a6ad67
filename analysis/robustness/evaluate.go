package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"

	"striate/analysis"
	"striate/analysis/attack"
	"striate/internal/pillow"
)

// Plan is what is to be measured of a network.
type Plan struct {
	Network analysis.Network // its layer holds the logits, a unit a class
	Size    int              // pixels a side of the images
	Images  Images           // clean
	// Corruptions and Severities are those of the cells.
	Corruptions []string
	Severities  []int
	Corrupter   *Corrupter
	// Generate tells whether the images are corrupted on the fly.
	Generate bool
	// Published returns the ready images of a cell; nil without such a set.
	Published func(name string, severity int) (Images, error)

	Attacks []Attack
	Model   attack.Classifier // for attacks; an attack.Differentiable for those on gradients

	Layer   analysis.Network // whose units are looked at; nil without
	Degrees float64          // of visual angle that an image spans, for the tuning; 0 leaves it out

	Journal Journal   // may be nil
	Done    func(int) // told of images that were shown; may be nil
}

// Journal keeps results under a key, so that an interrupted plan can be taken up again.
type Journal interface {
	Load(key string, result any) bool
	Store(key string, result any) error
}

// Set are the accuracies on one set of corrupted images.
type Set struct {
	Cells            []Cell            `json:"cells"`
	Means            *Means            `json:"means,omitempty"`
	CorruptionErrors *CorruptionErrors `json:"corruption_errors,omitempty"`
}

// UnitCell is what a corruption does to the units of a layer.
type UnitCell struct {
	Corruption string  `json:"corruption"`
	Severity   int     `json:"severity"`
	Pattern    Pattern `json:"pattern"`
	Drift      *Drift  `json:"drift,omitempty"`
}

// Report is what was measured. The two sets are kept apart: the published images are not those that
// are generated here, and their numbers do not compare.
type Report struct {
	Clean     Cell           `json:"clean"`
	Generated *Set           `json:"generated,omitempty"`
	Published *Set           `json:"published,omitempty"`
	Attacks   []AttackResult `json:"attacks,omitempty"`
	Units     []UnitCell     `json:"units,omitempty"`
}

// Shown is how many images a plan shows, for progress; a published set's are not known before.
func (p *Plan) Shown() int {
	n := p.Images.Len()
	cells := len(p.Corruptions) * len(p.Severities)
	total := n * (1 + len(p.Attacks))
	if p.Generate {
		total += n * cells
	}
	if p.Layer != nil {
		total += n * cells
	}
	return total
}

// Cost is how many images go through a network in all, the steps of attacks and the gratings of
// tuning curves included.
func (p *Plan) Cost() int64 {
	n, cells := int64(p.Images.Len()), int64(len(p.Corruptions)*len(p.Severities))
	cost := n
	if p.Generate {
		cost += n * cells
	}
	if p.Layer != nil {
		cost += 2 * n * cells
		if p.Degrees > 0 {
			cost += int64(NewGratings(p.Size, p.Degrees).Len()) * (cells + 1)
		}
	}
	for _, a := range p.Attacks {
		steps := int64(max(1, a.Steps))
		if a.Method.NeedsGradient() {
			steps *= 3 // forward, and there and back
		}
		cost += n * (steps + 2)
	}
	return cost
}

// Run measures. Errors are the context's, or those of the images and networks.
func (p *Plan) Run(ctx context.Context) (*Report, error) {
	r := &Report{}
	e := &Evaluator{Network: p.Network, Size: p.Size, Done: p.done}
	err := p.keep("clean", &r.Clean, p.Images.Len(), func() (err error) {
		r.Clean, err = e.Accuracy(ctx, p.Images, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	if p.Generate {
		r.Generated, err = p.set("generated", func(name string, severity int) (Cell, error) {
			return e.Generated(ctx, p.Images, p.Corrupter, name, severity)
		})
		if err != nil {
			return nil, err
		}
	}
	if p.Published != nil {
		r.Published, err = p.set("published", func(name string, severity int) (Cell, error) {
			images, err := p.Published(name, severity)
			if err != nil {
				return Cell{}, err
			}
			c, err := e.Accuracy(ctx, images, nil)
			c.Corruption, c.Severity, c.Group = name, severity, p.Corrupter.Benchmark.Lookup(name).Group
			return c, err
		})
		if err != nil {
			return nil, err
		}
	}
	if r.Attacks, err = p.attacks(ctx); err != nil {
		return nil, err
	}
	if p.Layer != nil {
		r.Units, err = p.units(ctx)
	}
	return r, err
}

func (p *Plan) done(n int) {
	if p.Done != nil {
		p.Done(n)
	}
}

// keep takes a result from the journal, or measures and stores it.
func (p *Plan) keep(key string, result any, images int, measure func() error) error {
	if p.Journal != nil && p.Journal.Load(key, result) {
		p.done(images)
		return nil
	}
	if err := measure(); err != nil {
		return err
	}
	if p.Journal == nil {
		return nil
	}
	return p.Journal.Store(key, result)
}

func (p *Plan) set(kind string, measure func(name string, severity int) (Cell, error)) (*Set, error) {
	s := &Set{}
	for _, name := range p.Corruptions {
		for _, severity := range p.Severities {
			var c Cell
			err := p.keep(fmt.Sprint(kind, "/", name, "/", severity), &c, p.Images.Len(), func() (err error) {
				c, err = measure(name, severity)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("%s at severity %d: %w", name, severity, err)
			}
			s.Cells = append(s.Cells, c)
		}
	}
	s.Means = Average(s.Cells)
	return s, nil
}

func (p *Plan) units(ctx context.Context) ([]UnitCell, error) {
	var clean Tuning
	gratings := NewGratings(p.Size, p.Degrees)
	var images []uint8
	tuned := p.Degrees > 0 && gratings.Len() > 0
	if tuned {
		images = gratings.Render()
		var err error
		if clean, err = MeasureTuning(ctx, p.Layer, gratings, images, nil); err != nil {
			return nil, fmt.Errorf("tuning of clean gratings: %w", err)
		}
	}
	var cells []UnitCell
	for _, name := range p.Corruptions {
		for _, severity := range p.Severities {
			corrupt := func(pix []uint8) error { return p.Corrupter.Apply(ctx, pix, name, severity) }
			c := UnitCell{Corruption: name, Severity: severity}
			err := p.keep(fmt.Sprint("units/", name, "/", severity), &c, p.Images.Len(), func() (err error) {
				if c.Pattern, err = Patterns(ctx, p.Layer, p.Size, p.Images, corrupt); err != nil || !tuned {
					return err
				}
				after, err := MeasureTuning(ctx, p.Layer, gratings, images, corrupt)
				if err == nil {
					d := Compare(clean, after)
					c.Drift = &d
				}
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("units under %s at severity %d: %w", name, severity, err)
			}
			p.done(p.Images.Len())
			cells = append(cells, c)
		}
	}
	return cells, nil
}

// Method names an attack.
type Method string

// The attacks. Square asks for logits only, the others for gradients.
const (
	FGSM     Method = "fgsm"
	PGDLinf  Method = "pgd-linf"
	PGDL2    Method = "pgd-l2"
	APGDLinf Method = "apgd-linf"
	APGDL2   Method = "apgd-l2"
	Square   Method = "square"
)

// Methods lists the attacks.
func Methods() []Method { return []Method{FGSM, PGDLinf, PGDL2, APGDLinf, APGDL2, Square} }

// NeedsGradient tells whether an attack climbs a gradient.
func (m Method) NeedsGradient() bool { return m != Square }

// Attack is an attack with its budget.
type Attack struct {
	Method  Method  `json:"attack"`
	Epsilon float64 `json:"epsilon"`         // in pixel space [0, 1], in the attack's norm
	Step    float64 `json:"step,omitempty"`  // of PGD
	Steps   int     `json:"steps,omitempty"` // or queries of Square
	Seed    uint64  `json:"seed"`
}

// AttackResult is the accuracy under an attack. An image counts as right only if it is classified
// right clean and attacked: what is wrong already needs no attack.
type AttackResult struct {
	Attack
	Images   int     `json:"images"`
	Right    int     `json:"right"`
	Accuracy float64 `json:"accuracy"`
}

func (p *Plan) attacks(ctx context.Context) ([]AttackResult, error) {
	var out []AttackResult
	for _, a := range p.Attacks {
		r := AttackResult{Attack: a}
		err := p.keep(fmt.Sprintf("attack/%+v", a), &r, p.Images.Len(), func() (err error) {
			r, err = UnderAttack(ctx, p.Model, p.Size, p.Images, a, p.done)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("attack %s of %.4g: %w", a.Method, a.Epsilon, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// attackBatch is how many images are attacked at a time.
const attackBatch = 32

// UnderAttack measures the accuracy on attacked images. It panics when the attack needs gradients and
// m has none.
func UnderAttack(ctx context.Context, m attack.Classifier, size int, images Images, a Attack, done func(int)) (AttackResult, error) {
	r := AttackResult{Attack: a, Images: images.Len()}
	rng := rand.New(rand.NewPCG(a.Seed, 0x61747461636b))
	err := each(ctx, images, size, make([]int, attackBatch), func(pix []uint8, labels []int) error {
		x := floats(pix, size, m.Shape())
		right, err := attack.Right(ctx, m, x, labels)
		if err != nil {
			return err
		}
		adversarial := make([]float32, len(x))
		if err := a.run(ctx, m, adversarial, x, labels, rng); err != nil {
			return err
		}
		still, err := attack.Right(ctx, m, adversarial, labels)
		if err != nil {
			return err
		}
		for i := range labels {
			if right[i] && still[i] {
				r.Right++
			}
		}
		if done != nil {
			done(len(labels))
		}
		return nil
	})
	r.Accuracy = float64(r.Right) / float64(r.Images)
	return r, err
}

func (a Attack) run(ctx context.Context, m attack.Classifier, dst, x []float32, labels []int, rng *rand.Rand) error {
	if a.Method == Square {
		return attack.Square(ctx, m, dst, x, labels, attack.SquareConfig{Epsilon: a.Epsilon, Queries: a.Steps, Rand: rng})
	}
	d, ok := m.(attack.Differentiable)
	if !ok {
		panic("robustness: " + string(a.Method) + " on a model without gradients")
	}
	norm := attack.Linf
	if a.Method == PGDL2 || a.Method == APGDL2 {
		norm = attack.L2
	}
	switch a.Method {
	case FGSM:
		return attack.FGSM(ctx, d, dst, x, labels, a.Epsilon)
	case PGDLinf, PGDL2:
		return attack.PGD(ctx, d, dst, x, labels, attack.PGDConfig{Norm: norm, Epsilon: a.Epsilon, Step: a.Step, Steps: a.Steps, Rand: rng})
	case APGDLinf, APGDL2:
		return attack.APGD(ctx, d, dst, x, labels, attack.APGDConfig{Norm: norm, Epsilon: a.Epsilon, Steps: a.Steps, Rand: rng})
	}
	panic(fmt.Sprintf("robustness: no attack %q", a.Method))
}

// floats turns 8-bit images of size×size pixels into pixel space [0, 1] at the shape of a network,
// channels outermost.
func floats(pix []uint8, size int, shape attack.Shape) []float32 {
	n := len(pix) / (size * size * 3)
	plane := shape.Height * shape.Width
	out := make([]float32, n*3*plane)
	for i := range n {
		img := pix[i*size*size*3 : (i+1)*size*size*3]
		if shape.Height != size || shape.Width != size {
			img = pillow.Resize(img, size, size, 3, shape.Width, shape.Height, pillow.Bilinear)
		}
		for j, v := range img {
			out[(i*3+j%3)*plane+j/3] = float32(v) / 255
		}
	}
	return out
}
