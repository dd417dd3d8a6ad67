package engine

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"striate/analysis"
	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
)

// Window is the units of a layer in a rectangle of rows and columns, computed from the part of the
// image that they see. A unit of an early layer sees little of it: one column of units of a V1 layer
// costs a fiftieth of the layer. It is what the analyses see of a network (analysis.Network).
//
// What the units see is not read off the graph but tried: the window is the smallest part of the
// image, found by halving and doubling, that gives the same responses to noise as the whole image. Where no
// part does, or where the graph fixes the size of the image in another place than its input, the
// whole image goes through the network.
type Window struct {
	layer      *Layer
	rows, cols span   // of the layer
	cut        *Model // of any image size; nil when the whole image is needed
	crop       rectangle
	shape      [3]int // of the layer's response to the crop
	stride     [2]int
}

// span is a range from…to-1.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// rectangle is a part of an image, in pixels.
type rectangle struct{ rows, cols span }

func (r rectangle) area() int { return r.rows.len() * r.cols.len() }

const (
	// windowTolerance is by how much, of the largest response, the responses to a part of the image
	// may differ from those to all of it: convolutions of other sizes round otherwise.
	windowTolerance = 1e-5
	// worthwhile is the part of the image's area below which a window saves time.
	worthwhile  = 0.6
	trialImages = 4
)

// Window returns the units of the rows y0…y1-1 and columns x0…x1-1 of the layer. It panics when
// they are not in it.
func (l *Layer) Window(ctx context.Context, y0, y1, x0, x1 int) (*Window, error) {
	if y0 < 0 || x0 < 0 || y0 >= y1 || x0 >= x1 || y1 > l.shape[1] || x1 > l.shape[2] {
		panic(fmt.Sprintf("engine: rows %d to %d and columns %d to %d of a layer of shape %v", y0, y1, x0, x1, l.shape))
	}
	w := &Window{layer: l, rows: span{y0, y1}, cols: span{x0, x1}}
	if l.shape[1] == 1 || l.shape[2] == 1 || l.height%l.shape[1] != 0 || l.width%l.shape[2] != 0 {
		return w, nil
	}
	w.stride = [2]int{l.height / l.shape[1], l.width / l.shape[2]}
	cut, err := l.model.anySize(l.name)
	if err != nil {
		return w, nil // the graph says that it cannot be done: the whole image can
	}
	images := noiseImages(l.height, l.width)
	want := make([]float32, trialImages*w.units())
	if err := w.Responses(ctx, images, want); err != nil {
		return nil, err
	}
	found, enough := w, 0 // the smallest margin that is enough; 0: none is known
	for tooSmall, margin := 0, 2; ; {
		try, ok, err := w.try(ctx, cut, margin, images, want)
		if err != nil || try == nil {
			return found, err
		}
		if ok {
			found, enough = try, margin
		} else {
			tooSmall = margin
		}
		if margin = 2 * tooSmall; enough > 0 {
			margin = (tooSmall + enough) / 2
		}
		if margin <= tooSmall {
			return found, nil
		}
	}
}

// try makes a window that is computed from so many rows and columns more than it has, and tells
// whether its responses to the images are those wanted. It returns nil when that saves no time or the
// network cannot do it.
func (w *Window) try(ctx context.Context, cut *Model, margin int, images []uint8, want []float32) (*Window, bool, error) {
	l := w.layer
	try := *w
	try.cut = cut
	try.crop = rectangle{
		rows: w.rows.grow(margin, l.shape[1]).scale(w.stride[0]),
		cols: w.cols.grow(margin, l.shape[2]).scale(w.stride[1]),
	}
	if float64(try.crop.area()) > worthwhile*float64(l.height*l.width) {
		return nil, false, nil
	}
	try.shape = [3]int{l.shape[0], try.crop.rows.len() / w.stride[0], try.crop.cols.len() / w.stride[1]}
	got := make([]float32, len(want))
	if err := try.Responses(ctx, images, got); err != nil {
		return nil, false, ctx.Err()
	}
	return &try, same(want, got), nil
}

// Part returns Window as what the analyses see of a network.
func (l *Layer) Part(ctx context.Context, y0, y1, x0, x1 int) (analysis.Network, error) {
	return l.Window(ctx, y0, y1, x0, x1)
}

// grow adds a margin at both ends, within 0…limit.
func (s span) grow(margin, limit int) span {
	return span{max(0, s.from-margin), min(limit, s.to+margin)}
}

func (s span) scale(by int) span { return span{s.from * by, s.to * by} }

// noiseImages are fine and coarse noise: whatever a unit sees, something changes there.
func noiseImages(height, width int) []uint8 {
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]uint8, trialImages*height*width*3)
	for i := range trialImages {
		image := out[i*height*width*3 : (i+1)*height*width*3]
		grain := 1 << i
		for y := range height {
			for x := range width {
				for c := range 3 {
					at := (y*width+x)*3 + c
					if from := (y/grain*grain*width+x/grain*grain)*3 + c; from != at {
						image[at] = image[from]
					} else {
						image[at] = uint8(random.IntN(256))
					}
				}
			}
		}
	}
	return out
}

func same(want, got []float32) bool {
	largest := float32(0)
	for _, v := range want {
		largest = max(largest, v, -v)
	}
	for i, v := range want {
		if d := math.Abs(float64(v - got[i])); !(d <= windowTolerance*float64(largest)) {
			return false
		}
	}
	return true
}

// Layer returns the layer that the window is of.
func (w *Window) Layer() *Layer { return w.layer }

// InputSize returns height and width of the images in pixels: whole ones.
func (w *Window) InputSize() (height, width int) { return w.layer.InputSize() }

// Units returns the shape of the window.
func (w *Window) Units() (channels, height, width int) {
	return w.layer.shape[0], w.rows.len(), w.cols.len()
}

func (w *Window) units() int { return w.layer.shape[0] * w.rows.len() * w.cols.len() }

// Fraction is the part of the image's area that goes through the network.
func (w *Window) Fraction() float64 {
	if w.cut == nil {
		return 1
	}
	return float64(w.crop.area()) / float64(w.layer.height*w.layer.width)
}

// Seen is the part of the image that the window is computed from: rows y0…y1-1 and columns x0…x1-1 of
// its pixels. Nothing outside changes the responses.
func (w *Window) Seen() (y0, y1, x0, x1 int) {
	if w.cut == nil {
		return 0, w.layer.height, 0, w.layer.width
	}
	return w.crop.rows.from, w.crop.rows.to, w.crop.cols.from, w.crop.cols.to
}

// Responses writes the response of unit u of the window to image i to dst[i*units+u].
func (w *Window) Responses(ctx context.Context, images []uint8, dst []float32) error {
	l := w.layer
	model, shape, offset := l.model, l.shape, [2]int{}
	source := Source(pixels{l.preprocessor, images})
	n := source.Len()
	if len(images) != n*3*l.height*l.width || len(dst) != n*w.units() {
		panic(fmt.Sprintf("engine: %d samples and %d places for images of %d×%d and %d units", len(images), len(dst), l.height, l.width, w.units()))
	}
	if w.cut != nil {
		model, shape = w.cut, w.shape
		offset = [2]int{w.crop.rows.from / w.stride[0], w.crop.cols.from / w.stride[1]}
		source = w.cropped(images, n)
	}
	return l.engine.Responses(ctx, model, []string{l.name}, source, func(from int, out []Response) error {
		if product(out[0].Shape) != product(shape[:]) {
			return fmt.Errorf("layer %s has shape %v on a part of the image", l.name, out[0].Shape)
		}
		size := product(shape[:])
		at := from * w.units()
		for i := 0; i < len(out[0].Data); i += size {
			for c := range shape[0] {
				for y := w.rows.from - offset[0]; y < w.rows.to-offset[0]; y++ {
					row := out[0].Data[i+(c*shape[1]+y)*shape[2]:]
					at += copy(dst[at:], row[w.cols.from-offset[1]:w.cols.to-offset[1]])
				}
			}
		}
		return nil
	})
}

// cropped is the window's part of the images.
func (w *Window) cropped(images []uint8, n int) Source {
	l := w.layer
	height, width := w.crop.rows.len(), w.crop.cols.len()
	out := make([]uint8, 0, n*height*width*3)
	for i := range n {
		for y := w.crop.rows.from; y < w.crop.rows.to; y++ {
			row := images[((i*l.height+y)*l.width+w.crop.cols.from)*3:]
			out = append(out, row[:width*3]...)
		}
	}
	p := l.preprocessor
	p.height, p.width = height, width
	return pixels{p, out}
}

// anySize returns the model cut to a layer, with the height and width of its image left open.
func (m *Model) anySize(layer string) (*Model, error) {
	data, err := m.read()
	if err != nil {
		return nil, err
	}
	graph, err := onnx.Decode(data)
	if err != nil {
		return nil, err
	}
	cut, err := onnx.Cut(graph, []string{layer})
	if err != nil {
		return nil, err
	}
	g := cut.Proto().Graph
	for _, in := range g.Input {
		if dims := in.GetType().GetTensorType().GetShape().GetDim(); len(dims) == 4 {
			dims[2], dims[3] = openDim("height"), openDim("width")
		}
	}
	g.ValueInfo = nil // they state sizes of the whole image
	for i, v := range g.Output {
		name := v.GetName()
		g.Output[i] = &onnxpb.ValueInfoProto{Name: &name}
	}
	if data, err = cut.Encode(); err != nil {
		return nil, err
	}
	out, err := NewModel(m.Name, data)
	if err != nil {
		return nil, err
	}
	return out.WithCard(m.Card), nil
}

func openDim(name string) *onnxpb.TensorShapeProto_Dimension {
	return &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: name}}
}
