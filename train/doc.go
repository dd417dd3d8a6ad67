// Package train trains the networks of package network as Pogoncheff, Granley and Beyeler did, on
// GoMLX's trainer and loop.
//
// [Train] follows a [run.Config] in a [run.Folder]; [Validate] measures. What GoMLX lacks, or defines
// otherwise than PyTorch, is here and in the packages below: stochastic gradient descent with momentum
// and weight decay (optimizer), the learning rate's schedule, top-k accuracy, image folders and
// torchvision's transforms (dataset), adversarial training (adversarial), and checkpoints that a
// killed process cannot leave half-written. GoMLX's progress bar writes to standard output, which here
// belongs to results; the bar is package progress's.
//
// Everything random follows from the seed and the step alone, so that a run that was interrupted and
// resumed gives the same parameters as one that was not, where the backend itself repeats its numbers.
package train
