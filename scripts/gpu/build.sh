#!/bin/sh
# Builds bin/striate-xla, the program with the XLA backend for NVIDIA GPUs. Needs Go and a C compiler;
# the machine that runs it needs neither, only glibc 2.34 or newer and the CUDA plug-in (see env.sh).
set -eu
cd "$(dirname "$0")/../.."
commit=$(git describe --always --dirty --exclude '*' 2>/dev/null || true)
CGO_ENABLED=1 GOEXPERIMENT=simd go build -tags xla -buildvcs=false -trimpath \
  -ldflags "-s -w -X striate/internal/provenance.commit=$commit" -o bin/striate-xla ./cmd/striate
ls -l bin/striate-xla
