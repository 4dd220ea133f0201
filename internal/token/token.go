// Package token makes the tokens that clients hold of session IDs, verifies them,
// and puts them into cookies and header fields.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"
)

// A Codec turns IDs into tokens and back. A token is the ID, followed by its HMAC
// if there is a secret, in base64. A Codec is safe for concurrent use.
type Codec struct {
	macs []*sync.Pool // of *mac, in the order of the secrets
	size int          // of a token's bytes before base64
}

// Strict refuses stray trailing bits, so that no two strings are the same token.
var encoding = base64.RawURLEncoding.Strict()

// NewCodec returns the Codec that signs with the first key and verifies with all.
// Without a key, tokens are not signed.
func NewCodec(keys [][]byte) *Codec {
	c := &Codec{size: len(ID{})}
	for _, key := range keys {
		c.macs = append(c.macs, &sync.Pool{New: func() any { return newMAC(key) }})
		c.size = len(ID{}) + sha256.Size
	}
	return c
}

// Encode returns the token of the ID.
func (c *Codec) Encode(id ID) string {
	var buf [len(id) + sha256.Size]byte
	b := append(buf[:0], id[:]...)
	if len(c.macs) > 0 {
		sum := c.sum(0, &id)
		b = append(b, sum[:]...)
	}
	var text [2 * len(buf)]byte
	return string(encoding.AppendEncode(text[:0], b))
}

// Decode verifies a token and returns its ID. oldSecret reports whether another
// key than the first has signed it.
func (c *Codec) Decode(token string) (id ID, oldSecret, ok bool) {
	if len(token) != encoding.EncodedLen(c.size) {
		return ID{}, false, false
	}
	// Large enough for the longest token, and for what it could decode to.
	var text [(len(ID{})+sha256.Size)*4/3 + 2]byte
	var buf [len(ID{}) + sha256.Size]byte
	n, err := encoding.Decode(buf[:], text[:copy(text[:], token)])
	if err != nil || n != c.size {
		return ID{}, false, false
	}
	copy(id[:], buf[:])
	if len(c.macs) == 0 {
		return id, false, true
	}
	for i := range c.macs {
		if want := c.sum(i, &id); hmac.Equal(want[:], buf[len(id):n]) {
			return id, i > 0, true
		}
	}
	return ID{}, false, false
}

// sum returns the ID's HMAC under key i.
func (c *Codec) sum(i int, id *ID) [sha256.Size]byte {
	m := c.macs[i].Get().(*mac)
	defer c.macs[i].Put(m)
	return m.sum(id)
}

// mac is a keyed HMAC with its input and output. They pass through an interface,
// and would otherwise be allocated for each token.
type mac struct {
	hash.Hash
	in  ID
	out [sha256.Size]byte
}

func newMAC(key []byte) *mac { return &mac{Hash: hmac.New(sha256.New, key)} }

func (m *mac) sum(id *ID) [sha256.Size]byte {
	m.in = *id
	m.Reset()
	m.Write(m.in[:])
	m.Sum(m.out[:0])
	return m.out
}
