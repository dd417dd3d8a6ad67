package export_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/export"
	"striate/export/onnx"
	"striate/export/ortrun"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/ortlib"
	"striate/internal/sharedtest"
	"striate/train/backend"
	"striate/train/network"
)

func needRuntime(t testing.TB) {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skipf("ONNX Runtime is needed: %v", err)
	}
}

// small is a narrow and shallow sibling of a preset.
func small(t testing.TB, name string) (network.Description, *model.Store) {
	t.Helper()
	d, err := network.Preset(name)
	require.NoError(t, err)
	d.Width, d.Classes, d.Size = 8, 10, 32
	d = d.WithBlocks(2, 1, 1, 1)
	store := model.NewStore()
	require.NoError(t, d.Init(store, network.Parity(3), dtypes.Float32))
	return d, store
}

func exported(t testing.TB, g export.Graph, d network.Description) *onnx.Model {
	t.Helper()
	m, err := export.Model(g, d, export.Options{Origin: "init parity, seed 3", Degrees: 8, Version: "test"})
	require.NoError(t, err)
	return m
}

func TestEveryNetworkEqualsGoMLX(t *testing.T) {
	needRuntime(t)
	b, err := backend.New("go")
	require.NoError(t, err)
	for _, name := range network.Presets() {
		t.Run(name, func(t *testing.T) {
			d, store := small(t, name)
			g, err := export.Network(d, store, "")
			require.NoError(t, err)
			m := exported(t, g, d)
			report, err := export.Verify(t.Context(), g, m, b, ortrun.Run, export.Tolerance)
			require.NoError(t, err)
			require.NoError(t, report.Err())
			require.Len(t, report.Layers, 2*len(d.Layers()), "every layer, for two batch sizes")
			worst := report.Worst()
			require.Less(t, worst.Relative, 1e-4, "float32 rounding at this depth stays far below the tolerance")
			t.Logf("%d nodes, worst layer %s %.1e", len(m.Nodes()), worst.Layer, worst.Relative)
			counts := m.OpCounts()
			require.Zero(t, counts["Identity"])
			require.Zero(t, counts["Expand"])
			require.Zero(t, counts["Shape"])
		})
	}
}

func TestGradientsEqualGoMLX(t *testing.T) {
	needRuntime(t)
	b, err := backend.New("go")
	require.NoError(t, err)
	for _, name := range network.Presets() {
		for _, layer := range []string{"layer1.1", "logits"} {
			t.Run(name+"/"+layer, func(t *testing.T) {
				d, store := small(t, name)
				g, err := export.Gradient(d, store, layer)
				require.NoError(t, err)
				m := exported(t, g, d)
				report, err := export.Verify(t.Context(), g, m, b, ortrun.Run, export.Tolerance)
				require.NoError(t, err)
				require.NoError(t, report.Err())
				t.Logf("%d nodes %v, worst %s %.1e", len(m.Nodes()), m.OpCounts(), report.Worst().Layer, report.Worst().Relative)
			})
		}
	}
}

// A wrong graph does not pass: a weight changed after the export shows.
func TestVerifyFindsADifference(t *testing.T) {
	needRuntime(t)
	b, err := backend.New("go")
	require.NoError(t, err)
	d, store := small(t, "composite_a")
	g, err := export.Network(d, store, "")
	require.NoError(t, err)
	m := exported(t, g, d)
	require.NoError(t, d.Init(store, network.Parity(4), dtypes.Float32))
	report, err := export.Verify(t.Context(), g, m, b, ortrun.Run, export.Tolerance)
	require.NoError(t, err)
	require.ErrorContains(t, report.Err(), "is not the network")
}

func TestUpToEndsTheGraph(t *testing.T) {
	d, store := small(t, "composite_a")
	g, err := export.Network(d, store, "layer1.1")
	require.NoError(t, err)
	m := exported(t, g, d)
	var names []string
	for _, v := range m.Outputs() {
		names = append(names, v.Name)
	}
	require.Equal(t, []string{"conv1", "pool", "layer1.0", "layer1.1"}, names)
	require.Nil(t, m.Initializer("fc.weight"))

	_, err = export.Network(d, store, "layer5")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.ErrorContains(t, err, "layer4")
}

func TestCardDescribesTheFile(t *testing.T) {
	d, store := small(t, "div_norm")
	g, err := export.Network(d, store, "")
	require.NoError(t, err)
	c, found, err := card.Decode(exported(t, g, d).Metadata())
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "div_norm", c.Network)
	require.Equal(t, "init parity, seed 3", c.Origin)
	require.Equal(t, [2]int{32, 32}, c.InputSize)
	require.Equal(t, []float64{0.5}, c.Mean)
	require.Equal(t, "layer1.1", c.V1Layer)
	require.Equal(t, 8.0, c.Degrees)
	require.Contains(t, c.Layers, card.Layer{Name: "layer1.1", Shape: []int{32, 8, 8}})
	require.Contains(t, c.Layers, card.Layer{Name: "logits", Shape: []int{10}})
}

// The same network gives the same bytes.
func TestExportIsDeterministic(t *testing.T) {
	var files [2][]byte
	for i := range files {
		d, store := small(t, "composite_a")
		g, err := export.Network(d, store, "")
		require.NoError(t, err)
		files[i], err = exported(t, g, d).Encode()
		require.NoError(t, err)
	}
	require.True(t, bytes.Equal(files[0], files[1]))
}

func TestFloat16StaysClose(t *testing.T) {
	needRuntime(t)
	b, err := backend.New("go")
	require.NoError(t, err)
	d, store := small(t, "composite_a")
	g, err := export.Network(d, store, "")
	require.NoError(t, err)
	m, err := onnx.ToFloat16(exported(t, g, d))
	require.NoError(t, err)
	report, err := export.Verify(t.Context(), g, m, b, ortrun.Run, export.HalfTolerance)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.Greater(t, report.Worst().Relative, 1e-5, "it does compute in half precision")
}

// An operation without a counterpart is refused at export, with its name, its place in the code and
// the parameter before it.
func TestUnsupportedOperationIsNamed(t *testing.T) {
	_, store := small(t, "resnet50")
	g := export.Graph{Name: "odd", Store: store, Inputs: []export.Input{{Name: "x", Dims: []int{8}}},
		Build: func(scope *model.Scope, in []*graph.Node) (outputs, inner []export.Layer) {
			bias := scope.GetVariable("bn1.bias").NodeValue(in[0])
			y := graph.Atan2(graph.Add(in[0], graph.InsertAxes(bias, 0)), in[0])
			return []export.Layer{{Name: "y", Node: y}}, nil
		}}
	_, err := g.Model()
	require.Equal(t, fault.Unsupported, fault.CodeOf(err))
	require.ErrorContains(t, err, "Atan2")
	require.ErrorContains(t, err, "export_test.go")
	require.ErrorContains(t, err, "bn1.bias")
}

// reference is a case of the authors' numbers: named tensors of two images, whole or sampled.
type reference struct {
	Seed    uint64
	Tensors map[string]struct {
		Full   bool
		Count  int
		Values []byte
	}
}

func readReference(t testing.TB, name string) reference {
	t.Helper()
	data, err := os.ReadFile(sharedtest.Path(t, "golden/parity/dev/models/"+name+".json"))
	require.NoError(t, err)
	var r reference
	require.NoError(t, json.Unmarshal(data, &r))
	return r
}

// ONNX Runtime's layers equal those of the authors' PyTorch code to 1e-3 (required) and 2e-5 (their
// float32 noise is 1e-6, and folding batch norms rounds once more).
func TestFullNetworksEqualTheAuthors(t *testing.T) {
	needRuntime(t)
	files := map[string]string{"resnet50": "resnet50", "center_surround": "resnet50_center_surround", "div_norm": "resnet50_div_norm",
		"composite_a": "resnet50_composite_a", "composite_e": "resnet50_composite_e"}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			want := readReference(t, file)
			d, err := network.Preset(name)
			require.NoError(t, err)
			store := model.NewStore()
			require.NoError(t, d.Init(store, network.Parity(want.Seed), dtypes.Float32))
			g, err := export.Network(d, store, "")
			require.NoError(t, err)
			data, err := exported(t, g, d).Encode()
			require.NoError(t, err)
			images := export.Tensor{Dims: []int{2, 3, 64, 64}, Data: make([]float32, 2*3*64*64)}
			network.NewStream("input", want.Seed).Fill(images.Data, -1, 2)
			got, err := ortrun.Run(t.Context(), data, map[string]export.Tensor{export.Image: images}, d.Layers())
			require.NoError(t, err)
			worst := 0.0
			for layer, out := range got {
				stage := layer
				if layer == "conv1" {
					stage = "stem"
				}
				ref, ok := want.Tensors[stage]
				require.True(t, ok, stage)
				require.Len(t, out.Data, ref.Count)
				values := make([]float32, len(ref.Values)/4)
				for i := range values {
					values[i] = math.Float32frombits(binary.LittleEndian.Uint32(ref.Values[4*i:]))
				}
				sampled := out.Data
				if !ref.Full {
					sampled = make([]float32, len(values))
					for i := range sampled {
						sampled[i] = out.Data[network.NewStream("samples", 0).Word(i)%uint64(ref.Count)]
					}
				}
				e := export.RelativeDifference(sampled, values)
				require.Less(t, e, 2e-5, layer)
				worst = max(worst, e)
			}
			t.Logf("%d layers, worst %.1e", len(got), worst)
		})
	}
}

// PyTorch's exporter writes resnet50 in 122 nodes.
func TestResNet50IsAsCleanAsPyTorchs(t *testing.T) {
	d, err := network.Preset("resnet50")
	require.NoError(t, err)
	store := model.NewStore()
	require.NoError(t, d.Init(store, network.Random(0), dtypes.Float32))
	g, err := export.Network(d, store, "")
	require.NoError(t, err)
	require.Equal(t, map[string]int{"Conv": 53, "Relu": 49, "Add": 16, "MaxPool": 1, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1},
		exported(t, g, d).OpCounts())
}
