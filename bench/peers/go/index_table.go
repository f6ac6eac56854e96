// SPDX-License-Identifier: MIT

// As bench/workloads/index_table.c: words with their postings, in shards.
package main

import "sync"

const (
	shards       = 256
	bucketsFirst = 16
	chunkFirst   = 16
	chunkMax     = 1008
)

// A chunk's bytes are an object of their own: Go has no struct that ends in
// bytes of a length found at run time.
type chunk struct {
	next *chunk
	data []byte
}

type word struct {
	next       *word
	text       string
	head, tail *chunk
	count      uint64
	hash       uint32
}

type shard struct {
	buckets []*word
	words   int
	lock    sync.Mutex
}

type table struct {
	shards []shard
}

func newTable() *table {
	t := &table{shards: make([]shard, shards)}
	for i := range t.shards {
		t.shards[i].buckets = make([]*word, bucketsFirst)
	}
	return t
}

func (s *shard) find(text []byte, hash uint32) *word {
	w := s.buckets[hash&uint32(len(s.buckets)-1)]
	for ; w != nil; w = w.next {
		if w.hash == hash && w.text == string(text) {
			return w
		}
	}
	return nil
}

func (s *shard) grow() {
	buckets := make([]*word, len(s.buckets)*2)
	for _, w := range s.buckets {
		for w != nil {
			next := w.next
			at := w.hash & uint32(len(buckets)-1)
			w.next = buckets[at]
			buckets[at] = w
			w = next
		}
	}
	s.buckets = buckets
}

func (s *shard) insert(text []byte, hash uint32) *word {
	if s.words >= len(s.buckets) {
		s.grow()
	}
	at := hash & uint32(len(s.buckets)-1)
	w := &word{text: string(text), hash: hash, next: s.buckets[at]}
	s.buckets[at] = w
	s.words++
	return w
}

func (w *word) addChunk() *chunk {
	capacity := chunkFirst
	if w.tail != nil {
		capacity = min(2*cap(w.tail.data)+16, chunkMax)
	}
	c := &chunk{data: make([]byte, 0, capacity)}
	if w.tail == nil {
		w.head = c
	} else {
		w.tail.next = c
	}
	w.tail = c
	return c
}

func (w *word) append(from []byte) {
	c := w.tail
	for len(from) > 0 {
		if c == nil || len(c.data) == cap(c.data) {
			c = w.addChunk()
		}
		part := min(cap(c.data)-len(c.data), len(from))
		c.data = append(c.data, from[:part]...)
		from = from[part:]
	}
}

func (t *table) add(text []byte, hash uint32, posting []byte, count uint32) {
	s := &t.shards[hash>>24]
	s.lock.Lock()
	w := s.find(text, hash)
	if w == nil {
		w = s.insert(text, hash)
	}
	w.append(posting)
	w.count += uint64(count)
	s.lock.Unlock()
}

func (t *table) all() []*word {
	var words []*word
	for i := range t.shards {
		for _, w := range t.shards[i].buckets {
			for ; w != nil; w = w.next {
				words = append(words, w)
			}
		}
	}
	return words
}
