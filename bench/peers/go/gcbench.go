// SPDX-License-Identifier: MIT

// As bench/cases/gcbench.c: trees built and dropped, beside something that
// lives.
package main

import (
	"runtime"
	"testing"
)

type treeNode struct {
	left, right *treeNode
	i, j        int32
}

const (
	stretchDepth   = 18
	longLivedDepth = 16
	arrayLength    = 500000
	depthMin       = 4
	depthMax       = 16
)

func nodesOf(depth int) int { return 1<<(depth+1) - 1 }

func populate(depth int, n *treeNode) {
	if depth <= 0 {
		return
	}
	n.left = new(treeNode)
	n.right = new(treeNode)
	populate(depth-1, n.left)
	populate(depth-1, n.right)
}

func makeTree(depth int) *treeNode {
	if depth <= 0 {
		return new(treeNode)
	}
	left := makeTree(depth - 1)
	right := makeTree(depth - 1)
	return &treeNode{left: left, right: right}
}

func countTree(n *treeNode) int {
	if n == nil {
		return 0
	}
	return 1 + countTree(n.left) + countTree(n.right)
}

func buildAndDrop(depth int) {
	trees := 2 * nodesOf(stretchDepth) / nodesOf(depth)
	for i := 0; i < trees; i++ {
		root := new(treeNode)
		populate(depth, root)
		escape(root)
	}
	for i := 0; i < trees; i++ {
		escape(makeTree(depth))
	}
}

func gcbench() bool {
	escape(makeTree(stretchDepth))
	longLived := new(treeNode)
	populate(longLivedDepth, longLived)
	array := make([]float64, arrayLength)
	for i := 1; i < arrayLength/2; i++ {
		array[i] = 1 / float64(i)
	}
	for depth := depthMin; depth <= depthMax; depth += 2 {
		buildAndDrop(depth)
	}
	sound := countTree(longLived) == nodesOf(longLivedDepth) &&
		array[1000] == 1.0/1000
	runtime.KeepAlive(array)
	return sound
}

func binaryTrees(max int) bool {
	stretch := max + 1
	sound := countTree(makeTree(stretch)) == nodesOf(stretch)
	longLived := makeTree(max)
	for depth := depthMin; depth <= max; depth += 4 {
		trees := 1 << (max - depth + depthMin)
		count := 0
		for i := 0; i < trees; i++ {
			count += countTree(makeTree(depth))
		}
		sound = sound && count == trees*nodesOf(depth)
	}
	return sound && countTree(longLived) == nodesOf(max)
}

func init() {
	register("gcbench", peerCase{once: true, run: func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			if !gcbench() {
				b.Fatal("the long-lived data did not live")
			}
		}
	}})
	register("binary_trees/16", peerCase{once: true, run: func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			if !binaryTrees(16) {
				b.Fatal("a tree has the wrong number of nodes")
			}
		}
	}})
}
