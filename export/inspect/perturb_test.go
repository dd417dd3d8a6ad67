package inspect

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/export/onnx"
	"striate/internal/card"
	"striate/internal/ortlib"
	"striate/serve/engine"
)

func testEngine(t testing.TB) *engine.Engine {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skip(err)
	}
	e, err := engine.New(engine.Config{Device: "cpu"})
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e
}

// Every pixel of an image is changed by itself. What is seen to change through ONNX Runtime, unit by
// unit and layer by layer, is what the receptive fields say: no unit changes for a pixel outside of
// its field, and it changes for pixels up to all four edges of it (for every pixel of it, in a dense
// network).
func TestReceptiveFieldsAreWhatPixelsChange(t *testing.T) {
	const height, width = 17, 20
	e := testEngine(t)
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			l := newLab()
			n.build(l, l.Input("image", onnx.Float32, onnx.Shape("N", 3, height, width)))
			data, report := l.finish(t)
			j := changes(t, e, data, report, 3, height, width)
			require.NotEmpty(t, j.layers)
			for _, layer := range j.layers {
				j.check(t, layer, n.tight, n.dense)
			}
		})
	}
}

// jacobian tells which pixels change which units.
type jacobian struct {
	height, width int
	layers        []Layer
	reach         map[string][2]reach
	changed       map[string][]bool // by layer: unit × pixel
}

// changes changes each pixel of a network's image by a little and by a lot.
func changes(t *testing.T, e *engine.Engine, data []byte, r *Report, channels, height, width int) jacobian {
	j := jacobian{height, width, nil, map[string][2]reach{}, map[string][]bool{}}
	model, err := onnx.Decode(data)
	require.NoError(t, err)
	values, err := infer(r.graph, int(r.Opset[""]), imageOf(model.Inputs(), card.Card{}), 1)
	require.NoError(t, err)
	tensors := r.graph.byName()
	var names []string
	for _, l := range r.Layers {
		if !l.Constant && len(l.Shape) > 0 && l.Shape[0] == -1 {
			j.layers, names = append(j.layers, l), append(names, l.Name)
			j.reach[l.Name] = values[tensors[l.Name]].field
		}
	}
	plane := height * width
	images := make([]float32, (1+2*plane)*channels*plane)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range channels * plane {
		images[i] = float32(0.5 + rng.Float64())
	}
	for k := range 2 * plane {
		image := images[(k+1)*channels*plane : (k+2)*channels*plane]
		copy(image, images)
		for c := range channels {
			image[c*plane+k/2] += []float32{0.5, 1e4}[k%2]
		}
	}
	m, err := engine.NewModel("net", data)
	require.NoError(t, err)
	before := map[string][]float32{}
	err = e.Responses(context.Background(), m, names, engine.Array{Sample: []int{channels, height, width}, Data: images}, func(from int, out []engine.Response) error {
		for _, r := range out {
			units := 1
			for _, d := range r.Shape {
				units *= d
			}
			if from == 0 {
				before[r.Layer] = slices.Clone(r.Data[:units])
				j.changed[r.Layer] = make([]bool, units*plane)
				require.Equal(t, r.Shape, report(r.Layer, j.layers).Shape[1:], r.Layer)
			}
			for i, v := range r.Data {
				if k := from + i/units - 1; k >= 0 && v != before[r.Layer][i%units] {
					j.changed[r.Layer][i%units*plane+k/2] = true
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	return j
}

func report(name string, layers []Layer) Layer {
	return layers[slices.IndexFunc(layers, func(l Layer) bool { return l.Name == name })]
}

// check compares what was seen with what was predicted.
func (j jacobian) check(t *testing.T, l Layer, tight, dense bool) {
	fields, size := j.reach[l.Name], [2]int{j.height, j.width}
	plane := j.height * j.width
	type place [4]int            // the indices along the axes that the fields move along
	places := map[place][]bool{} // pixels that change units at one place, whatever the channel
	ranges := map[place][2][2]int{}
	for unit := range len(j.changed[l.Name]) / plane {
		index := unravel(unit, l.Shape)
		var key place
		var span [2][2]int
		for i, r := range fields {
			span[i] = r.pixels(index, size[i])
			for k, a := range r.axes {
				key[2*i+k] = index[a]
			}
		}
		if places[key] == nil {
			places[key] = make([]bool, plane)
		}
		for p, changed := range j.changed[l.Name][unit*plane : (unit+1)*plane] {
			places[key][p] = places[key][p] || changed
		}
		ranges[key] = span
	}
	largest := [2]int{}
	for key, pixels := range places {
		box, count := bounds(pixels, j.width)
		for i, r := range fields {
			want := ranges[key][i]
			inside := want[0] > 0 && want[1] < size[i]
			switch {
			case r.kind == unknown, l.Operator == "Pad" && count == 0: // a unit of padding
			case r.loose == "" && (tight || inside):
				require.Equal(t, want, box[i], "%s, units at %v, axis %d of the image (%+v)", l.Name, key, i, r)
			case inside || r.loose == uneven || r.loose == "":
				require.True(t, box[i][0] >= want[0] && box[i][1] <= want[1], "%s, units at %v: %v is beyond %v", l.Name, key, box[i], want)
				largest[i] = max(largest[i], box[i][1]-box[i][0])
			}
		}
		if dense && count > 0 && fields[0].kind != unknown {
			require.Equal(t, (box[0][1]-box[0][0])*(box[1][1]-box[1][0]), count, "%s, units at %v: pixels are left out", l.Name, key)
		}
	}
	for i, r := range fields {
		if r.kind == local && r.loose != "" {
			require.GreaterOrEqual(t, float64(largest[i]), r.size-3*r.stride*2, "%s: the bound is far from what is seen", l.Name)
		}
	}
}

// pixels returns the range of pixels of an image that a unit sees, from one to the one after the last.
func (r reach) pixels(index []int, image int) [2]int {
	from, to := r.at(func(axis int) int { return index[axis] })
	from, to = max(from, 0), min(to, float64(image))
	if r.kind != global {
		from, to = max(from, r.seen[0]), min(to, r.seen[1])
	}
	if from >= to {
		return [2]int{}
	}
	return [2]int{int(math.Floor(from)), int(math.Ceil(to))}
}

// bounds returns the rows and columns that pixels lie in, and how many they are.
func bounds(pixels []bool, width int) (box [2][2]int, count int) {
	for p, changed := range pixels {
		if !changed {
			continue
		}
		for i, at := range [2]int{p / width, p % width} {
			if count == 0 {
				box[i] = [2]int{at, at + 1}
			}
			box[i] = [2]int{min(box[i][0], at), max(box[i][1], at+1)}
		}
		count++
	}
	return box, count
}

func unravel(unit int, shape []int) []int {
	index := make([]int, len(shape))
	for a := len(shape) - 1; a > 0; a-- {
		index[a] = unit % shape[a]
		unit /= shape[a]
	}
	return index
}

// The shipped V1 front end: of a pixel's change, exactly the predicted units of every layer know.
// Pixels lie in a corner, at an edge and inside.
func TestUnitsOfTheShippedModelSeeTheirField(t *testing.T) {
	e := testEngine(t)
	m, err := engine.ReadModel("../../models/voneblock.onnx")
	require.NoError(t, err)
	r, err := ReadFile("../../models/voneblock.onnx", card.Override{})
	require.NoError(t, err)
	const size, side, channels = 224, 56, 512
	places := [][2]int{{0, 0}, {0, 113}, {100, 87}, {221, 223}, {150, 12}}
	images := make([]float32, (1+len(places))*3*size*size)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 3 * size * size {
		images[i] = float32(rng.Float64()*2 - 1)
	}
	for k, at := range places {
		image := images[(k+1)*3*size*size : (k+2)*3*size*size]
		copy(image, images)
		for c := range 3 {
			image[(c*size+at[0])*size+at[1]] += 1e6 // the Gabor kernels fade towards their rim
		}
	}
	field := r.LayerOf("v1").Field
	half := *field.Y.Size / 2
	sees := func(unit, pixel int) bool {
		centre := *field.Y.Start + float64(unit)**field.Y.Stride
		return centre-half <= float64(pixel) && float64(pixel)+1 <= centre+half
	}
	var all []float32
	err = e.Responses(context.Background(), m, []string{"v1"}, engine.Array{Sample: []int{3, size, size}, Data: images}, func(_ int, out []engine.Response) error {
		all = append(all, out[0].Data...)
		return nil
	})
	require.NoError(t, err)
	before := all[:channels*side*side]
	for k, at := range places {
		after := all[(k+1)*len(before) : (k+2)*len(before)]
		for y := range side {
			for x := range side {
				changed := false
				for c := range channels {
					i := (c*side+y)*side + x
					changed = changed || before[i] != after[i]
				}
				require.Equal(t, sees(y, at[0]) && sees(x, at[1]), changed, "unit %d,%d and pixel %v", y, x, at)
			}
		}
	}
}
