package sessionstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pump-go/sessions/driver"
)

// env is what a case works with: a backend of its own, a clock, and a place
// to report to. Failures are kept rather than given to a testing.T, since a
// case that hangs outlives its test.
type env struct {
	ctx    context.Context
	cancel context.CancelFunc
	suite  *suite
	id     string // labels the case's goroutines
	name   string
	rule   int
	says   string
	cfg    driver.Config
	clock  *clock
	// effort is how long a case of many rounds goes on where the backend is
	// slow. It bounds the number of rounds, never the verdict.
	effort time.Duration
	log    syncBuffer
	ledger ledger

	mu       sync.Mutex
	failures []failure
	skipped  string
	stores   []driver.Store
	endings  []func()
	opened   int // stores that are not closed
	closing  int // calls of Close under way
}

var envs atomic.Int64

func newEnv(s *suite, c testCase, cfg driver.Config) *env {
	e := &env{
		suite:  s,
		id:     strconv.FormatInt(envs.Add(1), 10),
		name:   c.name,
		rule:   c.rule,
		says:   c.says,
		cfg:    cfg,
		clock:  &clock{now: start},
		effort: s.timeout / 8,
	}
	e.ctx, e.cancel = context.WithCancel(pprof.WithLabels(context.Background(), pprof.Labels(label, e.id)))
	e.cfg.Now = e.clock.Now
	e.cfg.SweepInterval = -1
	if e.cfg.CookieName == "" {
		e.cfg.CookieName = "sessionstest"
	}
	if e.cfg.Logger == nil {
		e.cfg.Logger = slog.New(slog.NewTextHandler(&e.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return e
}

// open opens a store on the case's backend. It is closed when the case ends.
func (e *env) open(changes ...func(*driver.Config)) driver.Store {
	cfg := e.cfg
	for _, change := range changes {
		change(&cfg)
	}
	s, err := e.suite.Driver.Open(e.ctx, cfg)
	switch {
	case err != nil && e.openStores() > 0:
		e.fatalf("Open failed while another store was open on the same backend: %v\n"+
			"If the backend can be open only once at a time (an embedded database with an exclusive lock), declare Cannot[Share].", err)
	case err != nil:
		e.fatalf("Open failed: %v", err)
	case s == nil:
		e.fatalf("Open returned neither a Store nor an error")
	}
	s = &watched{s, e, cfg.Namespace}
	e.closeAtEnd(s)
	if _, ok := driver.As[driver.Sealer](s); ok {
		e.fatalf("the store is a driver.Sealer: it keeps no records, and this suite is for stores that do")
	}
	return s
}

func (e *env) openStores() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.opened
}

func (e *env) closeAtEnd(s driver.Store) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stores = append(e.stores, s)
	e.opened++
}

// atEnd has f called after the case's stores are closed.
func (e *env) atEnd(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.endings = append(e.endings, f)
}

// finish leaves the backend empty, as far as the store can list, and closes
// what the case opened.
func (e *env) finish() {
	e.mu.Lock()
	stores, endings, clean := e.stores, e.endings, len(e.failures) == 0
	e.mu.Unlock()
	for _, s := range stores {
		if clean {
			e.removeAll(s)
		}
		if err := e.closed(s); err != nil {
			e.breaks(11, "Close may be called in any state, and on a healthy backend it succeeds.", fmt.Sprintf("Close failed: %v", err))
		}
	}
	for _, f := range endings {
		f()
	}
}

// close closes a store, which has to work.
func (e *env) close(s driver.Store, call string) {
	e.must(e.closed(s), call)
}

// closed closes a store, and has it known meanwhile.
func (e *env) closed(s driver.Store) error {
	e.count(&e.closing, 1)
	defer e.count(&e.closing, -1)
	err := s.Close()
	e.count(&e.opened, -1) // more than once for a store that is closed twice: then no hint
	return err
}

func (e *env) count(n *int, by int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	*n += by
}

// hung records that the case did not end. Where it waits for a Close, that is
// what hangs, whatever the case is about.
func (e *env) hung() {
	e.mu.Lock()
	closing := e.closing > 0
	e.mu.Unlock()
	in := fmt.Sprintf("after %v, in these goroutines:\n%s", e.suite.timeout, goroutines(e.id))
	if closing {
		e.breaks(11, "Close waits for calls under way, and then ends.",
			"Close did not return. A call that entered a driver.Gate and did not leave it on one of its ways out would do that, "+
				"and so would a goroutine that Close waits for and nobody stops. The case still ran "+in)
		return
	}
	e.failf("the case still ran %s", in)
}

// removeAll deletes every record that the store lists, and sees that it is gone.
func (e *env) removeAll(s driver.Store) {
	l, ok := driver.As[driver.Lister](s)
	if _, cannot := e.suite.Cannot[List]; !ok || cannot {
		return
	}
	const (
		when    = "when the case was over, "
		listing = "All yields every live record, and what is damaged as an error with its Key set."
	)
	keys, err := listedKeys(l.All(e.ctx))
	switch {
	case errors.Is(err, driver.ErrClosed) || errors.Is(err, errors.ErrUnsupported):
		return // the case closed it, or "declared-list" reports it
	case err != nil:
		e.breaks(9, listing, fmt.Sprintf("%sAll failed: %v", when, err))
		return
	}
	deleted := make([]bool, len(keys))
	errs := make([]error, len(keys))
	e.each(len(keys), func(i int) {
		errs[i] = s.Delete(e.ctx, keys[i], 0)
		deleted[i] = true
	})
	if err := errors.Join(errs...); err != nil {
		e.breaks(0, "Delete with version 0 removes whatever is there, and finding nothing is no error.",
			fmt.Sprintf("%sDelete with version 0 of what All had yielded failed: %v", when, err))
		return
	}
	left, err := listedKeys(l.All(e.ctx))
	switch {
	case err != nil:
		e.breaks(9, listing, fmt.Sprintf("%sAll failed: %v", when, err))
		return
	case slices.Contains(deleted, false):
		return // a slow backend: there was no time for all
	}
	for _, key := range left {
		if _, err := s.Load(e.ctx, key); errors.Is(err, driver.ErrNotFound) {
			e.breaks(9, "what All yields is there.", when+"All yielded a key at which Load finds nothing")
		} else {
			e.breaks(3, "Delete with version 0 removes whatever is there, for good.",
				fmt.Sprintf("%sa record was deleted with version 0, listed again, and Load gave the error %v", when, err))
		}
	}
}

// listedKeys returns the keys that a listing yields, those of damaged records
// and of a newer format too, up to any other error.
func listedKeys(seq iter.Seq2[driver.Entry, error]) (keys []driver.Key, err error) {
	for entry, err := range seq {
		if err != nil && !unreadable(err) {
			return keys, err
		}
		keys = append(keys, entry.Key)
	}
	return keys, nil
}

// unreadable reports whether a record is there that cannot be read.
func unreadable(err error) bool {
	return errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat)
}

// failf records what the case saw, and goes on.
func (e *env) failf(format string, args ...any) {
	e.breaks(e.rule, e.says, fmt.Sprintf(format, args...))
}

// fatalf records what the case saw, and ends the goroutine that called it.
func (e *env) fatalf(format string, args ...any) {
	e.failf(format, args...)
	runtime.Goexit()
}

func (e *env) breaks(rule int, says, saw string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures = append(e.failures, failure{name: e.name, rule: rule, says: says, saw: saw})
}

// skip ends the case: it does not apply to this store.
func (e *env) skip(why string) {
	e.mu.Lock()
	e.skipped = why
	e.mu.Unlock()
	runtime.Goexit()
}

// guard makes a failure of a panic in f.
func (e *env) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			e.failf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	f()
}

func (e *env) failed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.failures) > 0
}

func (e *env) verdict() verdict {
	e.mu.Lock()
	defer e.mu.Unlock()
	failures := e.failures
	if roots := slices.DeleteFunc(slices.Clone(failures), func(f failure) bool { return !f.root }); len(roots) > 0 {
		failures = roots
	}
	return verdict{failures: failures, skipped: e.skipped, log: e.log.String()}
}

// parallel runs f(0) to f(n-1) at the same time and waits for all.
func (e *env) parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	gun := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gun
			e.guard(func() { f(i) })
		})
	}
	close(gun)
	wg.Wait()
}

// rounds calls f n times, or fewer on a backend so slow that effort ran out.
// It stops at the first round that fails.
func (e *env) rounds(n int, f func(i int)) {
	e.roundsAmong(n, nil, f)
}

// roundsAmong does as rounds, and goes on until the others too have counted n
// of theirs, so that a fast backend does not end a race before it began.
func (e *env) roundsAmong(n int, others *atomic.Int64, f func(i int)) {
	began := time.Now()
	for i := 0; !e.failed() && (i < n || others != nil && others.Load() < int64(n)); i++ {
		if i > 0 && time.Since(began) > e.effort {
			return
		}
		if i >= n {
			runtime.Gosched()
		}
		f(i)
	}
}

// each calls f(0) to f(n-1), some at the same time, or fewer on a backend so
// slow that effort ran out.
func (e *env) each(n int, f func(i int)) {
	var begun atomic.Int64
	began := time.Now()
	e.parallel(8, func(int) {
		for {
			i := int(begun.Add(1)) - 1
			if i >= n || e.failed() || i > 0 && time.Since(began) > e.effort {
				return
			}
			f(i)
		}
	})
}

// syncBuffer takes a store's log. A store may log after its test is over,
// where a testing.T would panic.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
