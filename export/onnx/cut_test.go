package onnx

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
)

func outputNames(m *Model) []string {
	var names []string
	for _, v := range m.Outputs() {
		names = append(names, v.Name)
	}
	return names
}

func TestTap(t *testing.T) {
	m := decode(t, "torch.onnx")
	before, err := m.Encode()
	require.NoError(t, err)
	tapped, err := Tap(m, []string{"/conv/Conv_output_0", "logits", "image", "/conv/Conv_output_0"})
	require.NoError(t, err)
	require.Equal(t, []string{"logits", "/conv/Conv_output_0", "image"}, outputNames(tapped))
	require.NoError(t, tapped.check())
	after, err := m.Encode()
	require.NoError(t, err)
	require.Equal(t, before, after, "the argument stays as it is")
}

func TestUnknownLayerNamesNearOnes(t *testing.T) {
	m := decode(t, "torch.onnx")
	for _, edit := range []func(*Model, []string) (*Model, error){Tap, Cut} {
		_, err := edit(m, []string{"logit"})
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
		require.ErrorContains(t, err, "did you mean logits")
	}
	_, err := Cut(m, nil)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

func TestCutTorch(t *testing.T) {
	m := decode(t, "torch.onnx")
	cut, err := Cut(m, []string{"/stem/stem.2/Relu_output_0", "image"})
	require.NoError(t, err)
	require.Equal(t, []string{"/stem/stem.2/Relu_output_0", "image"}, outputNames(cut))
	require.Len(t, cut.Nodes(), 2)
	require.Len(t, cut.Proto().Graph.Initializer, 2)
	require.NoError(t, cut.check())
	require.Len(t, m.Nodes(), 7, "the argument stays as it is")
}

// What the control-flow fixture would lose to a careless cut.
func TestCutControlFlow(t *testing.T) {
	m := decode(t, "control.onnx")
	names := func(list []*onnxpb.TensorProto) (names []string) {
		for _, t := range list {
			names = append(names, t.GetName())
		}
		return names
	}
	for _, c := range []struct {
		layer           string
		nodes, inputs   int
		initialisers    []string
		sparse, noteful bool
	}{
		{"a", 1, 2, []string{"scale", "a_scale", "a_zero"}, false, true},
		{"captured", 1, 1, nil, false, false},
		{"branch", 3, 2, []string{"scale", "which", "a_scale", "a_zero"}, false, true}, // a branch captures a and captured
		{"looped", 4, 2, []string{"scale", "times", "which", "step", "a_scale", "a_zero"}, false, true},
		{"clipped", 5, 2, []string{"scale", "top", "times", "which", "step", "a_scale", "a_zero"}, false, true},
		{"right", 8, 2, []string{"scale", "top", "times", "which", "step", "a_scale", "a_zero"}, true, true},
		{"spare", 0, 1, nil, false, false},
		{"scale", 0, 1, []string{"scale"}, false, false},
	} {
		t.Run(c.layer, func(t *testing.T) {
			cut, err := Cut(m, []string{c.layer})
			require.NoError(t, err)
			require.NoError(t, cut.check())
			g := cut.Proto().Graph
			require.Len(t, g.Node, c.nodes)
			require.Len(t, g.Input, c.inputs)
			require.Equal(t, c.initialisers, names(g.Initializer))
			require.Equal(t, c.sparse, len(g.SparseInitializer) == 1)
			require.Equal(t, c.noteful, len(g.QuantizationAnnotation) == 1)
			require.Empty(t, cut.Proto().TrainingInfo)
			require.Len(t, cut.Proto().Functions, 1)
			require.Equal(t, m.Metadata(), cut.Metadata())
			require.Equal(t, "a test", g.GetDocString())
		})
	}
	require.Equal(t, []string{"x", "spare"}, func() (names []string) {
		for _, v := range m.Inputs() {
			names = append(names, v.Name)
		}
		return names
	}(), "an initialiser among the inputs need not be fed")
}

// randomModel draws a graph: each node reads tensors that exist and makes one or two.
func randomModel(t *rapid.T) *Model {
	b := NewBuilder("random", 17)
	names := []string{b.Input("x0", Float32, Shape("N", 4)), b.Input("x1", Float32, nil)}
	for i := range rapid.IntRange(0, 3).Draw(t, "constants") {
		names = append(names, b.Constant(Float32Tensor(fmt.Sprintf("c%d", i), []int64{1}, []float32{1})))
	}
	for i := range rapid.IntRange(1, 12).Draw(t, "nodes") {
		inputs := rapid.SliceOfN(rapid.SampledFrom(append(slices.Clone(names), "")), 1, 3).Draw(t, "inputs")
		outputs := []string{fmt.Sprintf("t%d", i)}
		if rapid.Bool().Draw(t, "two") {
			outputs = append(outputs, fmt.Sprintf("u%d", i))
		}
		b.NodeN("Op", outputs, inputs)
		names = append(names, outputs...)
	}
	b.Output(names[len(names)-1], Undefined, nil)
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	// Runtimes take nodes in any order; so must a cut.
	nodes := m.pb.Graph.Node
	m.pb.Graph.Node = rapid.Permutation(nodes).Draw(t, "order")
	return m
}

// ancestors is Cut's meaning said another way: the least set closed under "what a kept node reads".
func ancestors(m *Model, names []string) map[string]bool {
	kept := map[string]bool{}
	for _, name := range names {
		kept[name] = true
	}
	for grown := true; grown; {
		grown = false
		for _, node := range m.Nodes() {
			if !slices.ContainsFunc(node.Output, func(s string) bool { return kept[s] }) {
				continue
			}
			for _, name := range node.Input {
				if name != "" && !kept[name] {
					kept[name], grown = true, true
				}
			}
		}
	}
	return kept
}

func TestCutKeepsAncestorsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := randomModel(t)
		asked := rapid.SliceOfNDistinct(rapid.SampledFrom(indexOf(m.pb.Graph).names), 1, 3, rapid.ID).Draw(t, "asked")
		cut, err := Cut(m, asked)
		require.NoError(t, err)
		require.NoError(t, cut.check())
		require.Equal(t, asked, outputNames(cut))
		want := ancestors(m, asked)
		for _, node := range m.Nodes() {
			needed := slices.ContainsFunc(node.Output, func(s string) bool { return want[s] })
			require.Equal(t, needed, slices.Contains(cut.Nodes(), node), node.GetName())
		}
		for _, v := range m.pb.Graph.Input {
			require.Equal(t, want[v.GetName()], slices.Contains(cut.pb.Graph.Input, v))
		}
		for _, v := range m.pb.Graph.Initializer {
			require.Equal(t, want[v.GetName()], slices.Contains(cut.pb.Graph.Initializer, v))
		}
		again, err := Cut(cut, asked)
		require.NoError(t, err)
		require.True(t, proto.Equal(cut.pb, again.pb), "cutting twice is cutting once")

		// Tapping first changes nothing of a later cut.
		tapped, err := Tap(m, asked)
		require.NoError(t, err)
		viaTap, err := Cut(tapped, asked)
		require.NoError(t, err)
		require.Equal(t, cut.Nodes(), viaTap.Nodes())
	})
}

func TestInline(t *testing.T) {
	external := func(location, offset, length string) *Model {
		b := NewBuilder("external", 17)
		c := b.Constant(Float32Tensor("c", []int64{2}, []float32{0, 0}))
		b.Output(b.Node("Neg", "y", []string{c}), Undefined, nil)
		m, err := b.Model()
		require.NoError(t, err)
		w := m.Initializer("c")
		w.RawData, w.DataLocation = nil, onnxpb.TensorProto_EXTERNAL.Enum()
		for k, v := range map[string]string{"location": location, "offset": offset, "length": length} {
			w.ExternalData = append(w.ExternalData, &onnxpb.StringStringEntryProto{Key: &k, Value: &v})
		}
		return m
	}
	raw := Float32Tensor("", []int64{3}, []float32{1, 2, 3}).RawData
	dir := fstest.MapFS{"w/data.bin": {Data: raw}}

	m := external("w/data.bin", "4", "8")
	require.Equal(t, []string{"w/data.bin"}, m.ExternalFiles())
	require.NoError(t, m.Inline(dir, 8))
	require.Empty(t, m.ExternalFiles())
	values, err := Float32s(m.Initializer("c"))
	require.NoError(t, err)
	require.Equal(t, []float32{2, 3}, values)

	for _, bad := range []struct {
		model *Model
		limit int64
		code  fault.Code
	}{
		{external("../data.bin", "0", "8"), 100, fault.Invalid},
		{external("/etc/passwd", "0", "8"), 100, fault.Invalid},
		{external("w/none.bin", "0", "8"), 100, fault.NotFound},
		{external("w/data.bin", "8", "8"), 100, fault.Invalid},
		{external("w/data.bin", "-4", "8"), 100, fault.Invalid},
		{external("w/data.bin", "0", "4"), 100, fault.Invalid},
		{external("w/data.bin", "0", "8"), 7, fault.TooLarge},
	} {
		require.Equal(t, bad.code, fault.CodeOf(bad.model.Inline(dir, bad.limit)))
	}
}
