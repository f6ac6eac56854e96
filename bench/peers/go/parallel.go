// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// parallel is tri_bench_parallel: b.N passes shared out to goroutines that are
// let go together.
func parallel(b *testing.B, goroutines int, body func(passes int)) {
	var ready, done sync.WaitGroup
	var gate atomic.Bool
	ready.Add(goroutines)
	done.Add(goroutines)
	b.StopTimer()
	for i := 0; i < goroutines; i++ {
		passes := b.N / goroutines
		if i < b.N%goroutines {
			passes++
		}
		go func() {
			ready.Done()
			for !gate.Load() {
				runtime.Gosched()
			}
			body(passes)
			done.Done()
		}()
	}
	ready.Wait()
	b.StartTimer()
	gate.Store(true)
	done.Wait()
	b.StopTimer()
}
