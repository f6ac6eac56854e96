// SPDX-License-Identifier: MIT

// As bench/cases/goroutine.c: goroutines, and what they meet at.
package main

import (
	"runtime"
	"sync"
	"testing"
)

const atOnce = 100

func createAndExit(b *testing.B) {
	var done sync.WaitGroup
	leave := func() { done.Done() }
	for left := b.N; left > 0; left-- {
		done.Add(1)
		go leave()
		if left%atOnce == 1 {
			done.Wait()
		}
	}
}

func yieldPasses(passes int) {
	for ; passes > 0; passes-- {
		runtime.Gosched()
	}
}

func pingPong(b *testing.B) {
	there, back := make(chan int64), make(chan int64)
	go func() {
		for ball := range there {
			back <- ball
		}
		close(back)
	}()
	var ball int64
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		ball++
		there <- ball
		ball = <-back
	}
	b.StopTimer()
	close(there)
	if _, open := <-back; open || ball != int64(b.N) {
		b.Fatal("a ball was lost")
	}
}

func lockAndCount(b *testing.B, goroutines int) {
	var guarded struct {
		mutex sync.Mutex
		count int
	}
	parallel(b, goroutines, func(passes int) {
		for ; passes > 0; passes-- {
			guarded.mutex.Lock()
			guarded.count++
			guarded.mutex.Unlock()
		}
	})
	if guarded.count != b.N {
		b.Fatal("the mutex let two in at once")
	}
}

func init() {
	register("goroutine/create_exit/procs:1",
		peerCase{run: createAndExit, procs: 1})
	register("goroutine/create_exit/procs:2",
		peerCase{run: createAndExit, procs: 2})
	register("goroutine/yield/procs:1", peerCase{procs: 1,
		run: func(b *testing.B) { parallel(b, 2, yieldPasses) }})
	register("goroutine/yield/procs:2", peerCase{procs: 2,
		run: func(b *testing.B) { parallel(b, 4, yieldPasses) }})
	register("chan/ping_pong/procs:1", peerCase{run: pingPong, procs: 1})
	register("chan/ping_pong/procs:2", peerCase{run: pingPong, procs: 2})
	register("chan/buffered_send_recv", peerCase{run: func(b *testing.B) {
		c := make(chan int64, 64)
		number := int64(7)
		for i := 0; i < b.N; i++ {
			c <- number
			number = <-c
		}
		if number != 7 {
			b.Fatal("a number was lost")
		}
	}})
	register("mutex/uncontended", peerCase{
		run: func(b *testing.B) { lockAndCount(b, 1) }})
	register("mutex/goroutines:2", peerCase{
		run: func(b *testing.B) { lockAndCount(b, 2) }})
}
