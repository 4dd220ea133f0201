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
// The test of a store that keeps its records in the process's memory, whole:
//
//	func TestStore(t *testing.T) {
//		const why = "the records are in this process's memory"
//		sessionstest.Run(t, sessionstest.Harness{Driver: Driver, Cannot: map[sessionstest.Ability]string{
//			sessionstest.Share: why, sessionstest.Reopen: why,
//		}})
//	}
//
// A store with a backend adds Config, which says where this case's own empty
// one is:
//
//	Config: func(t testing.TB) driver.Config { return driver.Config{DataDir: t.TempDir()} },
//
// [Benchmark] measures what the manager calls most, over the same Harness.
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
// store that is declared not to list, and has All nevertheless, must answer
// errors.ErrUnsupported there. Nothing but an [Ability] can be declared away.
//
// # Time
//
// Run sets Config.Now to a clock that stands still until a case moves it, often
// by hours and once by decades, so a store that looks at another clock fails. A
// backend that also drops records by a clock of its own must reckon its time
// from Config.Now: as Expires less Now, and never earlier.
//
// # A second process
//
// Where a backend is shared by processes, Run starts some: the test's own
// program with -test.run set to the test that called Run, and the backend's
// place in its environment. There, Run carries out what the first process
// asks for, and skips the rest of the test. Two things follow for the test.
// Driver must find the backend by its Config alone. And a server for the
// backend is best started in Harness.Config, which the second process never
// calls: what comes before Run runs there too.
//
// # What it cannot see
//
// Run calls the store; it is not between the store and its backend. So it does
// not see what happens when an answer is lost (a client that repeats a write by
// itself breaks rule 2), when the server hangs, or another process holds a lock
// (rule 5), when the server is started again, when a writer is killed, or while
// a store rewrites its files to make them smaller. docs/writing-a-driver.md in
// this module has short tests for the first two, and says how to test the rest.
//
// # No false alarms
//
// No case depends on speed. Where a store is slow, a case does fewer rounds; a
// race that did not happen proves nothing and fails nothing. What a case waits
// for has a limit that only a hang reaches (Harness.Timeout), and a case that
// reaches it fails with the stacks of its own goroutines. A failure can thus be
// taken at its word. The reverse does not hold: races are found by trying, so a
// store may pass that fails tomorrow.
package sessionstest
