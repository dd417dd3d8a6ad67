package onnx

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
)

var fixtures = []string{"torch.onnx", "control.onnx"}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	return data
}

func decode(t testing.TB, file string) *Model {
	t.Helper()
	m, err := Decode(read(t, file))
	require.NoError(t, err)
	return m
}

// A file of another program comes back with all it had: the same number of bytes, and a second
// round gives the same bytes again.
func TestRoundTripForeign(t *testing.T) {
	for _, file := range fixtures {
		data := read(t, file)
		m, err := Decode(data)
		require.NoError(t, err)
		first, err := m.Encode()
		require.NoError(t, err)
		require.Len(t, first, len(data), file)
		again, err := Decode(first)
		require.NoError(t, err)
		require.True(t, proto.Equal(m.Proto(), again.Proto()))
		second, err := again.Encode()
		require.NoError(t, err)
		require.True(t, bytes.Equal(first, second))
	}
}

// Fields that the messages here do not know survive reading, tapping and cutting, at every level.
func TestUnknownFieldsSurvive(t *testing.T) {
	pb := decode(t, "control.onnx").Proto()
	mark := func(m proto.Message, text string) {
		b := protowire.AppendTag(nil, 999, protowire.BytesType)
		m.ProtoReflect().SetUnknown(protowire.AppendString(b, text))
	}
	mark(pb, "in the model")
	mark(pb.Graph, "in the graph")
	mark(pb.Graph.Node[0], "in a node")
	mark(pb.Graph.Initializer[0], "in a constant")
	mark(pb.Graph.Input[0].Type, "in a type")
	mark(pb.Functions[0], "in a function")
	data, err := proto.Marshal(pb)
	require.NoError(t, err)
	m, err := Decode(data)
	require.NoError(t, err)
	tapped, err := Tap(m, []string{"a"})
	require.NoError(t, err)
	cut, err := Cut(m, []string{"a"})
	require.NoError(t, err)
	for _, m := range []*Model{m, tapped, cut} {
		out, err := m.Encode()
		require.NoError(t, err)
		for _, where := range []string{"model", "graph", "node", "constant", "type", "function"} {
			require.Regexp(t, "in an? "+where+"|in the "+where, string(out))
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	nested := func(depth int) []byte {
		var g []byte
		for range depth {
			a := protowire.AppendTag(nil, 6, protowire.BytesType) // attribute.g
			a = protowire.AppendBytes(a, g)
			n := protowire.AppendTag(nil, 5, protowire.BytesType) // node.attribute
			n = protowire.AppendBytes(n, a)
			g = protowire.AppendTag(nil, 1, protowire.BytesType) // graph.node
			g = protowire.AppendBytes(g, n)
		}
		return protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), g)
	}
	many := bytes.Repeat([]byte{0x0a, 0}, maxParts+1) // empty nodes: two bytes each
	edit := func(f func(*onnxpb.GraphProto)) []byte {
		pb := decode(t, "torch.onnx").Proto()
		f(pb.Graph)
		data, err := proto.Marshal(pb)
		require.NoError(t, err)
		return data
	}
	cases := []struct {
		name, want string
		data       []byte
		code       fault.Code
	}{
		{"empty", "empty", nil, fault.Invalid},
		{"text", "not an ONNX file", []byte("<!DOCTYPE html><html></html>"), fault.Invalid},
		{"zeros", "not an ONNX file", make([]byte, 100), fault.Invalid},
		{"truncated", "truncated", read(t, "torch.onnx")[:3000], fault.Invalid},
		{"no graph", "no graph", []byte{8, 8}, fault.Invalid},
		{"deep", "nest", nested(2000), fault.TooLarge},
		{"many parts", "parts", protowire.AppendBytes([]byte{0x3a}, many), fault.TooLarge},
		{"tensor made twice", "made twice", edit(func(g *onnxpb.GraphProto) {
			g.Node[1].Output = g.Node[0].Output
		}), fault.Invalid},
		{"reads nothing", `reads "ghost"`, edit(func(g *onnxpb.GraphProto) { g.Node[1].Input[0] = "ghost" }), fault.Invalid},
		{"output of nothing", "ghost", edit(func(g *onnxpb.GraphProto) {
			g.Output[0].Name = proto.String("ghost")
		}), fault.Invalid},
		{"no operator", "no operator", edit(func(g *onnxpb.GraphProto) { g.Node[0].OpType = nil }), fault.Invalid},
		{"short constant", "bytes where", edit(func(g *onnxpb.GraphProto) {
			g.Initializer[0].RawData = g.Initializer[0].RawData[1:]
		}), fault.Invalid},
		{"impossible shape", "impossible", edit(func(g *onnxpb.GraphProto) {
			g.Initializer[0].Dims = []int64{1 << 40, 1 << 40}
		}), fault.Invalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.data)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.code, fault.CodeOf(err))
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 400)
		})
	}
}

// Every prefix of a file is refused or, where the cut falls between two fields, is a model.
func TestDecodePrefixes(t *testing.T) {
	for _, file := range fixtures {
		data := read(t, file)
		for n := range data {
			if m, err := Decode(data[:n]); err == nil {
				_, err = m.Encode()
				require.NoError(t, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, file := range fixtures {
		f.Add(read(f, file))
	}
	f.Add([]byte{0x3a, 0x02, 0x0a, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			require.NotEqual(t, fault.Internal, fault.CodeOf(err))
			return
		}
		out, err := m.Encode()
		require.NoError(t, err)
		again, err := Decode(out)
		require.NoError(t, err)
		names := again.Layers()
		m.ExternalFiles()
		m.OpCounts()
		if len(names) == 0 {
			return
		}
		cut, err := Cut(m, names[len(names)-1:])
		require.NoError(t, err)
		require.NoError(t, cut.check())
		_, err = Tap(m, names)
		require.NoError(t, err)
	})
}

func TestErrorsQuoteForeignNamesShortly(t *testing.T) {
	m := decode(t, "torch.onnx")
	_, err := Tap(m, []string{strings.Repeat("x", 10)})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func BenchmarkDecode(b *testing.B) {
	data := read(b, "torch.onnx")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
