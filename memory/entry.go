package memory

import (
	"strings"

	"github.com/pump-go/sessions/driver"
)

// entry is one session. Its 96 bytes fill an allocator size class exactly;
// a larger entry would cost every session 16 bytes more.
type entry struct {
	key  driver.Key // never changes
	next *entry     // the next entry of the chain in shard.byPrefix
	// body is the owner followed by the data. It is a string because strings are
	// immutable: readers take it under the lock and copy the data without.
	body      string
	version   driver.Version
	created   driver.Millis
	accessed  driver.Millis
	expires   driver.Millis
	heapIndex int32 // in shard.queue
	ownerLen  uint8
}

func (e *entry) owner() string { return e.body[:e.ownerLen] }

// live reports whether e is neither nil nor expired.
func (e *entry) live(now driver.Millis) bool { return e != nil && e.expires > now }

// record returns the entry as a record with a copy of the data. Its receiver is
// a copy of the entry, so that it needs no lock.
func (e entry) record() driver.Record {
	return driver.Record{
		Data:     []byte(e.body[e.ownerLen:]),
		Owner:    e.owner(),
		Version:  e.version,
		Created:  e.created,
		Accessed: e.accessed,
		Expires:  e.expires,
	}
}

// bodyOf returns an entry's body with the record's owner and data.
func bodyOf(rec driver.Record) string {
	var b strings.Builder
	b.Grow(len(rec.Owner) + len(rec.Data))
	b.WriteString(rec.Owner)
	b.Write(rec.Data)
	return b.String()
}
