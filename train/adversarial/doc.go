// Package adversarial trains networks on images changed so as to raise their loss, within a distance
// Epsilon of the original in every pixel value (ℓ∞):
//
//   - [PGD], with one step: Wong, Rice and Kolter, "Fast is better than free: revisiting adversarial
//     training" (ICLR 2020); with several: Madry et al., "Towards deep learning models resistant to
//     adversarial attacks" (ICLR 2018);
//   - [Free]: Shafahi et al., "Adversarial training for free!" (NeurIPS 2019).
//
// Images are pixel values in [0,1]; what a network normalises them to comes after. Everything is
// part of the graph of the training step, so that each works on every backend.
package adversarial

import "github.com/gomlx/gomlx/core/graph"

// box clips pixel values to [0,1].
func box(x *graph.Node) *graph.Node { return graph.ClipScalar(x, 0, 1) }
