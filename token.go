package sessions

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// id is a session's secret, 256 random bits. Who has it has the session.
type id [32]byte

func newID() id {
	var i id
	rand.Read(i[:]) // never fails
	return i
}

// key is what the store knows the session by.
func (i id) key() driver.Key { return sha256.Sum256(i[:]) }

// tokens turns ids into the tokens that clients hold, and back: the id, and
// behind it its HMAC if there is a secret, in base64.
type tokens struct {
	macs []*sync.Pool // of hash.Hash, the present secret's first
	size int          // of a token's bytes before base64
}

// Strict refuses stray trailing bits, so that no two strings are one token.
var tokenEncoding = base64.RawURLEncoding.Strict()

func newTokens(keys keyring) *tokens {
	t := &tokens{size: len(id{})}
	for _, key := range keys.derive("token") {
		t.macs = append(t.macs, &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }})
		t.size = len(id{}) + sha256.Size
	}
	return t
}

func (t *tokens) encode(i id) string {
	var buf [len(id{}) + sha256.Size]byte
	b := append(buf[:0], i[:]...)
	if len(t.macs) > 0 {
		b = sum(t.macs[0], i, b)
	}
	var text [2 * len(buf)]byte
	return string(tokenEncoding.AppendEncode(text[:0], b))
}

// decode verifies a token. stale tells that a previous secret signed it.
func (t *tokens) decode(s string) (i id, stale, ok bool) {
	if len(s) != tokenEncoding.EncodedLen(t.size) {
		return id{}, false, false
	}
	// Room for the longest text, and for what it could decode to.
	var text [(len(id{})+sha256.Size)*4/3 + 2]byte
	var buf, want [len(id{}) + sha256.Size]byte
	n, err := tokenEncoding.Decode(buf[:], text[:copy(text[:], s)])
	if err != nil || n != t.size {
		return id{}, false, false
	}
	copy(i[:], buf[:])
	if len(t.macs) == 0 {
		return i, false, true
	}
	for k, mac := range t.macs {
		if hmac.Equal(sum(mac, i, want[:0]), buf[len(i):n]) {
			return i, k > 0, true
		}
	}
	return id{}, false, false
}

// sum appends the id's HMAC to b.
func sum(pool *sync.Pool, i id, b []byte) []byte {
	h := pool.Get().(hash.Hash)
	h.Reset()
	h.Write(i[:])
	b = h.Sum(b)
	pool.Put(h)
	return b
}
