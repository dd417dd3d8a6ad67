package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"syscall"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"striate/analysis/predictivity"
	"striate/internal/cputime"
	"striate/internal/fault"
)

type benchPredictivityCmd struct {
	Stimuli    int `help:"Stimuli." default:"450"`
	Units      int `help:"Units of the layer." default:"10000"`
	Neurons    int `help:"Neurons." default:"100"`
	Components int `help:"Components of PLS." default:"25"`
	Splits     int `help:"Splits 90/10." default:"10"`
	Runs       int `help:"Runs, of which the fastest counts." default:"3"`
}

// Help shows an example.
func (benchPredictivityCmd) Help() string {
	return `Example: striate bench predictivity

Cross-validated PLS on random features with responses that are half signal, half noise. scikit-learn
1.2.1 took 77.1 s wall, 86.5 s CPU on two cores for 450 stimuli, 10,000 features, 100 neurons and 10
splits, with 17,750 power iterations.`
}

// What scikit-learn took for the default sizes, on two cores, in seconds.
const (
	sklearnWall = 77.09
	sklearnCPU  = 86.46
)

// Run measures and prints.
func (c *benchPredictivityCmd) Run(ctx context.Context, g *globals) error {
	if min(c.Stimuli, c.Units, c.Neurons, c.Runs) < 1 {
		return fault.Misusef("sizes and runs must be at least 1")
	}
	x, y := c.problem()
	splits, err := predictivity.FoldSplits(c.Stimuli, c.Splits, 1)
	if err != nil {
		return err
	}
	best, gramTime, cpu, iterations := time.Duration(math.MaxInt64), time.Duration(0), 0.0, 0
	for range c.Runs {
		start, used := time.Now(), cputime.Seconds()
		gram, err := predictivity.NewGram(ctx, x)
		if err != nil {
			return err
		}
		made := time.Since(start)
		res, err := predictivity.CrossValidate(ctx, gram, y, splits, predictivity.PLS{Components: c.Components})
		if err != nil {
			return err
		}
		if all := time.Since(start); all < best {
			best, gramTime, cpu, iterations = all, made, cputime.Seconds()-used, 0
			for _, s := range res.Splits {
				for _, n := range s.Dual.Iterations {
					iterations += n
				}
			}
		}
	}
	fmt.Fprintf(g.Stdout, "%d stimuli × %d units → %d neurons, %d components, %d splits, %d threads\n",
		c.Stimuli, c.Units, c.Neurons, c.Components, c.Splits, runtime.GOMAXPROCS(0))
	fmt.Fprintf(g.Stdout, "%.2f s wall, %.2f s CPU, of which inner products %.2f s wall; %d power iterations; at most %d MB resident, %d of them features\n",
		best.Seconds(), cpu, gramTime.Seconds(), iterations, peakMegabytes(), 4*c.Stimuli*c.Units/1_000_000)
	if *c == (benchPredictivityCmd{450, 10000, 100, 25, 10, c.Runs}) {
		fmt.Fprintf(g.Stdout, "scikit-learn 1.2.1: %.1f s wall, %.0f times as long; %.1f s CPU, %.0f times as much\n",
			sklearnWall, sklearnWall/best.Seconds(), sklearnCPU, sklearnCPU/cpu)
	}
	return nil
}

// peakMegabytes is the most memory the process has had resident.
func peakMegabytes() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss * 1024 / 1_000_000 // kilobytes on Linux
}

// problem is features whose variance decays over directions, as that of networks does, and neurons
// that are linear in the strongest of them, with noise as large as the signal.
func (c *benchPredictivityCmd) problem() (predictivity.Matrix[float32], *mat.Dense) {
	const directions = 60
	rng := rand.New(rand.NewPCG(1, 0))
	normal := func(rows, cols int) *mat.Dense {
		m := mat.NewDense(rows, cols, nil)
		m.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, m)
		return m
	}
	latent := normal(c.Stimuli, directions)
	latent.Apply(func(_, k int, v float64) float64 { return 3 * v / math.Sqrt(float64(k+1)) }, latent)
	var wide, y mat.Dense
	wide.Mul(latent, normal(directions, c.Units))
	x := predictivity.Matrix[float32]{Stimuli: c.Stimuli, Units: c.Units, Data: make([]float32, c.Stimuli*c.Units)}
	for i, v := range wide.RawMatrix().Data {
		x.Data[i] = float32(v + rng.NormFloat64())
	}
	y.Mul(latent, normal(directions, c.Neurons))
	spread := stat.StdDev(y.RawMatrix().Data, nil)
	y.Apply(func(_, _ int, v float64) float64 { return v + spread*rng.NormFloat64() }, &y)
	return x, &y
}
