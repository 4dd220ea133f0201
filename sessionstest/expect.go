package sessionstest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/pump-go/sessions/driver"
)

// must ends the case if a call failed that had to work.
func (e *env) must(err error, call string) {
	if err != nil {
		e.fatalf("%s failed: %v", call, err)
	}
}

// wants reports a call that did not answer with the error it should.
func (e *env) wants(err, want error, call string) {
	switch {
	case errors.Is(err, want):
	case err == nil:
		e.failf("%s gave no error, want %s", call, named(want))
	default:
		e.failf("%s gave the error %q, which errors.Is does not match with %s", call, err, named(want))
	}
}

// named is an error by the name that a driver returns it under.
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

// conflicts reports a call that was not refused.
func (e *env) conflicts(err error, call string) {
	e.wants(err, driver.ErrConflict, call)
}

// create saves rec at a key of its own.
func (e *env) create(s driver.Store, rec driver.Record) driver.Key {
	key := newKey()
	e.must(s.Save(e.ctx, key, 0, rec), "Save of a new record")
	return key
}

// load returns a record that has to be there.
func (e *env) load(s driver.Store, key driver.Key, when string) driver.Record {
	rec, err := s.Load(e.ctx, key)
	e.must(err, "Load "+when)
	return rec
}

// holds reports a record that is not at key as it should be.
func (e *env) holds(s driver.Store, key driver.Key, want driver.Record, when string) {
	rec, err := s.Load(e.ctx, key)
	if err != nil {
		e.failf("Load %s failed: %v", when, err)
	} else if d := difference(rec, want); d != "" {
		e.failf("Load %s: %s", when, d)
	}
}

// absent reports a record that is at key.
func (e *env) absent(s driver.Store, key driver.Key, when string) {
	_, err := s.Load(e.ctx, key)
	e.wants(err, driver.ErrNotFound, "Load "+when)
}

// lister returns the store as a Lister. A store that is none skips the case:
// one case alone reports a missing declaration.
func (e *env) lister(s driver.Store) driver.Lister {
	l, ok := driver.As[driver.Lister](s)
	if !ok {
		e.skip("the store is no driver.Lister")
	}
	return l
}

func (e *env) owners(s driver.Store) driver.Owners {
	o, ok := driver.As[driver.Owners](s)
	if !ok {
		e.skip("the store is no driver.Owners")
	}
	return o
}

func (e *env) sweeper(s driver.Store) driver.Sweeper {
	w, ok := driver.As[driver.Sweeper](s)
	if !ok {
		e.skip("the store is no driver.Sweeper")
	}
	return w
}

// collect drains a listing up to its first error.
func collect(seq iter.Seq2[driver.Entry, error]) (entries []driver.Entry, err error) {
	for entry, err := range seq {
		if err != nil {
			return entries, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// lists reports a listing that does not yield exactly what want holds.
func (e *env) lists(seq iter.Seq2[driver.Entry, error], want map[driver.Key]driver.Record, listing string) {
	entries, err := collect(seq)
	e.must(err, listing)
	times := make(map[driver.Key]int)
	for _, entry := range entries {
		times[entry.Key]++
		rec, ok := want[entry.Key]
		if !ok {
			e.failf("%s yielded a record that it should not: data %s, owner %q, expires %d at %d",
				listing, excerpt(entry.Record.Data), entry.Record.Owner, entry.Record.Expires, e.clock.millis())
		} else if d := difference(entry.Record, rec); d != "" {
			e.failf("%s yielded a record of which %s", listing, d)
		}
	}
	for key, rec := range want {
		if times[key] != 1 {
			e.failf("%s yielded the record with data %s and owner %q %d times, want once", listing, excerpt(rec.Data), rec.Owner, times[key])
		}
	}
}

// eventually waits for what another goroutine brings about. It gives up long
// after any slow machine would have done it.
func (e *env) eventually(what string, done func() bool) {
	for deadline := time.Now().Add(e.suite.timeout * 2 / 3); !done(); {
		if time.Now().After(deadline) {
			e.fatalf("%s", what)
		}
	}
}
