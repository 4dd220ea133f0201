package driver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Key identifies a record. It is the SHA-256 digest of the session's secret ID,
// and is not itself secret, since the ID cannot be computed from it.
type Key [sha256.Size]byte

// String returns the key as 64 lower-case hex digits. Use this form for file
// names, row IDs and log fields; base64 names collide on case-insensitive file
// systems.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey parses the result of String.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) != 2*len(k) {
		return Key{}, fmt.Errorf("driver: parse key: %[2]d characters, want %[1]d", 2*len(k), len(s))
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return Key{}, fmt.Errorf("driver: parse key: %w", err)
	}
	if k.String() != s {
		return Key{}, fmt.Errorf("driver: parse key: upper-case hex digit")
	}
	return k, nil
}

// Version identifies one write of a record. The manager uses a new random
// positive one for each write, and recognizes its own write by it. Zero means that
// there is no record.
type Version int64

// Millis is a time in milliseconds since the Unix epoch. Records use it so that
// no database's time zone or rounding affects an expiry.
type Millis int64

// MillisOf returns t as Millis, rounded down.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time returns m as a time.Time in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// MaxOwner is the maximum length of Owner in bytes.
const MaxOwner = 255

// Record is one stored session.
type Record struct {
	// Data is the manager's encoding of the session, opaque to the store.
	Data []byte
	// Owner identifies the account that the session belongs to, or is empty. It
	// has up to MaxOwner bytes of any value, compared byte for byte. The manager
	// rejects a longer one, so a store is never passed one.
	Owner string
	// Version identifies the write that stored this record.
	Version Version
	// Created is when the session was created.
	Created Millis
	// Accessed is the last recorded use.
	Accessed Millis
	// Expires is the time from which the record is absent. It is never zero.
	Expires Millis
	// Hint is a value that a store can pass from Load to the next Save or Touch,
	// such as memcached's CAS ID. The manager passes it back unchanged, together with
	// its version, or passes nil. A Touch keeps the version, so a hint may be older
	// than the record's times. A hint can save work, but a store must also work
	// without it, and must compare the version in any case.
	Hint any
}

// Expired reports whether the record is absent at now.
func (r *Record) Expired(now time.Time) bool { return r.Expires <= MillisOf(now) }
