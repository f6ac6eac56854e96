// SPDX-License-Identifier: MIT

package main

import (
	"encoding/binary"
	"os"
	"syscall"
	"testing"
)

// A court has for each side what it reads from and what it writes to.
type court struct {
	in, out [2]*os.File
}

// get reads one ball; blocked reads go past the poller.
func (c *court) get(side int, ball []byte, blocking bool) bool {
	if blocking {
		n, _ := syscall.Read(int(c.in[side].Fd()), ball)
		return n == len(ball)
	}
	n, _ := c.in[side].Read(ball)
	return n == len(ball)
}

func (c *court) play(b *testing.B, blocking bool) {
	done := make(chan struct{})
	go func() {
		ball := make([]byte, 8)
		for c.get(1, ball, blocking) {
			c.out[1].Write(ball)
		}
		close(done)
	}()
	ball := make([]byte, 8)
	lost := false
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		binary.NativeEndian.PutUint64(ball,
			binary.NativeEndian.Uint64(ball)+1)
		c.out[0].Write(ball)
		lost = lost || !c.get(0, ball, blocking)
	}
	b.StopTimer()
	if lost || binary.NativeEndian.Uint64(ball) != uint64(b.N) {
		b.Fatal("a ball was lost")
	}
	if c.out[0] == c.in[0] {
		syscall.Shutdown(int(c.out[0].Fd()), syscall.SHUT_WR)
	} else {
		c.out[0].Close()
	}
	<-done
	for _, f := range []*os.File{c.in[0], c.in[1], c.out[1]} {
		f.Close()
	}
}

// file gives a descriptor to the poller, or leaves it in blocking mode.
func file(b *testing.B, fd int, blocking bool) *os.File {
	if err := syscall.SetNonblock(fd, !blocking); err != nil {
		b.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "court")
}

func playSocket(b *testing.B, blocking bool) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	sides := [2]*os.File{file(b, ends[0], blocking), file(b, ends[1], blocking)}
	(&court{in: sides, out: sides}).play(b, blocking)
}

func playPipe(b *testing.B) {
	thereIn, thereOut, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	backIn, backOut, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	c := court{in: [2]*os.File{backIn, thereIn},
		out: [2]*os.File{thereOut, backOut}}
	c.play(b, false)
}

func init() {
	socket := func(b *testing.B) { playSocket(b, false) }
	blocking := func(b *testing.B) { playSocket(b, true) }
	register("file/ping_pong_socket/procs:1", peerCase{run: socket, procs: 1})
	register("file/ping_pong_socket/procs:2", peerCase{run: socket, procs: 2})
	register("file/ping_pong_pipe/procs:1", peerCase{run: playPipe, procs: 1})
	register("file/ping_pong_pipe/procs:2", peerCase{run: playPipe, procs: 2})
	register("file/ping_pong_blocking/procs:2",
		peerCase{run: blocking, procs: 2})
}
