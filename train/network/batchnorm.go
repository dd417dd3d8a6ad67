package network

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// Constants of PyTorch's BatchNorm2d.
const (
	bnEpsilon  = 1e-5
	bnMomentum = 0.1 // share of the new batch in the running statistics
)

// batchNorm normalises each channel of x, N×C×H×W, as PyTorch's BatchNorm2d does (Ioffe and
// Szegedy, ICML 2015):
//
//	y = weight·(x − mean)/√(var + 1e-5) + bias
//
// In inference mean and var are the running statistics. In training they are those of the batch
// over N, H and W, var the biased one, and the gradient flows through both; the running ones become
// 0.9·running + 0.1·batch, with the unbiased variance. Initially weight = 1, bias = 0, running mean
// 0 and variance 1.
//
// GoMLX's own batch normalisation stops the gradient through the statistics of the batch.
func (b *builder) batchNorm(x *graph.Node, name string) *graph.Node {
	weight, bias := b.variable(name+".weight"), b.variable(name+".bias")
	if b.training {
		return b.batchNormTraining(x, name, perChannel(weight), perChannel(bias))
	}
	mean, variance := b.variable(name+".running_mean"), b.variable(name+".running_var")
	fused := func() *graph.Node {
		return graph.InternalBatchNormForInference(x, weight, bias, mean, variance, bnEpsilon, 1)
	}
	decomposed := func() *graph.Node {
		scale := graph.Div(weight, graph.Sqrt(graph.AddScalar(variance, bnEpsilon)))
		offset := graph.Sub(bias, graph.Mul(mean, scale))
		return graph.Add(graph.Mul(x, perChannel(scale)), perChannel(offset))
	}
	y, _ := graph.InternalFusedOpCaller(fused, decomposed, true)
	return y
}

// batchNormTraining normalises by the statistics of the batch. weight and bias are 1×C×1×1.
//
// The statistics are taken as constants in the forward expression; what they contribute to the
// gradient of x is added where the gradient passes x: with v the gradient for fixed statistics and
// x̂ the normalised x, the whole gradient is v − mean(v) − x̂·mean(v·x̂). That is exact, and spares
// the passes over x that differentiating mean and variance one by one would take.
func (b *builder) batchNormTraining(x *graph.Node, name string, weight, bias *graph.Node) *graph.Node {
	dims := x.Shape().Dimensions
	n := dims[0] * dims[2] * dims[3]
	if n < 2 {
		panic(fmt.Errorf("batch normalisation %s has one value per channel in a batch of %d: train with a larger batch or input", name, dims[0]))
	}
	mean := batchMean(graph.StopGradient(x))
	var centred, variance, inverse *graph.Node
	x = graph.IdentityWithCustomGradient(x, func(_, v *graph.Node) *graph.Node {
		slope := graph.Mul(graph.Square(inverse), batchMean(graph.Mul(v, centred)))
		return graph.Sub(graph.Sub(v, batchMean(v)), graph.Mul(centred, slope))
	})
	centred = graph.Sub(x, mean)
	variance = batchMean(graph.Square(graph.StopGradient(centred)))
	inverse = graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, bnEpsilon)))
	b.track(name+".running_mean", mean)
	b.track(name+".running_var", graph.MulScalar(variance, float64(n)/float64(n-1)))
	return graph.Add(graph.Mul(centred, graph.Mul(inverse, weight)), bias)
}

// track moves a running statistic towards that of the batch.
func (b *builder) track(name string, batch *graph.Node) {
	v := b.scope.GetVariable(name)
	running := b.variable(name)
	batch = graph.Reshape(batch, running.Shape().Dimensions...)
	v.SetNodeValue(graph.Add(graph.MulScalar(running, 1-bnMomentum), graph.MulScalar(batch, bnMomentum)))
}

// batchMean is the mean over all but the channels, 1×C×1×1.
func batchMean(x *graph.Node) *graph.Node {
	return graph.ReduceAndKeep(x, graph.ReduceMean, 0, 2, 3)
}

// perChannel makes a vector of C values 1×C×1×1.
func perChannel(v *graph.Node) *graph.Node { return graph.Reshape(v, 1, -1, 1, 1) }
