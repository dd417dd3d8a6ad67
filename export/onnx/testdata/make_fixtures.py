"""Makes the fixtures of this folder with PyTorch's exporter and the onnx package's helper.

    python3 make_fixtures.py     (Debian's python3-torch 1.13 and python3-onnx 1.12)
"""
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.conv = nn.Conv2d(8, 8, 3, 1, 1)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(x + self.conv(x))
        return self.head(x.mean((2, 3)))


net = Block().eval()
x = torch.linspace(-1, 1, 2 * 3 * 16 * 16).reshape(2, 3, 16, 16)
torch.onnx.export(net, x, "torch.onnx", input_names=["image"], output_names=["logits"],
                  dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}}, opset_version=13)
inner = net.stem(x)
np.save("torch_stem.npy", inner.detach().numpy()[:, :, ::4, ::4])

# A graph with everything that an edit can lose: a branch that captures an outer tensor, a loop, an
# optional input left out, an initialiser that is also an input, a sparse one, quantisation notes,
# a local function, training information, value_info and metadata.
f = TensorProto.FLOAT
vi = helper.make_tensor_value_info
then = helper.make_graph([helper.make_node("Add", ["a", "captured"], ["t"])], "then", [], [vi("t", f, ["N", 4])])
other = helper.make_graph([helper.make_node("Neg", ["a"], ["e"])], "else", [], [vi("e", f, ["N", 4])])
body = helper.make_graph(
    [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["state", "step"], ["next"])],
    "body", [vi("i", TensorProto.INT64, []), vi("go", TensorProto.BOOL, []), vi("state", f, ["N", 4])],
    [vi("go_on", TensorProto.BOOL, []), vi("next", f, ["N", 4])])
nodes = [
    helper.make_node("Mul", ["x", "scale"], ["a"], name="first"),
    helper.make_node("Abs", ["x"], ["captured"]),
    helper.make_node("If", ["which"], ["branch"], then_branch=then, else_branch=other),
    helper.make_node("Loop", ["times", "", "branch"], ["looped"], body=body),
    helper.make_node("Clip", ["looped", "", "top"], ["clipped"]),
    helper.make_node("MatMul", ["clipped", "thin"], ["projected"]),
    helper.make_node("Double", ["projected"], ["doubled"], domain="local"),
    helper.make_node("Split", ["doubled"], ["left", "right"], axis=1),
    helper.make_node("Add", ["left", "right"], ["y"]),
]
init = [numpy_helper.from_array(np.float32([1, 2, 3, 4]), "scale"), numpy_helper.from_array(np.float32(5), "top"),
        numpy_helper.from_array(np.int64(3), "times"), numpy_helper.from_array(np.bool_(True), "which"),
        numpy_helper.from_array(np.float32([0.5] * 4), "step"), numpy_helper.from_array(np.float32(1), "unused"),
        numpy_helper.from_array(np.float32(0.1), "a_scale"), numpy_helper.from_array(np.int8(0), "a_zero")]
thin = helper.make_sparse_tensor(
    helper.make_tensor("thin", f, [2], [1.0, 2.0]), helper.make_tensor("thin_indices", TensorProto.INT64, [2, 2], [0, 0, 3, 1]), [4, 2])
g = helper.make_graph(
    nodes, "control", [vi("x", f, ["N", 4]), vi("scale", f, [4]), vi("spare", f, [1])], [vi("y", f, ["N", 1])], init,
    value_info=[vi("a", f, ["N", 4]), vi("projected", f, ["N", 2])], sparse_initializer=[thin], doc_string="a test")
note = g.quantization_annotation.add()
note.tensor_name = "a"
for k, v in (("SCALE_TENSOR", "a_scale"), ("ZERO_POINT_TENSOR", "a_zero")):
    p = note.quant_parameter_tensor_names.add()
    p.key, p.value = k, v
double = helper.make_function("local", "Double", ["v"], ["w"], [helper.make_node("Add", ["v", "v"], ["w"])],
                              [helper.make_opsetid("", 13)])
m = helper.make_model(g, functions=[double], producer_name="fixture",
                      opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("local", 1)])
m.ir_version = 8
helper.set_model_props(m, {"author": "nobody", "striate.network": "none"})
t = m.training_info.add()
t.initialization.CopyFrom(helper.make_graph([helper.make_node("Identity", ["scale"], ["s0"])], "init", [], [vi("s0", f, [4])]))
b = t.initialization_binding.add()
b.key, b.value = "scale", "s0"
onnx.save(m, "control.onnx")
