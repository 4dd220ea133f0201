package sessionstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

	mu       sync.Mutex
	failures []failure
	skipped  string
	stores   []driver.Store
	endings  []func()
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
	case err != nil:
		e.fatalf("Open failed: %v", err)
	case s == nil:
		e.fatalf("Open returned neither a Store nor an error")
	}
	e.closeAtEnd(s)
	if _, ok := s.(driver.Sealer); ok {
		e.fatalf("the store is a driver.Sealer: it keeps no records, and this suite is for stores that do")
	}
	return s
}

func (e *env) closeAtEnd(s driver.Store) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stores = append(e.stores, s)
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
	return s.Close()
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
	l, ok := s.(driver.Lister)
	if _, cannot := e.suite.Cannot[List]; !ok || cannot {
		return
	}
	var err error
	var keys []driver.Key
	for entry, listing := range l.All(e.ctx) {
		switch {
		case listing == nil || errors.Is(listing, driver.ErrCorrupt):
			keys = append(keys, entry.Key)
		case errors.Is(listing, driver.ErrClosed) || errors.Is(listing, errors.ErrUnsupported):
			return // the case closed it, or "declared-list" tells
		default:
			err = listing
		}
	}
	deleted := make([]bool, len(keys))
	errs := make([]error, len(keys))
	e.each(len(keys), func(i int) {
		errs[i] = s.Delete(e.ctx, keys[i], 0)
		deleted[i] = true
	})
	left, listing := collect(l.All(e.ctx))
	err = errors.Join(err, listing, errors.Join(errs...))
	if err != nil || len(left) > 0 && !slices.Contains(deleted, false) {
		e.breaks(3, "Delete with version 0 removes whatever is there, for good.",
			fmt.Sprintf("when the case was over, all records that were listed were deleted, and then %d were listed (error: %v)", len(left), err))
	}
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
	e.failures = append(e.failures, failure{e.name, rule, says, saw})
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
	return verdict{failures: e.failures, skipped: e.skipped, log: e.log.String()}
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
