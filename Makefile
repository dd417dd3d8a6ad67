# striate: `make run` serves the shipped model on 127.0.0.1:8080, `make test` runs the tests.
# Both need Go, a C compiler and npm, and nothing before them.

# The matrix products of the pure-Go training backend use SIMD through this experiment.
export GOEXPERIMENT := simd

COMMIT ?= $(shell git describe --always --dirty --exclude '*' 2>/dev/null)
LDFLAGS := -X striate/internal/provenance.commit=$(COMMIT)
BINARY := bin/striate
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: run test race setup build binary lint bench fuzz smoke generate clean

run: build
	@exec $(BINARY) serve $(ARGS)

test: setup
	go vet ./...
	go test -timeout 20m ./...

# The race detector. GoMLX's SIMD matrix product breaks the pointer rules that -race also checks, so
# that check is off.
race: setup
	go test -race -gcflags=all=-d=checkptr=0 -short -timeout 60m ./...

# What building and running need besides Go: ONNX Runtime, in .cache.
setup:
	@scripts/setup-onnxruntime.sh

build: setup binary

binary:
	@go build -buildvcs=false -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/striate

lint:
	@unformatted=$$(gofmt -s -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt -s is needed in: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

bench: build
	$(BINARY) bench

# Every fuzz target for a while: make fuzz FUZZTIME=1m
FUZZTIME ?= 20s
fuzz: setup
	@set -e; for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
	  for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$f); do \
	    echo "$$t in $$(dirname $$f)"; go test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$f); done; done

# An installation in an empty folder, started and asked: what the Dockerfile does.
smoke: setup
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && scripts/install.sh "$$work" && scripts/smoke.sh "$$work"

generate:
	go generate ./...

clean:
	rm -rf bin .cache
