// SPDX-License-Identifier: MIT

// As bench/cases/store.c: what a store of a pointer costs, by what the
// collector does meanwhile.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type cell struct {
	value *cell
	data  uint64
}

const (
	cellCount  = 512
	piece      = 1024
	listCount  = 512
	listLinks  = 2048
	tableCells = 1 << 18
)

type target struct {
	cells []cell
	value *cell
}

func makeTarget() *target {
	t := &target{make([]cell, cellCount), new(cell)}
	for i := range t.cells {
		t.cells[i].value = t.value
	}
	return t
}

type link struct {
	next *link
	data [7]uint64
}

// marking is in marking_amd64.s and its like: it reads the flag that the
// compiler's own barriers test.
func marking() bool

// whileMarking runs p until b.N stores fell into marking.
func whileMarking(b *testing.B, p func()) {
	b.StopTimer()
	lists := make([]*link, listCount)
	for i := range lists {
		for k := 0; k < listLinks; k++ {
			lists[i] = &link{next: lists[i]}
		}
	}
	var stop atomic.Bool
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		for !stop.Load() {
			runtime.GC()
		}
		done.Done()
	}()
	pieces := (b.N + piece - 1) / piece
	counted, tried := 0, 0
	var spent time.Duration
	b.StartTimer()
	for ; counted < pieces; tried++ {
		before := marking()
		start := time.Now()
		p()
		took := time.Since(start)
		if !before || !marking() {
			runtime.Gosched()
			continue
		}
		counted++
		spent += took
	}
	b.StopTimer()
	manualNs = float64(spent.Nanoseconds()) / float64(counted*piece)
	counters["marking_share"] = float64(counted) / float64(tried)
	stop.Store(true)
	done.Wait()
	runtime.KeepAlive(lists)
}

func draw(random *uint64) uint64 {
	r := *random
	r ^= r << 13
	r ^= r >> 7
	r ^= r << 17
	*random = r
	return r
}

func init() {
	register("store/collector_off", peerCase{gcOff: true,
		run: func(b *testing.B) {
			t := makeTarget()
			cells, value := t.cells, t.value
			at := 0
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				cells[at].value = value
				at = (at + 1) % cellCount
			}
			runtime.KeepAlive(cells)
		}})
	register("store/marking", peerCase{run: func(b *testing.B) {
		t := makeTarget()
		whileMarking(b, func() {
			for i := 0; i < piece; i++ {
				t.cells[i%cellCount].value = t.value
			}
		})
	}})
	register("store/marking_swaps", peerCase{run: func(b *testing.B) {
		table := make([]cell, tableCells)
		for i := range table {
			table[i].value = new(cell)
		}
		random := *seed*2 + 1
		whileMarking(b, func() {
			for i := 0; i < piece/2; i++ {
				x := &table[draw(&random)%tableCells]
				y := &table[draw(&random)%tableCells]
				old := x.value
				x.value = y.value
				y.value = old
			}
		})
	}})
}
