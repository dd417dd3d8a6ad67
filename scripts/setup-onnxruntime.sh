#!/usr/bin/env bash
# Lays the official ONNX Runtime CPU library into a cache folder: DEST/onnxruntime/VERSION/OS-ARCH/.
# Usage: setup-onnxruntime.sh [DEST]     (default: .cache of the checkout)
# It comes out of the npm package onnxruntime-node, of which only the library of this platform is
# kept, and only when its SHA-256 is the one pinned beside this script. Does nothing when it is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=1.30.0
dest=${1:-$here/../.cache}

os=$(uname -s | tr '[:upper:]' '[:lower:]')
case $(uname -m) in
x86_64 | amd64) arch=amd64 node_arch=x64 ;;
aarch64 | arm64) arch=arm64 node_arch=arm64 ;;
*) echo "setup: no ONNX Runtime for $(uname -m) in the package; set STRIATE_ORT_LIB to a library of your own" >&2; exit 1 ;;
esac
file=libonnxruntime.so.1
[ "$os" = darwin ] && file=libonnxruntime.1.dylib
want=$(awk -v p="$os-$arch" '$2 == p {print $1}' "$here/onnxruntime.sha256")
if [ -z "$want" ]; then
    echo "setup: no ONNX Runtime for $os-$arch in the package; set STRIATE_ORT_LIB to a library of your own" >&2
    exit 1
fi

folder=$dest/onnxruntime/$version/$os-$arch
[ -f "$folder/$file" ] && exit 0
command -v npm >/dev/null || { echo "setup: npm is needed to fetch ONNX Runtime: install it, or set STRIATE_ORT_LIB" >&2; exit 1; }

digest() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }
mkdir -p "$folder"
work=$(mktemp -d "$dest/setup.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "setup: fetching ONNX Runtime $version (113 MB, once)" >&2
(cd "$work" && npm pack --silent "onnxruntime-node@$version" >/dev/null)
tar -xzf "$work"/onnxruntime-node-*.tgz -C "$work" "package/bin/napi-v6/$os/$node_arch/$file"
lib=$work/package/bin/napi-v6/$os/$node_arch/$file
got=$(digest "$lib")
if [ "$got" != "$want" ]; then
    echo "setup: the ONNX Runtime library has the digest $got, not the pinned $want: nothing was installed" >&2
    exit 1
fi
mv "$lib" "$folder/$file"
echo "setup: ONNX Runtime $version is in $folder" >&2
