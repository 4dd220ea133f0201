package sessionstest

import (
	"bytes"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"time"

	"github.com/pump-go/sessions/driver"
)

// newVersion draws a version as the manager does: random and positive.
func newVersion() driver.Version {
	return driver.Version(rand.Int64N(math.MaxInt64) + 1)
}

// newKey draws a key, as likely as any digest.
func newKey() (k driver.Key) {
	_, _ = crand.Read(k[:]) // never fails
	return k
}

const hour = driver.Millis(time.Hour / time.Millisecond)

// record makes a record that begins now and lives for an hour. The hour is
// long in real time too: a server that drops records by its own clock, after
// the whole lifetime, never drops it under a case.
func (e *env) record(data string) driver.Record {
	now := e.clock.millis()
	return driver.Record{
		Data:     []byte(data),
		Version:  newVersion(),
		Created:  now,
		Accessed: now,
		Expires:  now + hour,
	}
}

// owned makes a record that belongs to owner.
func (e *env) owned(owner, data string) driver.Record {
	rec := e.record(data)
	rec.Owner = owner
	return rec
}

// next returns the record as its next write: other data, another version, the
// same hint.
func next(rec driver.Record, data string) driver.Record {
	rec.Data, rec.Version = []byte(data), newVersion()
	return rec
}

// extended returns the record as a Touch gets it.
func extended(rec driver.Record, by driver.Millis) driver.Record {
	rec.Accessed++
	rec.Expires += by
	return rec
}

// difference returns in words how got differs from want, or "". The
// hint is the store's own.
func difference(got, want driver.Record) string {
	switch {
	case got.Version != want.Version:
		return fmt.Sprintf("Version is %d, want %d", got.Version, want.Version)
	case got.Owner != want.Owner:
		return fmt.Sprintf("Owner is %q, want %q", got.Owner, want.Owner)
	case !bytes.Equal(got.Data, want.Data):
		return "Data is " + excerpt(got.Data) + ", want " + excerpt(want.Data)
	case got.Created != want.Created:
		return fmt.Sprintf("Created is %d, want %d", got.Created, want.Created)
	case got.Accessed != want.Accessed:
		return fmt.Sprintf("Accessed is %d, want %d", got.Accessed, want.Accessed)
	case got.Expires != want.Expires:
		return fmt.Sprintf("Expires is %d, want %d", got.Expires, want.Expires)
	}
	return ""
}

// excerpt shows a little of what may be large.
func excerpt(b []byte) string {
	if len(b) > 48 {
		return fmt.Sprintf("%q… (%d bytes)", b[:48], len(b))
	}
	return fmt.Sprintf("%q", b)
}

// noise returns n bytes in which every position matters.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(b) // never fails
	return b
}

// stamped returns n bytes of noise that name whose they are and carry their own
// checksum, so that a mixture of two shows.
func stamped(who uint32, n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, who)
	b = append(b, noise(n)...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// readStamp returns who stamped b, or false if b is not whole.
func readStamp(b []byte) (who uint32, ok bool) {
	if len(b) < 8 {
		return 0, false
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	return binary.BigEndian.Uint32(body), crc32.ChecksumIEEE(body) == sum
}
