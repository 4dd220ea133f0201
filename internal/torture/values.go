//go:build linux

package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/pump-go/sessions"
)

// What a session holds. Every value carries the mark of its session, by which
// one that strayed into another is known.
const (
	counters = 2
	cells    = 4
	ticket   = cells - 1 // the cell that is popped
)

const markKey sessions.Key[string] = "mark"

const notes sessions.Flash[*value] = "notes"

func counterKey(n int) sessions.Key[int] { return sessions.Key[int](fmt.Sprint("count", n)) }

func cellKey(n int) sessions.Key[*value] { return sessions.Key[*value](fmt.Sprint("cell", n)) }

// value is what a cell or a note holds. Pad follows from the rest, so that a
// value put together of two is noticed.
type value struct {
	Mark string
	Seq  int64
	Pad  []byte
}

func newValue(mark string, seq int64, size int) *value {
	return &value{mark, seq, padding(mark, seq, size)}
}

func padding(mark string, seq int64, size int) []byte {
	h := fnv.New64a()
	h.Write([]byte(mark))
	r := rand.NewPCG(h.Sum64(), uint64(seq))
	pad := make([]byte, size)
	for i := 0; i < size; i += 8 {
		n := r.Uint64()
		for j := i; j < min(i+8, size); j++ {
			pad[j] = byte(n)
			n >>= 8
		}
	}
	return pad
}

func (v *value) sighting() sighting {
	return sighting{v.Mark, v.Seq, !bytes.Equal(v.Pad, padding(v.Mark, v.Seq, len(v.Pad)))}
}
