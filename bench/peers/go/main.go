// SPDX-License-Identifier: MIT

// The cases of bench/cases in Go, under the same names, so that
// bench/compare-go can put the two side by side.
//
//	peer [-min-time SECONDS] [-seed N] CASE       one result as JSON
//	peer -list                                    the names
//	peer index [-workers N] [-top N] DIRECTORY    the index job (index.go)
//
// Each case keeps to the shape of its C twin: same sizes, same batches, same
// heap beside.  testing.Benchmark finds the count of passes.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"testing"
)

// A peerCase is one of bench/cases; the fields mean what they do in bench.h.
type peerCase struct {
	run       func(b *testing.B)
	liveBytes int
	procs     int
	gcOff     bool
	once      bool
}

var cases = map[string]peerCase{}

// register is called from the files' init functions.
func register(name string, c peerCase) {
	if _, twice := cases[name]; twice {
		panic("two cases are called " + name)
	}
	cases[name] = c
}

type result struct {
	Name       string             `json:"name"`
	Iterations int                `json:"iterations"`
	NsPerPass  float64            `json:"real_time_ns"`
	Counters   map[string]float64 `json:"counters,omitempty"`
	Go         string             `json:"go"`
	Procs      int                `json:"procs"`
}

// What stands for testing.B's own figure, where a case times by itself.
var manualNs float64
var counters = map[string]float64{}
var seed = flag.Uint64("seed", 1, "for whatever a case draws at random")

// The heap beside; a global, as in bench.c.
var live []byte

// touch is bench.c's: memory that the heap will grow by, touched beforehand.
func touch(bytes int) {
	percent := debug.SetGCPercent(-1)
	blocks := make([][]byte, bytes>>20)
	for i := range blocks {
		blocks[i] = make([]byte, 1<<20)
		for at := 0; at < len(blocks[i]); at += 4096 {
			blocks[i][at] = 1
		}
	}
	runtime.KeepAlive(blocks)
	debug.SetGCPercent(percent)
}

func measure(name string, c peerCase) (result, error) {
	if c.procs != 0 {
		runtime.GOMAXPROCS(c.procs)
	}
	if c.liveBytes != 0 {
		live = make([]byte, c.liveBytes)
		touch(c.liveBytes)
	}
	runtime.GC()
	if c.gcOff {
		debug.SetGCPercent(-1)
	}
	if c.once {
		flag.Set("test.benchtime", "1x")
	}
	r := testing.Benchmark(c.run)
	if r.N == 0 {
		return result{}, fmt.Errorf("%s failed", name)
	}
	ns := float64(r.T.Nanoseconds()) / float64(r.N)
	if manualNs != 0 {
		ns = manualNs
	}
	return result{name, r.N, ns, counters, runtime.Version(),
		runtime.GOMAXPROCS(0)}, nil
}

func list() {
	var names []string
	for name := range cases {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Println(name)
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "index" {
		os.Exit(indexMain(os.Args[2:]))
	}
	testing.Init()
	minTime := flag.Float64("min-time", 0.5, "seconds a case is measured")
	listOnly := flag.Bool("list", false, "print the names of the cases")
	flag.Parse()
	if *listOnly {
		list()
		return
	}
	c, known := cases[flag.Arg(0)]
	if flag.NArg() != 1 || !known {
		fmt.Fprintf(os.Stderr, "peer: there is no case %q; -list names them\n",
			flag.Arg(0))
		os.Exit(2)
	}
	flag.Set("test.benchtime", fmt.Sprintf("%gs", *minTime))
	r, err := measure(flag.Arg(0), c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(r)
}
