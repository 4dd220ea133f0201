package driver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Key names a record: the SHA-256 digest of the session's secret id. It is
// public: the id cannot be computed from it.
type Key [sha256.Size]byte

// String is the key in lower-case hex, 64 characters: the one form in which a
// key may become a file name, a row id or a log field (base64 names collide on
// disks that fold case).
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) != 2*len(k) {
		return Key{}, fmt.Errorf("driver: a key has %d hex digits, not %d", 2*len(k), len(s))
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return Key{}, fmt.Errorf("driver: parse key: %w", err)
	}
	if k.String() != s {
		return Key{}, fmt.Errorf("driver: a key is written in lower case")
	}
	return k, nil
}

// Version names one written state of a record. The manager draws a random
// positive one for each write, so two writes never share one and a writer
// recognizes its own. Zero stands for "no record".
type Version int64

// Millis is an instant: milliseconds since the Unix epoch, in UTC. Records use
// it so that no database's time zone or rounding can touch an expiry.
type Millis int64

// MillisOf returns t as Millis, rounded down.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time returns the instant as a time.Time in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// MaxOwner is the longest Owner, in bytes.
const MaxOwner = 255

// Record is one stored session.
type Record struct {
	// Data is the manager's encoding of the session, opaque to the store.
	Data []byte
	// Owner is the account that the session belongs to, at most MaxOwner bytes
	// of any value, compared byte by byte; empty for none. The manager refuses a
	// longer one, so a store never gets it.
	Owner string
	// Version is the state that this record is.
	Version Version
	// Created is when the session began.
	Created Millis
	// Accessed is when its use was last recorded.
	Accessed Millis
	// Expires is the instant from which the record is absent. Never zero.
	Expires Millis
	// Hint is the store's own note from Load to the Save or Touch that follows
	// (memcached's CAS id, the expiry as stored, …). The manager hands it back
	// unread, with the version it came with, or gives nil; a store works
	// without it. A Touch by someone else leaves the version, so a hint may be
	// older than the record's times: it can save work, but never decides.
	Hint any
}

// Expired reports whether the record is absent at now.
func (r *Record) Expired(now time.Time) bool { return r.Expires <= MillisOf(now) }
