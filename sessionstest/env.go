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

// env is the environment of one case: its own backend, a clock, and the failures
// seen. Failures are kept rather than reported to a testing.T, since a case that
// hangs outlives its test.
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
	// effort limits the duration of a case with many rounds on a slow backend. It
	// affects the number of rounds, never the verdict.
	effort time.Duration
	log    syncBuffer
	ledger ledger

	mu       sync.Mutex
	failures []failure
	skipped  string
	stores   []driver.Store
	endings  []func()
	opened   int // number of open stores
	closing  int // number of Close calls in progress
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

// open opens a store on the case's backend. finish closes it.
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
		e.fatalf("Open returned a nil Store and a nil error")
	}
	s = &watched{s, e, cfg.Namespace}
	e.closeAtEnd(s)
	if _, ok := driver.As[driver.Sealer](s); ok {
		e.fatalf("the store is a driver.Sealer, which keeps no records; this suite tests stores that do")
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

// atEnd registers f to be called after the case's stores are closed.
func (e *env) atEnd(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.endings = append(e.endings, f)
}

// finish deletes the case's records, if the store can list them, and closes its
// stores.
func (e *env) finish() {
	e.mu.Lock()
	stores, endings, clean := e.stores, e.endings, len(e.failures) == 0
	e.mu.Unlock()
	for _, s := range stores {
		if clean {
			e.removeAll(s)
		}
		if err := e.closeStore(s); err != nil {
			e.breaks(11, "Close may be called in any state, and succeeds on a healthy backend.", fmt.Sprintf("Close failed: %v", err))
		}
	}
	for _, f := range endings {
		f()
	}
}

// close closes a store, which must succeed.
func (e *env) close(s driver.Store, call string) {
	e.must(e.closeStore(s), call)
}

// closeStore closes a store, and records that Close is in progress.
func (e *env) closeStore(s driver.Store) error {
	e.count(&e.closing, 1)
	defer e.count(&e.closing, -1)
	err := s.Close()
	e.count(&e.opened, -1) // may count a store that is closed twice twice
	return err
}

func (e *env) count(n *int, by int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	*n += by
}

// hung records that the case did not end. If a Close is in progress, it reports
// that Close hangs, whatever the case tests.
func (e *env) hung() {
	e.mu.Lock()
	closing := e.closing > 0
	e.mu.Unlock()
	in := fmt.Sprintf("after %v, in these goroutines:\n%s", e.suite.timeout, goroutines(e.id))
	if closing {
		e.breaks(11, "Close waits for calls in progress, and then returns.",
			"Close did not return. Possible causes: a call that entered a driver.Gate and did not leave it on every path, "+
				"or a goroutine that Close waits for and nothing stops. The case was still running "+in)
		return
	}
	e.failf("the case was still running %s", in)
}

// removeAll deletes every record that the store lists, and checks that none is
// left.
func (e *env) removeAll(s driver.Store) {
	l, ok := driver.As[driver.Lister](s)
	if _, cannot := e.suite.Cannot[List]; !ok || cannot {
		return
	}
	const (
		when    = "after the case, "
		listing = "All yields every live record, and a damaged one as an error with its Key set."
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
		e.breaks(0, "Delete with version 0 removes any record; if there is none, it returns nil.",
			fmt.Sprintf("%sDelete with version 0 of a record that All had yielded failed: %v", when, err))
		return
	}
	left, err := listedKeys(l.All(e.ctx))
	switch {
	case err != nil:
		e.breaks(9, listing, fmt.Sprintf("%sAll failed: %v", when, err))
		return
	case slices.Contains(deleted, false):
		return // a slow backend: not all were deleted in time
	}
	for _, key := range left {
		if _, err := s.Load(e.ctx, key); errors.Is(err, driver.ErrNotFound) {
			e.breaks(9, "All yields only records that exist.", when+"All yielded a key for which Load returned driver.ErrNotFound")
		} else {
			e.breaks(3, "Delete with version 0 removes any record permanently.",
				fmt.Sprintf("%sa record that was deleted with version 0 was listed again, and Load returned the error %v", when, err))
		}
	}
}

// listedKeys returns the keys that a listing yields, including those of
// unreadable records, up to any other error.
func listedKeys(seq iter.Seq2[driver.Entry, error]) (keys []driver.Key, err error) {
	for entry, err := range seq {
		if err != nil && !unreadable(err) {
			return keys, err
		}
		keys = append(keys, entry.Key)
	}
	return keys, nil
}

// unreadable reports whether err is about a record that exists and cannot be
// read.
func unreadable(err error) bool {
	return errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat)
}

// failf records a failure and continues.
func (e *env) failf(format string, args ...any) {
	e.breaks(e.rule, e.says, fmt.Sprintf(format, args...))
}

// fatalf records a failure and ends the calling goroutine.
func (e *env) fatalf(format string, args ...any) {
	e.failf(format, args...)
	runtime.Goexit()
}

func (e *env) breaks(rule int, says, saw string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures = append(e.failures, failure{name: e.name, rule: rule, says: says, saw: saw})
}

// skip ends the case because it does not apply to this store.
func (e *env) skip(why string) {
	e.mu.Lock()
	e.skipped = why
	e.mu.Unlock()
	runtime.Goexit()
}

// guard calls f and records a panic as a failure.
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

// parallel calls f(0) to f(n-1) concurrently and waits for all.
func (e *env) parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			e.guard(func() { f(i) })
		})
	}
	close(start)
	wg.Wait()
}

// rounds calls f n times, or fewer if effort runs out. It stops at the first
// failure.
func (e *env) rounds(n int, f func(i int)) {
	e.roundsWith(n, nil, f)
}

// roundsWith is like rounds, but continues until others has also reached n, so
// that a race does not end before the other goroutines have started.
func (e *env) roundsWith(n int, others *atomic.Int64, f func(i int)) {
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

// each calls f(0) to f(n-1), several concurrently, or fewer if effort runs out.
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

// syncBuffer collects a store's log. A store may log after the test has ended,
// when a testing.T would panic.
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
