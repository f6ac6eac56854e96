// SPDX-License-Identifier: MIT

// As bench/cases/world.c: many goroutines at once.
package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ---- a ring

const ringSize = 503

func passOn(in, out chan int64) {
	for left := range in {
		next := left
		if next != 0 {
			next--
		}
		out <- next
		if left == 0 {
			return
		}
	}
}

func ring(b *testing.B) {
	var links [ringSize]chan int64
	for i := range links {
		links[i] = make(chan int64, 1)
	}
	for i := 0; i < ringSize-1; i++ {
		go passOn(links[i], links[(i+1)%ringSize])
	}
	b.ResetTimer()
	left := int64(b.N)
	links[0] <- left
	for left = range links[ringSize-1] {
		if left <= 0 {
			break
		}
		links[0] <- left - 1
	}
	b.StopTimer()
}

// ---- fan-out, fan-in

const workers = 8

func fan(b *testing.B) {
	jobs, results := make(chan int64, 64), make(chan int64, 64)
	count := int64(b.N)
	b.ResetTimer()
	go func() {
		for i := int64(0); i < count; i++ {
			jobs <- i
		}
		close(jobs)
	}()
	for i := 0; i < workers; i++ {
		go func() {
			for job := range jobs {
				results <- job*3 + 1
			}
			results <- -1
		}()
	}
	var sum int64
	for ended := 0; ended < workers; {
		if result := <-results; result < 0 {
			ended++
		} else {
			sum += result
		}
	}
	b.StopTimer()
	if sum != count*(count-1)/2*3+count {
		b.Fatal("results were lost")
	}
}

// ---- timers

const sleepers = 100000

func timers(b *testing.B) {
	var done sync.WaitGroup
	for left := b.N; left > 0; {
		batch := min(left, sleepers)
		done.Add(batch)
		for i := 0; i < batch; i++ {
			ns := time.Duration(1000000 + i*7919%10000*1000)
			go func() {
				time.Sleep(ns)
				done.Done()
			}()
		}
		done.Wait()
		left -= batch
	}
}

const shortSleepers, shortSleep = 100, 50 * time.Microsecond

func shortSleeps(b *testing.B) {
	parallel(b, shortSleepers, func(passes int) {
		for ; passes > 0; passes-- {
			time.Sleep(shortSleep)
		}
	})
}

func loneSleep(b *testing.B) {
	for i := 0; i < b.N; i++ {
		time.Sleep(shortSleep)
	}
}

// ---- a million that wait

const million, crowdCycles = 1000000, 5

type gathering struct {
	gate  chan struct{}
	left  sync.WaitGroup
	there atomic.Int64
}

func (c *gathering) waitAtGate() {
	c.there.Add(1)
	<-c.gate
	c.left.Done()
}

func residentBytes() float64 {
	var all, pages int64
	text, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscan(string(text), &all, &pages)
	return float64(pages) * 4096
}

func (c *gathering) gather() float64 {
	begin := time.Now()
	c.there.Store(0)
	c.gate = make(chan struct{})
	c.left.Add(million)
	for i := 0; i < million; i++ {
		go c.waitAtGate()
	}
	for c.there.Load() != million {
		runtime.Gosched()
	}
	return float64(time.Since(begin).Nanoseconds()) / million
}

func (c *gathering) dismiss() {
	close(c.gate)
	c.left.Wait()
}

func parked(b *testing.B) {
	var c gathering
	before := residentBytes()
	first := c.gather()
	manualNs = first * million
	counters["bytes_each"] = (residentBytes() - before) / million
	pauses := readPauses()
	begin := time.Now()
	for i := 0; i < crowdCycles; i++ {
		runtime.GC()
	}
	counters["collection_ns"] = float64(time.Since(begin).Nanoseconds()) / crowdCycles
	after := readPauses()
	counters["pause_p50_ns"] = quantile(pauses[1], after[1], 0.5)
	counters["pause_max_ns"] = quantile(pauses[1], after[1], 1)
	c.dismiss()
	counters["second_each_ns"] = c.gather()
	c.dismiss()
}

// ---- pauses

const (
	blockCount = 960
	nodeCount  = 1 << 20
	standing   = 10000
	gcCycles   = 400
)

type listNode struct {
	next *listNode
	data [7]uint64
}

var pauseNames = []string{"/sched/pauses/stopping/gc:seconds",
	"/sched/pauses/total/gc:seconds"}

func readPauses() [2]metrics.Float64Histogram {
	var result [2]metrics.Float64Histogram
	for i, name := range pauseNames {
		sample := []metrics.Sample{{Name: name}}
		metrics.Read(sample)
		h := sample[0].Value.Float64Histogram()
		result[i].Buckets = h.Buckets
		result[i].Counts = append([]uint64(nil), h.Counts...)
	}
	return result
}

func quantile(before, after metrics.Float64Histogram, part float64) float64 {
	var all, sum uint64
	for i := range after.Counts {
		all += after.Counts[i] - before.Counts[i]
	}
	for i := range after.Counts {
		sum += after.Counts[i] - before.Counts[i]
		if sum != 0 && float64(sum) >= part*float64(all) {
			return after.Buckets[i+1] * 1e9
		}
	}
	return 0
}

var liveBlocks [][]byte
var chain *listNode
var listSink *listNode

func pausesAmongMany(b *testing.B) {
	var c gathering
	var group sync.WaitGroup
	var over atomic.Bool
	for i := 0; i < blockCount; i++ {
		liveBlocks = append(liveBlocks, make([]byte, 1<<20))
	}
	for i := 0; i < nodeCount; i++ {
		chain = &listNode{next: chain}
	}
	c.gate = make(chan struct{})
	c.left.Add(standing)
	for i := 0; i < standing; i++ {
		go c.waitAtGate()
	}
	group.Add(2)
	go func() {
		for x := 0; !over.Load(); x++ {
		}
		group.Done()
	}()
	go func() {
		for !over.Load() {
			n := new(listNode)
			if alwaysFalse {
				listSink = n
			}
		}
		group.Done()
	}()
	runtime.GC()
	before := readPauses()
	begin := time.Now()
	for i := 0; i < gcCycles; i++ {
		runtime.GC()
	}
	manualNs = float64(time.Since(begin).Nanoseconds()) / gcCycles
	after := readPauses()
	over.Store(true)
	group.Wait()
	c.dismiss()
	counters["machine_gap_ns"] = machineGap()
	for i, name := range []string{"stopping", "total"} {
		counters[name+"_p50_ns"] = quantile(before[i], after[i], 0.5)
		counters[name+"_p999_ns"] = quantile(before[i], after[i], 0.999)
		counters[name+"_max_ns"] = quantile(before[i], after[i], 1)
	}
	liveBlocks, chain = nil, nil
}

const machineTime = 2 * time.Second

// As tell_machine: the longest time one of two threads was kept from its CPU.
func machineGap() float64 {
	var longest [2]time.Duration
	var group sync.WaitGroup
	for i := range longest {
		group.Add(1)
		go func() {
			runtime.LockOSThread()
			before := time.Now()
			for end := before.Add(machineTime); before.Before(end); {
				now := time.Now()
				longest[i] = max(longest[i], now.Sub(before))
				before = now
			}
			group.Done()
		}()
	}
	group.Wait()
	return float64(max(longest[0], longest[1]).Nanoseconds())
}

// ---- what those cost a stop who do nothing

const (
	idleCycles  = 100
	blockedSize = 1000
	parkedSize  = 100000
	idleLeastNs = 0.1
)

func stopNs() float64 {
	before := readPauses()
	for i := 0; i < idleCycles; i++ {
		runtime.GC()
	}
	return quantile(before[0], readPauses()[0], 0.5)
}

func stopBesideBlockedNs() float64 {
	var ends [2]int
	var there atomic.Int64
	var group sync.WaitGroup
	if syscall.Pipe(ends[:]) != nil {
		return math.NaN()
	}
	for i := 0; i < blockedSize; i++ {
		group.Add(1)
		go func() {
			var b [1]byte
			there.Add(1)
			syscall.Read(ends[0], b[:])
			group.Done()
		}()
	}
	for there.Load() != blockedSize {
		runtime.Gosched()
	}
	time.Sleep(100 * time.Millisecond)
	ns := stopNs()
	syscall.Close(ends[1])
	group.Wait()
	syscall.Close(ends[0])
	return ns
}

func idleThreads(b *testing.B) {
	var c gathering
	alone := stopNs()
	blocked := stopBesideBlockedNs()
	c.gate = make(chan struct{})
	c.left.Add(parkedSize)
	for i := 0; i < parkedSize; i++ {
		go c.waitAtGate()
	}
	for c.there.Load() != parkedSize {
		runtime.Gosched()
	}
	parked := stopNs()
	c.dismiss()
	manualNs = alone
	counters["blocked_thread_ns"] = max((blocked-alone)/blockedSize, idleLeastNs)
	counters["parked_goroutine_ns"] = max((parked-alone)/parkedSize, idleLeastNs)
}

func init() {
	register("pause/idle", peerCase{run: idleThreads, once: true})
	register("ring/503", peerCase{run: ring})
	register("fan/8", peerCase{run: fan})
	register("mutex/goroutines:1000", peerCase{
		run: func(b *testing.B) { lockAndCount(b, 1000) }})
	register("timer/storm_100k", peerCase{run: timers})
	register("timer/short_sleeps/procs:2",
		peerCase{run: shortSleeps, procs: 2})
	register("timer/lone_sleep/procs:2",
		peerCase{run: loneSleep, procs: 2})
	register("goroutine/parked_1M", peerCase{run: parked, once: true})
	register("pause/1GiB_10k", peerCase{run: pausesAmongMany, once: true})
}
