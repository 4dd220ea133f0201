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

// testCase is one situation in which a store has to keep a rule.
type testCase struct {
	name string
	// rule is the number in package driver's documentation; 0 stands for the
	// documentation of the method itself. says is the rule in words.
	rule  int
	says  string
	needs []Ability
	run   func(*env)
}

// cases is the contract, in the order in which a new driver meets it: the plain
// use of each method comes before what is hostile, damaged or at the same time,
// so that the first failure is the one to look at.
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
	shutdownCases,
	shareCases,
	processCases,
)

// failure is one way in which a case saw a rule broken.
type failure struct {
	name string // the case's
	rule int
	says string
	saw  string
	root bool // the case's other failures follow from it
}

func (f failure) String() string { return f.saw + "\n" + f.broke() }

// broke returns which rule it was.
func (f failure) broke() string {
	if f.rule == 0 {
		return "\tdocumentation of package driver: " + f.says
	}
	return fmt.Sprintf("\trule %d of package driver: %s", f.rule, f.says)
}

// verdict is what came of one case.
type verdict struct {
	failures []failure
	skipped  string // why it was not run, if it was not
	log      string // what the store logged meanwhile
}

// suite runs cases over one harness.
type suite struct {
	Harness
	test    string        // the name of the test that runs it
	timeout time.Duration // how long a case may take
	settle  time.Duration // how long a goroutine may take to end after Close
	hung    atomic.Int64  // how many cases hung
	leaked  atomic.Int64  // how many cases left goroutines behind
}

// mostHung is after how many cases that hang Run gives up: a store that hangs
// once tends to hang each time, and go test would stop it all before a word is
// printed. For the same reason it waits for no more goroutines after so many
// cases that left some behind.
const mostHung = 3

func newSuite(h Harness, test string) *suite {
	s := &suite{Harness: h, test: test, timeout: h.Timeout, settle: 5 * time.Second}
	if s.timeout == 0 {
		s.timeout = 30 * time.Second
	}
	return s
}

// run runs one case. A Config that fails ends tb's test, everything else is in
// the verdict.
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
		tb.Fatalf("sessionstest: Harness.Config gave a Namespace of %d characters, at most %d", len(cfg.Namespace), maxNamespace-16)
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

// check runs the picked cases and returns how they failed, for those who want
// to see a store fail.
func (s *suite) check(tb testing.TB, pick func(testCase) bool) []failure {
	var all []failure
	for _, c := range cases {
		if pick(c) {
			all = append(all, s.run(tb, c).failures...)
		}
	}
	return all
}
