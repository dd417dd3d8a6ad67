package inspect

import (
	"encoding/binary"
	"math"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
)

func load(t testing.TB, path string) ([]byte, *onnx.Model) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	m, err := onnx.Decode(data)
	require.NoError(t, err)
	return data, m
}

// gorgonia.org/tensor from v0.9.17 on imports a guard that panics when the program starts unless it
// knows the version of Go, and it does not know this one; onnx-go was written for v0.9.3. An update
// of all dependencies must therefore leave this one alone.
func TestTensorLibraryStaysPinned(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^.*gorgonia\.org/tensor\b.*$`).FindAllString(string(text), -1)
	require.Len(t, lines, 1)
	require.Regexp(t, `gorgonia\.org/tensor v0\.9\.3\b`, lines[0])
	require.Regexp(t, `github\.com/owulveryck/onnx-go v0\.5\.0\b`, string(text))
}

// The two decoders agree on a file of ours and on one of PyTorch, and each count is what the other
// decoder's messages say.
func TestDecodersAgree(t *testing.T) {
	for _, path := range []string{"../../models/voneblock.onnx", "../onnx/testdata/torch.onnx"} {
		data, m := load(t, path)
		g, err := decodeSecond(data)
		require.NoError(t, err)
		require.NoError(t, differences(g, graphOf(m)), path)
		require.Equal(t, m.OpCounts(), g.OpCounts(), path)
		initialisers, elements := 0, int64(0)
		for _, x := range g.Tensors() {
			if x.Constant != nil {
				initialisers++
				elements += x.Constant.Len()
			}
		}
		want := int64(0)
		for _, pb := range m.Proto().Graph.Initializer {
			n := int64(1)
			for _, d := range pb.Dims {
				n *= d
			}
			want += n
		}
		require.Len(t, m.Proto().Graph.Initializer, initialisers, path)
		require.Equal(t, want, elements, path)
		report, err := Bytes(data)
		require.NoError(t, err)
		require.True(t, report.Decoder.Agree, report.Decoder.Note)
	}
}

// An operand that is used twice keeps both edges, and one that is left out its place.
func TestOperandsKeepTheirPlaces(t *testing.T) {
	l := newLab()
	x := l.Input("x", onnx.Float32, onnx.Shape("N", 3, 4, 4))
	top := l.Constant(onnx.Float32Tensor("top", nil, []float32{6}))
	l.Node("Clip", "clipped", []string{x, "", top})
	l.Node("Mul", "square", []string{"clipped", "clipped"})
	l.NodeN("MaxPool", []string{"pooled"}, []string{"square"}, onnx.Attr("kernel_shape", 2, 2))
	data, report := l.finish(t)
	require.True(t, report.Decoder.Agree, report.Decoder.Note)
	g := report.Graph()
	tensors := g.byName()
	require.Equal(t, []*Tensor{tensors["x"], nil, tensors["top"]}, g.Operands(tensors["clipped"].Maker))
	require.Equal(t, 2, g.WeightedLines(tensors["clipped"].ID(), tensors["square"].ID()).Len())
	require.Equal(t, []string{"x", "", "top"}, report.LayerOf("clipped").Inputs)
	require.NotContains(t, tensors, "")
	_, err := decodeSecond(data[:len(data)/2])
	require.Error(t, err)
}

// Whatever is changed in a file is found by the comparison with what it was.
func TestDifferencesAreFound(t *testing.T) {
	_, m := load(t, "../onnx/testdata/torch.onnx")
	changes := map[string]func(g *onnxpb.GraphProto){
		"its values differ":  func(g *onnxpb.GraphProto) { g.Initializer[0].RawData[5] ^= 1 },
		"its shape is":       func(g *onnxpb.GraphProto) { g.Initializer[1].Dims = []int64{1, g.Initializer[1].Dims[0]} },
		"it is a":            func(g *onnxpb.GraphProto) { g.Node[1].OpType = proto.String("Sigmoid") },
		"attribute strides":  func(g *onnxpb.GraphProto) { attribute(g.Node[0], "strides").Ints = []int64{2, 1} },
		"it reads":           func(g *onnxpb.GraphProto) { n := g.Node[3]; n.Input[0], n.Input[1] = n.Input[1], n.Input[0] },
		"operations against": func(g *onnxpb.GraphProto) { g.Node = g.Node[:6] },
		"attributes against": func(g *onnxpb.GraphProto) { g.Node[0].Attribute = g.Node[0].Attribute[1:] },
		"it makes":           func(g *onnxpb.GraphProto) { g.Node[0].Output[0], g.Node[1].Input[0] = "other", "other" },
		"initialiser \"more\"": func(g *onnxpb.GraphProto) {
			g.Initializer = append(g.Initializer, onnx.Float32Tensor("more", []int64{1}, []float32{1}))
		},
	}
	for says, change := range changes {
		pb := proto.Clone(m.Proto()).(*onnxpb.ModelProto)
		change(pb.Graph)
		data, err := proto.Marshal(pb)
		require.NoError(t, err)
		g, err := decodeSecond(data)
		require.NoError(t, err, says)
		require.ErrorContains(t, differences(g, graphOf(m)), says, says)
	}
}

func attribute(n *onnxpb.NodeProto, name string) *onnxpb.AttributeProto {
	for _, a := range n.Attribute {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// Files that onnx-go does not read are reported on all the same, with the reason.
func TestWhatOnlyOneDecoderReads(t *testing.T) {
	l := newLab()
	x := l.Input("image", onnx.Float32, onnx.Shape("N", 3, 9, 9))
	x = l.conv("conv", x, 4, 3, 3, 3)
	keep := l.Constant(onnx.RawTensor("keep", onnx.Bool, []int64{1}, []byte{1}))
	l.Node("Where", "kept", []string{keep, x, x})
	_, report := l.finish(t)
	require.Contains(t, report.Decoder.Note, "could not read: ")
	require.Contains(t, report.Decoder.Note, "constants of bool")
	require.Equal(t, 3.0, *report.LayerOf("kept").Field.Y.Size)

	_, m := load(t, "../onnx/testdata/torch.onnx")
	half, err := onnx.ToFloat16(m)
	require.NoError(t, err)
	data, err := half.Encode()
	require.NoError(t, err)
	report, err = Bytes(data)
	require.NoError(t, err)
	require.Contains(t, report.Decoder.Note, "constants of float16")
	require.Equal(t, int64(1237), report.Parameters)
	require.Equal(t, int64(2*1237), report.ParameterBytes)
	require.Equal(t, 9.0, *report.LayerOf("/conv/Conv_output_0").Field.X.Size)

	data, _ = load(t, "../onnx/testdata/control.onnx")
	report, err = Bytes(data)
	require.NoError(t, err)
	require.Contains(t, report.Decoder.Note, "branches or bodies of If, branches or bodies of Loop")
	require.Equal(t, 1, report.Operators["local.Double"])
}

// A branch may read the image although no operand does.
func TestBranchesMayReadAnything(t *testing.T) {
	_, m := load(t, "../onnx/testdata/control.onnx")
	for _, v := range m.Proto().Graph.Input {
		if v.GetName() == "x" {
			v.Type.GetTensorType().Shape.Dim = []*onnxpb.TensorShapeProto_Dimension{{}, dim(3), dim(4), dim(4)}
		}
	}
	data, err := m.Encode()
	require.NoError(t, err)
	report, err := Bytes(data)
	require.NoError(t, err)
	require.Equal(t, "local", report.LayerOf("captured").Field.Y.Kind)
	require.Equal(t, "unknown", report.LayerOf("branch").Field.Y.Kind)
	require.Contains(t, report.LayerOf("y").Field.Y.Unknown, "If", "the first cause is named")
}

func dim(n int64) *onnxpb.TensorShapeProto_Dimension {
	return &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: n}}
}

// onnx-go would allocate what the notes on shapes say; a note that asks for 4 exabytes is harmless.
func TestShapeNotesAllocateNothing(t *testing.T) {
	_, m := load(t, "../onnx/testdata/torch.onnx")
	pb := m.Proto()
	kind := int32(onnx.Float32)
	huge := &onnxpb.TypeProto{TensorType: &onnxpb.TypeProto_Tensor{ElemType: &kind,
		Shape: &onnxpb.TensorShapeProto{Dim: []*onnxpb.TensorShapeProto_Dimension{dim(1 << 40), dim(3), dim(1 << 20), dim(1 << 20)}}}}
	pb.Graph.ValueInfo = []*onnxpb.ValueInfoProto{{Name: proto.String("/Add_output_0"), Type: huge}}
	pb.Graph.Output[0].Type, pb.Graph.Input[0].Type = huge, huge
	data, err := proto.Marshal(pb)
	require.NoError(t, err)
	report, err := Bytes(data)
	require.NoError(t, err)
	require.True(t, report.Decoder.Agree, report.Decoder.Note)
}

// A repeated graph field is one graph to both decoders (Protocol Buffers merge), so that a graph that
// was tapped by appending bytes is read alike.
func TestMergedMessages(t *testing.T) {
	data, _ := load(t, "../onnx/testdata/torch.onnx")
	name := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "/Add_output_0")
	output := protowire.AppendBytes(protowire.AppendTag(nil, 12, protowire.BytesType), name)
	data = protowire.AppendBytes(protowire.AppendTag(data, 7, protowire.BytesType), output)
	report, err := Bytes(data)
	require.NoError(t, err)
	require.True(t, report.Decoder.Agree, report.Decoder.Note)
	require.Equal(t, "/Add_output_0", report.Outputs[1].Name)
}

func TestLargeConstantsAreComparedByBits(t *testing.T) {
	values := make([]float32, maxNumbers+1)
	raw := make(bits, 0, 4*len(values))
	for i := range values {
		values[i] = float32(math.NaN())
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(values[i]))
	}
	require.True(t, sameValues(values, raw))
	raw[len(raw)-1] ^= 0x80
	require.False(t, sameValues(values, raw))
	require.False(t, sameValues(values[1:], raw))
}
