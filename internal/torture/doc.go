// Torture tests the library's guarantees under faults. It runs real HTTP servers,
// several processes on one store, with thousands of sessions in use, while one
// checker compares every response with what it knows.
//
// # What is done
//
// For each store that keeps its sessions on the server, a few server processes
// share one backend. Clients read, set, count, add and take messages, sign in,
// renew, sign out, sign out other devices, and let sessions expire, through slow,
// streaming and panicking handlers; some disconnect early. They also use IDs that
// were renewed (late.go, oldid.go), sign in twice at once (signin.go), list their
// sessions (devices.go), and sign out devices that renew in a loop. A second manager
// in each process renews IDs by Options.RenewAfter. At the same time, server processes
// are killed with SIGKILL, stopped and continued, redeployed, run out of disk space,
// get a wrong clock, and sweep; the backend is restarted, killed and stopped, its disk
// is filled, and its directory is made read-only.
//
// The checker (request.go, ledger.go and judge.go) records what each request asks
// for before it is sent, and what its response acknowledged. From that it knows
// what every later response may show, and what every session must contain at the
// end. If a response is missing, or is an error page after a save that may have
// succeeded, both outcomes are correct; nothing else is. Anything incorrect is a
// violation of a kind listed in violation.go.
//
// The checker is tested too: broken_test.go runs it against stores and servers
// that are broken in one way each, and it must detect every one.
//
// # How to run it
//
//	go test ./internal/torture                          all stores, seconds each
//	go test ./internal/torture -torture.time 1m         longer, each store
//	go test ./internal/torture -run /postgres -torture.seed 7
//	go run ./internal/torture                           the long run; writes docs/torture.md
//	go run ./internal/torture -stores file,dbm -results DIR
//	go run ./internal/torture -stores none -results DIR only writes the report
//	go run ./internal/torture -stores dbm -faults 'disk full' -report /dev/stdout
//
// With -results, the result of each store's run is stored in DIR as JSON, and the
// report is made from all results in it, so that the long run can be done in
// parts. The seed determines the requests and the faults, but not their timing.
//
// It runs on Linux, preferably as root, which is needed to mount a small disk and
// fill it. A store whose server is not installed is skipped by name, or fails the
// test if SESSIONS_TEST_REQUIRE is 1.
package main
