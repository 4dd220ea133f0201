package google

import (
	"fmt"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

// The properties of a session's entity. The other two repeat the record's expiry
// and owner for queries.
const (
	recordProperty  = "record"  // bytes: the encoding of driver.AppendRecord, not indexed
	expiresProperty = "expires" // a time: indexed for the sweep, or for a TTL policy
	ownerProperty   = "owner"   // bytes: indexed; absent if there is no owner
)

// MaxData is the maximum size of a session's data, in bytes: Datastore's limit for
// an entity, 1 MiB less 4 bytes, less 2 KiB for the longest names, the longest owner
// (twice) and the record's header.
const MaxData = 1<<20 - 2<<10

// entity is a session's entity in the client library's terms.
type entity struct {
	record  []byte
	owner   string    // for Save
	expires time.Time // zero after Load if it is missing or not a time
	ttl     bool      // for Save: do not index expires
}

var _ datastore.PropertyLoadSaver = (*entity)(nil)

// Load ignores unknown properties, which a later version may have written.
func (e *entity) Load(properties []datastore.Property) error {
	for _, p := range properties {
		switch p.Name {
		case recordProperty:
			e.record, _ = p.Value.([]byte)
		case expiresProperty:
			e.expires, _ = p.Value.(time.Time)
		}
	}
	return nil
}

// Save returns all properties of the entity.
func (e *entity) Save() ([]datastore.Property, error) {
	properties := []datastore.Property{
		{Name: recordProperty, Value: e.record, NoIndex: true},
		{Name: expiresProperty, Value: e.expires, NoIndex: e.ttl},
	}
	if e.owner != "" {
		properties = append(properties, datastore.Property{Name: ownerProperty, Value: []byte(e.owner)})
	}
	return properties, nil
}

// entity returns the entity of a record.
func (s *store) entity(rec *driver.Record) (*entity, error) {
	if len(rec.Data) > MaxData {
		return nil, fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), MaxData, driver.ErrTooLarge)
	}
	b, err := driver.AppendRecord(make([]byte, 0, driver.RecordOverhead+len(rec.Owner)+len(rec.Data)), *rec)
	if err != nil {
		return nil, err
	}
	return &entity{record: b, owner: rec.Owner, expires: timestamp(rec.Expires), ttl: s.settings.TTL}, nil
}

func (e *entity) parse() (driver.Record, error) { return driver.ParseRecord(e.record) }

// The range of Datastore's timestamps.
var (
	firstTimestamp = driver.MillisOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	lastTimestamp  = driver.MillisOf(time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC))
)

// timestamp returns m, limited to the range of Datastore's timestamps.
func timestamp(m driver.Millis) time.Time {
	return min(max(m, firstTimestamp), lastTimestamp).Time()
}
