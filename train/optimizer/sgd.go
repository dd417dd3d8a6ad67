// Package optimizer holds the update rules that GoMLX lacks.
package optimizer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train"
	gomlx "github.com/gomlx/gomlx/ml/train/optimizer"
)

// SGD is stochastic gradient descent with momentum and weight decay as PyTorch's torch.optim.SGD
// defines them, without dampening or Nesterov's step. For a parameter p with gradient g:
//
//	g ← g + WeightDecay·p
//	v ← Momentum·v + g        (the first step: v ← g)
//	p ← p − rate·v
//
// The rate is the variable of gomlx's optimizer.LearningRateVar, made with LearningRate; set that
// variable to follow a schedule. GoMLX's own has no momentum, no weight decay and divides the rate by
// the square root of the step.
//
// SGD implements the optimizer interface of GoMLX's trainer, with gradients given or not.
type SGD struct {
	LearningRate float64
	Momentum     float64
	WeightDecay  float64
}

var (
	_ gomlx.Interface             = SGD{}
	_ train.OptimizeWithGradients = SGD{}
)

// velocityScope holds the momentum of each parameter, under the parameter's own path.
const velocityScope = gomlx.Scope + model.ScopeSeparator + "velocity"

// UpdateGraph updates every trainable variable of scope by the gradient of loss, a scalar.
func (o SGD) UpdateGraph(scope *model.Scope, _ *graph.Graph, loss *graph.Node) {
	o.UpdateGraphWithGradients(scope, scope.BuildTrainableVariablesGradientsGraph(loss), loss.DType())
}

// UpdateGraphWithGradients updates every trainable variable of scope that the graph uses; gradients
// are in the order of [model.Scope.BuildTrainableVariablesGradientsGraph].
func (o SGD) UpdateGraphWithGradients(scope *model.Scope, gradients []*graph.Node, lossDType dtypes.DType) {
	if len(gradients) == 0 {
		return
	}
	g := gradients[0].Graph()
	gomlx.IncrementGlobalStep(g, lossDType)
	rate := gomlx.LearningRateVar(scope, lossDType, o.LearningRate).NodeValue(g)
	var trained []*model.Variable // collected first, because updates make variables
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			trained = append(trained, v)
		}
	}
	for i, v := range trained {
		o.update(scope, v, gradients[i], rate)
	}
}

// update moves one variable. The momentum starts at 0, which makes the first step v ← g.
func (o SGD) update(scope *model.Scope, v *model.Variable, gradient, rate *graph.Node) {
	g := gradient.Graph()
	p := v.NodeValue(g)
	gradient = gomlx.ClipNaNsInGradients(scope, gradient)
	if o.WeightDecay != 0 {
		gradient = graph.Add(gradient, graph.MulScalar(p, o.WeightDecay))
	}
	if o.Momentum != 0 {
		velocity := o.velocity(scope.Store(), v)
		gradient = graph.Add(graph.MulScalar(velocity.NodeValue(g), o.Momentum), gradient)
		velocity.SetNodeValue(gradient)
	}
	v.SetNodeValue(graph.Sub(p, graph.Mul(gradient, graph.ConvertDType(rate, p.DType()))))
}

// velocity is the momentum of v.
func (o SGD) velocity(store *model.Store, v *model.Variable) *model.Variable {
	path := model.ScopeSeparator + velocityScope + v.Path()
	return store.VariableWithShape(path, shapes.Make(v.DType(), v.Shape().Dimensions...), initializer.Zero).SetTrainable(false)
}

// Clear forgets the momentum of all variables.
func (o SGD) Clear(scope *model.Scope) error {
	return scope.Store().DeleteVariablesInScope(model.ScopeSeparator + velocityScope)
}
