package dbsc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/pump-go/sessions"
)

// A challenge is kind, 1 byte, the time in ms, 8 bytes, a nonce, 8 bytes, and the HMAC
// of these and of a tag that says what it is for. It is good for a short while, and so
// are the ones before it, since requests cross. The server stores none.
//
// The tag of a registration is the session's ID and owner, of a refresh the ID of the
// binding, which is drawn with each key.
const (
	registration = 'r'
	refresh      = 'f'
)

// How long a challenge is good.
const (
	registrationLife = 5 * time.Minute
	refreshLife      = 2 * time.Minute
	// clockSkew is how far the clocks of several machines may be apart.
	clockSkew = time.Minute
)

const challengeHead = 1 + 8 + 8

func registrationTag(h sessions.Held) []byte { return []byte(h.ID() + h.Owner()) }

// newChallenge returns a challenge of the kind for the tag.
func (b *Binding) newChallenge(kind byte, tag []byte) string {
	head := binary.BigEndian.AppendUint64([]byte{kind}, uint64(b.now().UnixMilli()))
	head = append(head, make([]byte, 8)...)
	rand.Read(head[9:])
	sum := b.challenges.sum(0, append(head[:challengeHead:challengeHead], tag...))
	return encoding.EncodeToString(append(head, sum[:]...))
}

// fresh returns the bytes of a challenge that is of the kind and not too old. Whether
// it is genuine is not checked yet.
func (b *Binding) fresh(kind byte, text string) ([]byte, bool) {
	if len(text) != encoding.EncodedLen(challengeHead+sha256.Size) {
		return nil, false
	}
	raw, ok := decode(text)
	if !ok || raw[0] != kind {
		return nil, false
	}
	life := refreshLife
	if kind == registration {
		life = registrationLife
	}
	age := b.now().Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(raw[1:]))))
	return raw, -clockSkew <= age && age < life
}

// genuine reports whether a fresh challenge was made here, for the tag.
func (b *Binding) genuine(raw, tag []byte) bool {
	return b.challenges.verify(raw[challengeHead:], append(raw[:challengeHead:challengeHead], tag...))
}
