// Package engine runs ONNX networks with ONNX Runtime and answers with the responses of any of
// their layers.
//
// A session is made for a model and a set of layers: the graph is cut to what these layers depend
// on, so that asking for layer 1 costs layer 1. Sessions are shared by concurrent callers, kept
// under a memory limit and freed when idle. A cancelled context ends a running inference.
package engine

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"

	"striate/internal/fault"
	"striate/internal/ortlib"
)

// Config holds the limits of an engine. Zero values mean the defaults.
type Config struct {
	Device      string // auto, cpu or cuda[:N]
	MemoryLimit int64  // bytes of sessions kept loaded; 2 GiB
	MaxBatch    int    // images that go through the network at once; 32
	Threads     int    // of one inference; as many as the process may use
	Concurrency int    // inferences at once; 2
}

const (
	defaultMemoryLimit = 2 << 30
	defaultMaxBatch    = 32
	defaultConcurrency = 2

	// chunkBytes bounds the layers of one run together, beyond which fewer images go at once.
	chunkBytes = 128 << 20
)

// Engine holds the sessions of a process. Its methods may be called by several goroutines.
type Engine struct {
	config Config
	device Device
	cache  *sessionCache
	slots  *semaphore.Weighted
}

// New opens ONNX Runtime and resolves the device. It fails when the library is missing, or when a
// GPU was asked for that cannot be used.
func New(config Config) (*Engine, error) {
	library, err := ortlib.Open()
	if err != nil {
		return nil, err
	}
	device, err := resolveDevice(config.Device, tryCUDA)
	if err != nil {
		return nil, err
	}
	device.Runtime = library
	if config.MemoryLimit <= 0 {
		config.MemoryLimit = defaultMemoryLimit
	}
	if config.MaxBatch <= 0 {
		config.MaxBatch = defaultMaxBatch
	}
	if config.Threads <= 0 {
		config.Threads = runtime.GOMAXPROCS(0)
	}
	if config.Concurrency <= 0 {
		config.Concurrency = defaultConcurrency
	}
	return &Engine{config, device, newSessionCache(config.MemoryLimit), semaphore.NewWeighted(int64(config.Concurrency))}, nil
}

// Device reports what the sessions run on.
func (e *Engine) Device() Device { return e.device }

// Stats reports the sessions that are loaded.
func (e *Engine) Stats() Stats { return e.cache.stats() }

// Close frees all sessions, after those in use have ended. The engine is not to be used afterwards.
func (e *Engine) Close() { e.cache.close() }

// acquire returns a session for the layers, which must be released.
func (e *Engine) acquire(ctx context.Context, m *Model, layers []string) (*session, error) {
	return e.cache.acquire(ctx, sessionKey(m.Digest, layers), func() (*session, error) {
		return e.newSession(m, layers)
	})
}

// slot waits until another inference may run.
func (e *Engine) slot(ctx context.Context) (release func(), err error) {
	if err := e.slots.Acquire(ctx, 1); err != nil {
		return nil, ctx.Err()
	}
	return func() { e.slots.Release(1) }, nil
}

// errTooBig is the answer to a model whose session cannot fit.
func errTooBig(m *Model, need, limit int64) error {
	return fault.Unavailablef("model %s needs about %d MiB for its session, more than the limit of %d MiB", m.Name, need>>20, limit>>20)
}
