package inspect

import (
	"cmp"
	"math"
	"slices"
)

// resize is the rule of Resize and Upsample.
func resize(c *call) ([]*value, string) {
	x := c.operand(0)
	if x == nil || x.shape == nil {
		return nil, noShape
	}
	factors, sizes := c.factors(len(x.shape))
	if factors == nil {
		return nil, "the scales of " + c.op.Op + " are not known"
	}
	place := c.text("coordinate_transformation_mode", "half_pixel")
	if c.op.Op == "Upsample" || c.opset < 11 {
		place = "asymmetric"
	}
	if c.integer("antialias", 0) != 0 || c.integer("exclude_outside", 0) != 0 {
		return nil, "this kind of interpolation is not analysed"
	}
	out := x.with(sizes, unchanged)
	for axis, f := range factors {
		if f == 1 && place != "tf_crop_and_resize" {
			continue
		}
		offset := 0.0
		switch place {
		case "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric":
			offset = 0.5
		case "align_corners":
			if sizes[axis] < 2 || x.shape[axis] < 2 {
				return nil, "the sizes of Resize are not known"
			}
			f = float64(sizes[axis]-1) / float64(x.shape[axis]-1)
		case "asymmetric":
		default:
			return nil, "Resize with " + place + " is not analysed"
		}
		low, high, loose, ok := c.reads(f, offset)
		if !ok {
			return nil, "this kind of interpolation is not analysed"
		}
		for i, r := range out.field {
			out.field[i] = r.finer(axis, f, low, high, cmp.Or(loose, r.loose))
		}
	}
	return []*value{out}, ""
}

// reads returns the bounds of what unit i of an interpolation reads, as units of the data counted
// from i/f. They are exact where the place of a unit between the data's repeats evenly.
func (c *call) reads(f, offset float64) (low, high float64, loose string, ok bool) {
	const longest = 64
	phases := 0.0
	if f == math.Floor(f) && f <= longest {
		phases = f
	} else if inverse := 1 / f; math.Abs(inverse-math.Round(inverse)) < 1e-6 {
		phases = 1
	}
	at := offset/f - offset
	if phases == 0 {
		width := map[string]float64{"nearest": 1, "linear": 1, "bilinear": 1, "cubic": 2}[c.text("mode", "nearest")]
		return at - width, at + width, uneven, width > 0
	}
	low, high = math.Inf(1), math.Inf(-1)
	for i := 0.0; i < phases; i++ {
		first, last, known := c.neighbours(i/f + at)
		if !known {
			return 0, 0, "", false
		}
		low, high = min(low, first-i/f), max(high, last-i/f)
	}
	if phases > 1 {
		loose = uneven
	}
	return low, high, loose, true
}

const uneven = "interpolation reads units unevenly"

// neighbours returns the first and last unit that the value at x is made of.
func (c *call) neighbours(x float64) (first, last float64, known bool) {
	floor, ceil := math.Floor(x), math.Ceil(x)
	switch mode := c.text("mode", "nearest"); {
	case mode == "nearest" && (c.op.Op == "Upsample" || c.opset < 11):
		return floor, ceil, true // which one is left to the runtime
	case mode == "nearest":
		switch c.text("nearest_mode", "round_prefer_floor") {
		case "floor":
			return floor, floor, true
		case "ceil":
			return ceil, ceil, true
		case "round_prefer_ceil":
			return math.Floor(x + 0.5), math.Floor(x + 0.5), true
		}
		return math.Ceil(x - 0.5), math.Ceil(x - 0.5), true
	case mode == "linear" || mode == "bilinear":
		return floor, ceil, true
	case mode == "cubic" && floor == ceil:
		return floor, floor, true
	case mode == "cubic":
		return floor - 1, floor + 2, true
	}
	return 0, 0, false
}

// factors returns the scale and the new size of each axis, nil where they are not known.
func (c *call) factors(rank int) (factors []float64, sizes []int) {
	x, scales := c.in[0], c.operand(2)
	if c.op.Op == "Upsample" || c.opset < 11 {
		scales = c.operand(1)
	}
	factors = make([]float64, rank)
	sizes = slices.Clone(x.shape)
	if list, ok := c.op.Attributes["scales"].([]float32); ok {
		scales = &value{numbers: floats(list)}
	}
	if scales != nil && len(scales.numbers) == rank {
		for i, f := range scales.numbers {
			if factors[i] = f; !(f > 0) {
				return nil, nil
			}
			if sizes[i] >= 0 {
				sizes[i] = int(float32(sizes[i]) * float32(f)) // in float32, as the standard does
			}
		}
		return factors, sizes
	}
	asked := c.operand(3)
	if asked == nil || len(asked.numbers) != rank || c.has("keep_aspect_ratio_policy") || c.has("axes") {
		return nil, nil
	}
	for i, n := range asked.numbers {
		switch {
		case math.IsNaN(n) && x.shape[i] < 0: // the batch, passed on
			factors[i] = 1
		case math.IsNaN(n) || x.shape[i] < 1 || n < 1:
			return nil, nil
		default:
			factors[i], sizes[i] = n/float64(x.shape[i]), int(n)
		}
	}
	return factors, sizes
}
