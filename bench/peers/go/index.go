// SPDX-License-Identifier: MIT

// The index job (bench/workloads/index.c) in Go: an inverted index of every
// word below a directory, built by goroutines over a channel of paths, in
// batches, into a table in 256 shards; each open file is an object whose
// cleanup closes its descriptor, and half of them are closed early.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	channelCapacity   = 256
	bufferMin         = 1 << 12
	bufferMax         = 1 << 17
	maxOpen           = 4096
	closeEarlyPercent = 50
)

type indexFile struct {
	path   string
	number uint32
	bytes  uint64
	words  uint64
	failed error
}

type job struct {
	table      *table
	paths      chan *indexFile
	files      []*indexFile
	unreadable atomic.Int64
	reclaiming sync.Mutex
	opened     atomic.Int64
	early      atomic.Int64
}

var closedByCleanup atomic.Int64

// ---- descriptors ----------------------------------------------------------

// An openFile is what index_open makes: a descriptor with a buffer.
type openFile struct {
	buffer     []byte
	cleanup    runtime.Cleanup
	descriptor int
}

func closeDescriptor(descriptor int) {
	syscall.Close(descriptor)
	closedByCleanup.Add(1)
}

func (j *job) openNow() int64 {
	closed := j.early.Load() + closedByCleanup.Load()
	return j.opened.Load() - closed
}

// reclaim collects and waits for the cleanups that close.
func (j *job) reclaim() {
	j.reclaiming.Lock()
	defer j.reclaiming.Unlock()
	if j.openNow() < maxOpen {
		return
	}
	runtime.GC()
	for last := int64(-1); last != j.openNow(); {
		last = j.openNow()
		time.Sleep(time.Millisecond)
	}
}

func (j *job) open(file *indexFile) *openFile {
	if j.openNow() >= maxOpen {
		j.reclaim()
	}
	descriptor, err := syscall.Open(file.path, syscall.O_RDONLY|
		syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY|
		syscall.O_CLOEXEC, 0)
	if err != nil {
		file.failed = err
		return nil
	}
	var status syscall.Stat_t
	if syscall.Fstat(descriptor, &status) != nil ||
		status.Mode&syscall.S_IFMT != syscall.S_IFREG {
		syscall.Close(descriptor)
		return nil
	}
	size := min(max(status.Size+1, bufferMin), bufferMax)
	open := &openFile{descriptor: descriptor, buffer: make([]byte, size)}
	j.opened.Add(1)
	open.cleanup = runtime.AddCleanup(open, closeDescriptor, descriptor)
	return open
}

func mix(seed uint64, number uint32) uint64 {
	word := seed*0x9e3779b97f4a7c15 + uint64(number)
	word = (word ^ word>>30) * 0xbf58476d1ce4e5b9
	word = (word ^ word>>27) * 0x94d049bb133111eb
	return word ^ word>>31
}

// finish closes the file now, or leaves it to the collector.
func (j *job) finish(open *openFile, number uint32) {
	if mix(1, number)%100 >= closeEarlyPercent {
		return
	}
	open.cleanup.Stop()
	syscall.Close(open.descriptor)
	j.early.Add(1)
	runtime.KeepAlive(open)
}

// ---- workers and walk -----------------------------------------------------

func (j *job) indexOne(s *scan, file *indexFile) {
	open := j.open(file)
	if open == nil {
		return
	}
	s.begin(file.number)
	for {
		n, err := syscall.Read(open.descriptor, open.buffer)
		runtime.KeepAlive(open)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			file.failed = err
		}
		if n <= 0 {
			break
		}
		s.bytes(open.buffer[:n])
		file.bytes += uint64(n)
	}
	file.words = s.end()
	j.finish(open, file.number)
}

func (j *job) worker(done *sync.WaitGroup) {
	s := newScan(j.table)
	for file := range j.paths {
		j.indexOne(s, file)
	}
	done.Done()
}

func (j *job) walk(directory string) {
	filepath.WalkDir(directory, func(path string, entry os.DirEntry,
		err error) error {
		if err != nil {
			j.unreadable.Add(1)
			return nil
		}
		if entry.Type().IsRegular() {
			file := &indexFile{path: path, number: uint32(len(j.files))}
			j.files = append(j.files, file)
			j.paths <- file
		}
		return nil
	})
}

// ---- result ---------------------------------------------------------------

func pauses() (longest float64, count uint64) {
	samples := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(samples)
	h := samples[0].Value.Float64Histogram()
	for i, n := range h.Counts {
		count += n
		if n != 0 {
			// The bucket's upper end: the pause was not longer.
			longest = h.Buckets[i+1]
			if math.IsInf(longest, 1) {
				longest = h.Buckets[i]
			}
		}
	}
	return longest, count
}

// The longest pause as the collector's own log has it: exact, of the last 256.
func longestLogged() float64 {
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	longest := time.Duration(0)
	for _, pause := range stats.Pause {
		longest = max(longest, pause)
	}
	return longest.Seconds()
}

func (j *job) printTop(top int) {
	words := j.table.all()
	slices.SortFunc(words, func(a, b *word) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.text, b.text))
	})
	for _, w := range words[:min(top, len(words))] {
		fmt.Fprintf(os.Stderr, "%d %s\n", w.count, w.text)
	}
}

// indexMain runs the job once and prints a JSON object; the words of -top go to
// standard error.
func indexMain(args []string) int {
	flags := flag.NewFlagSet("index", flag.ExitOnError)
	workers := flags.Int("workers", 2*runtime.GOMAXPROCS(0), "goroutines")
	top := flags.Int("top", 0, "print that many of the most frequent words")
	flags.Parse(args)
	if flags.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "peer: index takes one directory")
		return 2
	}
	start := time.Now()
	j := &job{table: newTable(), paths: make(chan *indexFile, channelCapacity)}
	var done sync.WaitGroup
	done.Add(*workers)
	for i := 0; i < *workers; i++ {
		go j.worker(&done)
	}
	j.walk(flags.Arg(0))
	close(j.paths)
	done.Wait()
	wall := time.Since(start)
	var bytes, words, counted uint64
	for _, file := range j.files {
		bytes += file.bytes
		words += file.words
		if file.failed != nil {
			j.unreadable.Add(1)
		}
	}
	for _, w := range j.table.all() {
		counted += w.count
	}
	longest, count := pauses()
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"wall_ns": wall.Nanoseconds(), "files": len(j.files),
		"bytes": bytes, "words": words,
		"pause_max_seconds": longest, "pauses": count,
		"pause_logged_max_seconds": longestLogged(),
		"unreadable":               j.unreadable.Load(),
	})
	j.printTop(*top)
	if counted != words {
		fmt.Fprintln(os.Stderr, "peer: words and postings do not agree")
		return 1
	}
	return 0
}
