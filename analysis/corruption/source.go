package corruption

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// Source is what the corruptions draw from.
type Source interface {
	Normal() float64                // standard normal
	Uniform01() float64             // uniform in [0, 1)
	Poisson(lambda float64) float64 // Poisson of mean lambda ≥ 0
}

// between returns a uniform number in [a, b).
func between(src Source, a, b float64) float64 { return a + float64((b-a)*src.Uniform01()) }

// integer returns a uniform integer in [a, b).
func integer(src Source, a, b int) int { return a + int(float64(b-a)*src.Uniform01()) }

// Random is a seeded Source.
type Random struct {
	pcg     *rand.PCG
	rand    *rand.Rand
	poisson [256]poisson
}

// NewRandom returns a source for one image: what it draws depends on the seed, the corruption, the
// severity and the image, so neither the order of the images nor the number of workers matters.
func NewRandom(seed uint64, name string, severity int, img []uint8) *Random {
	r := &Random{pcg: rand.NewPCG(0, 0)}
	r.rand = rand.New(r.pcg)
	r.Seed(seed, name, severity, img)
	return r
}

// Seed makes r what NewRandom returns for the same arguments.
func (r *Random) Seed(seed uint64, name string, severity int, img []uint8) {
	content := sha256.Sum256(img)
	var key [sha256.Size + 80]byte
	b := binary.LittleEndian.AppendUint64(key[:0], seed)
	b = append(b, byte(severity))
	b = append(b, content[:]...)
	b = append(b, name...)
	sum := sha256.Sum256(b)
	r.pcg.Seed(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:]))
}

// Normal returns a standard normal number.
func (r *Random) Normal() float64 { return r.rand.NormFloat64() }

// Uniform01 returns a uniform number in [0, 1).
func (r *Random) Uniform01() float64 { return r.rand.Float64() }

// Poisson returns a Poisson number: by inversion for small means, otherwise by the transformed
// rejection PTRS of W. Hörmann (1993), "The transformed rejection method for generating Poisson
// random variables", Insurance: Mathematics and Economics 12, 39–45.
func (r *Random) Poisson(lambda float64) float64 {
	if lambda <= 0 {
		return 0
	}
	p := &r.poisson[math.Float64bits(lambda)*0x9e3779b97f4a7c15>>56]
	if p.lambda != lambda {
		p.set(lambda)
	}
	if lambda < 10 {
		q := p.none
		u := r.rand.Float64() - q
		k := 0.0
		for u >= 0 && q > 0 {
			k++
			q *= lambda / k
			u -= q
		}
		return k
	}
	for {
		u, v := r.rand.Float64()-0.5, r.rand.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*p.a/us+p.b)*u + lambda + 0.43)
		switch {
		case us >= 0.07 && v <= p.vr:
			return k
		case k < 0 || us < 0.013 && v > us:
			continue
		}
		if math.Log(v*p.inverseAlpha/(p.a/(us*us)+p.b)) <= k*p.log-lambda-logFactorial(k) {
			return k
		}
	}
}

// poisson holds what a mean determines. Few means occur in an image: one for each grey level.
type poisson struct {
	lambda, none, log      float64 // the mean, the chance of 0, the mean's logarithm
	a, b, vr, inverseAlpha float64 // Hörmann's constants
}

func (p *poisson) set(lambda float64) {
	*p = poisson{lambda: lambda, none: math.Exp(-lambda), log: math.Log(lambda)}
	p.b = 0.931 + 2.53*math.Sqrt(lambda)
	p.a = -0.059 + 0.02483*p.b
	p.vr = 0.9277 - 3.6224/(p.b-2)
	p.inverseAlpha = 1.1239 + 1.1328/(p.b-3.4)
}

// logFactorials[k] is ln k!.
var logFactorials = func() (t [512]float64) {
	for k := 2; k < len(t); k++ {
		t[k] = t[k-1] + math.Log(float64(k))
	}
	return t
}()

func logFactorial(k float64) float64 {
	if k < float64(len(logFactorials)) {
		return logFactorials[int(k)]
	}
	v, _ := math.Lgamma(k + 1)
	return v
}
