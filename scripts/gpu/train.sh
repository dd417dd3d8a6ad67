#!/bin/sh
# Trains networks one after the other on the GPU for a given time in all, each as far as its share goes,
# and packs the best parameters as half-precision parts of at most 15 MiB. A later call with the same OUT
# resumes.
#
#   scripts/gpu/train.sh OUT DATA MINUTES [NETWORK…]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: train.sh OUT DATA MINUTES [NETWORK…]}
data=${2:?usage: train.sh OUT DATA MINUTES [NETWORK…]}
minutes=${3:?usage: train.sh OUT DATA MINUTES [NETWORK…]}
shift 3
[ $# -gt 0 ] || set -- composite_a resnet50
striate=${STRIATE:-$here/../../bin/striate-xla}
mkdir -p "$out"
. "$here/env.sh"
share=$((minutes * 60 / $#))
for network in "$@"; do
  run=$out/$network
  resume=
  [ ! -e "$run/config.json" ] || resume=--resume
  # SIGTERM makes striate write a checkpoint and end.
  timeout --preserve-status "$share" "$striate" -q train --network "$network" --data "$data" --out "$run" \
    --epochs "${EPOCHS:-100}" --batch "${BATCH:-128}" --lr "${LR:-0.1}" --milestones "${MILESTONES:-60,80}" \
    --precision "${PRECISION:-bfloat16}" $resume >>"$out/$network.txt" 2>>"$out/$network.log" ||
    tail -n 1 "$out/$network.log"
  tail -n 2 "$out/$network.txt"
  if [ -e "$run/best.safetensors" ]; then
    python3 "$here/half.py" "$run/best.safetensors" "$out/$network.half.safetensors"
    split -b 15m -d "$out/$network.half.safetensors" "$out/$network.half.safetensors.part"
    rm "$out/$network.half.safetensors"
    cp "$run/config.json" "$out/$network.config.json"
    cp "$run/metrics.csv" "$out/$network.metrics.csv"
  fi
done
