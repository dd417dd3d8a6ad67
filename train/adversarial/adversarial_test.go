package adversarial_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/stretchr/testify/require"

	"striate/internal/npy"
	"striate/internal/sharedtest"
	"striate/train/adversarial"
	"striate/train/backend"
	"striate/train/optimizer"
)

const golden = "golden/robust/dev/adv/"

// array reads a reference array as float64.
func array(t *testing.T, name string) *tensors.Tensor {
	t.Helper()
	a, err := npy.ReadFile(sharedtest.Path(t, golden+name+".npy"))
	require.NoError(t, err)
	return tensors.FromFlatDataAndDimensions(a.Float64s(), a.Shape...)
}

func labels(t *testing.T, name string) []int32 {
	t.Helper()
	a, err := npy.ReadFile(sharedtest.Path(t, golden+name+".npy"))
	require.NoError(t, err)
	ints, err := a.Ints()
	require.NoError(t, err)
	out := make([]int32, len(ints))
	for i, v := range ints {
		out[i] = int32(v)
	}
	return out
}

// reference is one of the two small networks of the reference: a linear one, and convolution (3×3,
// stride 2, padding 1), ReLU, linear. Both normalise by mean 0.5 and standard deviation 0.5.
type reference struct {
	name    string
	initial []string // files of the first weights
	final   []string // files of the weights after free training
}

var references = []reference{
	{"linear", []string{"linear_2.weight", "linear_2.bias"}, []string{"linear_free_final_1.weight", "linear_free_final_1.bias"}},
	{"conv", []string{"conv_1.weight", "conv_1.bias", "conv_4.weight", "conv_4.bias"},
		[]string{"conv_free_final_0.weight", "conv_free_final_0.bias", "conv_free_final_3.weight", "conv_free_final_3.bias"}},
}

// parameters are named so that the store lists them in the order of the files.
var parameters = []string{"p0", "p1", "p2", "p3"}

func (r reference) store(t *testing.T) *model.Store {
	store := model.NewStore()
	for i, file := range r.initial {
		_, err := store.CreateVariable("/"+parameters[i], array(t, file))
		require.NoError(t, err)
	}
	return store
}

func (r reference) logits(scope *model.Scope, pixels *graph.Node) *graph.Node {
	g := pixels.Graph()
	p := func(i int) *graph.Node { return scope.GetVariable(parameters[i]).NodeValue(g) }
	x := graph.DivScalar(graph.AddScalar(pixels, -0.5), 0.5)
	if r.name == "conv" {
		x = graph.Convolve(x, p(0)).ChannelsAxis(images.ChannelsFirst).Strides(2).PaddingPerDim([][2]int{{1, 1}, {1, 1}}).Done()
		x = graph.Max(graph.ScalarZero(g, x.DType()), graph.Add(x, graph.Reshape(p(1), 1, -1, 1, 1)))
	}
	x = graph.Reshape(x, x.Shape().Dimensions[0], -1)
	last := len(r.initial) - 2
	return graph.Add(graph.DotGeneral(x, []int{1}, nil, p(last), []int{1}, nil), graph.InsertAxes(p(last+1), 0))
}

func crossEntropy(labels, logits *graph.Node) *graph.Node {
	return graph.ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*graph.Node{labels}, []*graph.Node{logits}))
}

// near compares all entries. The reference is stored as float32 of values up to 1, and a wrong sign
// anywhere moves a pixel by a whole step of 0.0078.
func near(t *testing.T, want, got *tensors.Tensor, tolerance float64) {
	t.Helper()
	w, g := tensors.MustCopyFlatData[float64](want), tensors.MustCopyFlatData[float64](got)
	require.Len(t, g, len(w))
	for i := range w {
		require.InDelta(t, w[i], g[i], tolerance, "entry %d", i)
	}
}

func TestPGDEqualsReference(t *testing.T) {
	b, err := backend.New("go")
	require.NoError(t, err)
	pgd := adversarial.PGD{Epsilon: 8. / 255, Step: 2. / 255, Steps: 10}
	for _, r := range references {
		for _, c := range []struct {
			file, start string
			pgd         adversarial.PGD
		}{
			{r.name + "_fgsm", "", adversarial.PGD{Epsilon: 8. / 255, Step: 8. / 255, Steps: 1}},
			{r.name + "_pgd_linf_nors", "", pgd},
			{r.name + "_pgd_linf_rs", r.name + "_start_linf", pgd},
		} {
			inputs := []any{array(t, "x"), tensors.FromFlatDataAndDimensions(labels(t, "y"), 4, 1)}
			if c.start != "" {
				inputs = append(inputs, array(t, c.start))
			}
			exec, err := model.NewExec(b, r.store(t), func(scope *model.Scope, in []*graph.Node) *graph.Node {
				var start *graph.Node
				if len(in) == 3 {
					start = in[2]
				}
				return c.pgd.Perturb(in[0], start, func(x *graph.Node) *graph.Node { return crossEntropy(in[1], r.logits(scope, x)) })
			})
			require.NoError(t, err)
			out, err := exec.Call(inputs...)
			require.NoError(t, err)
			near(t, array(t, c.file), out[0], 1e-6)
		}
	}
}

// Noise after each of 24 replays (two epochs of batches 4, 4, 2, replayed 4 times), losses and final
// weights of the reference, which ran in float64.
func TestFreeEqualsReference(t *testing.T) {
	var recorded map[string]struct{ Losses []float64 }
	data, err := os.ReadFile(sharedtest.Path(t, golden+"adv.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &recorded))
	b, err := backend.New("go")
	require.NoError(t, err)
	for _, r := range references {
		store := r.store(t)
		free := adversarial.Free{Optimizer: optimizer.SGD{LearningRate: 0.1, Momentum: 0.9, WeightDecay: 1e-4},
			Epsilon: 4. / 255, Step: 4. / 255, Batch: 4}
		modelFn := func(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
			return []*graph.Node{r.logits(scope, free.Perturb(scope, in[0]))}
		}
		trainer := train.NewTrainer(b, store, modelFn, loss.SparseCategoricalCrossEntropyLogits, free, nil, nil)
		x, y := tensors.MustCopyFlatData[float64](array(t, "free_x")), labels(t, "free_y")
		trace := array(t, r.name+"_free_noise_trace")
		const image = 3 * 8 * 8
		step := 0
		for range 2 {
			for _, span := range [][2]int{{0, 4}, {4, 8}, {8, 10}} {
				for range 4 {
					n := span[1] - span[0]
					metrics, err := trainer.TrainStep(train.Batch{
						Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(append([]float64{}, x[span[0]*image:span[1]*image]...), n, 3, 8, 8)},
						Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(append([]int32{}, y[span[0]:span[1]]...), n, 1)}})
					require.NoError(t, err)
					require.InDelta(t, recorded[r.name+"/free"].Losses[step], tensors.ToScalar[float64](metrics[0]), 1e-8)
					want := tensors.MustCopyFlatData[float64](trace)[step*4*image : (step+1)*4*image]
					near(t, tensors.FromFlatDataAndDimensions(want, 4, 3, 8, 8), store.GetVariable("/adversarial/noise").MustValue(), 1e-8)
					step++
				}
			}
		}
		for i, file := range r.final {
			near(t, array(t, file), store.GetVariable("/"+parameters[i]).MustValue(), 1e-6)
		}
		require.NoError(t, free.Clear(store.RootScope()))
		require.Nil(t, store.GetVariable("/adversarial/noise"))
	}
}

// The gradient passes on the bounds of the box, as that of PyTorch's clamp does, and not beyond.
func TestFreeGradientOnBounds(t *testing.T) {
	b, err := backend.New("go")
	require.NoError(t, err)
	store := model.NewStore()
	_, err = store.CreateVariable("/w", tensors.FromScalar(1.0))
	require.NoError(t, err)
	free := adversarial.Free{Optimizer: optimizer.SGD{LearningRate: 0}, Epsilon: 0.2, Step: 0.1, Batch: 1}
	trainer := train.NewTrainer(b, store, func(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
		return []*graph.Node{graph.Mul(free.Perturb(scope, in[0]), scope.GetVariable("w").NodeValue(in[0].Graph()))}
	}, func(_, predictions []*graph.Node) *graph.Node { return graph.ReduceAllSum(predictions[0]) }, free, nil, nil)
	noise := func(pixels ...float64) []float64 {
		_, err := trainer.TrainStep(train.Batch{Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(pixels, 1, len(pixels))}})
		require.NoError(t, err)
		return tensors.MustCopyFlatData[float64](store.GetVariable("/adversarial/noise").MustValue())
	}
	require.Equal(t, []float64{0.1, 0.1, 0.1}, noise(0, 0.5, 1))
	got := noise(0, 0.5, 1) // the last is at 1.1 now
	require.InDelta(t, 0.2, got[0], 1e-15)
	require.InDelta(t, 0.1, got[2], 1e-15)
	require.False(t, math.IsNaN(got[1]))
}
