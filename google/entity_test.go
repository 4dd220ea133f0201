package google

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

func TestEntityProperties(t *testing.T) {
	rec := driver.Record{Data: []byte("data"), Owner: "\xff\x00", Version: 7, Created: 1, Accessed: 2, Expires: 1_700_000_000_123}
	for _, ttl := range []bool{false, true} {
		s := &store{settings: settings{Options: Options{TTL: ttl}}}
		e, err := s.entity(&rec)
		if err != nil {
			t.Fatal(err)
		}
		properties, err := e.Save()
		if err != nil {
			t.Fatal(err)
		}
		indexed := map[string]bool{}
		for _, p := range properties {
			indexed[p.Name] = !p.NoIndex
		}
		if len(indexed) != 3 || indexed["record"] || indexed["expires"] == ttl || !indexed["owner"] {
			t.Errorf("ttl=%t: indexed properties: %v", ttl, indexed)
		}
		back := &entity{}
		if err := back.Load(properties); err != nil || !back.expires.Equal(rec.Expires.Time()) {
			t.Errorf("got %+v, %v", back, err)
		}
		if got, err := back.parse(); err != nil || got.Owner != rec.Owner || got.Version != 7 || !bytes.Equal(got.Data, rec.Data) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	rec.Owner = ""
	e, err := (&store{}).entity(&rec)
	if err != nil {
		t.Fatal(err)
	}
	if properties, _ := e.Save(); len(properties) != 2 {
		t.Errorf("without an owner: %v", properties)
	}
}

// Datastore rejects times before year 1 and after year 9999.
func TestTimestampIsLimited(t *testing.T) {
	for m, want := range map[driver.Millis]time.Time{
		math.MinInt64:     time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		-1:                time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC),
		1_700_000_000_123: time.Date(2023, 11, 14, 22, 13, 20, 123e6, time.UTC),
		math.MaxInt64:     time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC),
	} {
		if got := timestamp(m); !got.Equal(want) {
			t.Errorf("%d is %v, want %v", m, got, want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	for _, rec := range []driver.Record{
		{Data: make([]byte, MaxData+1), Version: 7, Expires: 1},
		{Owner: strings.Repeat("o", driver.MaxOwner+1), Version: 7, Expires: 1},
	} {
		if _, err := (&store{}).entity(&rec); !errors.Is(err, driver.ErrTooLarge) {
			t.Errorf("%d bytes of data, %d of owner: %v", len(rec.Data), len(rec.Owner), err)
		}
	}
}

// newer returns a valid record of a newer format.
func newer() []byte {
	b := []byte("\x02what a later version writes")
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// FuzzEntity reads a session from an entity with arbitrary properties.
func FuzzEntity(f *testing.F) {
	whole, err := driver.AppendRecord(nil, driver.Record{Data: []byte("data"), Owner: "user:42", Version: 7, Expires: 1 << 40})
	if err != nil {
		f.Fatal(err)
	}
	for kind := range 8 {
		f.Add("record", whole, kind, int64(1))
		f.Add("expires", whole[:20], kind, int64(math.MinInt64))
		f.Add("owner", newer(), kind, int64(math.MaxInt64))
	}
	f.Fuzz(func(t *testing.T, name string, b []byte, kind int, n int64) {
		var value any
		switch kind {
		case 0:
			value = b
		case 1:
			value = string(b)
		case 2:
			value = n
		case 3:
			value = time.UnixMilli(n)
		case 4:
			value = &datastore.Key{Kind: string(b), ID: n}
		case 5:
			value = []any{b, n}
		case 6:
			value = &datastore.Entity{Properties: []datastore.Property{{Name: name, Value: b}}}
		}
		e := &entity{}
		if err := e.Load([]datastore.Property{{Name: name, Value: value}, {Name: "later", Value: true}}); err != nil {
			t.Fatal(err)
		}
		rec, err := e.parse()
		switch want, wantErr := driver.ParseRecord(b); {
		case name == "record" && kind == 0 && wantErr == nil:
			if err != nil || rec.Version != want.Version || !bytes.Equal(rec.Data, want.Data) {
				t.Errorf("got %+v, %v, want %+v", rec, err, want)
			}
		case err == nil:
			t.Errorf("an invalid entity was parsed as %+v", rec)
		case !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat):
			t.Error(err)
		}
	})
}
