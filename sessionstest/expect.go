package sessionstest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/pump-go/sessions/driver"
)

// must ends the case if err is not nil.
func (e *env) must(err error, call string) {
	if err != nil {
		e.fatalf("%s failed: %v", call, err)
	}
}

// wants records a failure unless err wraps want.
func (e *env) wants(err, want error, call string) {
	switch {
	case errors.Is(err, want):
	case err == nil:
		e.failf("%s returned no error, want %s", call, named(want))
	default:
		e.failf("%s returned the error %q, which errors.Is does not match with %s", call, err, named(want))
	}
}

// named returns an error's Go name and its text.
func named(err error) string {
	for name, known := range map[string]error{
		"driver.ErrNotFound":    driver.ErrNotFound,
		"driver.ErrConflict":    driver.ErrConflict,
		"driver.ErrCorrupt":     driver.ErrCorrupt,
		"driver.ErrNewerFormat": driver.ErrNewerFormat,
		"driver.ErrTooLarge":    driver.ErrTooLarge,
		"driver.ErrClosed":      driver.ErrClosed,

		"context.Canceled":         context.Canceled,
		"context.DeadlineExceeded": context.DeadlineExceeded,
	} {
		if err == known {
			return fmt.Sprintf("%s (%q)", name, err)
		}
	}
	return fmt.Sprintf("%q", err)
}

// conflicts records a failure unless err wraps driver.ErrConflict.
func (e *env) conflicts(err error, call string) {
	e.wants(err, driver.ErrConflict, call)
}

// create saves rec at a new key.
func (e *env) create(s driver.Store, rec driver.Record) driver.Key {
	key := newKey()
	e.must(s.Save(e.ctx, key, 0, rec), "Save of a new record")
	return key
}

// load returns the record at key, and ends the case if there is none.
func (e *env) load(s driver.Store, key driver.Key, when string) driver.Record {
	rec, err := s.Load(e.ctx, key)
	e.must(err, "Load "+when)
	return rec
}

// holds records a failure unless Load returns want.
func (e *env) holds(s driver.Store, key driver.Key, want driver.Record, when string) {
	rec, err := s.Load(e.ctx, key)
	if err != nil {
		e.failf("Load %s failed: %v", when, err)
	} else if d := difference(rec, want); d != "" {
		e.failf("Load %s: %s", when, d)
	}
}

// absent records a failure unless Load returns driver.ErrNotFound.
func (e *env) absent(s driver.Store, key driver.Key, when string) {
	_, err := s.Load(e.ctx, key)
	e.wants(err, driver.ErrNotFound, "Load "+when)
}

// lister returns the store as a Lister, or skips the case: only "declared-list"
// reports a missing declaration.
func (e *env) lister(s driver.Store) driver.Lister {
	l, ok := driver.As[driver.Lister](s)
	if !ok {
		e.skip("the store does not implement driver.Lister")
	}
	return l
}

func (e *env) owners(s driver.Store) driver.Owners {
	o, ok := driver.As[driver.Owners](s)
	if !ok {
		e.skip("the store does not implement driver.Owners")
	}
	return o
}

func (e *env) sweeper(s driver.Store) driver.Sweeper {
	w, ok := driver.As[driver.Sweeper](s)
	if !ok {
		e.skip("the store does not implement driver.Sweeper")
	}
	return w
}

// collect returns the entries of a listing up to its first error.
func collect(seq iter.Seq2[driver.Entry, error]) (entries []driver.Entry, err error) {
	for entry, err := range seq {
		if err != nil {
			return entries, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// lists records a failure unless the listing yields exactly want.
func (e *env) lists(seq iter.Seq2[driver.Entry, error], want map[driver.Key]driver.Record, listing string) {
	entries, err := collect(seq)
	e.must(err, listing)
	times := make(map[driver.Key]int)
	for _, entry := range entries {
		times[entry.Key]++
		rec, ok := want[entry.Key]
		if !ok {
			e.failf("%s yielded an unexpected record: data %s, owner %q, expires %d at %d",
				listing, excerpt(entry.Record.Data), entry.Record.Owner, entry.Record.Expires, e.clock.millis())
		} else if d := difference(entry.Record, rec); d != "" {
			e.failf("%s yielded a record that differs: %s", listing, d)
		}
	}
	for key, rec := range want {
		if times[key] != 1 {
			e.failf("%s yielded the record with data %s and owner %q %d times, want once", listing, excerpt(rec.Data), rec.Owner, times[key])
		}
	}
}

// eventually waits until done returns true. Its limit is far beyond what a slow
// machine needs.
func (e *env) eventually(what string, done func() bool) {
	for deadline := time.Now().Add(e.suite.timeout * 2 / 3); !done(); {
		if time.Now().After(deadline) {
			e.fatalf("%s", what)
		}
	}
}
