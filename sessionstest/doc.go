// Package sessionstest is for two kinds of tests. [Serve], [NewClient] and
// [NewManager] are for programs: they give a handler requests with a session.
// [Run] is for drivers: it is the
// contract of package driver as code, and tests a store, whoever wrote it, against
// each of the rules.
//
// # Testing a handler
//
// Values in, values after; no server and no store:
//
//	func TestCartIsEmptiedByTheOrder(t *testing.T) {
//		r := httptest.NewRequest("POST", "/order", nil)
//		res, s := sessionstest.Serve(t, routes(), r, map[string]any{"user": "ann", "cart": []string{"tea"}})
//		if res.Code != http.StatusSeeOther || s.Has("cart") {
//			t.Errorf("status %d, and the session has %q", res.Code, s.Keys())
//		}
//	}
//
// [Client] makes several requests with one session. [NewManager] is for programs
// whose handlers call their Manager, or that test over a real server. Both keep
// their records in a store of this package, so they import no other. The example
// Outage simulates a store that is down.
//
// # Testing a store
//
// The whole test of a store that keeps its records in the process's memory:
//
//	func TestStore(t *testing.T) {
//		const why = "the records are in this process's memory"
//		sessionstest.Run(t, sessionstest.Harness{Driver: Driver, Cannot: map[sessionstest.Ability]string{
//			sessionstest.Share: why, sessionstest.Reopen: why,
//		}})
//	}
//
// A store with a backend adds Config, which returns where an empty backend for
// this case is:
//
//	Config: func(t testing.TB) driver.Config { return driver.Config{DataDir: t.TempDir()} },
//
// [Benchmark] measures the calls that the manager makes most, with the same
// Harness.
//
// # What a backend cannot do
//
// Run is strict. A store that lacks an optional interface, or whose records
// end with Close, fails until its Harness declares so by name in Cannot, with
// the reason:
//
//	Cannot: map[sessionstest.Ability]string{
//		sessionstest.List: "memcached has no way to name its keys",
//	},
//
// The reason is shown where a case is skipped. The declaration is tested too: a
// store that is declared not to list, but has a method All, must yield
// errors.ErrUnsupported there. Only an [Ability] can be declared away.
//
// An embedded database that is locked while it is open (Pebble, Badger, LevelDB)
// declares that it cannot Share. Run then opens one store at a time, and closes it
// before it calls Harness.Damage.
//
// # Time
//
// Run sets Config.Now to a clock that stands still until a case moves it, often
// by hours and once by decades, so a store that uses another clock fails. A
// backend that also drops records by a clock of its own must compute a record's
// lifetime from Config.Now: Expires minus Now, and never less.
//
// # A second process
//
// Where processes share a backend, Run starts some: the test's own program with
// -test.run set to the test that called Run, and the backend's location in its
// environment. There, Run carries out what the first process asks for, and skips
// the rest of the test. Two things follow for the test. Driver must find the
// backend by its Config alone. And a server for the backend is best started in
// Harness.Config, which the second process never calls: code before Run runs
// there too.
//
// # Reading a failure
//
// A failure says what happened and then which rule that broke. Cases run in the
// order in which a driver is written: the plain use of each method first, then
// expiry, bytes, listings, damage, contexts and races. So fix the first failure
// first. After each ErrConflict the suite loads the record: a store that wrote and
// answered ErrConflict all the same is reported as that, and the case's other
// failures, which follow from it, are not shown.
//
// An unguarded map in a store ends the whole process with Go's own "fatal error:
// concurrent map writes": no test can catch it. Run the suite with -race too.
//
// # What it cannot see
//
// Run calls the store; it is not between the store and its backend. So it does
// not see what happens when an answer is lost (a client that repeats a write by
// itself breaks rule 2), when the server hangs, or another process holds a lock
// (rule 5, and Open), when the server is restarted, when a writer is killed,
// whether index entries of lost records are ever removed, or what happens while
// a store compacts its files. docs/writing-a-driver.md in this module has short
// tests for the first two, and explains how to test the rest.
//
// # No false alarms
//
// No case depends on speed. Where a store is slow, a case does fewer rounds; a
// race that did not happen proves nothing and fails nothing. Every wait has a
// limit that only a hang reaches (Harness.Timeout), and a case that reaches it
// fails with the stacks of its own goroutines. After three such cases Run stops.
// A call that goes on for a tenth of that limit after its context ended is
// reported if it does so three times in a row. So every failure is real. The
// reverse does not hold: races are found by trying, so a store may pass today and
// fail tomorrow.
package sessionstest
