package dbsc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pump-go/sessions"
)

// binding is what the session's record says of its device. The note is
//
//	version, 1 byte | id, 16 bytes | since, 8 bytes | confirmed, 8 bytes | algorithm, 1 byte | key
//
// It is pending until a request has shown the bound cookie, and then confirmed. A
// pending one is not enforced, as the browser may never have got its cookie, and can be
// replaced. Nothing replaces a confirmed one.
type binding struct {
	id        [16]byte
	since     int64 // Unix ms: when the key was registered
	confirmed int64 // Unix ms, or 0
	key       publicKey
}

const (
	noteVersion = 1
	noteHead    = 1 + 16 + 8 + 8 + 1
)

var errNoBinding = errors.New("dbsc: the session is not bound")

func (bound *binding) note() []byte {
	b := append(make([]byte, 0, noteHead+len(bound.key.bytes)), noteVersion)
	b = append(b, bound.id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(bound.since))
	b = binary.BigEndian.AppendUint64(b, uint64(bound.confirmed))
	return append(append(b, bound.key.alg), bound.key.bytes...)
}

// parseNote returns errNoBinding for no note, and sessions.ErrNewerFormat for one that
// only a later version can have written, or another guard.
func parseNote(note []byte) (binding, error) {
	switch {
	case len(note) == 0:
		return binding{}, errNoBinding
	case len(note) <= noteHead, note[0] != noteVersion:
		return binding{}, fmt.Errorf("dbsc: unknown note of %d bytes in the session: %w", len(note), sessions.ErrNewerFormat)
	}
	bound := binding{
		since:     int64(binary.BigEndian.Uint64(note[17:])),
		confirmed: int64(binary.BigEndian.Uint64(note[25:])),
		key:       publicKey{note[33], note[noteHead:]},
	}
	copy(bound.id[:], note[1:])
	return bound, nil
}

// maxGrace is how long after the confirmation requests without the bound cookie pass:
// they were on their way before the browser had it. It is never longer than a stolen
// cookie may work.
const maxGrace = 30 * time.Second

// inGrace reports whether the bound cookie may be absent now.
func (b *Binding) inGrace(bound *binding) bool {
	since := b.now().Sub(time.UnixMilli(bound.confirmed))
	return -clockSkew <= since && since < min(maxGrace, b.o.Life)
}
