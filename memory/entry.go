package memory

import (
	"strings"

	"github.com/pump-go/sessions/driver"
)

// entry is one session. Its size decides how many sessions fit: it fills an
// allocation of 96 bytes.
type entry struct {
	key  driver.Key // never changes
	next *entry     // the next in the chain; see shard.byPrefix
	// body is the owner and then the data. A string, because nobody can change
	// it: readers take it under the lock and copy the data after.
	body     string
	version  driver.Version
	created  driver.Millis
	accessed driver.Millis
	expires  driver.Millis
	place    int32 // the index in shard.queue
	ownerLen uint8
}

func (e *entry) owner() string { return e.body[:e.ownerLen] }

// live tells whether there is an entry and it has not expired.
func (e *entry) live(now driver.Millis) bool { return e != nil && e.expires > now }

// record returns the entry as the contract has it, with a copy of the data. It
// works on a copy of the entry, so that it may run without the lock.
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

// bodyOf copies what the record holds into an entry's body.
func bodyOf(rec driver.Record) string {
	var b strings.Builder
	b.Grow(len(rec.Owner) + len(rec.Data))
	b.WriteString(rec.Owner)
	b.Write(rec.Data)
	return b.String()
}
