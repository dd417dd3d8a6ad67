package inspect

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/graph/encoding/dot"
	"gonum.org/v1/gonum/graph/multi"
	"google.golang.org/protobuf/proto"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
	"striate/internal/card"
	"striate/internal/fault"
)

// Networks of torchvision as PyTorch exports them. Published fields: AlexNet's last pooling 195 pixels
// with stride 32, Inception v3 1311 with 32 (Araujo, Norris & Sim, Distill 2019, table of
// architectures); ResNet-18's follow from its 3×3 convolutions: 7 and 11, then 8 more for each with
// stride 4, 16 with 8, 32 with 16, 64 with 32.
func TestPublishedReceptiveFields(t *testing.T) {
	type field struct {
		layer               string
		size, stride, start float64
	}
	for name, want := range map[string][]field{
		"alexnet": {{"/features/features.0/Conv_output_0", 11, 4, 3.5}, {"/features/features.12/MaxPool_output_0", 195, 32, 31.5}},
		"resnet18": {
			{"/conv1/Conv_output_0", 7, 2, 0.5}, {"/maxpool/MaxPool_output_0", 11, 4, 0.5},
			{"/layer1/layer1.0/Add_output_0", 27, 4, 0.5}, {"/layer1/layer1.1/Add_output_0", 43, 4, 0.5},
			{"/layer2/layer2.0/downsample/downsample.0/Conv_output_0", 43, 8, 0.5},
			{"/layer2/layer2.0/Add_output_0", 67, 8, 0.5}, {"/layer2/layer2.1/Add_output_0", 99, 8, 0.5},
			{"/layer3/layer3.1/Add_output_0", 211, 16, 0.5}, {"/layer4/layer4.1/Add_output_0", 435, 32, 0.5},
		},
		"inception_v3":       {{"/Mixed_7c/Concat_output_0", 1311, 32, 37.5}},
		"shufflenet_v2_x0_5": {{"/stage2/stage2.3/Reshape_1_output_0", 63, 8, 0.5}, {"/conv5/conv5.0/Conv_output_0", 527, 32, 0.5}},
		"vit":                {{"/conv_proj/Conv_output_0", 32, 32, 16}},
	} {
		r, err := ReadFile(filepath.Join("testdata", name+".onnx"), card.Override{})
		require.NoError(t, err)
		for _, f := range want {
			l := r.LayerOf(f.layer)
			require.NotNil(t, l, "%s %s", name, f.layer)
			for _, a := range []Axis{l.Field.Y, l.Field.X} {
				require.Equal(t, "local", a.Kind)
				require.Equal(t, f, field{f.layer, *a.Size, *a.Stride, *a.Start}, name)
				require.Empty(t, a.Bound)
			}
		}
		require.Equal(t, "global", r.LayerOf("logits").Field.Y.Kind, name)
		require.Contains(t, r.Decoder.Note, "constants in other files")
	}
}

// What PyTorch counts, less what exporting folds: a batch normalisation's scale and shift become one
// bias (AlexNet has none).
func TestParametersArePyTorchs(t *testing.T) {
	r, err := ReadFile("testdata/alexnet.onnx", card.Override{})
	require.NoError(t, err)
	require.Equal(t, int64(61_100_840), r.Parameters)
	require.Equal(t, int64(4*61_100_840), r.ParameterBytes)
	require.Equal(t, 16, r.Initialisers)
	require.Equal(t, int64(64*3*11*11+64), r.LayerOf("/features/features.0/Conv_output_0").Parameters)
	require.Equal(t, map[string]int{"Conv": 5, "Relu": 7, "MaxPool": 3, "AveragePool": 1, "Flatten": 1, "Gemm": 3}, r.Operators)
}

// Attention: the tokens see their patch, what comes out of it the whole image.
func TestTransformerBlocks(t *testing.T) {
	r, err := ReadFile("testdata/vit.onnx", card.Override{})
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, l := range r.Layers {
		if l.Constant {
			continue
		}
		kinds[l.Field.Y.Kind]++
		if strings.Contains(l.Name, "encoder_layer_1/") {
			require.Equal(t, "global", l.Field.X.Kind, l.Name)
		}
		if l.Operator == "Concat" && l.Field.Y.Kind == "local" { // class token and patches
			require.Equal(t, []int{-1, 50, 64}, l.Shape)
			require.Equal(t, 32.0, *l.Field.Y.Size)
			require.Nil(t, l.Field.Y.Stride)
		}
		if strings.HasSuffix(l.Name, "encoder_layer_0/self_attention/MatMul_1_output_0") { // a patch and another
			require.Equal(t, []float64{32, 224}, []float64{*l.Field.Y.Smallest, *l.Field.Y.Size})
		}
	}
	require.Zero(t, kinds["unknown"])
	require.Positive(t, kinds["local"])
}

// The shipped model: 8 degrees over 224 pixels, kernels of 25 pixels, stride 4.
func TestShippedModel(t *testing.T) {
	r, err := ReadFile("../../models/voneblock.onnx", card.Override{})
	require.NoError(t, err)
	require.Equal(t, "model", r.CardSource)
	require.Equal(t, "voneblock", r.Card.Network)
	require.Equal(t, &Image{"image", "NCHW", 224, 224, 8}, r.Image)
	require.Equal(t, int64(768*25*25), r.Parameters)
	v1 := r.LayerOf("v1")
	require.True(t, v1.Named)
	require.Equal(t, []int{-1, 512, 56, 56}, v1.Shape)
	x := v1.Field.X
	require.Equal(t, []float64{25, 4, 0.5, 0, 224}, []float64{*x.Size, *x.Stride, *x.Start, x.Seen[0], x.Seen[1]})
	require.InDeltaSlice(t, []float64{25. / 28, 4. / 28, 0.5 / 28}, []float64{*x.SizeDegrees, *x.StrideDegrees, *x.StartDegrees}, 1e-12)
	require.Equal(t, r.LayerOf("complex.q0²").Inputs, []string{"complex.q0", "complex.q0"})

	wide, err := ReadFile("../../models/voneblock.onnx", card.Override{Degrees: 16})
	require.NoError(t, err)
	require.InDelta(t, 50./28, *wide.LayerOf("v1").Field.X.SizeDegrees, 1e-12, "a flag wins over the card")
}

// Without the size of the image, what does not need it is known, and what does says how to mend it.
func TestImagesOfUnknownSize(t *testing.T) {
	l := newLab()
	x := l.Input("image", onnx.Float32, onnx.Shape("N", 3, "H", "W"))
	x = l.conv("conv", x, 4, 3, 3, 3, "auto_pad", "SAME_UPPER")
	l.Node("GlobalAveragePool", "mean", []string{x})
	l.conv("down", x, 4, 4, 3, 3, "auto_pad", "SAME_UPPER", "strides", []int{2, 2})
	data, r := l.finish(t)
	require.Equal(t, 3.0, *r.LayerOf("conv").Field.Y.Size)
	require.Nil(t, r.LayerOf("conv").Field.Y.Seen)
	require.Equal(t, "global", r.LayerOf("mean").Field.Y.Kind)
	require.Contains(t, r.LayerOf("down").Field.Y.Unknown, "--size")
	path := filepath.Join(t.TempDir(), "net.onnx")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	r, err := ReadFile(path, card.Override{Size: "10,11", Degrees: 2})
	require.NoError(t, err)
	down := r.LayerOf("down")
	require.Equal(t, []int{-1, 4, 5, 6}, down.Shape)
	// even size: padded after; odd: on both sides
	require.Equal(t, []float64{1.5, 0.5}, []float64{*down.Field.Y.Start, *down.Field.X.Start})
	require.InDelta(t, 5*2./11, *down.Field.X.SizeDegrees, 1e-12)
}

func TestLayouts(t *testing.T) {
	last := newLab()
	x := last.Input("image", onnx.Float32, onnx.Shape("N", 12, 14, 3))
	x = last.Node("Transpose", "first", []string{x}, onnx.Attr("perm", 0, 3, 1, 2))
	last.conv("conv", x, 4, 3, 3, 5)
	_, r := last.finish(t)
	require.Equal(t, "NHWC", r.Image.Layout)
	require.Equal(t, []float64{3, 5}, []float64{*r.LayerOf("conv").Field.Y.Size, *r.LayerOf("conv").Field.X.Size})

	vector := newLab()
	v := vector.Input("vector", onnx.Float32, onnx.Shape("N", 12))
	vector.Node("Relu", "out", []string{v})
	_, r = vector.finish(t)
	require.Nil(t, r.Image)
	require.Nil(t, r.LayerOf("out").Field)
	var text bytes.Buffer
	require.NoError(t, r.WriteText(&text))
	require.Contains(t, text.String(), "No input takes images")
}

// Operators that are not covered make fields unknown, never wrong, and say which; after them what
// sees the whole image still does.
func TestUnknownOperators(t *testing.T) {
	l := newLab()
	x := l.Input("image", onnx.Float32, onnx.Shape("N", 3, 8, 8))
	l.Node("Einsum", "strange", []string{x}, onnx.Attr("equation", "nchw->nhwc"))
	l.Node("Relu", "after", []string{"strange"})
	mean := l.Node("GlobalAveragePool", "mean", []string{x})
	l.Node("Einsum", "late", []string{mean}, onnx.Attr("equation", "nchw->nhwc"))
	l.Node("Add", "both", []string{"after", "late"})
	scale := l.Node("Reshape", "scale", []string{l.Node("ReduceMax", "", []string{x}, onnx.Attr("axes", 0, 2, 3)), l.ints(3)})
	l.Node("InstanceNormalization", "adaptive", []string{x, scale, scale})
	_, r := l.finish(t)
	require.Equal(t, Axis{Kind: "unknown", Unknown: "the operator Einsum is not analysed"}, r.LayerOf("after").Field.Y)
	require.Equal(t, Axis{Kind: "global"}, r.LayerOf("late").Field.Y)
	require.Contains(t, r.LayerOf("adaptive").Field.Y.Unknown, "a parameter of InstanceNormalization")
	var text bytes.Buffer
	require.NoError(t, r.WriteText(&text))
	require.Contains(t, text.String(), "?: the operator Einsum is not analysed\n")
}

func TestBrokenFiles(t *testing.T) {
	dir := t.TempDir()
	good, m := load(t, "../onnx/testdata/torch.onnx")
	pb := proto.Clone(m.Proto()).(*onnxpb.ModelProto)
	pb.Graph.Node[0].Input[0] = "logits" // a cycle
	cycle, err := proto.Marshal(pb)
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"empty": nil, "truncated": good[:len(good)/2], "text": []byte("not a model at all"), "cycle": cycle,
	} {
		path := filepath.Join(dir, name+".onnx")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		_, err := ReadFile(path, card.Override{})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.ErrorContains(t, err, path)
		require.NotContains(t, err.Error(), "\n")
	}
	for _, path := range []string{filepath.Join(dir, "none.onnx"), dir} {
		_, err = ReadFile(path, card.Override{})
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
	}
	path := filepath.Join(dir, "good.onnx")
	require.NoError(t, os.WriteFile(path, good, 0o600))
	require.NoError(t, os.WriteFile(card.Sidecar(path), []byte(`{"degrees": -3}`), 0o600))
	r, err := ReadFile(path, card.Override{})
	require.NoError(t, err, "a broken card does not hide the network")
	require.Contains(t, r.CardError, "degrees")
	require.NoError(t, os.WriteFile(card.Sidecar(path), []byte(`{"input_size": [16, 16], "degrees": 4}`), 0o600))
	r, err = ReadFile(path, card.Override{})
	require.NoError(t, err)
	require.Equal(t, 4.0, r.Image.Degrees)
	_, err = ReadFile(path, card.Override{Size: "many"})
	require.Equal(t, fault.Misuse, fault.CodeOf(err))
}

func TestJSONIsDocumented(t *testing.T) {
	r, err := ReadFile("../../models/voneblock.onnx", card.Override{})
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var back Report
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&back))
	back.graph = r.graph
	require.Equal(t, *r, back)
}

// Graphviz's language, read back by another parser: the layers of the graph, and as many edges as
// there are uses of a layer.
func TestDOT(t *testing.T) {
	r, err := ReadFile("../../models/voneblock.onnx", card.Override{})
	require.NoError(t, err)
	r.Name = `a "quoted" \ name`
	var text bytes.Buffer
	require.NoError(t, r.WriteDOT(&text))
	g := multi.NewDirectedGraph()
	require.NoError(t, dot.UnmarshalMulti(text.Bytes(), g), text.String())
	require.Equal(t, 1+len(r.Layers), g.Nodes().Len())
	uses := 0
	for _, l := range r.Layers {
		for _, in := range l.Inputs {
			if in == "image" || r.LayerOf(in) != nil {
				uses++
			}
		}
	}
	edges := g.Edges()
	lines := 0
	for edges.Next() {
		lines += edges.Edge().(multi.Edge).Len()
	}
	require.Equal(t, uses, lines)
	require.Contains(t, text.String(), `label="v1\nConcat → ?×512×56×56\nRF 25, stride 4"`)
}

func FuzzReport(f *testing.F) {
	for _, path := range []string{"testdata/alexnet.onnx", "testdata/vit.onnx", "../onnx/testdata/torch.onnx", "../onnx/testdata/control.onnx"} {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, n := range networks {
		l := newLab()
		n.build(l, l.Input("image", onnx.Float32, onnx.Shape("N", 3, 17, 20)))
		data, _ := l.finish(f)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Bytes(data)
		if err != nil {
			return
		}
		require.NoError(t, r.WriteText(&bytes.Buffer{}))
		require.NoError(t, r.WriteDOT(&bytes.Buffer{}))
		_, err = json.Marshal(r)
		require.NoError(t, err)
	})
}

func BenchmarkReport(b *testing.B) {
	for _, path := range []string{"../../models/voneblock.onnx", "testdata/shufflenet_v2_x0_5.onnx"} {
		b.Run(filepath.Base(path), func(b *testing.B) {
			data, err := os.ReadFile(path)
			require.NoError(b, err)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, err := Bytes(data)
				require.NoError(b, err)
			}
		})
	}
}
