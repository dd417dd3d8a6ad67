// Package parallel spreads loops over the processors.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// For calls fn with consecutive ranges [lo, hi) of at most step that cover 0…n-1, on as many
// goroutines as processors, and returns when all are done. A panic in fn is raised again in the
// caller's goroutine.
func For(n, step int, fn func(lo, hi int)) { ForOn(0, n, step, fn) }

// ForOn is For on at most so many goroutines; 0 is as many as processors.
func ForOn(workers, n, step int, fn func(lo, hi int)) {
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, (n+step-1)/step)
	if workers <= 1 {
		for lo := 0; lo < n; lo += step {
			fn(lo, min(lo+step, n))
		}
		return
	}
	var next atomic.Int64
	var panicked atomic.Value
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panicked.CompareAndSwap(nil, wrapped{p})
				}
			}()
			for {
				lo := int(next.Add(int64(step))) - step
				if lo >= n || panicked.Load() != nil {
					return
				}
				fn(lo, min(lo+step, n))
			}
		})
	}
	wg.Wait()
	if p := panicked.Load(); p != nil {
		panic(p.(wrapped).value)
	}
}

// wrapped gives all panics one type, which atomic.Value asks for.
type wrapped struct{ value any }
