# striate: `make run` serves the shipped model on 127.0.0.1:8080, `make test` runs the tests.
# Both need Go, a C compiler and npm, and nothing before them.

# The matrix products of the pure-Go training backend use SIMD through this experiment.
export GOEXPERIMENT := simd

COMMIT ?= $(shell git describe --always --dirty --exclude '*' 2>/dev/null)
LDFLAGS := -X striate/internal/provenance.commit=$(COMMIT)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: run test setup build lint bench fuzz generate clean

run: setup build
	@bin/striate serve $(ARGS)

test: setup
	go vet ./...
	go test ./...

# What building and running need besides Go: ONNX Runtime, in .cache.
setup:
	@scripts/setup-onnxruntime.sh

build: setup
	@go build -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/striate ./cmd/striate

lint:
	@test -z "$$(gofmt -s -l $$(git ls-files '*.go'))" || { echo "gofmt -s is needed in:"; gofmt -s -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

bench: build
	bin/striate bench

clean:
	rm -rf bin .cache
