#!/usr/bin/env bash
# Lays the official ONNX Runtime library into a cache folder: DEST/onnxruntime/VERSION/OS-ARCH/.
# Usage: setup-onnxruntime.sh [DEST] [cpu|cuda]     (default: .cache of the checkout, cpu)
# It comes out of the npm package onnxruntime-node, of which only the library of this platform is
# kept, and only when its SHA-256 is the one pinned beside this script. With cuda the package's own
# installer adds the CUDA 12 provider (linux-amd64 only). Does nothing when all is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=1.30.0
dest=${1:-$here/../.cache}
variant=${2:-cpu}

os=$(uname -s | tr '[:upper:]' '[:lower:]')
case $(uname -m) in
x86_64 | amd64) arch=amd64 node_arch=x64 ;;
aarch64 | arm64) arch=arm64 node_arch=arm64 ;;
*) arch=$(uname -m) node_arch=none ;;
esac
file=libonnxruntime.so.1
[ "$os" = darwin ] && file=libonnxruntime.1.dylib
want=$(awk -v p="$os-$arch" '$2 == p {print $1}' "$here/onnxruntime.sha256")
if [ -z "$want" ] || { [ "$variant" = cuda ] && [ "$os-$arch" != linux-amd64 ]; }; then
    echo "setup: the package has no ONNX Runtime ($variant) for $os-$arch; set STRIATE_ORT_LIB to a library of your own" >&2
    exit 1
fi

folder=$dest/onnxruntime/$version/$os-$arch
cuda=libonnxruntime_providers_cuda.so
[ -f "$folder/$file" ] && { [ "$variant" = cpu ] || [ -f "$folder/$cuda" ]; } && exit 0
command -v npm >/dev/null || { echo "setup: npm is needed to fetch ONNX Runtime: install it, or set STRIATE_ORT_LIB" >&2; exit 1; }

digest() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }
mkdir -p "$folder"
work=$(mktemp -d "$dest/setup.XXXXXX")
trap 'rm -rf "$work"' EXIT
native=bin/napi-v6/$os/$node_arch
echo "setup: fetching ONNX Runtime $version, $variant (113 MB or more, once)" >&2
if [ "$variant" = cuda ]; then
    npm install --silent --prefix "$work" "onnxruntime-node@$version" --onnxruntime-node-install=cuda12 >&2
    libs=$work/node_modules/onnxruntime-node/$native
else
    (cd "$work" && npm pack --silent "onnxruntime-node@$version" >/dev/null)
    tar -xzf "$work"/onnxruntime-node-*.tgz -C "$work" "package/$native/$file"
    libs=$work/package/$native
fi
got=$(digest "$libs/$file")
if [ "$got" != "$want" ]; then
    echo "setup: the ONNX Runtime library has the digest $got, not the pinned $want: nothing was installed" >&2
    exit 1
fi
if [ "$variant" = cuda ]; then # beside the library, where it looks for its providers
    mv "$libs/libonnxruntime_providers_shared.so" "$libs/$cuda" "$folder/"
fi
mv "$libs/$file" "$folder/$file"
echo "setup: ONNX Runtime $version ($variant) is in $(cd "$folder" && pwd)" >&2
