package memcached

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
)

// itemOverhead is at least what an item takes besides Data, as the server
// reckons it: header, CAS id and line ends (60), the longest key (129), the
// record's own head (driver.RecordOverhead, 38) and the longest owner (255).
const itemOverhead = 512

// name is the key that memcached knows a session by.
func (s *store) name(key driver.Key) string {
	b := make([]byte, 0, 64+1+2*len(key)) // the longest, on the stack
	b = append(append(b, s.namespace...), ':')
	return string(hex.AppendEncode(b, key[:]))
}

// item makes what the server is to keep of a record.
func (s *store) item(name string, rec *driver.Record) (*memcache.Item, error) {
	if len(rec.Data) > s.maxData {
		return nil, fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), s.maxData, driver.ErrTooLarge)
	}
	value, err := driver.AppendRecord(make([]byte, 0, driver.RecordOverhead+len(rec.Owner)+len(rec.Data)), *rec)
	if err != nil {
		return nil, err
	}
	return &memcache.Item{Key: name, Value: value, Expiration: expiration(rec.Expires, s.millis(), time.Now())}, nil
}

// hint spares a Save or Touch the look at the record that Load has had. A CAS
// id changes with every write, so while it is the item's, the version and the
// expiry are too.
type hint struct {
	cas     uint64
	version driver.Version
	expires driver.Millis
}

// casOf returns the CAS id of the hint, if the hint is about a live record at
// that version.
func (s *store) casOf(h any, version driver.Version) (uint64, bool) {
	known, ok := h.(hint)
	if !ok || known.version != version || known.expires <= s.millis() {
		return 0, false
	}
	return known.cas, true
}
