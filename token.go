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
	macs []*sync.Pool // of *mac, the present secret's first
	size int          // of a token's bytes before base64
}

// Strict refuses stray trailing bits, so that no two strings are one token.
var tokenEncoding = base64.RawURLEncoding.Strict()

func newTokens(keys keyring) *tokens {
	t := &tokens{size: len(id{})}
	for _, key := range keys.derive("token") {
		t.macs = append(t.macs, &sync.Pool{New: func() any { return newMAC(key) }})
		t.size = len(id{}) + sha256.Size
	}
	return t
}

func (t *tokens) encode(i id) string {
	var buf [len(id{}) + sha256.Size]byte
	b := append(buf[:0], i[:]...)
	if len(t.macs) > 0 {
		sum := t.sum(0, &i)
		b = append(b, sum[:]...)
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
	var buf [len(id{}) + sha256.Size]byte
	n, err := tokenEncoding.Decode(buf[:], text[:copy(text[:], s)])
	if err != nil || n != t.size {
		return id{}, false, false
	}
	copy(i[:], buf[:])
	if len(t.macs) == 0 {
		return i, false, true
	}
	for k := range t.macs {
		if want := t.sum(k, &i); hmac.Equal(want[:], buf[len(i):n]) {
			return i, k > 0, true
		}
	}
	return id{}, false, false
}

// sum returns the id's HMAC under the secret k.
func (t *tokens) sum(k int, i *id) [sha256.Size]byte {
	m := t.macs[k].Get().(*mac)
	defer t.macs[k].Put(m)
	return m.sum(i)
}

// mac is a keyed HMAC with room for what goes in and comes out, which would be
// allocated anew for each token as they pass through an interface.
type mac struct {
	hash.Hash
	in  id
	out [sha256.Size]byte
}

func newMAC(key []byte) *mac { return &mac{Hash: hmac.New(sha256.New, key)} }

// sum returns the id's HMAC.
func (m *mac) sum(i *id) [sha256.Size]byte {
	m.in = *i
	m.Reset()
	m.Write(m.in[:])
	m.Sum(m.out[:0])
	return m.out
}
