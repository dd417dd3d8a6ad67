package train

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/loss"
	gomlx "github.com/gomlx/gomlx/ml/train/optimizer"

	"striate/train/adversarial"
	"striate/train/dataset"
	"striate/train/network"
	"striate/train/optimizer"
	"striate/train/run"
)

// learner is the part of a run that is graphs: the network, what is done to its images, its loss.
type learner struct {
	config *run.Config
	free   adversarial.Free
}

func newLearner(c *run.Config) *learner {
	l := &learner{config: c}
	l.free = adversarial.Free{Optimizer: l.sgd(), Epsilon: c.Adversarial.Epsilon, Step: c.Adversarial.Step, Batch: c.Batch}
	return l
}

func (l *learner) sgd() optimizer.SGD {
	return optimizer.SGD{LearningRate: l.config.LR, Momentum: l.config.Momentum, WeightDecay: l.config.WeightDecay}
}

// optimizer is what moves the parameters.
func (l *learner) optimizer() gomlx.Interface {
	if l.config.Adversarial.Method == Free {
		return l.free
	}
	return l.sgd()
}

// draws are the random numbers that a step needs besides the images: the start of the search for an
// adversarial image, and one number a channel for each dropout. They come from the host, since not
// every backend has a random generator.
func (l *learner) draws() []dataset.Draw {
	var list []dataset.Draw
	if l.startsAtRandom() {
		size, epsilon := l.config.Network.Size, l.config.Adversarial.Epsilon
		list = append(list, dataset.Draw{Lo: -epsilon, Hi: epsilon, Shape: []int{3, size, size}})
	}
	for _, b := range l.config.Network.V1 {
		if b.Dropout > 0 {
			list = append(list, dataset.Draw{Lo: 0, Hi: 1, Shape: []int{l.config.Network.Width}})
		}
	}
	return list
}

// startsAtRandom tells of the methods that search from a random start, for which they need the labels
// among the inputs.
func (l *learner) startsAtRandom() bool {
	return l.config.Adversarial.Method == Fast || l.config.Adversarial.Method == PGD
}

// model is the model function of the trainer: logits of images uint8 N×3×S×S, in training after
// the changes of adversarial training. inputs are those of dataset.Loader.
func (l *learner) model(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
	x := graph.DivScalar(graph.ConvertDType(inputs[0], dtypes.Float32), 255)
	if !scope.IsTraining(x.Graph()) {
		return []*graph.Node{l.logits(scope, x, nil)}
	}
	rest := inputs[1:]
	switch l.config.Adversarial.Method {
	case Free:
		x = l.free.Perturb(scope, x)
	case Fast, PGD:
		start, labels, masks := rest[0], rest[len(rest)-1], rest[1:len(rest)-1]
		x = l.attack().Perturb(x, start, func(pixels *graph.Node) *graph.Node {
			return meanLoss(labels, l.logits(scope, pixels, masks))
		})
		rest = masks
	}
	return []*graph.Node{l.logits(scope, x, rest)}
}

// attack is the search of fast and PGD training.
func (l *learner) attack() adversarial.PGD {
	a := l.config.Adversarial
	steps := a.Steps
	if a.Method == Fast {
		steps = 1
	}
	return adversarial.PGD{Epsilon: a.Epsilon, Step: a.Step, Steps: steps}
}

// logits normalises pixels in [0,1] and runs the network. masks are numbers in [0,1), N×C, one node
// for each dropout in turn.
func (l *learner) logits(scope *model.Scope, pixels *graph.Node, masks []*graph.Node) *graph.Node {
	options := network.Options{DropoutMask: func(shape shapes.Shape, keep float64) *graph.Node {
		u := masks[0]
		masks = masks[1:]
		kept := graph.LessThan(u, graph.Scalar(u.Graph(), u.DType(), keep))
		return graph.Reshape(graph.ConvertDType(kept, shape.DType), shape.Dimensions...)
	}}
	if l.config.Precision == BFloat16 {
		options.MatMulDType = dtypes.BFloat16
	}
	x := graph.DivScalar(graph.AddScalar(pixels, -0.5), 0.5)
	return l.config.Network.Build(scope, x, options).Last()
}

// meanLoss is the mean cross-entropy; labels are N×1 classes.
func meanLoss(labels, logits *graph.Node) *graph.Node {
	return graph.ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*graph.Node{labels}, []*graph.Node{logits}))
}
