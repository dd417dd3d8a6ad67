package train

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/metric"
)

// topK is the share of images whose label is among the k highest logits. Of equal logits the lower
// class comes first, as in a stable sort, so that a network that gives all classes the same logit has
// the accuracy of guessing one class. labels are N×1 classes and, optionally, N weights by which
// images count; the share is of N all the same.
func topK(k int) metric.BaseMetricGraph {
	return func(_ *model.Scope, labels, predictions []*graph.Node) *graph.Node {
		logits := predictions[0]
		g, classes := logits.Graph(), logits.Shape().Dimensions[1]
		label := labels[0]
		own := graph.ReduceAndKeep(graph.Mul(logits, graph.OneHot(graph.Reshape(label, -1), classes, logits.DType())), graph.ReduceSum, 1)
		index := graph.Iota(g, logits.Shape().Clone(), 1)
		before := graph.LessThan(index, graph.ConvertDType(label, index.DType()))
		ahead := graph.LogicalOr(graph.GreaterThan(logits, own), graph.LogicalAnd(graph.Equal(logits, own), before))
		rank := graph.ReduceSum(graph.ConvertDType(ahead, dtypes.Float32), 1)
		hit := graph.ConvertDType(graph.LessThan(rank, graph.Scalar(g, dtypes.Float32, float64(k))), dtypes.Float32)
		if len(labels) > 1 {
			hit = graph.Mul(hit, labels[1])
		}
		return graph.ReduceAllMean(hit)
	}
}

// The metrics of a step, after GoMLX's own loss and moving average of it.
func stepMetrics() []metric.Interface {
	return []metric.Interface{
		metric.NewBaseMetric("Top-1", "top1", metric.AccuracyMetricType, topK(1), nil),
		metric.NewBaseMetric("Top-5", "top5", metric.AccuracyMetricType, topK(5), nil),
	}
}

// The metrics of a validation, after GoMLX's own mean loss.
func meanMetrics() []metric.Interface {
	return []metric.Interface{
		metric.NewMeanMetric("Top-1", "top1", metric.AccuracyMetricType, topK(1), nil),
		metric.NewMeanMetric("Top-5", "top5", metric.AccuracyMetricType, topK(5), nil),
	}
}

// Positions in what GoMLX returns.
const (
	ofStepLoss, ofStepTop1, ofStepTop5 = 0, 2, 3
	ofMeanLoss, ofMeanTop1, ofMeanTop5 = 0, 1, 2
)
