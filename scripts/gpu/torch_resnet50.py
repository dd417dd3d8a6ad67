"""PyTorch's side of scripts/gpu/bench.sh: training steps of torchvision's resnet50 on 64x64 images
with automatic mixed precision, channels last, SGD with momentum and weight decay, images on the GPU."""

import argparse
import time

import torch
import torchvision


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--dtype", choices=["bfloat16", "float16", "float32"], default="bfloat16")
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    dtype = getattr(torch, args.dtype)
    net = torchvision.models.resnet50().cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-5)
    scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16)
    images = torch.randn(args.batch, 3, 64, 64, device="cuda").to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (args.batch,), device="cuda")

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=dtype, enabled=dtype != torch.float32):
            loss = torch.nn.functional.cross_entropy(net(images), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    for _ in range(10):
        step()
    torch.cuda.synchronize()
    begun, steps = time.time(), 0
    while time.time() - begun < args.seconds:
        for _ in range(10):
            step()
        torch.cuda.synchronize()
        steps += 10
    rate = steps * args.batch / (time.time() - begun)
    memory = torch.cuda.max_memory_allocated() / 2**20
    print(f"torch {torch.__version__} resnet50 {args.dtype} batch {args.batch}: {rate:.1f} images/s, {memory:.0f} MiB allocated")


if __name__ == "__main__":
    main()
