// SPDX-License-Identifier: MIT

// As bench/cases/sync.c: select, reader-writer mutexes, conditions, once.
// There is no peer for semaphores: they are not in Go's standard library.
package main

import (
	"sync"
	"testing"
)

func fourChannels(capacity int) (c [4]chan int64) {
	for i := range c {
		c[i] = make(chan int64, capacity)
	}
	return c
}

func selectFour(c *[4]chan int64, number *int64) (which int) {
	select {
	case *number = <-c[0]:
		which = 0
	case *number = <-c[1]:
		which = 1
	case *number = <-c[2]:
		which = 2
	case *number = <-c[3]:
		which = 3
	}
	return which
}

func selectOne(b *testing.B) {
	c := fourChannels(1)
	number := int64(7)
	c[0] <- number
	for i := 0; i < b.N; i++ {
		which := selectFour(&c, &number)
		c[(which+1)%4] <- number
	}
	if number != 7 {
		b.Fatal("a number was lost")
	}
}

func selectAll(b *testing.B) {
	c := fourChannels(1)
	number := int64(7)
	for i := range c {
		c[i] <- number
	}
	for i := 0; i < b.N; i++ {
		which := selectFour(&c, &number)
		c[which] <- number
	}
	if number != 7 {
		b.Fatal("a number was lost")
	}
}

func selectNone(b *testing.B) {
	c := fourChannels(1)
	number := int64(7)
	taken := 0
	for i := 0; i < b.N; i++ {
		select {
		case number = <-c[0]:
			taken++
		case number = <-c[1]:
			taken++
		case number = <-c[2]:
			taken++
		case number = <-c[3]:
			taken++
		default:
		}
	}
	if taken != 0 || number != 7 {
		b.Fatal("something came from nowhere")
	}
}

func selectWait(b *testing.B) {
	c := fourChannels(0)
	ask := make(chan int64)
	go func() {
		for number := range ask {
			c[3] <- number
		}
		close(c[3])
	}()
	number, got := int64(7), 0
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		ask <- number
		if selectFour(&c, &number) == 3 {
			got++
		}
	}
	b.StopTimer()
	close(ask)
	if _, open := <-c[3]; open || got != b.N {
		b.Fatal("an answer was lost")
	}
}

type rwGuarded struct {
	mutex sync.RWMutex
	count int
}

func (g *rwGuarded) read() {
	g.mutex.RLock()
	//lint:ignore SA2001 the pair is what is measured
	g.mutex.RUnlock()
}

func (g *rwGuarded) write() {
	g.mutex.Lock()
	g.count++
	g.mutex.Unlock()
}

func rwRead(b *testing.B, goroutines int) {
	var guarded rwGuarded
	parallel(b, goroutines, func(passes int) {
		for ; passes > 0; passes-- {
			guarded.read()
		}
	})
}

func rwWrite(b *testing.B) {
	var guarded rwGuarded
	parallel(b, 1, func(passes int) {
		for ; passes > 0; passes-- {
			guarded.write()
		}
	})
	if guarded.count != b.N {
		b.Fatal("the mutex let two in at once")
	}
}

func rwMixed(b *testing.B) {
	var guarded rwGuarded
	parallel(b, 2, func(passes int) {
		for ; passes > 0; passes-- {
			if passes%10 == 0 {
				guarded.write()
			} else {
				guarded.read()
			}
		}
	})
}

func condPingPong(b *testing.B) {
	var mutex sync.Mutex
	changed := sync.NewCond(&mutex)
	turn, last := 0, b.N*2
	takeTurns := func(mine int) {
		mutex.Lock()
		for turn < last {
			for turn%2 != mine && turn < last {
				changed.Wait()
			}
			turn++
			changed.Signal()
		}
		mutex.Unlock()
	}
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		takeTurns(1)
		done.Done()
	}()
	b.ResetTimer()
	takeTurns(0)
	b.StopTimer()
	done.Wait()
}

func init() {
	register("select/cases:4/ready:1", peerCase{run: selectOne})
	register("select/cases:4/ready:4", peerCase{run: selectAll})
	register("select/cases:4/default", peerCase{run: selectNone})
	register("select/cases:4/wait", peerCase{run: selectWait, procs: 1})
	register("rwmutex/read", peerCase{
		run: func(b *testing.B) { rwRead(b, 1) }})
	register("rwmutex/read/goroutines:2", peerCase{
		run: func(b *testing.B) { rwRead(b, 2) }})
	register("rwmutex/write", peerCase{run: rwWrite})
	register("rwmutex/write_10th/goroutines:2", peerCase{run: rwMixed})
	register("cond/ping_pong/procs:1", peerCase{run: condPingPong, procs: 1})
	register("once/done", peerCase{run: func(b *testing.B) {
		var once sync.Once
		nothing := func() {}
		for i := 0; i < b.N; i++ {
			once.Do(nothing)
		}
	}})
}
