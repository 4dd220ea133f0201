package sessionstest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
)

var contextCases = []testCase{
	{"context-already-canceled", 5, "a call with a canceled context changes nothing, and its error wraps context.Canceled.", nil, func(e *env) {
		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		e.changesNothing(ctx, context.Canceled)
	}},
	{"context-past-its-deadline", 5, "a call with a context past its deadline changes nothing, and its error wraps context.DeadlineExceeded.", nil, func(e *env) {
		ctx, cancel := context.WithDeadline(e.ctx, time.Now().Add(-time.Hour))
		defer cancel()
		e.changesNothing(ctx, context.DeadlineExceeded)
	}},
	{"context-ends-during-saves", 5, "a Save whose context ends has written the whole record or nothing.", nil, contextEndsDuringSaves},
	{"context-ends-during-each-call", 5, "a call returns soon after its context ends, with an error that wraps the context's.", nil, contextEndsDuringEachCall},
	{"context-ends-during-a-listing", 5, "a listing whose context ends yields all remaining records, or ends with an error that wraps the context's.", []Ability{List}, contextEndsDuringListing},
	{"context-ends-after-the-call", 5, "a call's context bounds only that call: the store keeps working after the context of Open ends.", nil, contextEndsAfterCall},
}

// call is a call of one of the store's methods.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// calls returns a call of each method that the store implements and the harness
// does not exclude. Each would succeed on the record at key; free is an unused key.
func (e *env) calls(s driver.Store, key, free driver.Key, rec driver.Record) []call {
	calls := []call{
		{"Load", func(ctx context.Context) error { _, err := s.Load(ctx, key); return err }},
		{"Save with old 0", func(ctx context.Context) error { return s.Save(ctx, free, 0, e.record("created")) }},
		{"Save at a version", func(ctx context.Context) error { return s.Save(ctx, key, rec.Version, next(rec, "replaced")) }},
		{"Touch", func(ctx context.Context) error { return s.Touch(ctx, key, extended(rec, hour)) }},
		{"Delete", func(ctx context.Context) error { return s.Delete(ctx, key, 0) }},
		{"Delete at a version", func(ctx context.Context) error { return s.Delete(ctx, key, rec.Version) }},
		{"Delete with no record", func(ctx context.Context) error { return s.Delete(ctx, free, 0) }},
	}
	if r, ok := renewerOf(s); ok {
		calls = append(calls, call{"Renew", func(ctx context.Context) error {
			return r.Renew(ctx, key, rec.Version, next(rec, "a forward"), free, e.record("renewed"))
		}})
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
		e.wants(c.do(ctx), want, c.name+" with an ended context")
	}
	e.holds(s, key, rec, "after calls with an ended context")
	e.absent(s, free, "after a Save with an ended context")
	e.clock.set(driver.MillisOf(start))
	if w, ok := driver.As[driver.Sweeper](s); ok {
		if _, cannot := e.suite.Cannot[Sweep]; !cannot {
			_, err := s.Load(e.ctx, expiredKey)
			e.must(err, "Load, after a Sweep with an ended context and the clock set back,")
			_, err = w.Sweep(e.ctx)
			e.must(err, "Sweep after one with an ended context")
		}
	}
}

func contextEndsDuringSaves(e *env) {
	s := e.open()
	key := e.create(s, e.record("data"))
	rec := e.load(s, key, "before the calls")
	// Versions that may be stored: a Save whose context ended may still take
	// effect, even later.
	possible := map[driver.Version]bool{rec.Version: true}
	e.rounds(60, func(i int) {
		// The deadline passes during or after the call.
		ctx, cancel := context.WithTimeout(e.ctx, time.Duration(i)*20*time.Microsecond)
		now := next(rec, "data")
		now.Data = stamped(uint32(i), 512)
		err := s.Save(ctx, key, rec.Version, now)
		deadline, _ := ctx.Deadline()
		ended := ctx.Err() != nil || !time.Now().Before(deadline)
		cancel()
		late := errors.Is(err, driver.ErrConflict) && len(possible) > 1
		possible[now.Version] = true
		got := e.load(s, key, "after a Save whose context ended")
		switch {
		case err == nil && got.Version != now.Version:
			e.failf("a Save succeeded, but its record is not stored")
		case err != nil && !ended && !late:
			e.failf("Save failed before its context ended: %v", err)
		case err != nil && !late && !errors.Is(err, context.DeadlineExceeded):
			e.wants(err, context.DeadlineExceeded, "Save whose context ended during the call")
		case !possible[got.Version]:
			e.failf("the record has a version that no Save wrote")
		case got.Version == now.Version:
			if d := difference(got, now); d != "" {
				e.failf("a Save whose context ended wrote part of a record: %s", d)
			}
		}
		rec = got
	})
}

// soon is how long a call may continue after its context ended, even on a very
// slow machine. Only a call that takes longer several times is reported.
func (e *env) soon() time.Duration { return e.suite.timeout / 10 }

// contextEndsDuringEachCall ends the context during a call of each method: after
// several fractions of its usual duration, and when the call checks the context.
func contextEndsDuringEachCall(e *env) {
	s := e.open()
	for i := range e.calls(s, driver.Key{}, driver.Key{}, driver.Record{}) {
		fresh := func() call {
			rec := e.owned("user:42", "data")
			return e.calls(s, e.create(s, rec), newKey(), rec)[i]
		}
		c := fresh()
		began := time.Now()
		e.must(c.do(e.ctx), c.name)
		usual := time.Since(began)
		for tenth := time.Duration(1); tenth < 10; tenth += 2 {
			e.endsDuringCall(fresh, func() (context.Context, context.CancelFunc) {
				return context.WithTimeout(e.ctx, usual*tenth/10)
			})
		}
		for look := int64(1); look <= 4; look++ {
			e.endsDuringCall(fresh, func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(e.ctx)
				return &endingContext{Context: ctx, cancel: cancel, at: look}, cancel
			})
		}
		if e.failed() {
			return // a store that ignores contexts makes every call slow
		}
	}
}

// endsDuringCall makes a call whose context ends during it, and repeats the call
// if it takes too long afterwards.
func (e *env) endsDuringCall(fresh func() call, with func() (context.Context, context.CancelFunc)) {
	var took time.Duration
	var name string
	for range 3 {
		c := fresh()
		name = c.name
		ctx, cancel := with()
		var ended time.Time
		var mu sync.Mutex
		stop := context.AfterFunc(ctx, func() {
			mu.Lock()
			defer mu.Unlock()
			ended = time.Now()
		})
		err := c.do(ctx)
		returned := time.Now()
		want := ctx.Err()
		stop()
		if deadline, ok := ctx.Deadline(); ok && want == nil && !returned.Before(deadline) {
			want = context.DeadlineExceeded
		}
		cancel()
		switch {
		case err == nil:
		case want == nil:
			e.failf("%s failed before its context ended: %v", c.name, err)
		default:
			e.wants(err, want, c.name+" whose context ended during the call")
		}
		mu.Lock()
		if took = 0; !ended.IsZero() {
			took = returned.Sub(ended)
		}
		mu.Unlock()
		if took <= e.soon() || e.failed() {
			return
		}
	}
	e.failf("%s returned %v after its context had ended, three times in a row; want soon after", name, took.Round(time.Millisecond))
}

// endingContext ends when it is checked for the at'th time.
type endingContext struct {
	context.Context
	cancel context.CancelFunc
	looks  atomic.Int64
	at     int64
}

func (c *endingContext) look() {
	if c.looks.Add(1) == c.at {
		c.cancel()
	}
}

func (c *endingContext) Err() error {
	c.look()
	return c.Context.Err()
}

func (c *endingContext) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}

func contextEndsDuringListing(e *env) {
	s := e.open()
	recs := e.fill(s, 150, func(int) driver.Record { return e.owned("user:42", "data") })
	e.cancelsListing(len(recs), e.lister(s).All, "All")
	if _, cannot := e.suite.Cannot[Owners]; !cannot {
		o := e.owners(s)
		e.cancelsListing(len(recs), func(ctx context.Context) iter.Seq2[driver.Entry, error] { return o.Owned(ctx, "user:42") }, "Owned")
	}
}

// cancelsListing cancels the context of a listing of n records at its third
// step.
func (e *env) cancelsListing(n int, list func(context.Context) iter.Seq2[driver.Entry, error], listing string) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	listed := 0
	for _, err := range list(ctx) {
		if err != nil {
			e.wants(err, context.Canceled, listing+" whose context ended during the call")
			return
		}
		if listed++; listed == 3 {
			cancel()
		}
	}
	if listed != n {
		e.failf("%s yielded %d of %d records and no error after its context ended, so the caller cannot notice the missing ones", listing, listed, n)
	}
}

func contextEndsAfterCall(e *env) {
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
