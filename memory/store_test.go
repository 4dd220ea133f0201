package memory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions/driver"
)

// clock is a Config.Now that returns the time it is set to.
type clock struct{ now driver.Millis }

func (c *clock) Now() time.Time { return c.now.Time() }

// open returns a store without a background sweeper, and its clock, set to 1000.
func open(t *testing.T, o Options) (*store, *clock) {
	c := &clock{now: 1000}
	s := newStore(driver.Config{Now: c.Now, SweepInterval: -1}.WithDefaults(), o)
	t.Cleanup(func() { s.Close() })
	return s, c
}

func save(t *testing.T, s *store, key driver.Key, old driver.Version, rec driver.Record) {
	t.Helper()
	if err := s.Save(t.Context(), key, old, rec); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func until(expires driver.Millis) driver.Record { return driver.Record{Version: 1, Expires: expires} }

func TestRoundTrip(t *testing.T) {
	s, _ := open(t, Options{})
	owner := string([]byte{0, 0xff}) + string(bytes.Repeat([]byte{'o'}, driver.MaxOwner-2))
	for i, rec := range []driver.Record{
		{Version: 3, Expires: 2000},
		{Version: 3, Expires: 2000, Created: 1, Accessed: 2, Owner: owner, Data: []byte("data\x00\xff")},
		{Version: 3, Expires: 2000, Owner: owner},
		{Version: 3, Expires: 2000, Data: make([]byte, 1<<20)},
	} {
		key := driver.Key{byte(i)}
		save(t, s, key, 0, rec)
		got, err := s.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Data, rec.Data) || got.Owner != rec.Owner || got.Version != 3 ||
			got.Created != rec.Created || got.Accessed != rec.Accessed || got.Expires != rec.Expires {
			t.Errorf("saved %.80v\nloaded %.80v", rec, got)
		}
	}
	rec := until(2000)
	rec.Owner = owner + "o"
	wantErr(t, "owner too long", s.Save(t.Context(), driver.Key{9}, 0, rec), driver.ErrTooLarge)
}

func TestDataIsCopied(t *testing.T) {
	s, _ := open(t, Options{})
	rec := until(2000)
	rec.Data = []byte("abc")
	save(t, s, driver.Key{}, 0, rec)
	rec.Data[0] = 'X'
	first, _ := s.Load(t.Context(), driver.Key{})
	first.Data[1] = 'X'
	for e := range s.All(t.Context()) {
		e.Record.Data[2] = 'X'
	}
	if last, _ := s.Load(t.Context(), driver.Key{}); string(last.Data) != "abc" {
		t.Errorf("%q: the store shares the caller's bytes", last.Data)
	}
}

func TestKeysWithTheSamePrefix(t *testing.T) {
	keys := []driver.Key{{20: 1}, {20: 2}, {20: 3}, {20: 4}}
	for _, gone := range keys {
		s, _ := open(t, Options{})
		for i, key := range keys {
			save(t, s, key, 0, driver.Record{Version: driver.Version(i + 1), Expires: 2000})
		}
		if err := s.Delete(t.Context(), gone, 0); err != nil {
			t.Fatal(err)
		}
		for i, key := range keys {
			rec, err := s.Load(t.Context(), key)
			if key == gone {
				wantErr(t, "deleted", err, driver.ErrNotFound)
			} else if err != nil || rec.Version != driver.Version(i+1) {
				t.Errorf("without %d, session %d: version %d, %v", gone[20], i, rec.Version, err)
			}
		}
	}
}

func TestExpiredIsAbsentBeforeAnySweep(t *testing.T) {
	s, c := open(t, Options{})
	save(t, s, driver.Key{}, 0, until(2000))
	c.now = 2000
	_, err := s.Load(t.Context(), driver.Key{})
	wantErr(t, "load", err, driver.ErrNotFound)
	wantErr(t, "replace", s.Save(t.Context(), driver.Key{}, 1, until(3000)), driver.ErrConflict)
	wantErr(t, "touch", s.Touch(t.Context(), driver.Key{}, until(3000)), driver.ErrConflict)
	wantErr(t, "delete at version", s.Delete(t.Context(), driver.Key{}, 1), driver.ErrConflict)
	for range s.All(t.Context()) {
		t.Error("listed")
	}
	save(t, s, driver.Key{}, 0, until(3000))
	if n, _ := s.Sweep(t.Context()); n != 0 {
		t.Error("the sweep removed the session that replaced the expired one")
	}
	wantErr(t, "delete at any version", s.Delete(t.Context(), driver.Key{}, 0), nil)
	wantErr(t, "delete again", s.Delete(t.Context(), driver.Key{}, 0), nil)
}

func TestCanceledContextChangesNothing(t *testing.T) {
	s, _ := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	save(t, s, driver.Key{}, 0, until(2000))
	listing := func(seq func(func(driver.Entry, error) bool)) (err error) {
		for _, err = range seq {
		}
		return err
	}
	for e, err := range s.All(ctx) {
		cancel()
		if err != nil && e.Record.Version != 0 {
			t.Errorf("an entry with %v", err)
		}
	}
	_, err := s.Load(ctx, driver.Key{})
	wantErr(t, "load", err, context.Canceled)
	wantErr(t, "save", s.Save(ctx, driver.Key{}, 1, driver.Record{Version: 2, Expires: 9000}), context.Canceled)
	wantErr(t, "touch", s.Touch(ctx, driver.Key{}, until(9000)), context.Canceled)
	wantErr(t, "delete", s.Delete(ctx, driver.Key{}, 0), context.Canceled)
	wantErr(t, "all", listing(s.All(ctx)), context.Canceled)
	wantErr(t, "owned", listing(s.Owned(ctx, "o")), context.Canceled)
	_, err = s.Sweep(ctx)
	wantErr(t, "sweep", err, context.Canceled)
	if rec, err := s.Load(t.Context(), driver.Key{}); err != nil || rec.Expires != 2000 || rec.Version != 1 {
		t.Errorf("afterwards: %+v, %v", rec, err)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	s, _ := open(t, Options{})
	ctx := t.Context()
	save(t, s, driver.Key{}, 0, driver.Record{Version: 1, Expires: 2000, Data: []byte("data"), Owner: "o"})
	for what, want := range map[string]struct {
		allocs float64
		op     func()
	}{
		"load":     {1, func() { s.Load(ctx, driver.Key{}) }}, // the copy of Data
		"missing":  {0, func() { s.Load(ctx, driver.Key{1}) }},
		"touch":    {0, func() { s.Touch(ctx, driver.Key{}, until(2000)) }},
		"conflict": {0, func() { s.Touch(ctx, driver.Key{}, driver.Record{Version: 7}) }},
	} {
		if got := testing.AllocsPerRun(100, want.op); got > want.allocs {
			t.Errorf("%s: %v allocations, want %v", what, got, want.allocs)
		}
	}
}

func TestClosedStore(t *testing.T) {
	s, _ := open(t, Options{})
	save(t, s, driver.Key{}, 0, until(2000))
	for e, err := range s.All(t.Context()) { // close the store while listing
		if err != nil {
			wantErr(t, "the listing", err, driver.ErrClosed)
		} else if e.Key == (driver.Key{}) {
			s.Close()
		}
	}
	wantErr(t, "second close", s.Close(), nil)
	_, err := s.Load(t.Context(), driver.Key{})
	wantErr(t, "load", err, driver.ErrClosed)
	wantErr(t, "save", s.Save(t.Context(), driver.Key{1}, 0, until(2000)), driver.ErrClosed)
	wantErr(t, "touch", s.Touch(t.Context(), driver.Key{}, until(2000)), driver.ErrClosed)
	wantErr(t, "delete", s.Delete(t.Context(), driver.Key{}, 0), driver.ErrClosed)
	_, err = s.Sweep(t.Context())
	wantErr(t, "sweep", err, driver.ErrClosed)
	for _, err := range s.Owned(t.Context(), "") {
		wantErr(t, "owned", err, driver.ErrClosed)
	}
}

func TestCloseDuringTraffic(t *testing.T) {
	s := newStore(driver.Config{SweepInterval: time.Microsecond, Logger: quiet()}.WithDefaults(), Options{})
	ctx := t.Context()
	var wg, started sync.WaitGroup
	started.Add(8)
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if i == 20 {
					started.Done()
				}
				key := driver.Key{byte(w), byte(i), 31: byte(i)}
				err := s.Save(ctx, key, 0, driver.Record{Version: 1, Expires: driver.MillisOf(time.Now()) + driver.Millis(i%3)})
				if errors.Is(err, driver.ErrClosed) {
					return
				}
				if err != nil && !errors.Is(err, driver.ErrConflict) {
					t.Error(err)
					return
				}
				for _, err := range s.All(ctx) {
					if err != nil && !errors.Is(err, driver.ErrClosed) {
						t.Error(err)
					}
				}
			}
		})
	}
	started.Wait()
	wg.Go(func() { s.Close() })
	s.Close()
	wg.Wait()
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestCounterUnderContention(t *testing.T) {
	s, _ := open(t, Options{})
	ctx, key := t.Context(), driver.Key{}
	save(t, s, key, 0, until(2000))
	const workers, rounds = 8, 200
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for done := 0; done < rounds; {
				rec, err := s.Load(ctx, key)
				if err != nil {
					t.Error(err)
					return
				}
				old := rec.Version
				rec.Version++
				switch err := s.Save(ctx, key, old, rec); {
				case err == nil:
					done++
				case !errors.Is(err, driver.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if rec, _ := s.Load(ctx, key); rec.Version != 1+workers*rounds {
		t.Errorf("%d writes counted", rec.Version-1)
	}
}

func TestSweeperRunsAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left after Close
		s := newStore(driver.Config{}.WithDefaults(), Options{})
		now := driver.MillisOf(time.Now())
		save(t, s, driver.Key{1}, 0, until(now+1000))
		save(t, s, driver.Key{2}, 0, until(now+3600_000))
		time.Sleep(2 * driver.DefaultSweepInterval)
		synctest.Wait()
		if n := held(s); n != 1 {
			t.Errorf("%d sessions held, want only the live one", n)
		}
		s.Close()
	})
}

// held returns the number of sessions in memory, including expired ones.
func held(s *store) (n int) {
	for i := range s.shards {
		n += len(s.shards[i].queue)
	}
	return n
}
