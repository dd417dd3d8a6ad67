package voneblock

import (
	"fmt"
	"math"

	"striate/export/onnx"
	"striate/internal/card"
)

// Names of the layers of the model.
const (
	LayerSimple  = "simple"  // 25·ReLU(q0)
	LayerComplex = "complex" // 25·√(q0² + q1²)/√2
	LayerV1      = "v1"      // both, simple first
)

const opset = 17

// filter is one convolution kernel of the bank: a quadrature of a unit on its colour channel.
type filter struct {
	unit    Unit
	channel int
	advance float64 // degrees
	gain    float64
}

// Model returns the block as an ONNX model: input "image" (N×3×Size×Size, normalised with mean 0.5
// and standard deviation 0.5), outputs simple, complex and v1 (N×units×side×side). version goes into
// the card.
//
// A unit reads one colour channel, so the bank is three convolutions of one channel each, a third of
// the work of one over all colours; a Gather puts the units into their order. The scales 25 and
// 25/√2 are in the kernels.
func (p Params) Model(version string) (*onnx.Model, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	half := len(p.Units) / 2
	var filters []filter
	for _, u := range p.Units[:half] {
		filters = append(filters, filter{u, u.Channel0, 0, excitation})
	}
	for _, u := range p.Units[half:] {
		filters = append(filters, filter{u, u.Channel0, 0, excitation / math.Sqrt2})
	}
	for _, u := range p.Units[half:] {
		filters = append(filters, filter{u, u.Channel1, 90, excitation / math.Sqrt2})
	}
	b := onnx.NewBuilder("voneblock", opset)
	image := b.Input("image", onnx.Float32, onnx.Shape("N", 3, p.Size, p.Size))
	bank, place := p.bank(b, image, filters)

	pick := func(name string, lo, hi int) string {
		index := make([]int64, hi-lo)
		for i := range index {
			index[i] = place[lo+i]
		}
		return b.Node("Gather", name, []string{bank, b.Constant(onnx.Int64Tensor(name+".units", []int64{int64(hi - lo)}, index))}, onnx.Attr("axis", 1))
	}
	simple := b.Node("Relu", LayerSimple, []string{pick("simple.q0", 0, half)})
	q0, q1 := pick("complex.q0", half, 2*half), pick("complex.q1", 2*half, 3*half)
	energy := b.Node("Add", "complex.energy", []string{b.Node("Mul", "complex.q0²", []string{q0, q0}), b.Node("Mul", "complex.q1²", []string{q1, q1})})
	complexes := b.Node("Sqrt", LayerComplex, []string{energy})
	b.Node("Concat", LayerV1, []string{simple, complexes}, onnx.Attr("axis", 1))

	for _, layer := range p.layers() {
		b.Output(layer.Name, onnx.Float32, onnx.Shape("N", layer.Shape[0], layer.Shape[1], layer.Shape[2]))
	}
	b.Metadata(p.card(version).Encode())
	b.Doc("V1 front end with fixed Gabor filters (Dapello, Marques et al. 2020)", version)
	model, err := b.Model()
	if err != nil {
		return nil, fmt.Errorf("build voneblock: %w", err)
	}
	return model, nil
}

// bank adds the convolutions and returns their joint output and the channel of each filter in it.
func (p Params) bank(b *onnx.Builder, image string, filters []filter) (bank string, place []int64) {
	k, half := p.kernel(), p.kernel()/2
	place = make([]int64, len(filters))
	colours := []string{"image.red", "image.green", "image.blue"}
	b.NodeN("Split", colours, []string{image, b.Constant(onnx.Int64Tensor("colours", []int64{3}, []int64{1, 1, 1}))}, onnx.Attr("axis", 1))
	var parts []string
	next := int64(0)
	for channel, colour := range colours {
		var weights []float32
		for i, f := range filters {
			if f.channel != channel {
				continue
			}
			place[i] = next
			next++
			weights = append(weights, make([]float32, k*k)...)
			f.unit.Gabor(weights[len(weights)-k*k:], k, p.pixelsPerDegree(), f.advance, f.gain)
		}
		if len(weights) == 0 {
			continue
		}
		w := b.Constant(onnx.Float32Tensor("gabor"+colour[5:], []int64{int64(len(weights) / (k * k)), 1, int64(k), int64(k)}, weights))
		parts = append(parts, b.Node("Conv", "bank"+colour[5:], []string{colour, w},
			onnx.Attr("kernel_shape", k, k), onnx.Attr("pads", half, half, half, half), onnx.Attr("strides", p.stride(), p.stride())))
	}
	return b.Node("Concat", "bank", parts, onnx.Attr("axis", 1)), place
}

func (p Params) layers() []card.Layer {
	side, n := p.side(), len(p.Units)
	return []card.Layer{
		{Name: LayerSimple, Shape: []int{n / 2, side, side}},
		{Name: LayerComplex, Shape: []int{n / 2, side, side}},
		{Name: LayerV1, Shape: []int{n, side, side}},
	}
}

func (p Params) card(version string) card.Card {
	return card.Card{
		Network: "voneblock", Origin: p.Origin, InputSize: [2]int{p.Size, p.Size},
		Mean: []float64{0.5, 0.5, 0.5}, Std: []float64{0.5, 0.5, 0.5}, ChannelOrder: "RGB", Degrees: p.Degrees,
		Layers: p.layers(), V1Layer: LayerV1, Version: version, Notes: notes,
	}
}

// notes says where each distribution comes from, and what differs from the published program.
const notes = `V1 front end of Dapello, Marques, Schrimpf, Geiger, Cox & DiCarlo (NeurIPS 2020); no parameter is trained. ` +
	`Preferred orientation: De Valois, Yund & Hepler (Vision Research 1982), 246 cells. ` +
	`Peak spatial frequency: De Valois, Albrecht & Thorell (Vision Research 1982), 139 cells; drawn again above 0.9 of the input's Nyquist limit. ` +
	`Envelope sizes nx, ny: Ringach (J Neurophysiol 2002), joint counts. ` +
	`Correlation 0.75 of envelope size and frequency: Schiller, Finlay & Volman (J Neurophysiol 1976). ` +
	`Phase: uniform. Colour channel: uniform, the same for both quadratures of a unit (an energy model); the published program draws the two independently. ` +
	`The noise that the published block adds during training is left out.`
