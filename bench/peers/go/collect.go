// SPDX-License-Identifier: MIT

// As bench/cases/collect.c: whole collections over heaps of a known shape.
package main

import (
	"runtime"
	"testing"
)

const objectCount = 1 << 20

type node struct {
	left, right *node
	data        [6]uint64
}

func makeNodes(count int) []*node {
	nodes := make([]*node, count)
	for i := range nodes {
		nodes[i] = new(node)
		if i == 0 {
			continue
		}
		if parent := nodes[(i-1)/2]; i%2 == 1 {
			parent.left = nodes[i]
		} else {
			parent.right = nodes[i]
		}
	}
	return nodes
}

func makeShuffled(count int, seed uint64) []*node {
	nodes := makeNodes(count)
	random := seed*2 + 1
	for i := count - 1; i > 0; i-- {
		k := draw(&random) % uint64(i+1)
		nodes[i], nodes[k] = nodes[k], nodes[i]
	}
	for _, n := range nodes {
		n.left, n.right = nil, nil
	}
	return nodes
}

func countNodes(n *node) int {
	if n == nil {
		return 0
	}
	return 1 + countNodes(n.left) + countNodes(n.right)
}

func collect(b *testing.B) {
	runtime.GC()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		runtime.GC()
	}
	b.StopTimer()
}

func init() {
	register("gc/empty", peerCase{run: collect})
	register("gc/tree_1M", peerCase{run: func(b *testing.B) {
		root := makeNodes(objectCount)[0]
		collect(b)
		if countNodes(root) != objectCount {
			b.Fatal("the tree has lost nodes")
		}
	}})
	register("gc/shuffled_1M", peerCase{run: func(b *testing.B) {
		nodes := makeShuffled(objectCount, *seed)
		collect(b)
		runtime.KeepAlive(nodes)
	}})
}
