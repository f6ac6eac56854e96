// SPDX-License-Identifier: MIT

// As bench/cases/cleanup.c: adding, stopping and running cleanups.
package main

import (
	"runtime"
	"sort"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

const (
	crowd      = 490
	pageBytes  = 8192
	candidates = pageBytes / 16 * 4
	batchSize  = 65536
	many       = 1000000
)

func never(int) { panic("a stopped cleanup ran") }

func address(p *[16]byte) uintptr { return uintptr(unsafe.Pointer(p)) }

// findCrowd returns the first of crowd + 1 neighbours in one page, or -1.
func findCrowd(objects []*[16]byte) int {
	sort.Slice(objects, func(i, k int) bool {
		return address(objects[i]) < address(objects[k])
	})
	for from := 0; from+crowd < len(objects); from++ {
		if address(objects[from])/pageBytes ==
			address(objects[from+crowd])/pageBytes {
			return from
		}
	}
	return -1
}

func addStopCrowded(b *testing.B) {
	objects := make([]*[16]byte, candidates)
	for i := range objects {
		objects[i] = new([16]byte)
	}
	from := findCrowd(objects)
	if from < 0 {
		b.Fatal("no page full of fresh objects")
	}
	var others [crowd]runtime.Cleanup
	for i := range others {
		others[i] = runtime.AddCleanup(objects[from+i], never, 0)
	}
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		runtime.AddCleanup(objects[from+crowd], never, 0).Stop()
	}
	b.StopTimer()
	for i := range others {
		others[i].Stop()
	}
	runtime.KeepAlive(objects)
}

func addFresh(b *testing.B) {
	objects := make([]*[16]byte, batchSize)
	cleanups := make([]runtime.Cleanup, batchSize)
	b.StopTimer()
	for left := b.N; left > 0; left -= batchSize {
		batch := min(left, batchSize)
		for i := 0; i < batch; i++ {
			objects[i] = new([16]byte)
		}
		b.StartTimer()
		for i := 0; i < batch; i++ {
			cleanups[i] = runtime.AddCleanup(objects[i], never, 0)
		}
		b.StopTimer()
		for i := 0; i < batch; i++ {
			cleanups[i].Stop()
		}
	}
	runtime.KeepAlive(objects)
}

var ran atomic.Int64

func countRun(int) { ran.Add(1) }

//go:noinline
func addMany(count int) {
	for i := 0; i < count; i++ {
		runtime.AddCleanup(new([16]byte), countRun, 0)
	}
}

// Go has no drain: until all have run, as far as the counter tells.
func runMany(b *testing.B) {
	b.StopTimer()
	for i := 0; i < b.N; i++ {
		wanted := ran.Load() + many
		addMany(many)
		b.StartTimer()
		runtime.GC()
		for ran.Load() < wanted {
			time.Sleep(50 * time.Microsecond)
		}
		b.StopTimer()
	}
}

func init() {
	register("cleanup/add_stop", peerCase{run: func(b *testing.B) {
		object := new([16]byte)
		for i := 0; i < b.N; i++ {
			runtime.AddCleanup(object, never, 0).Stop()
		}
		runtime.KeepAlive(object)
	}})
	register("cleanup/add_stop/goroutines:2", peerCase{run: func(b *testing.B) {
		parallel(b, 2, func(passes int) {
			object := new([16]byte)
			for ; passes > 0; passes-- {
				runtime.AddCleanup(object, never, 0).Stop()
			}
			runtime.KeepAlive(object)
		})
	}})
	register("cleanup/add_stop_crowded", peerCase{run: addStopCrowded})
	register("cleanup/add_fresh", peerCase{run: addFresh})
	register("cleanup/run_1M", peerCase{run: runMany, gcOff: true})
}
