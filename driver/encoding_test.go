package driver_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

func records() []driver.Record {
	return []driver.Record{
		{Version: 1, Expires: 1},
		{Version: 1, Expires: -1, Created: math.MinInt64, Accessed: math.MaxInt64},
		{Version: math.MaxInt64, Expires: 3, Created: 1, Accessed: 2, Owner: "user:42", Data: []byte("data")},
		{Version: 9, Expires: 9, Owner: strings.Repeat("\xff", driver.MaxOwner), Data: []byte{0, 0xff}},
		{Version: 9, Expires: 9, Data: make([]byte, 100_000)},
	}
}

func encode(t testing.TB, r driver.Record) []byte {
	t.Helper()
	b, err := driver.AppendRecord(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(a, b driver.Record) bool {
	return bytes.Equal(a.Data, b.Data) && a.Owner == b.Owner && a.Version == b.Version &&
		a.Created == b.Created && a.Accessed == b.Accessed && a.Expires == b.Expires
}

func TestRecordRoundTrip(t *testing.T) {
	for _, r := range records() {
		r.Hint = "stays with the store"
		b := encode(t, r)
		if len(b) != driver.RecordOverhead+len(r.Owner)+len(r.Data) {
			t.Errorf("%d bytes for an owner of %d and data of %d", len(b), len(r.Owner), len(r.Data))
		}
		if got, err := driver.ParseRecord(b); err != nil || !same(got, r) || got.Hint != nil {
			t.Errorf("%.80v came back as %.80v, %v", r, got, err)
		}
	}
}

// The stored form of format 1, byte for byte. Later versions must still read it.
func TestFormat1IsRead(t *testing.T) {
	const stored = "\x01" + "\x00\x00\x00\x00\x00\x00\x01\x02" +
		"\xff\xff\xff\xff\xff\xff\xff\xfe" + "\x00\x00\x01\x97\xa5\x4c\x00\x00" + "\x00\x00\x01\x97\xa5\x4c\x00\x01" +
		"\x07user:42" + "data\x00\xff" + "\xc4\xcd\x73\x78"
	want := driver.Record{
		Version: 0x102, Created: -2, Accessed: 0x197a54c0000, Expires: 0x197a54c0001,
		Owner: "user:42", Data: []byte("data\x00\xff"),
	}
	if got, err := driver.ParseRecord([]byte(stored)); err != nil || !same(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAppendRecordAppends(t *testing.T) {
	b, err := driver.AppendRecord([]byte("before"), records()[2])
	if err != nil || !bytes.Equal(b, append([]byte("before"), encode(t, records()[2])...)) {
		t.Errorf("%q, %v", b, err)
	}
}

func TestOwnerTooLongIsNotEncoded(t *testing.T) {
	b, err := driver.AppendRecord([]byte("before"), driver.Record{Version: 1, Expires: 1, Owner: strings.Repeat("o", driver.MaxOwner+1)})
	if !errors.Is(err, driver.ErrTooLarge) || string(b) != "before" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestDamageIsDetected(t *testing.T) {
	whole := encode(t, records()[2])
	corrupt := func(what string, i int, b []byte) {
		t.Helper()
		if r, err := driver.ParseRecord(b); !errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat) || !same(r, driver.Record{}) {
			t.Errorf("%s %d: %+v, %v", what, i, r, err)
		}
	}
	for i := range whole {
		corrupt("cut at", i, whole[:i])
		corrupt("begun at", i+1, whole[i+1:])
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			corrupt("changed at", i, b)
		}
	}
	corrupt("longer by", 1, append(bytes.Clone(whole), 0))
	corrupt("empty", 0, nil)
}

// sealed returns b with the checksum that every format ends with.
func sealed(b []byte) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestNewerFormatIsNotDamage(t *testing.T) {
	for _, body := range []string{"\x02", "\x02anything a later version may write", "\xff"} {
		if _, err := driver.ParseRecord(sealed([]byte(body))); !errors.Is(err, driver.ErrNewerFormat) || errors.Is(err, driver.ErrCorrupt) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// A record that no store can have written is damaged even if its checksum is
// correct.
func TestInvalidRecordWithCorrectChecksum(t *testing.T) {
	whole := encode(t, records()[2])
	body := whole[:len(whole)-4]
	noVersion, negative, noExpiry, owner := bytes.Clone(body), bytes.Clone(body), bytes.Clone(body), bytes.Clone(body)
	clear(noVersion[1:9])
	negative[1] = 0x80
	clear(noExpiry[25:33])
	owner[33] = 0xff
	for what, b := range map[string][]byte{
		"no version": noVersion, "negative version": negative, "no expiry": noExpiry,
		"owner longer than the record": owner, "head cut short": body[:33], "format alone": body[:1],
	} {
		if _, err := driver.ParseRecord(sealed(b)); !errors.Is(err, driver.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzParseRecord checks that ParseRecord does not panic, returns exactly one of
// its errors, and accepts only what AppendRecord writes.
func FuzzParseRecord(f *testing.F) {
	for _, r := range records() {
		b := encode(f, r)
		f.Add(b)
		f.Add(b[:len(b)-4])
	}
	f.Add([]byte{})
	f.Add([]byte("\x02newer"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealed(b)} {
			r, err := driver.ParseRecord(b)
			if err != nil {
				if errors.Is(err, driver.ErrCorrupt) == errors.Is(err, driver.ErrNewerFormat) {
					t.Errorf("%q: %v", b, err)
				}
				continue
			}
			if again, err := driver.AppendRecord(nil, r); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%q was read as %+v, which is written %q, %v", b, r, again, err)
			}
		}
	})
}
