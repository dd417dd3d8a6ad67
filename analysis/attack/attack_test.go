package attack

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/npy"
	"striate/internal/sharedtest"
)

// tiny is a network of the reference: (v − 0.5)/0.5, then a linear layer, or a 3×3 convolution of
// stride 2 and padding 1, ReLU and a linear layer; gradients by hand, in double precision.
type tiny struct {
	shape              Shape
	kernel, kernelBias []float64 // nil without a convolution
	filters            int
	weight, bias       []float64
	calls              int
	before             []float64 // of the convolution, before ReLU
}

func (m *tiny) Shape() Shape { return m.shape }
func (m *tiny) Classes() int { return len(m.bias) }

// features returns what the linear layer reads.
func (m *tiny) features(x []float32) []float64 {
	in := make([]float64, len(x))
	for i, v := range x {
		in[i] = (float64(v) - 0.5) / 0.5
	}
	if m.kernel == nil {
		return in
	}
	h, w := m.shape.Height/2, m.shape.Width/2
	m.before = make([]float64, m.filters*h*w)
	out := make([]float64, len(m.before))
	m.taps(func(o, i, k int) { m.before[o] += m.kernel[k] * in[i] })
	for o := range m.before {
		m.before[o] += m.kernelBias[o/(h*w)]
		out[o] = max(0, m.before[o])
	}
	return out
}

// taps calls f for each output, input and weight of the convolution that meet.
func (m *tiny) taps(f func(out, in, k int)) {
	s := m.shape
	h, w := s.Height/2, s.Width/2
	for o := range m.filters * h * w {
		filter, y, x := o/(h*w), o/w%h, o%w
		for k := range s.Channels * 9 {
			iy, ix := 2*y+k/3%3-1, 2*x+k%3-1
			if iy >= 0 && iy < s.Height && ix >= 0 && ix < s.Width {
				f(o, (k/9*s.Height+iy)*s.Width+ix, filter*s.Channels*9+k)
			}
		}
	}
}

func (m *tiny) Logits(ctx context.Context, images, dst []float32) error {
	m.calls++
	size, classes := m.shape.Size(), m.Classes()
	for i := range len(images) / size {
		f := m.features(images[i*size : (i+1)*size])
		for c := range classes {
			sum := m.bias[c]
			for j, v := range f {
				sum += m.weight[c*len(f)+j] * v
			}
			dst[i*classes+c] = float32(sum)
		}
	}
	return ctx.Err()
}

func (m *tiny) LossGradient(ctx context.Context, images []float32, labels []int, grad, loss []float32) error {
	size, classes := m.shape.Size(), m.Classes()
	logits := make([]float32, classes)
	for n, label := range labels {
		x := images[n*size : (n+1)*size]
		if err := m.Logits(ctx, x, logits); err != nil {
			return err
		}
		p, sum := make([]float64, classes), 0.0
		for c, l := range logits {
			p[c] = math.Exp(float64(l))
			sum += p[c]
		}
		loss[n] = float32(math.Log(sum) - float64(logits[label]))
		inner := make([]float64, len(m.weight)/classes)
		for c := range p {
			d := p[c] / sum
			if c == label {
				d--
			}
			for j := range inner {
				inner[j] += d * m.weight[c*len(inner)+j]
			}
		}
		back := inner
		if m.kernel != nil {
			back = make([]float64, size)
			m.taps(func(o, i, k int) {
				if m.before[o] > 0 {
					back[i] += m.kernel[k] * inner[o]
				}
			})
		}
		for i, g := range back {
			grad[n*size+i] = float32(g / 0.5)
		}
	}
	return nil
}

// kit is one folder of reference attacks.
type kit struct {
	t      testing.TB
	dir    string
	images []float32
	labels []int
	report map[string]struct {
		Loss float64
		Linf float64
		L2   []float64
		Pred []int
	}
}

func kits(t testing.TB) []*kit {
	dirs, err := filepath.Glob(filepath.Join(sharedtest.Path(t, "golden/robust"), "*", "adv"))
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	var all []*kit
	for _, dir := range dirs {
		k := &kit{t: t, dir: dir}
		k.images = k.read("x")
		labels, err := npy.ReadFile(filepath.Join(dir, "y.npy"))
		require.NoError(t, err)
		k.labels, err = labels.Ints()
		require.NoError(t, err)
		data, err := os.ReadFile(filepath.Join(dir, "adv.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &k.report))
		all = append(all, k)
	}
	return all
}

func (k *kit) read(name string) []float32 {
	a, err := npy.ReadFile(filepath.Join(k.dir, name+".npy"))
	require.NoError(k.t, err)
	return a.Float32s()
}

func (k *kit) wide(name string) []float64 {
	a, err := npy.ReadFile(filepath.Join(k.dir, name+".npy"))
	require.NoError(k.t, err)
	return a.Float64s()
}

func (k *kit) model(name string) *tiny {
	m := &tiny{shape: Shape{3, 8, 8}}
	if name == "linear" {
		m.weight, m.bias = k.wide("linear_2.weight"), k.wide("linear_2.bias")
		return m
	}
	m.kernel, m.kernelBias = k.wide("conv_1.weight"), k.wide("conv_1.bias")
	m.filters = len(m.kernelBias)
	m.weight, m.bias = k.wide("conv_4.weight"), k.wide("conv_4.bias")
	return m
}

// within compares images. 2e-6 of 1 is single precision over ten steps; where a gradient is all but
// zero its sign may differ between implementations, which no picture here does.
func within(t *testing.T, want, got []float32, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	worst := 0.0
	for i := range want {
		worst = max(worst, math.Abs(float64(want[i])-float64(got[i])))
	}
	require.LessOrEqual(t, worst, 2e-6, what)
}

func TestGoldens(t *testing.T) {
	ctx := t.Context()
	linf := PGDConfig{Norm: Linf, Epsilon: 8.0 / 255, Step: 2.0 / 255, Steps: 10}
	l2 := PGDConfig{Norm: L2, Epsilon: 0.5, Step: 0.1, Steps: 10}
	for _, k := range kits(t) {
		for _, name := range []string{"linear", "conv"} {
			m := k.model(name)
			run := func(golden string, c PGDConfig, start string) {
				if start != "" {
					c.Start = k.read(name + "_" + start)
				}
				got := make([]float32, len(k.images))
				if golden == "fgsm" {
					require.NoError(t, FGSM(ctx, m, got, k.images, k.labels, 8.0/255))
				} else {
					require.NoError(t, PGD(ctx, m, got, k.images, k.labels, c))
				}
				within(t, k.read(name+"_"+golden), got, k.dir+" "+name+" "+golden)
				k.holds(t, m, got, name+"/"+golden)
			}
			run("fgsm", PGDConfig{}, "")
			run("pgd_linf_nors", linf, "")
			run("pgd_l2_nors", l2, "")
			run("pgd_linf_rs", linf, "start_linf")
			run("pgd_l2_rs", l2, "start_l2")
		}
	}
}

// holds compares loss, perturbation and predictions with the report.
func (k *kit) holds(t *testing.T, m *tiny, images []float32, key string) {
	want := k.report[key]
	loss, grad := make([]float32, len(k.labels)), make([]float32, len(images))
	require.NoError(t, m.LossGradient(t.Context(), images, k.labels, grad, loss))
	mean := 0.0
	for _, l := range loss {
		mean += float64(l) / float64(len(loss))
	}
	require.InDelta(t, want.Loss, mean, 1e-5, key)
	logits := make([]float32, len(k.labels)*m.Classes())
	require.NoError(t, m.Logits(t.Context(), images, logits))
	for i := range k.labels {
		best := 0
		for c, v := range logits[i*m.Classes() : (i+1)*m.Classes()] {
			if v > logits[i*m.Classes()+best] {
				best = c
			}
		}
		require.Equal(t, want.Pred[i], best, key)
	}
}

// random is a network with random weights, and images it mostly gets right.
func random(seed uint64, n int) (*tiny, []float32, []int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	m := &tiny{shape: Shape{3, 8, 8}, filters: 6}
	normals := func(n int, sd float64) []float64 {
		a := make([]float64, n)
		for i := range a {
			a[i] = sd * rng.NormFloat64()
		}
		return a
	}
	m.kernel, m.kernelBias = normals(6*27, 0.3), normals(6, 0.1)
	m.weight, m.bias = normals(5*96, 0.15), normals(5, 0.1)
	images := make([]float32, n*m.shape.Size())
	for i := range images {
		images[i] = rng.Float32()
	}
	logits := make([]float32, n*5)
	_ = m.Logits(context.Background(), images, logits)
	labels := make([]int, n)
	for i := range labels {
		for c := range 5 {
			if logits[i*5+c] > logits[i*5+labels[i]] {
				labels[i] = c
			}
		}
		if i%8 == 7 { // and some wrong
			labels[i] = (labels[i] + 1) % 5
		}
	}
	return m, images, labels
}

// attacks of every kind, by budget in the L∞ norm (the L2 ones at eight times it).
var attacks = map[string]func(ctx context.Context, m *tiny, dst, x []float32, y []int, eps float64, rng *rand.Rand) error{
	"fgsm": func(ctx context.Context, m *tiny, dst, x []float32, y []int, eps float64, _ *rand.Rand) error {
		return FGSM(ctx, m, dst, x, y, eps)
	},
	"pgd-linf": func(ctx context.Context, m *tiny, dst, x []float32, y []int, eps float64, rng *rand.Rand) error {
		return PGD(ctx, m, dst, x, y, PGDConfig{Epsilon: eps, Step: eps / 4, Steps: 20, Rand: rng, Restarts: 2})
	},
	"pgd-l2": func(ctx context.Context, m *tiny, dst, x []float32, y []int, eps float64, rng *rand.Rand) error {
		return PGD(ctx, m, dst, x, y, PGDConfig{Norm: L2, Epsilon: 8 * eps, Step: 2 * eps, Steps: 20, Rand: rng})
	},
	"apgd-linf": func(ctx context.Context, m *tiny, dst, x []float32, y []int, eps float64, rng *rand.Rand) error {
		return APGD(ctx, m, dst, x, y, APGDConfig{Epsilon: eps, Steps: 40, Rand: rng})
	},
	"apgd-l2": func(ctx context.Context, m *tiny, dst, x []float32, y []int, eps float64, rng *rand.Rand) error {
		return APGD(ctx, m, dst, x, y, APGDConfig{Norm: L2, Epsilon: 8 * eps, Steps: 40, Rand: rng})
	},
	"square": func(ctx context.Context, m *tiny, dst, x []float32, y []int, eps float64, rng *rand.Rand) error {
		return Square(ctx, m, dst, x, y, SquareConfig{Epsilon: eps, Queries: 300, Rand: rng})
	},
}

// TestAccuracyFalls: with the budget, from the clean accuracy at 0 to nothing where it is without
// bound; never outside [0, 1] or the budget.
func TestAccuracyFalls(t *testing.T) {
	m, x, y := random(3, 32)
	clean, err := Right(t.Context(), m, x, y)
	require.NoError(t, err)
	for name, run := range attacks {
		t.Run(name, func(t *testing.T) {
			before := len(y) + 1
			for _, eps := range []float64{0, 1.0 / 255, 4.0 / 255, 16.0 / 255, 64.0 / 255, 1} {
				dst := make([]float32, len(x))
				require.NoError(t, run(t.Context(), m, dst, x, y, eps, rand.New(rand.NewPCG(1, 1))))
				right, err := Right(t.Context(), m, dst, y)
				require.NoError(t, err)
				n := 0
				for i := range right {
					if right[i] && clean[i] {
						n++
					}
				}
				if eps == 0 {
					require.Equal(t, x, dst)
					require.Equal(t, clean, right)
				}
				require.LessOrEqual(t, n, before, "budget %v", eps)
				before = n
				stays(t, m.shape.Size(), x, dst, eps, name == "pgd-l2" || name == "apgd-l2")
			}
			require.Zero(t, before, "without bound nothing stays right")
		})
	}
}

func stays(t *testing.T, size int, x, dst []float32, eps float64, l2 bool) {
	sum := 0.0
	for i := range dst {
		require.True(t, dst[i] >= 0 && dst[i] <= 1)
		d := math.Abs(float64(dst[i]) - float64(x[i]))
		if i%size == 0 {
			sum = 0
		}
		sum += d * d
		if l2 {
			require.LessOrEqual(t, math.Sqrt(sum), 8*eps+1e-5)
		} else {
			require.LessOrEqual(t, d, eps+1e-6)
		}
	}
}

// TestStrength: more steps find more, and the strong attack no less than the plain one.
func TestStrength(t *testing.T) {
	m, x, y := random(5, 64)
	count := func(run func(dst []float32) error) int {
		dst := make([]float32, len(x))
		require.NoError(t, run(dst))
		right, err := Right(t.Context(), m, dst, y)
		require.NoError(t, err)
		n := 0
		for _, r := range right {
			if r {
				n++
			}
		}
		return n
	}
	const eps = 12.0 / 255
	pgd := func(steps int) int {
		return count(func(dst []float32) error {
			return PGD(t.Context(), m, dst, x, y, PGDConfig{Epsilon: eps, Step: eps / 4, Steps: steps})
		})
	}
	fgsm := count(func(dst []float32) error { return FGSM(t.Context(), m, dst, x, y, eps) })
	apgd := count(func(dst []float32) error {
		return APGD(t.Context(), m, dst, x, y, APGDConfig{Epsilon: eps, Steps: 100, Rand: rand.New(rand.NewPCG(1, 2))})
	})
	ten, fifty := pgd(10), pgd(50)
	t.Log("right of 64: FGSM", fgsm, "PGD-10", ten, "PGD-50", fifty, "APGD-100", apgd)
	require.LessOrEqual(t, ten, fgsm)
	require.LessOrEqual(t, fifty, ten)
	require.LessOrEqual(t, apgd, fifty)
}

func TestSameSeedSameImages(t *testing.T) {
	m, x, y := random(9, 8)
	for name, run := range attacks {
		a, b := make([]float32, len(x)), make([]float32, len(x))
		require.NoError(t, run(t.Context(), m, a, x, y, 0.02, rand.New(rand.NewPCG(4, 4))))
		require.NoError(t, run(t.Context(), m, b, x, y, 0.02, rand.New(rand.NewPCG(4, 4))))
		require.Equal(t, a, b, name)
	}
}

func TestSquareAsksNoMoreThanAllowed(t *testing.T) {
	m, x, y := random(9, 8)
	m.calls = 0
	dst := make([]float32, len(x))
	rounds := 0
	require.NoError(t, Square(t.Context(), m, dst, x, y, SquareConfig{
		Epsilon: 1e-4, Queries: 50, Rand: rand.New(rand.NewPCG(1, 1)), Progress: func(q, right int) { rounds = q },
	}))
	require.Equal(t, 50, rounds)
	require.Equal(t, 51, m.calls, "one more for the clean images")
}

func TestCancelled(t *testing.T) {
	m, x, y := random(9, 8)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, run := range attacks {
		err := run(ctx, m, make([]float32, len(x)), x, y, 0.02, rand.New(rand.NewPCG(4, 4)))
		require.True(t, errors.Is(err, context.Canceled), name)
	}
}

func TestPanics(t *testing.T) {
	m, x, y := random(9, 8)
	dst := make([]float32, len(x))
	require.Panics(t, func() { _ = FGSM(t.Context(), m, dst[1:], x, y, 0.1) })
	require.Panics(t, func() { _ = FGSM(t.Context(), m, dst, x, y, -0.1) })
	require.Panics(t, func() { _ = FGSM(t.Context(), m, dst, x, []int{0, 1, 2, 3, 4, 5, 6, 7}, 0.1) })
	require.Panics(t, func() { _ = APGD(t.Context(), m, dst, x, y, APGDConfig{Epsilon: 0.1, Steps: 3}) })
}

func BenchmarkPGD(b *testing.B) {
	m, x, y := random(9, 8)
	dst := make([]float32, len(x))
	for b.Loop() {
		_ = PGD(b.Context(), m, dst, x, y, PGDConfig{Epsilon: 0.03, Step: 0.01, Steps: 10})
	}
}
