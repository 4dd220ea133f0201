package redis

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pump-go/sessions/driver"
)

// A record is a string value: the encoding of package driver, in which the Data of a
// record with an owner begins with
//
//	entry ID 8 bytes | the end of the entry's life 8 bytes
//
// of its entry in the owner's index. write.lua and delete.lua read the version, the
// expiry, the owner and the entry ID at their offsets.
const entrySize = 8 + 8

// maxData is the maximum size of a session's data. Redis could store more, but serves
// no other client while it copies a value.
const maxData = 4 << 20

// entry is a record's entry in the index of its owner. The ID distinguishes it from
// earlier entries of the same key, so that removing one never removes another. The
// entry is in the index with at least this life for as long as the record exists. As
// Record.Hint it saves a Save or a Touch the command that writes the entry.
type entry struct {
	id      uint64
	until   driver.Millis
	owner   string
	version driver.Version // of the record that was loaded
}

const (
	// maxAhead is how long an entry outlives its record at most, so that a session
	// that is used does not write its entry each time. It is half of the entry's life
	// if that is less.
	maxAhead = driver.Millis(24 * time.Hour / time.Millisecond)
	// maxExcess is how much longer than necessary the life of an entry may be before
	// Save replaces the entry.
	maxExcess = driver.Millis(time.Hour / time.Millisecond)
	// maxTime is the maximum of the times that the scripts calculate with: Lua's
	// numbers are exact up to 2^53.
	maxTime = driver.Millis(1) << 52
)

// entryOf returns the entry for a record that replaces the one at version old, and
// whether it has to be written to the index first. Only a Save, which changes the
// version, can replace an entry: the holders of the old one then conflict.
func entryOf(rec *driver.Record, old driver.Version, now driver.Millis, isSave bool) (e entry, write bool) {
	need := min(rec.Expires, maxTime)
	until := min(need+min(max(need-now, 0), maxAhead), maxTime)
	e, known := rec.Hint.(entry)
	switch {
	case !known || e.version != old || e.owner != rec.Owner,
		isSave && e.until > until+maxExcess:
		return entry{id: rand.Uint64(), until: until, owner: rec.Owner}, true
	case e.until < need:
		e.until = until
		return e, true
	}
	return e, false
}

// encode returns the value of a record. e is its entry if it has an owner.
func encode(rec *driver.Record, e entry) ([]byte, error) {
	if len(rec.Data) > maxData {
		return nil, fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), maxData, driver.ErrTooLarge)
	}
	r := *rec
	if rec.Owner != "" {
		data := make([]byte, 0, entrySize+len(rec.Data))
		data = binary.BigEndian.AppendUint64(data, e.id)
		data = binary.BigEndian.AppendUint64(data, uint64(e.until))
		r.Data = append(data, rec.Data...)
	}
	return driver.AppendRecord(make([]byte, 0, driver.RecordOverhead+len(r.Owner)+len(r.Data)), r)
}

// decode returns the record of a value, with its entry as the hint.
func decode(value []byte) (driver.Record, error) {
	rec, err := driver.ParseRecord(value)
	if err != nil || rec.Owner == "" {
		return rec, err
	}
	if len(rec.Data) < entrySize {
		return driver.Record{}, fmt.Errorf("the entry in the owner's index is missing: %w", driver.ErrCorrupt)
	}
	rec.Hint = entry{
		id:      binary.BigEndian.Uint64(rec.Data),
		until:   driver.Millis(binary.BigEndian.Uint64(rec.Data[8:])),
		owner:   rec.Owner,
		version: rec.Version,
	}
	rec.Data = rec.Data[entrySize:]
	return rec, nil
}

// margin is how much longer than a record its value is kept. Config.Now decides
// whether a record has expired; the server only frees memory. A server's clock that is
// set by up to the margin, or a replica's that differs by as much when it takes over,
// loses no live record.
const margin = 10 * time.Minute

// maxTTL keeps the sum with the server's time within its range.
const maxTTL = driver.Millis(1) << 50

// ttl returns the time to live of a record's value in milliseconds.
func ttl(expires, now driver.Millis) int64 {
	left := min(max(expires, now), now+maxTTL) - now
	return int64(left) + margin.Milliseconds()
}
