package onnx

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestInspectTorch(t *testing.T) {
	m := decode(t, "torch.onnx")
	require.Equal(t, int64(13), m.Opset(""))
	require.Equal(t, map[string]int{"Conv": 2, "Relu": 2, "Add": 1, "ReduceMean": 1, "Gemm": 1}, m.OpCounts())
	in := m.Inputs()
	require.Len(t, in, 1)
	require.Equal(t, Value{Name: "image", Type: Float32, Shape: Shape("batch", 3, 16, 16)}, in[0])
	out := m.Outputs()
	require.Equal(t, Shape("batch", 5), out[0].Shape)
	require.Equal(t, "Gemm", out[0].Node.GetOpType())
	w, ok := m.Tensor("conv.weight")
	require.True(t, ok)
	require.True(t, w.Constant)
	require.Equal(t, Shape(8, 8, 3, 3), w.Shape)
	_, ok = m.Tensor("nothing")
	require.False(t, ok)
	values, err := Float32s(m.Initializer("conv.weight"))
	require.NoError(t, err)
	require.Len(t, values, 8*8*9)
}

func TestMetadata(t *testing.T) {
	m := decode(t, "control.onnx")
	m.SetMetadata(map[string]string{"striate.network": "resnet50", "striate.degrees": "8"})
	require.Equal(t, map[string]string{"author": "nobody", "striate.network": "resnet50", "striate.degrees": "8"}, m.Metadata())
	m.SetMetadata(map[string]string{"author": ""})
	require.NotContains(t, m.Metadata(), "author")
	require.Equal(t, 1, m.OpCounts()["local.Double"])
}

func TestBuilder(t *testing.T) {
	b := NewBuilder("edges", 17)
	x := b.Input("image", Float32, Shape("N", 3, 8, 8))
	w := b.Constant(Float32Tensor("", []int64{2, 3, 1, 1}, make([]float32, 6)))
	y := b.Node("Conv", "", []string{x, w}, Attr("pads", 0, 0, 0, 0), Attr("group", 1), Attr("auto_pad", "NOTSET"))
	z := b.Node("LeakyRelu", "edges", []string{y}, Attr("alpha", 0.25))
	b.Output(z, Float32, Shape("N", 2, 8, 8))
	b.Metadata(map[string]string{"k": "v"})
	m, err := b.Model()
	require.NoError(t, err)
	data, err := m.Encode()
	require.NoError(t, err)
	m, err = Decode(data)
	require.NoError(t, err)
	require.Equal(t, "v", m.Metadata()["k"])
	require.Equal(t, int64(17), m.Opset(""))
	conv := m.Nodes()[0]
	require.Equal(t, []int64{0, 0, 0, 0}, conv.Attribute[0].Ints)
	require.Equal(t, int64(1), conv.Attribute[1].GetI())
	require.Equal(t, float32(0.25), m.Nodes()[1].Attribute[0].GetF())

	require.Panics(t, func() { b.Input("image", Float32, nil) }, "a name is taken")
	require.Panics(t, func() { b.Node("Neg", "", []string{"ghost"}) })
	require.Panics(t, func() { b.Output("ghost", Float32, nil) })
	require.Panics(t, func() { Attr("a", struct{}{}) })
	require.Panics(t, func() { Attr("a", 1, 2.0) })
	require.Panics(t, func() { Float32Tensor("c", []int64{2}, []float32{1}) })
}

func TestFloat32sAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.Float32()).Draw(t, "values")
		tensor := Float32Tensor("c", []int64{int64(len(in))}, in)
		out, err := Float32s(tensor)
		require.NoError(t, err)
		require.Len(t, out, len(in))
		for i := range in {
			require.Equal(t, math.Float32bits(in[i]), math.Float32bits(out[i]))
		}
	})
}
