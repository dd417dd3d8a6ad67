// Package predictivity measures how well the units of a network layer predict recorded neurons:
// cross-validated linear regression (partial least squares or ridge), the internal-consistency
// ceiling of the recordings, and two measures that need no regression: representational similarity
// and linear centred kernel alignment.
//
// # Conventions
//
// Features are stimuli × units, responses are stimuli × neurons, and rows of both are the same
// stimuli in the same order. Layers have many more units than there are stimuli, so everything is
// computed from the stimuli × stimuli matrix of inner products ([Gram]), which is made once, by
// blocks of units; after it the cost no longer depends on the number of units.
//
// NaN in a correlation means that it is undefined (a neuron that answers every test stimulus
// alike); medians and means skip it.
//
// # Sources
//
//   - PLS: H. Wold, "Path models with latent variables: the NIPALS approach", 1975; the stopping
//     rule is scikit-learn's PLSRegression(scale=False), which the Brain-Score benchmarks use.
//   - Sample-space form: S. Rännar, F. Lindgren, P. Geladi and S. Wold, "A PLS kernel algorithm for
//     data sets with many variables and fewer objects", J. Chemometrics 8 (1994) 111–125.
//   - Ceiling and score: M. Schrimpf et al., "Brain-Score: which artificial neural network for
//     object recognition is most brain-like?", bioRxiv 407007 (2018).
//   - RSA: N. Kriegeskorte, M. Mur and P. Bandettini, Front. Syst. Neurosci. 2 (2008) 4.
//   - CKA: S. Kornblith, M. Norouzi, H. Lee and G. Hinton, ICML 2019, equation 3.
package predictivity
