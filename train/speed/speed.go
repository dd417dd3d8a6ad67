// Package speed measures how fast networks run and train on GoMLX backends.
package speed

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/loss"

	"striate/internal/cputime"
	"striate/train/network"
	"striate/train/optimizer"
)

// Task is what is measured.
type Task string

// The tasks.
const (
	Forward Task = "forward" // inference, up to the logits
	Step    Task = "step"    // forward, cross entropy, gradients, SGD with momentum and weight decay
)

// Row is what was measured of a network for a task and a size of batch.
type Row struct {
	Network string `json:"network"`
	Backend string `json:"backend"`
	Task    Task   `json:"task"`
	Batch   int    `json:"batch"`
	// ImagesPerSecond is that of the fastest run, CPU the processor time an image in the run that took
	// least, all cores together, seconds.
	ImagesPerSecond float64 `json:"images_per_s"`
	CPU             float64 `json:"cpu_s_per_image"`
	Runs            int     `json:"runs"`
}

// Measure runs d for at least the seconds given, three times at least, after one run to warm up.
// Parameters are random; images and labels are arbitrary.
func Measure(ctx context.Context, backend compute.Backend, d network.Description, task Task, batch int, seconds float64) (Row, error) {
	row := Row{Network: d.Name, Backend: backend.Name(), Task: task, Batch: batch}
	exec, err := prepare(backend, d, task)
	if err != nil {
		return row, err
	}
	defer exec.Finalize()
	images, labels := inputs(d, batch)
	var walls, cpus []float64
	for end := time.Now(); len(walls) < 4 || time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return row, err
		}
		wall, cpu := time.Now(), cputime.Seconds()
		out, err := exec.Call(images, labels)
		if err != nil {
			return row, fmt.Errorf("%s of %s at batch %d: %w", task, d.Name, batch, err)
		}
		for _, t := range out {
			t.FinalizeAll() //nolint:errcheck // freeing memory
		}
		walls, cpus = append(walls, time.Since(wall).Seconds()), append(cpus, cputime.Seconds()-cpu)
		if len(walls) == 1 { // the first compiled the graph
			end = time.Now().Add(time.Duration(seconds * float64(time.Second)))
		}
	}
	row.Runs = len(walls) - 1
	row.ImagesPerSecond = float64(batch) / slices.Min(walls[1:])
	row.CPU = slices.Min(cpus[1:]) / float64(batch)
	return row, nil
}

// prepare makes the computation of a task on images and labels.
func prepare(backend compute.Backend, d network.Description, task Task) (*model.Exec, error) {
	store := model.NewStore()
	if err := d.Init(store, network.Random(0), dtypes.Float32); err != nil {
		return nil, err
	}
	if task == Forward {
		if err := d.Freeze(store); err != nil {
			return nil, err
		}
		return model.NewExec(backend, store, func(scope *model.Scope, images, _ *graph.Node) *graph.Node {
			return d.Build(scope, images, network.Options{Frozen: true}).Last()
		})
	}
	sgd := optimizer.SGD{LearningRate: 1e-3, Momentum: 0.9, WeightDecay: 1e-5}
	return model.NewExec(backend, store, func(scope *model.Scope, images, labels *graph.Node) *graph.Node {
		g := images.Graph()
		store.SetTraining(g, true)
		logits := d.Build(scope, images, network.Options{DropoutMask: alternating(g)}).Last()
		l := loss.SparseCategoricalCrossEntropyLogits([]*graph.Node{labels}, []*graph.Node{logits})
		sgd.UpdateGraph(scope, g, l)
		return l
	})
}

// inputs returns a batch of images and labels.
func inputs(d network.Description, batch int) (images, labels *tensors.Tensor) {
	x := make([]float32, batch*3*d.Size*d.Size)
	network.NewStream("speed", 0).Fill(x, -1, 2)
	y := make([]int32, batch)
	for i := range y {
		y[i] = int32(i % d.Classes)
	}
	return tensors.FromFlatDataAndDimensions(x, batch, 3, d.Size, d.Size), tensors.FromFlatDataAndDimensions(y, batch, 1)
}

// alternating is a dropout mask that keeps every other channel: not every backend draws random numbers.
func alternating(g *graph.Graph) func(shape shapes.Shape, keep float64) *graph.Node {
	return func(shape shapes.Shape, _ float64) *graph.Node {
		mask := make([]float32, shape.Size())
		for i := range mask {
			mask[i] = float32(i % 2)
		}
		return graph.ConstTensor(g, tensors.FromFlatDataAndDimensions(mask, shape.Dimensions...))
	}
}
