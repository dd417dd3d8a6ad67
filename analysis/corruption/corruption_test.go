package corruption

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

func TestNames(t *testing.T) {
	for _, b := range []*Benchmark{TinyImageNetC(), ImageNetC()} {
		require.Equal(t, []string{
			"gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur",
			"snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression",
		}, b.Names(""))
		require.Equal(t, []string{"speckle_noise", "gaussian_blur", "spatter", "saturate"}, b.Names(Extra))
		require.Nil(t, b.Lookup("rain"))
	}
}

// testPicture is a smooth picture with some texture.
func testPicture(n int) []uint8 {
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	img := make([]uint8, n*n*3)
	for i := range img {
		y, x, c := float64(i/3/n)/float64(n), float64(i/3%n)/float64(n), float64(i%3)
		img[i] = uint8(128 + 70*math.Sin(9*x+c) + 40*math.Cos(14*y*x+c) + 15*rng.Float64())
	}
	return img
}

func testFrost(t testing.TB, b *Benchmark) []Picture {
	t.Helper()
	var pictures []Picture
	for range FrostPictures {
		p := Picture{make([]uint8, 300*290*3), 300, 290}
		for i := range p.Pix {
			p.Pix[i] = uint8(i / 3 % 256)
		}
		pictures = append(pictures, p)
	}
	prepared, err := b.PrepareFrost(pictures)
	require.NoError(t, err)
	return prepared
}

// TestEverySeverity: nothing panics at either size, the same seed gives the same pixels, another
// seed or severity others, and the change grows from severity 1 to 5 (except where the tables say
// otherwise: pale to vivid colours, and the affine jitter that shrinks).
func TestEverySeverity(t *testing.T) {
	for _, b := range []*Benchmark{TinyImageNetC(), ImageNetC()} {
		ws := NewWorkspace(b.Size)
		ws.SetFrost(testFrost(t, b))
		img := testPicture(b.Size)
		for i := range b.Corruptions {
			c := &b.Corruptions[i]
			var change [Severities]float64
			for s := range Severities {
				out, again := make([]uint8, len(img)), append([]uint8(nil), img...)
				c.Apply(ws, out, img, s+1, NewRandom(1, c.Name, s+1, img))
				c.Apply(ws, again, again, s+1, NewRandom(1, c.Name, s+1, img))
				require.True(t, bytes.Equal(out, again), "%s: in place, same seed", c.Name)
				differs := false
				for seed := range uint64(4) { // two close angles may give the same smear
					c.Apply(ws, again, img, s+1, NewRandom(seed+2, c.Name, s+1, img))
					differs = differs || !bytes.Equal(out, again)
				}
				require.Equal(t, c.Random, differs, "%s: other seeds", c.Name)
				for j := range out {
					d := float64(out[j]) - float64(img[j])
					change[s] += d * d
				}
				require.Positive(t, change[s], c.Name)
			}
			if c.Name != "saturate" && c.Name != "elastic_transform" && c.Name != "spatter" {
				require.Greater(t, change[4], change[0], "%s of %s", c.Name, b.Title)
			}
		}
	}
}

func TestApplyPanics(t *testing.T) {
	b := TinyImageNetC()
	ws := NewWorkspace(64)
	img := testPicture(64)
	src := NewRandom(1, "", 1, img)
	require.Panics(t, func() { b.Lookup("fog").Apply(ws, img, img, 0, src) })
	require.Panics(t, func() { b.Lookup("fog").Apply(ws, img, img, 6, src) })
	require.Panics(t, func() { b.Lookup("fog").Apply(ws, img, img, 1, nil) })
	require.Panics(t, func() { b.Lookup("fog").Apply(ws, img[:30], img[:30], 1, src) })
	require.Panics(t, func() { b.Lookup("fog").Apply(NewWorkspace(224), img, img, 1, src) })
	require.Panics(t, func() { b.Lookup("frost").Apply(ws, img, img, 1, src) })
}

func TestFrostRefusesSmallPictures(t *testing.T) {
	small := make([]Picture, FrostPictures)
	for i := range small {
		small[i] = Picture{make([]uint8, 100*300*3), 300, 100}
	}
	_, err := TinyImageNetC().PrepareFrost(small)
	require.EqualError(t, err, "picture of frost 1 has 90×30 pixels at the scale of Tiny-ImageNet-C, want more than 64×64")
	_, err = TinyImageNetC().PrepareFrost(small[:4])
	require.Error(t, err)
}

// TestPoisson checks mean and variance, both equal to the parameter, within five standard errors.
func TestPoisson(t *testing.T) {
	r := NewRandom(5, "", 1, nil)
	require.Zero(t, r.Poisson(0))
	const n = 40000
	for _, lambda := range []float64{0.01, 0.5, 3, 9.99, 10, 30, 250} {
		x := make([]float64, n)
		for i := range x {
			x[i] = r.Poisson(lambda)
		}
		mean, sd := stat.MeanStdDev(x, nil)
		require.InDelta(t, lambda, mean, 5*math.Sqrt(lambda/n), "mean at %v", lambda)
		// The variance of a sample variance: (µ4 − σ⁴)/n with µ4 = λ + 3λ².
		require.InDelta(t, lambda, sd*sd, 5*math.Sqrt((lambda+2*lambda*lambda)/n), "variance at %v", lambda)
	}
}

// TestFoldedKernel: a reflected image of n samples filtered with a kernel far longer than itself
// gives what the kernel gives when it is walked in full.
func TestFoldedKernel(t *testing.T) {
	const n = 32
	ws := NewWorkspace(n)
	img := make([]float64, n*n)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range img {
		img[i] = rng.Float64()
	}
	got := make([]float64, n*n)
	ws.gaussian(got, img, 1, 30, 4, reflect, false)
	full := make([]float64, 241)
	sum := 0.0
	for i := range full {
		d := float64(i - 120)
		full[i] = math.Exp(-d * d / 1800)
		sum += full[i]
	}
	tmp := make([]float64, n*n)
	for i := range tmp {
		for j, w := range full {
			tmp[i] += w / sum * img[reflect.index(i/n+j-120, n)*n+i%n]
		}
	}
	for i := range tmp {
		want := 0.0
		for j, w := range full {
			want += w / sum * tmp[i/n*n+reflect.index(i%n+j-120, n)]
		}
		require.InDelta(t, want, got[i], 1e-12)
	}
}

func BenchmarkCorruptions(b *testing.B) {
	for _, bench := range []*Benchmark{TinyImageNetC(), ImageNetC()} {
		ws := NewWorkspace(bench.Size)
		ws.SetFrost(testFrost(b, bench))
		img := testPicture(bench.Size)
		out := make([]uint8, len(img))
		for i := range bench.Corruptions {
			c := &bench.Corruptions[i]
			b.Run(bench.Name+"/"+c.Name, func(b *testing.B) {
				src := NewRandom(1, c.Name, 1, img)
				b.ReportAllocs()
				severity := 0
				for b.Loop() {
					c.Apply(ws, out, img, severity%Severities+1, src)
					severity++
				}
			})
		}
	}
}

// BenchmarkFullSet is one 64×64 image through fifteen corruptions in five severities.
func BenchmarkFullSet(b *testing.B) {
	bench := TinyImageNetC()
	ws := NewWorkspace(64)
	ws.SetFrost(testFrost(b, bench))
	img := testPicture(64)
	out := make([]uint8, len(img))
	src := NewRandom(1, "", 1, img)
	b.ReportAllocs()
	for b.Loop() {
		for i := range bench.Corruptions {
			if c := &bench.Corruptions[i]; c.Group != Extra {
				for s := range Severities {
					c.Apply(ws, out, img, s+1, src)
				}
			}
		}
	}
}
