#!/bin/sh
# Training speed and peak memory of resnet50 and composite_a at the paper's size on the GPU, beside
# PyTorch's where Python has it. Writes into the folder given.
#
#   scripts/gpu/bench.sh OUT [BINARY]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: bench.sh OUT [BINARY]}
striate=${2:-$here/../../bin/striate-xla}
mkdir -p "$out"
. "$here/env.sh"

# peak NAME COMMAND…: runs the command and writes the largest memory in use meanwhile.
peak() {
  name=$1
  shift
  : >"$out/$name.memory"
  (while :; do nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits >>"$out/$name.memory" || exit; sleep 0.2; done) &
  watcher=$!
  "$@" >"$out/$name.txt" 2>"$out/$name.log" || echo "$name failed: $(tail -n 1 "$out/$name.log")"
  kill "$watcher" 2>/dev/null || true
  cat "$out/$name.txt"
  echo "$name: peak $(sort -n "$out/$name.memory" | tail -n 1) MiB"
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$out/gpu.csv"
for precision in float32 bfloat16; do
  for network in resnet50 composite_a; do
    for batch in 128 512; do
      peak "striate_${network}_${precision}_$batch" "$striate" bench train --networks "$network" --batch "$batch" \
        --backends "$STRIATE_BACKEND" --precision "$precision" --seconds 15
    done
  done
done
if python3 -c 'import torch, torchvision' 2>/dev/null; then
  for batch in 128 512; do
    peak "torch_resnet50_amp_$batch" python3 "$here/torch_resnet50.py" --batch "$batch" --seconds 15
  done
else
  echo "no PyTorch with torchvision here: its side of the comparison was not run"
fi
