package memcached

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
)

// itemOverhead is an upper bound of an item's size without the session's data, as
// the server counts it: header, CAS ID and line ends (60), the longest key (129), the
// record's header (driver.RecordOverhead, 38) and the longest owner (255).
const itemOverhead = 512

// itemKey returns the memcached key of a session.
func (s *store) itemKey(key driver.Key) string {
	b := make([]byte, 0, 64+1+2*len(key)) // the maximum, a constant to stay on the stack
	b = append(append(b, s.namespace...), ':')
	return string(hex.AppendEncode(b, key[:]))
}

// item returns the item of a record.
func (s *store) item(key string, rec *driver.Record) (*memcache.Item, error) {
	if len(rec.Data) > s.maxData {
		return nil, fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), s.maxData, driver.ErrTooLarge)
	}
	value, err := driver.AppendRecord(make([]byte, 0, driver.RecordOverhead+len(rec.Owner)+len(rec.Data)), *rec)
	if err != nil {
		return nil, err
	}
	return &memcache.Item{Key: key, Value: value, Expiration: expiration(rec.Expires, s.millis(), time.Now())}, nil
}

// hint is the Record.Hint of a loaded record. It saves a Save or Touch the get: the
// CAS ID changes with every write, so while it is the item's, so are the record's
// version and expiry.
type hint struct {
	cas     uint64
	version driver.Version
	expires driver.Millis
}

// hintedCAS returns the CAS ID of a hint, if the hint is of a live record at that
// version.
func (s *store) hintedCAS(h any, version driver.Version) (uint64, bool) {
	known, ok := h.(hint)
	if !ok || known.version != version || known.expires <= s.millis() {
		return 0, false
	}
	return known.cas, true
}
