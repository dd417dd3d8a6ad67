#!/usr/bin/env bash
# Lays an installation of striate into a folder: bin/striate, the shipped models, ONNX Runtime and
# the licence. The Dockerfile and the checks use it, so that what is checked is what is shipped.
# Usage: install.sh PREFIX [cpu|cuda]
set -euo pipefail
prefix=${1:?usage: install.sh PREFIX [cpu|cuda]}
variant=${2:-cpu}
root=$(cd "$(dirname "$0")/.." && pwd)

mkdir -p "$prefix/bin" "$prefix/models" "$prefix/docs/figures" "$prefix/.cache"
prefix=$(cd "$prefix" && pwd)
# The library of the checkout serves when it is there.
if [ "$variant" = cpu ] && [ -d "$root/.cache/onnxruntime" ] && [ ! -d "$prefix/.cache/onnxruntime" ]; then
    cp -R "$root/.cache/onnxruntime" "$prefix/.cache/"
fi
"$root/scripts/setup-onnxruntime.sh" "$prefix/.cache" "$variant"
make -s -C "$root" binary BINARY="$prefix/bin/striate"
cp "$root"/models/*.onnx "$prefix/models/"
cp "$root/docs/figures/grating.png" "$prefix/docs/figures/"
cp "$root/LICENSE" "$prefix/"
echo "install: striate is in $prefix" >&2
