package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
)

// Graphs whose attributes, constants, shapes and operands are nonsense are reported on, or refused in
// one line; nothing panics, and nothing infinite gets into the JSON.
func TestNonsenseIsSurvived(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	odd := func() int64 {
		return []int64{0, 1, -1, 2, 3, -2, 5, 17, 64, -100, 1 << 20, math.MaxInt32, math.MaxInt64, math.MinInt64}[rng.IntN(14)]
	}
	for _, n := range networks {
		l := newLab()
		n.build(l, l.Input("image", onnx.Float32, onnx.Shape("N", 3, 17, 20)))
		data, _ := l.finish(t)
		m, err := onnx.Decode(data)
		require.NoError(t, err)
		for range 150 {
			pb := proto.Clone(m.Proto()).(*onnxpb.ModelProto)
			for range 1 + rng.IntN(3) {
				spoil(pb.Graph, rng, odd)
			}
			data, err := proto.Marshal(pb)
			require.NoError(t, err)
			r, err := Bytes(data)
			if err != nil {
				continue
			}
			require.NoError(t, r.WriteText(&bytes.Buffer{}))
			require.NoError(t, r.WriteDOT(&bytes.Buffer{}))
			_, err = json.Marshal(r)
			require.NoError(t, err)
		}
	}
}

// spoil changes one thing in a graph.
func spoil(g *onnxpb.GraphProto, rng *rand.Rand, odd func() int64) {
	node := g.Node[rng.IntN(len(g.Node))]
	switch rng.IntN(6) {
	case 0:
		if len(node.Attribute) > 0 {
			a := node.Attribute[rng.IntN(len(node.Attribute))]
			if a.I != nil {
				a.I = proto.Int64(odd())
			}
			if len(a.Ints) > 0 {
				a.Ints[rng.IntN(len(a.Ints))] = odd()
			}
		}
	case 1:
		if len(node.Attribute) > 0 {
			a := node.Attribute[rng.IntN(len(node.Attribute))]
			if len(a.Ints) > 0 {
				a.Ints = a.Ints[1:]
			}
			a.S = []byte("NONSENSE")
		}
	case 2:
		for range 20 {
			c := g.Initializer[rng.IntN(len(g.Initializer))]
			if onnx.DataType(c.GetDataType()) == onnx.Int64 && len(c.RawData) >= 8 {
				binary.LittleEndian.PutUint64(c.RawData, uint64(odd()))
				break
			}
		}
	case 3:
		node.OpType = proto.String([]string{"Reshape", "Slice", "Gather", "Split", "Conv", "Resize", "Concat", "Pad", "TopK", "MatMul", "Range", "Expand", "CumSum", "Squeeze", "ConstantOfShape", "GroupNormalization", "SpaceToDepth", "Upsample"}[rng.IntN(18)])
	case 4:
		if len(node.Input) > 1 {
			i := rng.IntN(len(node.Input))
			node.Input[0], node.Input[i] = node.Input[i], node.Input[0]
		}
	case 5:
		shape := g.Input[0].Type.GetTensorType().Shape
		shape.Dim[rng.IntN(len(shape.Dim))] = dim(odd())
	}
}
