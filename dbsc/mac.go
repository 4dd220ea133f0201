package dbsc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strings"
	"sync"
)

// macs makes and verifies HMACs: with the first key, and with all. They are pooled, so
// that checking a cookie allocates nothing.
type macs []*sync.Pool // of *mac

type mac struct {
	hash.Hash
	in  []byte
	out [sha256.Size]byte
}

func newMACs(keys [][]byte) macs {
	var m macs
	for _, key := range keys {
		m = append(m, &sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, key)} }})
	}
	return m
}

func (m macs) sum(i int, message []byte) [sha256.Size]byte {
	h := m[i].Get().(*mac)
	defer m[i].Put(h)
	h.in = append(h.in[:0], message...) // what is passed to an interface is allocated
	h.Reset()
	h.Write(h.in)
	h.Sum(h.out[:0])
	return h.out
}

// verify reports whether sum is the message's, under any of the keys.
func (m macs) verify(sum, message []byte) bool {
	for i := range m {
		if want := m.sum(i, message); hmac.Equal(want[:], sum) {
			return true
		}
	}
	return false
}

// encoding has one spelling for all bytes.
var encoding = base64.RawURLEncoding.Strict()

// decode decodes base64. The decoder itself would skip line breaks.
func decode(s string) ([]byte, bool) {
	b, err := encoding.DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}
