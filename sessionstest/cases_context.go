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
	{"context-ends-during-calls", 5, "a call whose context ends leaves the store in order: what it wrote is whole or not there.", nil, contextEndsDuringCalls},
	{"context-ends-during-each-call", 5, "a call returns soon after its context ends, with an error that wraps the context's.", nil, contextEndsDuringEachCall},
	{"context-ends-in-a-listing", 5, "a listing whose context ends yields what is left, or ends with an error that wraps the context's.", []Ability{List}, contextEndsInListing},
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
		deadline, _ := ctx.Deadline()
		ended := ctx.Err() != nil || !time.Now().Before(deadline)
		cancel()
		late := errors.Is(err, driver.ErrConflict) && len(possible) > 1
		possible[now.Version] = true
		got := e.load(s, key, "after a Save whose context ended")
		switch {
		case err == nil && got.Version != now.Version:
			e.failf("a Save succeeded, and its record is not there")
		case err != nil && !ended && !late:
			e.failf("Save failed before its context ended: %v", err)
		case err != nil && !late && !errors.Is(err, context.DeadlineExceeded):
			e.wants(err, context.DeadlineExceeded, "Save, whose context ended meanwhile,")
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

// soon is how long a call may go on after its context ended, on the slowest of
// machines. A call has to take longer several times over to be reported.
func (e *env) soon() time.Duration { return e.suite.timeout / 10 }

// contextEndsDuringEachCall ends the context of every method's call: at several
// moments of the time that the call takes, and as the call looks at it.
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
			e.endsMeanwhile(fresh, func() (context.Context, context.CancelFunc) {
				return context.WithTimeout(e.ctx, usual*tenth/10)
			})
		}
		for look := int64(1); look <= 4; look++ {
			e.endsMeanwhile(fresh, func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(e.ctx)
				return &endingContext{Context: ctx, cancel: cancel, at: look}, cancel
			})
		}
		if e.failed() {
			return // each of these takes its time in a store that ignores its context
		}
	}
}

// endsMeanwhile makes a call whose context ends in its course, again where it
// takes too long after that.
func (e *env) endsMeanwhile(fresh func() call, with func() (context.Context, context.CancelFunc)) {
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
			e.wants(err, want, c.name+", whose context ended meanwhile,")
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
	e.failf("%s returned %v after its context had ended, three times in a row: want soon", name, took.Round(time.Millisecond))
}

// endingContext ends when it is looked at for the at'th time.
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

func contextEndsInListing(e *env) {
	s := e.open()
	recs := e.fill(s, 150, func(int) driver.Record { return e.owned("user:42", "data") })
	e.cancelsListing(len(recs), e.lister(s).All, "All")
	if _, cannot := e.suite.Cannot[Owners]; !cannot {
		o := e.owners(s)
		e.cancelsListing(len(recs), func(ctx context.Context) iter.Seq2[driver.Entry, error] { return o.Owned(ctx, "user:42") }, "Owned")
	}
}

// cancelsListing ends the context of a listing of n records in its third step.
func (e *env) cancelsListing(n int, list func(context.Context) iter.Seq2[driver.Entry, error], listing string) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	listed := 0
	for _, err := range list(ctx) {
		if err != nil {
			e.wants(err, context.Canceled, listing+", whose context ended meanwhile,")
			return
		}
		if listed++; listed == 3 {
			cancel()
		}
	}
	if listed != n {
		e.failf("%s yielded %d of %d records and no error, as its context ended meanwhile: nobody sees that some are missing", listing, listed, n)
	}
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
