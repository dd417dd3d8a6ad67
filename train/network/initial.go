package network

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Initializer fills the parameters of a network. Make one with [Random] or [Parity].
type Initializer struct {
	seed   uint64
	parity bool
}

// Random fills parameters as the authors' code does before training, from a seed: Kaiming normal
// (fan-out) convolutions, unit batch normalisations, PyTorch's default for the head, and what the
// components say. Every parameter draws from a generator of its own name, so that adding one leaves
// the others as they were.
func Random(seed uint64) Initializer { return Initializer{seed: seed} }

// Parity fills parameters with numbers that depend on their PyTorch name, the seed and the position
// alone, and that other frameworks can compute bit for bit: see [Stream] and
// [Parameter.ParityRange]. It serves comparisons; it is no starting point for training.
func Parity(seed uint64) Initializer { return Initializer{seed: seed, parity: true} }

// Init gives every variable of the network a value in store, at the root scope.
func (d Description) Init(store *model.Store, from Initializer, dtype dtypes.DType) error {
	return d.Fill(store, dtype, func(p Parameter, dst []float32) error {
		if from.parity {
			lo, span, _ := p.ParityRange()
			NewStream(p.PyTorch, from.seed).Fill(dst, lo, span)
		} else {
			d.draw(p, from.seed, dst)
		}
		return nil
	})
}

// Fill gives every variable of the network the values that fn writes, in PyTorch's order. Variables
// that exist are overwritten, others made; dtype must be a float type.
func (d Description) Fill(store *model.Store, dtype dtypes.DType, fn func(p Parameter, dst []float32) error) error {
	if err := d.Validate(); err != nil {
		return err
	}
	for _, p := range d.Parameters() {
		if p.Name == "" {
			continue
		}
		torch := make([]float32, p.Size())
		if err := fn(p, torch); err != nil {
			return err
		}
		values := make([]float32, len(torch))
		ToVariable(p, values, torch)
		t, err := tensorOf(values, dtype, p.VariableShape())
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		if err := setVariable(store, p.Name, t, p.Role == Trainable); err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
	}
	return nil
}

// setVariable makes or overwrites a variable of the root scope.
func setVariable(store *model.Store, name string, t *tensors.Tensor, trainable bool) error {
	v := store.GetVariable(model.ScopeSeparator + name)
	if v != nil {
		return v.SetValue(t)
	}
	v, err := store.CreateVariable(model.ScopeSeparator+name, t)
	if err != nil {
		return err
	}
	v.SetTrainable(trainable)
	return nil
}

// tensorOf makes a tensor of a float type.
func tensorOf[T float32 | float64](values []T, dtype dtypes.DType, dims []int) (*tensors.Tensor, error) {
	switch dtype {
	case dtypes.Float32:
		return tensors.FromFlatDataAndDimensions(convert[float32](values), dims...), nil
	case dtypes.Float64:
		return tensors.FromFlatDataAndDimensions(convert[float64](values), dims...), nil
	default:
		return nil, fmt.Errorf("type %s: parameters are float32 or float64", dtype)
	}
}

// convert copies values to another float type, rounding once.
func convert[To, From float32 | float64](values []From) []To {
	out := make([]To, len(values))
	for i, v := range values {
		out[i] = To(v)
	}
	return out
}

// draw fills dst with the authors' initial values of p.
func (d Description) draw(p Parameter, seed uint64, dst []float32) {
	r := rand.New(rand.NewPCG(uint64(NewStream(p.Name, 0)), seed))
	uniform := func(lo, hi float64) {
		for i := range dst {
			dst[i] = float32(lo + (hi-lo)*r.Float64())
		}
	}
	normal := func(mean, sd float64) {
		for i := range dst {
			dst[i] = float32(mean + sd*r.NormFloat64())
		}
	}
	fanIn := p.fanIn()
	if p.Kind == LinearBias {
		fanIn = expansion * d.planes(3) // that of the weight it belongs to
	}
	byFanIn := 1 / math.Sqrt(float64(fanIn))
	switch p.Kind {
	case ConvWeight:
		if d.Naming == CenterSurroundNames && p.Shape[2] == 3 && strings.HasPrefix(p.Name, "layer1.") {
			uniform(-byFanIn, byFanIn) // replaced after torchvision's initialisation, so PyTorch's default
		} else {
			normal(0, math.Sqrt(2/float64(p.Shape[0]*p.Shape[2]*p.Shape[3])))
		}
	case LinearWeight, LinearBias:
		uniform(-byFanIn, byFanIn)
	case LocalWeight:
		normal(0, 1)
	case BNWeight, RunningVar:
		uniform(1, 1)
	case BNBias, RunningMean:
		uniform(0, 0)
	case DoGSigma1:
		if d.DoG == ClassicalDoG {
			uniform(0.5, 1)
		} else {
			uniform(1, 2)
		}
	case DoGSigma2Scale, DivRho, DivSigma, DivBias:
		uniform(1, 2)
	case DoGTotalScale:
		normal(0, 2)
	case TunedSigmas:
		uniform(float64(p.Shape[0])/8, float64(p.Shape[0])/8+1)
	case DivA:
		uniform(0, 1)
	case DivTheta:
		uniform(0, 2*math.Pi)
	case DivV, DivW:
		normal(1, 1)
	}
}
