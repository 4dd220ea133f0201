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

// newVersion returns a random positive version, as the manager does.
func newVersion() driver.Version {
	return driver.Version(rand.Int64N(math.MaxInt64) + 1)
}

// newKey returns a random key.
func newKey() (k driver.Key) {
	_, _ = crand.Read(k[:]) // never fails
	return k
}

const hour = driver.Millis(time.Hour / time.Millisecond)

// record returns a record that is created now and expires in an hour. That is
// long in real time too, so a server that removes records by its own clock does
// not remove it during a case.
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

// owned is like record, with an owner.
func (e *env) owned(owner, data string) driver.Record {
	rec := e.record(data)
	rec.Owner = owner
	return rec
}

// next returns the record to save next: with new data and a new version, and the
// same hint.
func next(rec driver.Record, data string) driver.Record {
	rec.Data, rec.Version = []byte(data), newVersion()
	return rec
}

// extended returns the record to pass to Touch, with its expiry moved.
func extended(rec driver.Record, by driver.Millis) driver.Record {
	rec.Accessed++
	rec.Expires += by
	return rec
}

// difference describes how got differs from want, or returns "". Hints are not
// compared.
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

// excerpt returns the beginning and the length of data.
func excerpt(b []byte) string {
	if len(b) > 48 {
		return fmt.Sprintf("%q… (%d bytes)", b[:48], len(b))
	}
	return fmt.Sprintf("%q", b)
}

// noise returns n random bytes.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(b) // never fails
	return b
}

// stamped returns n bytes of noise with an identifier and a checksum, which
// detects a mixture of two.
func stamped(who uint32, n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, who)
	b = append(b, noise(n)...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// readStamp returns the identifier in b, or false if the checksum is wrong.
func readStamp(b []byte) (who uint32, ok bool) {
	if len(b) < 8 {
		return 0, false
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	return binary.BigEndian.Uint32(body), crc32.ChecksumIEEE(body) == sum
}
