package google

import (
	"fmt"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

// The properties of a session's entity. The record is the truth; the two others
// are for finding it, and are written together with it.
const (
	recordProperty  = "record"  // bytes: driver.AppendRecord's form, not indexed
	expiresProperty = "expires" // a time: indexed for the sweep, or for a TTL policy
	ownerProperty   = "owner"   // bytes: indexed, and only there if there is an owner
)

// MaxData is the longest Data that the store takes, in bytes: what Datastore
// takes for an entity, 1 MiB less 4 bytes, less 2 KiB for the longest names,
// the longest owner, which is there twice, and the record's own head.
const MaxData = 1<<20 - 2<<10

// entity is a session as the client library loads and saves it.
type entity struct {
	record  []byte
	owner   string
	expires time.Time // zero: none that could be read
	ttl     bool      // expires is not to be indexed
}

var _ datastore.PropertyLoadSaver = (*entity)(nil)

// Load takes what it knows and passes over the rest, which a later version may
// have written.
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

// Save gives the properties of a whole entity.
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

// entity makes what is stored of a record.
func (s *store) entity(rec *driver.Record) (*entity, error) {
	if len(rec.Data) > MaxData {
		return nil, fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), MaxData, driver.ErrTooLarge)
	}
	b, err := driver.AppendRecord(make([]byte, 0, driver.RecordOverhead+len(rec.Owner)+len(rec.Data)), *rec)
	if err != nil {
		return nil, err
	}
	return &entity{record: b, owner: rec.Owner, expires: timestamp(rec.Expires), ttl: s.at.TTL}, nil
}

// parse reads the record.
func (e *entity) parse() (driver.Record, error) { return driver.ParseRecord(e.record) }

// The instants that a Datastore timestamp can be.
var (
	firstTimestamp = driver.MillisOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	lastTimestamp  = driver.MillisOf(time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC))
)

// timestamp is the instant, or the nearest that Datastore knows.
func timestamp(m driver.Millis) time.Time {
	return min(max(m, firstTimestamp), lastTimestamp).Time()
}
