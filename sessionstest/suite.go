package sessionstest

import (
	"fmt"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// testCase tests a rule in one situation.
type testCase struct {
	name string
	// rule is the number in package driver's documentation, or 0 for a rule in the
	// documentation of a method. says is its text.
	rule  int
	says  string
	needs []Ability
	run   func(*env)
}

// cases are all cases, in the order in which a driver is usually written: simple
// calls of each method come before hostile data, damage and concurrency, so that
// the first failure is the one to fix first.
var cases = slices.Concat(
	declaredCases,
	openCases,
	saveCases,
	touchCases,
	deleteCases,
	hintCases,
	closeCases,
	reopenCases,
	expiryCases,
	bytesCases,
	listingCases,
	ownerCases,
	sweepCases,
	namespaceCases,
	damageCases,
	contextCases,
	concurrencyCases,
	renewCases,
	shutdownCases,
	shareCases,
	processCases,
)

// failure is one observation of a broken rule.
type failure struct {
	name string // of the case
	rule int
	says string
	saw  string
	root bool // the case's other failures are its consequences
}

func (f failure) String() string { return f.saw + "\n" + f.broke() }

// broke returns the rule, formatted.
func (f failure) broke() string {
	if f.rule == 0 {
		return "\tdocumentation of package driver: " + f.says
	}
	return fmt.Sprintf("\trule %d of package driver: %s", f.rule, f.says)
}

// verdict is the result of one case.
type verdict struct {
	failures []failure
	skipped  string // the reason, if it was skipped
	log      string // the store's log
}

// suite runs cases with one harness.
type suite struct {
	Harness
	test        string        // the name of the test that runs it
	timeout     time.Duration // how long a case may take
	leakTimeout time.Duration // how long a goroutine may take to end after Close
	hung        atomic.Int64  // how many cases hung
	leaked      atomic.Int64  // how many cases left goroutines behind
}

// maxHung is the number of hanging cases after which Run stops: a store that
// hangs once usually hangs every time, and go test's own timeout would discard the
// report. After as many cases that left goroutines, Run no longer waits for them.
const maxHung = 3

func newSuite(h Harness, test string) *suite {
	s := &suite{Harness: h, test: test, timeout: h.Timeout, leakTimeout: 5 * time.Second}
	if s.timeout == 0 {
		s.timeout = 30 * time.Second
	}
	return s
}

// run runs one case. If Harness.Config fails, tb's test ends; every other failure
// is in the verdict.
func (s *suite) run(tb testing.TB, c testCase) verdict {
	for _, a := range c.needs {
		if why, ok := s.Cannot[a]; ok {
			return verdict{skipped: fmt.Sprintf("cannot %s: %s", a, why)}
		}
	}
	var cfg driver.Config
	if s.Config != nil {
		cfg = s.Config(tb)
	}
	if len(cfg.Namespace) > maxNamespace-16 {
		tb.Fatalf("sessionstest: Harness.Config returned a Namespace of %d characters; the limit is %d", len(cfg.Namespace), maxNamespace-16)
	}
	e := newEnv(s, c, cfg)
	defer e.cancel()

	done := make(chan struct{})
	go func() {
		defer close(done)
		pprof.SetGoroutineLabels(e.ctx)
		defer e.guard(e.finish)
		e.guard(func() { c.run(e) })
	}()
	watchdog := time.NewTimer(s.timeout)
	defer watchdog.Stop()
	select {
	case <-done:
		e.checkGoroutines()
		return e.verdict()
	case <-watchdog.C:
		s.hung.Add(1)
		e.hung()
		return e.verdict()
	}
}

// check runs the picked cases and returns their failures. It is used by the
// suite's own tests.
func (s *suite) check(tb testing.TB, pick func(testCase) bool) []failure {
	var all []failure
	for _, c := range cases {
		if pick(c) {
			all = append(all, s.run(tb, c).failures...)
		}
	}
	return all
}
