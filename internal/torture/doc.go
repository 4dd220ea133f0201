// Torture puts the library's promises to the test: real HTTP servers, several
// processes of them on one store, thousands of sessions, and faults while they
// are in use, with one checker that knows what must be true.
//
// # What is done
//
// For each store that keeps its sessions on the server, a few server processes
// share one backend. Clients with cookie jars read, set, count, leave and take
// messages, sign in, renew, log out, log out other devices, let sessions expire;
// through slow, streaming and panicking handlers, and now and then they hang up.
// Meanwhile server processes are killed with SIGKILL, stopped and continued,
// redeployed, run out of disk, have their clocks set wrong and sweep; and the
// backend is restarted, killed, made to hang, its disk filled, its directory
// made read-only.
//
// The checker (ledger.go and the files beside it) writes down what each request
// was to do before it is sent, and what its answer acknowledged. From that it
// knows what every later answer may show, and at the end what every session
// must hold. An answer that never came, or an error page after a save that may
// have landed, makes both outcomes right; nothing else does. Every breach is a
// violation of one of the kinds in violation.go.
//
// The checker is tested too: broken_test.go runs it against stores and servers
// that are broken in one way each, and it must find every one of them.
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
// With -results, what each store's run found is kept in DIR as JSON, and the
// report is made of all that is there; so the long run can be done in parts.
// The seed decides what the clients ask, and which faults strike; when things
// happen is the machine's affair.
//
// It runs on Linux, best as root: only root can fill a disk of its own. A store
// whose server is not installed is skipped by name, or fails the test if
// SESSIONS_TEST_REQUIRE is 1.
package main
