//go:build linux

package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/pump-go/sessions"
)

// The contents of a session. Every value includes the mark of its session, which
// detects a value in the wrong session.
const (
	counters = 2
	cells    = 4
	ticket   = cells - 1 // the cell used with Pop
)

const markKey sessions.Key[string] = "mark"

const notes sessions.Flash[*value] = "notes"

func counterKey(n int) sessions.Key[int] { return sessions.Key[int](fmt.Sprint("count", n)) }

func cellKey(n int) sessions.Key[*value] { return sessions.Key[*value](fmt.Sprint("cell", n)) }

// value is the value of a cell or a note. Pad is computed from the other fields, to
// detect a mixture of two values.
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
