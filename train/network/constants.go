package network

import "fmt"

// Constant returns the values of a parameter that has no variable, in PyTorch's order. Half-precision
// entries are given as the float32 they stand for.
func (d Description) Constant(p Parameter) []float32 {
	switch p.Kind {
	case KernelDistances:
		return convert[float32](dogDistances())
	case ChannelDistance:
		return convert[float32](channelDistances(p.Shape[0]))
	case XCoordinates:
		x, _ := divCoordinates()
		return convert[float32](x)
	case YCoordinates:
		_, y := divCoordinates()
		return convert[float32](y)
	case PoolingMasks:
		masks, _ := PolarMasks(d.stemSize())
		return masks
	case PoolingCounts:
		_, counts := PolarMasks(d.stemSize())
		return counts
	case DoGBias, BatchesTracked:
		return make([]float32, p.Size())
	default:
		panic(fmt.Sprintf("network: %s is a variable, not a constant", p.PyTorch))
	}
}
