package sessionstest

import (
	"context"
	"errors"
	"time"

	"github.com/pump-go/sessions/driver"
)

var contextCases = []testCase{
	{"context-cancelled-before", 5, "a context that was cancelled before the call changes nothing, and the error wraps context.Canceled.", nil, func(e *env) {
		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		e.changesNothing(ctx, context.Canceled)
	}},
	{"context-past-its-deadline", 5, "a context past its deadline changes nothing, and the error wraps context.DeadlineExceeded.", nil, func(e *env) {
		ctx, cancel := context.WithDeadline(e.ctx, time.Now().Add(-time.Hour))
		defer cancel()
		e.changesNothing(ctx, context.DeadlineExceeded)
	}},
	{"context-ends-during-calls", 5, "a call returns soon after its context ends, and leaves the store in order: what it wrote is whole or not there.", nil, contextEndsDuringCalls},
	{"context-outlived", 5, "a call's context bounds that call alone: the store outlives it.", nil, contextOutlived},
}

// call is one use of a method.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// calls returns a use of each method that the store has and its harness does
// not declare away, each of which would succeed on the record at key.
func (e *env) calls(s driver.Store, key, free driver.Key, rec driver.Record) []call {
	calls := []call{
		{"Load", func(ctx context.Context) error { _, err := s.Load(ctx, key); return err }},
		{"Save with old 0", func(ctx context.Context) error { return s.Save(ctx, free, 0, e.record("created")) }},
		{"Save at a version", func(ctx context.Context) error { return s.Save(ctx, key, rec.Version, next(rec, "replaced")) }},
		{"Touch", func(ctx context.Context) error { return s.Touch(ctx, key, extended(rec, hour)) }},
		{"Delete", func(ctx context.Context) error { return s.Delete(ctx, key, 0) }},
		{"Delete at a version", func(ctx context.Context) error { return s.Delete(ctx, key, rec.Version) }},
		{"Delete of nothing", func(ctx context.Context) error { return s.Delete(ctx, free, 0) }},
	}
	able := func(a Ability) bool { _, cannot := e.suite.Cannot[a]; return !cannot }
	if l, ok := driver.As[driver.Lister](s); ok && able(List) {
		calls = append(calls, call{"All", func(ctx context.Context) error { _, err := collect(l.All(ctx)); return err }})
	}
	if o, ok := driver.As[driver.Owners](s); ok && able(Owners) {
		calls = append(calls, call{"Owned", func(ctx context.Context) error { _, err := collect(o.Owned(ctx, rec.Owner)); return err }})
	}
	if w, ok := driver.As[driver.Sweeper](s); ok && able(Sweep) {
		calls = append(calls, call{"Sweep", func(ctx context.Context) error { _, err := w.Sweep(ctx); return err }})
	}
	return calls
}

func (e *env) changesNothing(ctx context.Context, want error) {
	s := e.open()
	expiredKey, _ := e.expire(s)
	rec, free := e.owned("user:42", "data"), newKey()
	key := e.create(s, rec)
	for _, c := range e.calls(s, key, free, rec) {
		e.wants(c.do(ctx), want, c.name+" with a context that had ended")
	}
	e.holds(s, key, rec, "after calls with a context that had ended")
	e.absent(s, free, "after a Save with a context that had ended")
	e.clock.set(driver.MillisOf(start))
	if w, ok := driver.As[driver.Sweeper](s); ok {
		if _, cannot := e.suite.Cannot[Sweep]; !cannot {
			_, err := s.Load(e.ctx, expiredKey)
			e.must(err, "Load, after a Sweep with a context that had ended and with the clock set back,")
			_, err = w.Sweep(e.ctx)
			e.must(err, "Sweep, after one with a context that had ended")
		}
	}
}

func contextEndsDuringCalls(e *env) {
	s := e.open()
	key := e.create(s, e.record("data"))
	rec := e.load(s, key, "before the calls")
	// What was written, or may be: a Save whose context ended may land, and late.
	possible := map[driver.Version]bool{rec.Version: true}
	e.rounds(60, func(i int) {
		// The deadline falls somewhere into the call or behind it.
		ctx, cancel := context.WithTimeout(e.ctx, time.Duration(i)*20*time.Microsecond)
		now := next(rec, "data")
		now.Data = stamped(uint32(i), 512)
		err := s.Save(ctx, key, rec.Version, now)
		ended := ctx.Err() != nil
		cancel()
		late := errors.Is(err, driver.ErrConflict) && len(possible) > 1
		possible[now.Version] = true
		got := e.load(s, key, "after a Save whose context ended")
		switch {
		case err == nil && got.Version != now.Version:
			e.failf("a Save succeeded, and its record is not there")
		case err != nil && !ended && !late:
			e.failf("Save failed before its context ended: %v", err)
		case !possible[got.Version]:
			e.failf("a version is there that nobody wrote")
		case got.Version == now.Version:
			if d := difference(got, now); d != "" {
				e.failf("a Save whose context ended left half a record: %s", d)
			}
		}
		rec = got
	})
}

func contextOutlived(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	s, err := e.suite.Driver.Open(ctx, e.cfg)
	e.must(err, "Open")
	e.closeAtEnd(s)
	rec := e.record("data")
	key := newKey()
	e.must(s.Save(ctx, key, 0, rec), "Save with old 0")
	cancel()
	e.holds(s, key, rec, "after the context of Open and Save ended")
	now := next(rec, "replaced")
	e.must(s.Save(e.ctx, key, rec.Version, now), "Save, after the context of Open ended")
	e.holds(s, key, now, "after the context of Open ended")
}
