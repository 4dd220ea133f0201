package redis

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

func TestTTL(t *testing.T) {
	const minute, now = 60_000, driver.Millis(1_700_000_000_000)
	for expires, want := range map[driver.Millis]int64{
		now + minute:    11 * minute,
		now + 1:         10*minute + 1,
		now:             10 * minute,
		now - minute:    10 * minute,
		math.MaxInt64:   1<<50 + 10*minute,
		math.MinInt64:   10 * minute,
		now + 1<<50 + 7: 1<<50 + 10*minute,
	} {
		if got := ttl(expires, now); got != want {
			t.Errorf("expires %d ms from now: %d, want %d", expires-now, got, want)
		}
	}
}

// An entry always lives at least as long as its record, and is written only as often as
// that needs.
func TestEntries(t *testing.T) {
	now := driver.Millis(1_700_000_000_000)
	const hour = driver.Millis(60 * 60 * 1000)
	rec := driver.Record{Owner: "ann", Version: 1, Expires: now + hour}
	e, write := entryOf(&rec, 0, now, true)
	if !write || e.until != now+2*hour || e.owner != "ann" {
		t.Fatalf("a new record: %+v, %v", e, write)
	}
	hint := e
	hint.version = 1
	for name, c := range map[string]struct {
		change  func(*driver.Record)
		isSave  bool
		write   bool
		sameID  bool
		minimum driver.Millis
	}{
		"used half an hour later":       {func(r *driver.Record) { r.Expires += hour / 2 }, true, false, true, now + 2*hour},
		"used after the period":         {func(r *driver.Record) { r.Expires += hour + 1 }, true, true, true, now + 2*hour + 1},
		"touched after the period":      {func(r *driver.Record) { r.Expires += hour + 1 }, false, true, true, now + 2*hour + 1},
		"without the hint":              {func(r *driver.Record) { r.Hint = nil }, true, true, false, now + hour},
		"touched without the hint":      {func(r *driver.Record) { r.Hint = nil }, false, true, false, now + hour},
		"another owner":                 {func(r *driver.Record) { r.Owner = "bob" }, true, true, false, now + hour},
		"a shorter life":                {func(r *driver.Record) { r.Expires = now + 1 }, true, true, false, now + 1},
		"a touch with a shorter life":   {func(r *driver.Record) { r.Expires = now + 1 }, false, false, true, now + 2*hour},
		"a hint of another version":     {func(r *driver.Record) { r.Hint = entry{id: e.id, owner: "ann", until: math.MaxInt64, version: 9} }, true, true, false, now + hour},
		"a record that does not expire": {func(r *driver.Record) { r.Expires = math.MaxInt64 }, true, true, true, maxTime},
	} {
		r := rec
		r.Hint = hint
		c.change(&r)
		got, write := entryOf(&r, 1, now, c.isSave)
		if write != c.write || (got.id == e.id) != c.sameID || got.until < c.minimum || got.owner != r.Owner {
			t.Errorf("%s: %+v, write %v", name, got, write)
		}
	}
	// A long-lived session that is used all the time writes its entry once a day.
	rec = driver.Record{Owner: "ann", Version: 1, Expires: now + 30*24*hour}
	e, _ = entryOf(&rec, 0, now, true)
	written := 0
	for i := range driver.Millis(10 * 24) {
		e.version = rec.Version
		rec.Hint, rec.Expires = e, now+i*hour+30*24*hour
		var write bool
		if e, write = entryOf(&rec, rec.Version, now+i*hour, true); write {
			written++
		}
		if e.until < rec.Expires {
			t.Fatalf("after %d hours the entry ends before the record", i)
		}
	}
	if written > 10 {
		t.Errorf("written %d times in 10 days", written)
	}
}

func TestEncoding(t *testing.T) {
	rec := driver.Record{Data: []byte("data"), Owner: "ann", Version: 7, Created: 1, Accessed: 2, Expires: 3}
	for _, owner := range []string{"", "ann", strings.Repeat("x", driver.MaxOwner)} {
		rec.Owner = owner
		e := entry{id: 1 << 63, until: 99, owner: owner}
		value, err := encode(&rec, e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(value)
		if err != nil || string(got.Data) != "data" || got.Owner != owner || got.Version != 7 || got.Created != 1 || got.Accessed != 2 || got.Expires != 3 {
			t.Errorf("%+v, %v", got, err)
		}
		if hint, ok := got.Hint.(entry); ok != (owner != "") || ok && (hint.id != e.id || hint.until != 99 || hint.owner != owner || hint.version != 7) {
			t.Errorf("owner %q: the hint is %+v", owner, got.Hint)
		}
	}
	rec.Data = make([]byte, maxData+1)
	if _, err := encode(&rec, entry{}); !errors.Is(err, driver.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	short, err := driver.AppendRecord(nil, driver.Record{Data: make([]byte, entrySize-1), Owner: "ann", Version: 1, Expires: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(short); !errors.Is(err, driver.ErrCorrupt) {
		t.Errorf("an owner without an entry: %v", err)
	}
}

func FuzzValue(f *testing.F) {
	for _, owner := range []string{"", "ann"} {
		value, err := encode(&driver.Record{Data: []byte("data"), Owner: owner, Version: 7, Expires: 1 << 50}, entry{id: 1, until: 1 << 51, owner: owner})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		f.Add(value[:len(value)/2])
	}
	f.Add([]byte{})
	f.Add([]byte("another program's"))
	f.Fuzz(func(t *testing.T, value []byte) {
		rec, err := decode(value)
		if err != nil {
			if !isUnreadable(err) {
				t.Errorf("%v", err)
			}
			return
		}
		e, _ := rec.Hint.(entry)
		if again, err := encode(&rec, e); err != nil && len(rec.Data) <= maxData || err == nil && !bytes.Equal(again, value) {
			t.Errorf("encoded again: %v", err)
		}
	})
}

func TestEvicts(t *testing.T) {
	for info, want := range map[string]string{
		"": "",
		"# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n":   "",
		"# Memory\r\nmaxmemory:10\r\nmaxmemory_policy:noeviction\r\n":   "",
		"# Memory\r\nmaxmemory:10\r\nmaxmemory_policy:volatile-lru\r\n": "volatile-lru",
	} {
		if got := evicts(info); got != want {
			t.Errorf("%q: %q", info, got)
		}
	}
}

func TestParseNode(t *testing.T) {
	for line, want := range map[string]node{
		"a 127.0.0.1:1@2 myself,master - 0 0 7 connected 0-5460 7000 [7000->-b]\n": {"a", "0-5460 7000 [7000->-b]", true},
		"b 127.0.0.1:1@2 master - 0 0 7 connected 5461\n":                          {"b", "5461", false},
		"c 127.0.0.1:1@2 master - 0 0 7 connected\n":                               {},
		"d 127.0.0.1:1@2 slave a 0 0 7 connected\n":                                {},
		"\n": {},
	} {
		if got, ok := parseNode(line); ok != (want != node{}) || ok && got != want {
			t.Errorf("%q: %+v, %v", line, got, ok)
		}
	}
}
