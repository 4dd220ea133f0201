// Package sessionstest tests handlers and stores. [Serve], [NewClient] and
// [NewManager] test the handlers of a program that uses sessions. [Run] tests a
// store: it is a conformance suite for the rules of package driver.
//
// # Testing a handler
//
// Serve calls a handler with a session that holds the given values. It needs
// neither a server nor a store:
//
//	func TestOrderEmptiesCart(t *testing.T) {
//		r := httptest.NewRequest("POST", "/order", nil)
//		res, s := sessionstest.Serve(t, routes(), r, map[string]any{"user": "ann", "cart": []string{"tea"}})
//		if res.Code != http.StatusSeeOther || s.Has("cart") {
//			t.Errorf("status %d, and the session has %q", res.Code, s.Keys())
//		}
//	}
//
// A [Client] makes several requests with one session. [NewManager] is for handlers
// that call their Manager, and for tests over a real server. The example Outage
// simulates a store that is down.
//
// # Testing a store
//
// This is the complete test of a store that keeps its records in the memory of the
// process:
//
//	func TestStore(t *testing.T) {
//		const why = "the records are in this process's memory"
//		sessionstest.Run(t, sessionstest.Harness{Driver: Driver, Cannot: map[sessionstest.Ability]string{
//			sessionstest.Share: why, sessionstest.Reopen: why,
//		}})
//	}
//
// A store with a backend also sets Config, which returns the location of an empty
// backend for one case:
//
//	Config: func(t testing.TB) driver.Config { return driver.Config{DataDir: t.TempDir()} },
//
// [Benchmark] measures the methods of the store, with the same Harness.
//
// # What a backend cannot do
//
// A store that lacks an optional interface, or whose records do not survive Close,
// fails unless its Harness lists that Ability in Cannot, with the reason:
//
//	Cannot: map[sessionstest.Ability]string{
//		sessionstest.List: "memcached cannot list its keys",
//	},
//
// The cases that are skipped show the reason. Cannot is tested too: if it lists List
// but the store has a method All, All must yield errors.ErrUnsupported. Cannot can
// list only an [Ability]; everything else is always tested.
//
// For an embedded database that is locked while it is open (Pebble, Badger,
// LevelDB), list Share in Cannot. Run then opens one store at a time, and closes it
// before it calls Harness.Damage.
//
// # Time
//
// Config.Now is a clock that moves only when a case moves it, often by hours and
// once by decades, so a store that uses another clock fails. If the backend also
// removes records by its own clock, give each record at least the time to live that
// it has by Config.Now: Expires minus Now.
//
// # A second process
//
// Unless Cannot lists Share or Processes, Run starts second processes: the same
// test program, with -test.run set to the test that called Run, and the backend's
// location in the environment. In a second process, Run executes the commands of
// the first one and skips the rest of the test. Therefore:
//
//   - Driver must find the backend by its Config alone.
//   - Code before Run also runs in second processes. Start a server for the
//     backend in Harness.Config, which they do not call.
//
// # Reading a failure
//
// A failure says what happened and which rule it breaks. Cases run in the order in
// which a driver is usually written: first each method in simple use, then expiry,
// bytes, listings, damage, contexts and races. So fix the first failure first.
//
// After each ErrConflict, the suite loads the record. If the store wrote although
// it returned ErrConflict, only that is reported, since the other failures of the
// case follow from it.
//
// Concurrent use of a map without a lock ends the whole process with "fatal error:
// concurrent map writes", which no test can catch. Run the suite with -race too.
//
// # What Run cannot test
//
// Run calls the store, and does not control the backend. So it cannot test
//
//   - a lost response, after which a client may repeat a write (rule 2);
//   - a server that hangs, or a lock that another process holds (rule 5, Open);
//   - a restart of the server, and a process that is killed while it writes;
//   - whether index entries of lost records are removed;
//   - a store that is compacting its files.
//
// docs/writing-a-driver.md in this module has short tests for the first two, and
// explains how to test the rest.
//
// # No false alarms
//
// Every failure is real. No case depends on speed: with a slow store, a case does
// fewer rounds. A case that hangs fails after Harness.Timeout, with the stacks of
// its goroutines. After three such cases, Run stops. A call that does not return within a tenth of Harness.Timeout after
// its context has ended is reported if this happens three times in a row.
//
// However, a faulty store may pass: repetition finds most races, but not all.
package sessionstest
