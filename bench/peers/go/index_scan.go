// SPDX-License-Identifier: MIT

// As bench/workloads/index_scan.c: the words of one file, batched in tables of
// the worker's own that hold no pointers.
package main

import (
	"bytes"
	"encoding/binary"
)

const (
	batchWords = 1 << 15
	slotCount  = batchWords * 2
	textBatch  = 1 << 20
	spanBatch  = 1 << 31
	hashStart  = 0xcbf29ce484222325
	hashStep   = 0x100000001b3
)

type slot struct {
	text, bytes int
	hash, count uint32
	first, last uint32
}

type hit struct {
	next, offset uint32
}

type scan struct {
	table      *table
	slots      []slot
	used       []uint32
	hits       []hit
	text       []byte // the distinct words, then the one being read
	posting    []byte
	textBytes  int // of finished words
	hash       uint64
	position   uint64
	batchStart uint64
	words      uint64
	file       uint32
}

var fold [256]byte

func init() {
	for c := byte('a'); c <= 'z'; c++ {
		fold[c], fold[c-'a'+'A'] = c, c
	}
}

func newScan(t *table) *scan {
	return &scan{
		table: t,
		slots: make([]slot, slotCount),
		used:  make([]uint32, 0, batchWords),
		hits:  make([]hit, 0, batchWords),
		text:  make([]byte, 0, 1<<16),
	}
}

func (s *scan) handOver(sl *slot) {
	posting := binary.AppendUvarint(s.posting[:0], uint64(s.file))
	posting = binary.AppendUvarint(posting, uint64(sl.count))
	before := uint64(0)
	at := sl.first
	for i := uint32(0); i < sl.count; i++ {
		position := s.batchStart + uint64(s.hits[at].offset)
		posting = binary.AppendUvarint(posting, position-before)
		before = position
		at = s.hits[at].next
	}
	s.posting = posting
	s.table.add(s.text[sl.text:sl.text+sl.bytes], sl.hash, posting, sl.count)
}

func (s *scan) flush() {
	for _, i := range s.used {
		s.handOver(&s.slots[i])
		s.slots[i].count = 0
	}
	left := copy(s.text, s.text[s.textBytes:])
	s.text = s.text[:left]
	s.used, s.hits, s.textBytes = s.used[:0], s.hits[:0], 0
}

func (s *scan) slotOfWord(hash uint32) *slot {
	read := s.text[s.textBytes:]
	i := hash & (slotCount - 1)
	for ; s.slots[i].count != 0; i = (i + 1) & (slotCount - 1) {
		sl := &s.slots[i]
		if sl.hash == hash && sl.bytes == len(read) &&
			bytes.Equal(s.text[sl.text:sl.text+sl.bytes], read) {
			s.text = s.text[:s.textBytes]
			return sl
		}
	}
	s.slots[i] = slot{text: s.textBytes, bytes: len(read), hash: hash}
	s.textBytes += len(read)
	s.used = append(s.used, i)
	return &s.slots[i]
}

func (s *scan) finishWord(end uint64) {
	start := end - uint64(len(s.text)-s.textBytes)
	if len(s.hits) > 0 && start-s.batchStart >= spanBatch {
		s.flush()
	}
	if len(s.hits) == 0 {
		s.batchStart = start
	}
	sl := s.slotOfWord(uint32(s.hash ^ s.hash>>32))
	at := uint32(len(s.hits))
	s.hits = append(s.hits, hit{offset: uint32(start - s.batchStart)})
	if sl.count++; sl.count == 1 {
		sl.first = at
	} else {
		s.hits[sl.last].next = at
	}
	sl.last = at
	s.words++
	s.hash = hashStart
	if len(s.hits) == batchWords || s.textBytes >= textBatch {
		s.flush()
	}
}

func (s *scan) begin(file uint32) {
	s.file, s.position, s.words, s.hash = file, 0, 0, hashStart
}

func (s *scan) bytes(piece []byte) {
	i := 0
	for i < len(piece) {
		text, hash := s.text, s.hash
		for ; i < len(piece) && fold[piece[i]] != 0; i++ {
			text = append(text, fold[piece[i]])
			hash = (hash ^ uint64(fold[piece[i]])) * hashStep
		}
		s.text, s.hash = text, hash
		if i == len(piece) {
			break // the word may go on in the next piece
		}
		if len(s.text) > s.textBytes {
			s.finishWord(s.position + uint64(i))
		}
		for i < len(piece) && fold[piece[i]] == 0 {
			i++
		}
	}
	s.position += uint64(len(piece))
}

func (s *scan) end() uint64 {
	if len(s.text) > s.textBytes {
		s.finishWord(s.position)
	}
	s.flush()
	return s.words
}
