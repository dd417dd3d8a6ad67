"""Makes the fixtures of this folder: torchvision's networks as PyTorch exports them, without weights.

    python3 make_fixtures.py     (Debian's python3-torch 1.13, python3-torchvision 0.14, python3-onnx 1.12)

Weights are declared to be in another file, which is not there; small constants, which shapes are made
of, stay. Notes on where in the source an operation comes from are dropped.
"""
import onnx
import torch
import torchvision

models = torchvision.models
for name, size, batch, net in [
    ("alexnet", 224, False, models.alexnet(weights=None)),
    ("resnet18", 224, False, models.resnet18(weights=None)),
    ("inception_v3", 299, False, models.inception_v3(weights=None, aux_logits=False, init_weights=False)),
    ("shufflenet_v2_x0_5", 224, True, models.shufflenet_v2_x0_5(weights=None)),
    ("vit", 224, True, models.VisionTransformer(image_size=224, patch_size=32, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128)),
]:
    net.eval()
    path = name + ".onnx"
    torch.onnx.export(net, torch.zeros(1, 3, size, size), path, input_names=["image"], output_names=["logits"], opset_version=13,
                      dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}} if batch else None)
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.raw_data) > 256:
            onnx.external_data_helper.set_external_data(tensor, "weights")
            tensor.ClearField("raw_data")
    onnx.save(model, path)
