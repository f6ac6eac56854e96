// SPDX-License-Identifier: MIT

// As bench/cases/alloc.c: what an allocation costs, dropped at once.
package main

import "testing"

const liveBytes = 128 << 20

// Never true, and the compiler cannot know: a pointer that may be stored here
// escapes, at the price of one load and one branch that is never taken.
var alwaysFalse bool
var sink any

func escape[T any](p *T) {
	if alwaysFalse {
		sink = p
	}
}

type words2 struct {
	link *words2
	data uint64
}
type words8 struct {
	link [2]*words8
	data [6]uint64
}
type words32 struct {
	link [4]*words32
	data [28]uint64
}
type words128 struct {
	link [4]*words128
	data [124]uint64
}

func init() {
	alloc := func(name string, run func(b *testing.B)) {
		register("alloc/"+name, peerCase{run: run, liveBytes: liveBytes})
	}
	// Written out: a generic function called through its dictionary would
	// look the type up at run time.
	alloc("noscan/8", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new([8]byte))
		}
	})
	alloc("noscan/16", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new([16]byte))
		}
	})
	alloc("noscan/32", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new([32]byte))
		}
	})
	alloc("noscan/64", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new([64]byte))
		}
	})
	alloc("noscan/256", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new([256]byte))
		}
	})
	alloc("noscan/1024", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new([1024]byte))
		}
	})
	alloc("noscan/32768", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new([32768]byte))
		}
	})
	alloc("noscan/1048576", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new([1048576]byte))
		}
	})
	alloc("typed/16", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new(words2))
		}
	})
	alloc("typed/64", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new(words8))
		}
	})
	alloc("typed/256", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new(words32))
		}
	})
	alloc("typed/1024", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			escape(new(words128))
		}
	})
	count := 4
	alloc("array/4x16", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			array := make([]words2, count)
			escape(&array[0])
		}
	})
	alloc("typed/16/goroutines:2", func(b *testing.B) {
		parallel(b, 2, func(passes int) {
			for ; passes > 0; passes-- {
				escape(new(words2))
			}
		})
	})
	alloc("typed/64/goroutines:2", func(b *testing.B) {
		parallel(b, 2, func(passes int) {
			for ; passes > 0; passes-- {
				escape(new(words8))
			}
		})
	})
}
