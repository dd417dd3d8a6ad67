package train

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"striate/train/adversarial"
)

// watch measures the accuracy under a stronger attack than the one trained against: PGD of 5 steps of
// 2/255, on one batch.
type watch struct {
	backend        compute.Backend
	learner        *learner
	images, labels *tensors.Tensor
	exec           *model.Exec
}

func newWatch(b compute.Backend, l *learner, images, labels *tensors.Tensor) (*watch, error) {
	return &watch{backend: b, learner: l, images: images, labels: labels}, nil
}

// accuracy is the share of images classified right after the attack.
func (w *watch) accuracy(store *model.Store) (float64, error) {
	if w.exec == nil {
		exec, err := model.NewExec(w.backend, store, w.graph)
		if err != nil {
			return 0, fmt.Errorf("watch robustness: %w", err)
		}
		w.exec = exec
	}
	out, err := w.exec.Call(w.images, w.labels)
	if err != nil {
		return 0, fmt.Errorf("watch robustness: %w", err)
	}
	return scalar(out[0]), nil
}

func (w *watch) graph(scope *model.Scope, images, labels *graph.Node) *graph.Node {
	x := graph.DivScalar(graph.ConvertDType(images, dtypes.Float32), 255)
	attack := adversarial.PGD{Epsilon: w.learner.config.Adversarial.Epsilon, Step: 2. / 255, Steps: 5}
	x = attack.Perturb(x, nil, func(pixels *graph.Node) *graph.Node {
		return meanLoss(labels, w.learner.logits(scope, pixels, nil))
	})
	return topK(1)(scope, []*graph.Node{labels}, []*graph.Node{w.learner.logits(scope, x, nil)})
}
