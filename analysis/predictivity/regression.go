package predictivity

import (
	"context"

	"gonum.org/v1/gonum/mat"
)

// Regression is a linear map from features to responses, fitted in the space of the stimuli.
type Regression interface {
	// Check returns an error when the regression cannot be fitted to that many train stimuli and
	// units.
	Check(train, units int) error
	// Fit returns the dual coefficients, train stimuli × neurons: the response predicted to a
	// stimulus is the inner products of its features with those of the train stimuli, times the
	// coefficients, plus the mean response. gram and responses are those of the train stimuli,
	// both centred on their means; they are not changed.
	Fit(ctx context.Context, gram, responses *mat.Dense) (*Dual, error)
}

// Dual is a fitted regression.
type Dual struct {
	Coefficients *mat.Dense // train stimuli × neurons
	Components   int        // that were extracted; 0 for ridge
	Iterations   []int      // of the power method, a component; nil for ridge
	Penalties    []float64  // of each neuron; nil for PLS
}
