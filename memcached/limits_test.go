package memcached_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memcached"
)

func open(t testing.TB, url string, o memcached.Options) driver.Store {
	t.Helper()
	s, err := memcached.New(nil, o).Open(t.Context(), driver.Config{URL: url}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func keyOf(i int) driver.Key { return sha256.Sum256(fmt.Append(nil, i)) }

// The server accepts sessions up to the documented limit.
func TestLargestSession(t *testing.T) {
	for _, c := range []struct {
		flag string
		url  string
		o    memcached.Options
		most int
	}{
		{"1m", "", memcached.Options{}, 1<<20 - 512},
		{"512k", "?max_item_size=524288", memcached.Options{}, 512<<10 - 512},
		{"4m", "", memcached.Options{MaxItemSize: 4 << 20}, 4<<20 - 512},
		{"4m", "?max_item_size=4194304", memcached.Options{MaxItemSize: 2048}, 4<<20 - 512},
	} {
		server := start(t, "-I", c.flag, "-m", "128")
		s := open(t, server.addr()+c.url, c.o)
		rec := fresh()
		rec.Owner = strings.Repeat("o", driver.MaxOwner)
		rec.Data = bytes.Repeat([]byte("d"), c.most)
		if err := s.Save(t.Context(), key, 0, rec); err != nil {
			t.Errorf("-I %s: %d bytes: %v", c.flag, c.most, err)
		}
		if got, err := s.Load(t.Context(), key); err != nil || !bytes.Equal(got.Data, rec.Data) {
			t.Errorf("-I %s: %d bytes loaded, %v", c.flag, len(got.Data), err)
		}
		before := server.stat("cmd_set")
		rec.Data = append(rec.Data, 'd')
		for what, err := range map[string]error{"create": s.Save(t.Context(), keyOf(1), 0, rec), "replace": s.Save(t.Context(), key, rec.Version, rec)} {
			if !errors.Is(err, driver.ErrTooLarge) {
				t.Errorf("-I %s: %s with one more byte: %v", c.flag, what, err)
			}
		}
		if server.stat("cmd_set") != before {
			t.Errorf("-I %s: the item was sent", c.flag)
		}
	}
}

// A server whose -I is less than MaxItemSize rejects the item and keeps the old one.
func TestServerWithLowerLimit(t *testing.T) {
	s := open(t, start(t, "-I", "512k").addr(), memcached.Options{})
	rec := fresh()
	if err := s.Save(t.Context(), key, 0, rec); err != nil {
		t.Fatal(err)
	}
	large := rec
	large.Version, large.Data = 8, make([]byte, 600_000)
	for what, err := range map[string]error{"create": s.Save(t.Context(), keyOf(1), 0, large), "replace": s.Save(t.Context(), key, 7, large)} {
		if !errors.Is(err, driver.ErrTooLarge) {
			t.Errorf("%s: got error %v", what, err)
		}
	}
	if got, err := s.Load(t.Context(), key); err != nil || got.Version != rec.Version {
		t.Errorf("afterwards: version %d, %v", got.Version, err)
	}
}

// A full server evicts whole sessions and changes none.
func TestFullServerEvicts(t *testing.T) {
	server := start(t, "-m", "2")
	s := open(t, server.addr(), memcached.Options{})
	const n = 8000
	rec := fresh()
	for i := range n {
		rec.Version = driver.Version(i + 1)
		rec.Data = bytes.Repeat([]byte(strconv.Itoa(i)+" "), 200)
		if err := s.Save(t.Context(), keyOf(i), 0, rec); err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
	}
	if server.stat("evictions") == 0 {
		t.Fatal("nothing was evicted, so nothing is tested")
	}
	evicted := 0
	for i := range n {
		got, err := s.Load(t.Context(), keyOf(i))
		switch {
		case errors.Is(err, driver.ErrNotFound):
			evicted++
			if err := s.Save(t.Context(), keyOf(i), driver.Version(i+1), rec); !errors.Is(err, driver.ErrConflict) {
				t.Fatalf("Save of an evicted session: %v", err)
			}
			if err := s.Touch(t.Context(), keyOf(i), rec); !errors.Is(err, driver.ErrConflict) {
				t.Fatalf("Touch of an evicted session: %v", err)
			}
			if err := s.Delete(t.Context(), keyOf(i), 0); err != nil {
				t.Fatalf("Delete of an evicted session: %v", err)
			}
		case err != nil:
			t.Fatal(err)
		case got.Version != driver.Version(i+1) || !bytes.Equal(got.Data, bytes.Repeat([]byte(strconv.Itoa(i)+" "), 200)):
			t.Fatalf("session %d has changed", i)
		}
	}
	t.Logf("%d of %d sessions were evicted", evicted, n)
	if evicted == 0 || evicted == n {
		t.Errorf("%d of %d sessions were evicted, want some", evicted, n)
	}
}

// A full server with -M rejects writes, with an error that leaves the outcome open.
func TestFullServerWithoutEviction(t *testing.T) {
	s := open(t, start(t, "-m", "2", "-M").addr(), memcached.Options{})
	rec := fresh()
	rec.Data = make([]byte, 1000)
	for i := range 100_000 {
		err := s.Save(t.Context(), keyOf(i), 0, rec)
		if err == nil {
			continue
		}
		if errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrTooLarge) || !strings.Contains(err.Error(), "out of memory") {
			t.Errorf("%v", err)
		}
		if _, err := s.Load(t.Context(), keyOf(i)); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("Load after the rejected Save: %v", err)
		}
		if got, err := s.Load(t.Context(), keyOf(0)); err != nil || got.Version != rec.Version {
			t.Errorf("the first session: %v", err)
		}
		// A rejected replacement leaves the old record.
		later := rec
		later.Version = 8
		err = s.Save(t.Context(), keyOf(0), 7, later)
		got, lost := s.Load(t.Context(), keyOf(0))
		if lost != nil || err == nil && got.Version != 8 || err != nil && got.Version != 7 {
			t.Errorf("after Save returned %v: version %d, %v", err, got.Version, lost)
		}
		return
	}
	t.Error("the server was never full")
}

// remaining returns the remaining lifetime of an item on the server in seconds, or -1
// if it has no expiry.
func remaining(t *testing.T, server *instance, key driver.Key) int {
	t.Helper()
	answer := server.ask("mg :%v t", key)
	n, err := strconv.Atoi(strings.TrimPrefix(answer, "HD t"))
	if err != nil {
		t.Fatalf("got %q from the server", answer)
	}
	return n
}

// The server keeps a session at least until it expires, and not much longer.
func TestServerExpiry(t *testing.T) {
	const day = 24 * time.Hour
	server := start(t)
	now := time.Now()
	s, err := memcached.New(nil, memcached.Options{}).Open(t.Context(), driver.Config{
		URL: server.addr(), Now: func() time.Time { return now },
	}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := fresh()
	before.Expires += 3600_000
	for i, c := range []struct{ life, slack time.Duration }{
		{time.Millisecond, 2 * time.Minute},
		{999 * time.Millisecond, 2 * time.Minute},
		{time.Second, 2 * time.Minute},
		{time.Hour, 2 * time.Minute},
		{30*day - time.Hour, 2 * time.Minute},
		{30*day - time.Second, 2 * day},
		{30 * day, 2 * day},
		{30*day + time.Second, 2 * day},
		{31 * day, 2 * day},
		{400 * day, 2 * day},
		{100 * 365 * day, -1},
	} {
		created, replaced, touched := keyOf(3*i), keyOf(3*i+1), keyOf(3*i+2)
		rec := before
		rec.Expires = driver.MillisOf(now) + driver.Millis(c.life.Milliseconds())
		later := rec
		later.Version = 8
		err := errors.Join(
			s.Save(t.Context(), created, 0, rec),
			s.Save(t.Context(), replaced, 0, before), s.Save(t.Context(), replaced, before.Version, later),
			s.Save(t.Context(), touched, 0, before), s.Touch(t.Context(), touched, rec),
		)
		if err != nil {
			t.Fatalf("%v: got error %v", c.life, err)
		}
		for _, k := range []driver.Key{created, replaced, touched} {
			got := time.Duration(remaining(t, server, k)) * time.Second
			switch {
			case c.slack < 0 && got != -time.Second:
				t.Errorf("a session for %v is kept for %v, want no expiry", c.life, got)
			case c.slack >= 0 && (got < c.life || got > c.life+c.slack):
				t.Errorf("a session for %v is kept for %v", c.life, got)
			}
		}
	}
	// A record that has already expired is not stored.
	for i, life := range []driver.Millis{0, -1, -500, -1000, -86400_000} {
		rec := before
		rec.Expires = driver.MillisOf(now) + life
		if err := s.Save(t.Context(), keyOf(1000+i), 0, rec); err != nil {
			t.Errorf("%d ms: got error %v", life, err)
		}
		if answer := server.ask("mg :%v t", keyOf(1000+i)); answer != "EN" {
			t.Errorf("%d ms: got %q from the server", life, answer)
		}
	}
}

// A Delete removes the item immediately, so that a concurrent Save cannot replace it.
func TestDeletedSessionStaysDeleted(t *testing.T) {
	server := start(t)
	s := open(t, server.addr(), memcached.Options{})
	for i, version := range []driver.Version{0, 7} {
		k := keyOf(i)
		if err := s.Save(t.Context(), k, 0, fresh()); err != nil {
			t.Fatal(err)
		}
		rec, err := s.Load(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), k, version); err != nil {
			t.Fatal(err)
		}
		if answer := server.ask("mg :%v t", k); answer != "EN" {
			t.Errorf("got %q from the server", answer)
		}
		later := rec
		later.Version = 8
		for what, err := range map[string]error{
			"Save": s.Save(t.Context(), k, 7, later), "Touch": s.Touch(t.Context(), k, rec), "Delete": s.Delete(t.Context(), k, 7),
		} {
			if !errors.Is(err, driver.ErrConflict) {
				t.Errorf("%s of a record loaded before: %v", what, err)
			}
		}
		if _, err := s.Load(t.Context(), k); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("afterwards: got error %v", err)
		}
	}
}
