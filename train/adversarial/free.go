package adversarial

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train"
	gomlx "github.com/gomlx/gomlx/ml/train/optimizer"
)

// Free is free adversarial training: every minibatch is trained on several times running, and the one
// gradient of each replay moves both the weights and the noise added to the images.
//
// The noise is a variable of the shape of a full batch. It starts at 0 and is never reset: it carries
// over to the next minibatch and epoch, whatever images stand in its rows then. A smaller batch uses
// the first rows. With v the noise of the batch, x the pixels:
//
//	loss of clip(x+v, 0, 1), gradients of the weights and ∂loss/∂v (0 where x+v left [0,1])
//	v ← clip(v + Step·sign(∂loss/∂v), −Epsilon, Epsilon)
//	weights ← the optimizer's step with the gradients at the old v
//
// [Free.Perturb] belongs into the model function, and Free itself is the trainer's optimizer.
type Free struct {
	Optimizer train.OptimizeWithGradients // moves the weights
	Epsilon   float64                     // of pixel values in [0,1]
	Step      float64
	Batch     int // images of a full batch
}

var _ gomlx.Interface = Free{}

const (
	noiseVariable = "/adversarial/noise"
	noiseParam    = "/adversarial/noise_of_batch"
)

// Perturb returns pixels, N×…, with the present noise; N may be less than Batch.
func (f Free) Perturb(scope *model.Scope, pixels *graph.Node) *graph.Node {
	g := pixels.Graph()
	noise := f.variable(scope.Store(), pixels.Shape()).NodeValue(g)
	n := pixels.Shape().Dimensions[0]
	noise = graph.Identity(graph.Slice(noise, graph.AxisRange(0, n)))
	model.SetGraphParam(g, noiseParam, noise)
	sum := graph.Add(pixels, noise)
	// The gradient passes on the bounds too, where that of a minimum or maximum would be shared.
	inside := graph.LogicalAnd(graph.IsNonNegative(sum), graph.LessOrEqual(sum, graph.OnesLike(sum)))
	return graph.Where(inside, sum, graph.StopGradient(box(sum)))
}

// variable is the noise of a full batch of images of the shape.
func (f Free) variable(store *model.Store, images shapes.Shape) *model.Variable {
	dims := append([]int{f.Batch}, images.Dimensions[1:]...)
	return store.VariableWithShape(noiseVariable, shapes.Make(images.DType, dims...), initializer.Zero).SetTrainable(false)
}

// UpdateGraph implements the optimizer of GoMLX's trainer.
func (f Free) UpdateGraph(scope *model.Scope, g *graph.Graph, loss *graph.Node) {
	param, ok := model.GetGraphParam(g, noiseParam)
	if !ok {
		panic("adversarial: the model function does not call Free.Perturb")
	}
	noise := param.(*graph.Node)
	var to []*graph.Node
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			to = append(to, v.NodeValue(g))
		}
	}
	gradients := graph.Gradient(loss, append(to, noise)...)
	f.Optimizer.UpdateGraphWithGradients(scope, gradients[:len(to)], loss.DType())
	f.move(scope.Store(), noise, gradients[len(to)])
}

// move takes the step of the noise. The rows beyond the batch stay.
func (f Free) move(store *model.Store, noise, slope *graph.Node) {
	g := noise.Graph()
	v := f.variable(store, noise.Shape())
	moved := graph.ClipScalar(graph.Add(noise, graph.MulScalar(graph.Sign(slope), f.Step)), -f.Epsilon, f.Epsilon)
	if n := noise.Shape().Dimensions[0]; n < f.Batch {
		moved = graph.Concatenate([]*graph.Node{moved, graph.Slice(v.NodeValue(g), graph.AxisRangeToEnd(n))}, 0)
	}
	v.SetNodeValue(moved)
}

// Clear forgets the noise and what the optimizer of the weights remembers.
func (f Free) Clear(scope *model.Scope) error {
	if err := scope.Store().DeleteVariable(noiseVariable); err != nil {
		return err
	}
	if inner, ok := f.Optimizer.(gomlx.Interface); ok {
		return inner.Clear(scope)
	}
	return nil
}
