// Package explorer holds tests alone. It checks, for every pair of requests on one
// session, every order in which they can meet and every single failure on the way.
//
// Requests on one session meet only in the store: what a request does between two
// store calls no other request can see. So two requests behave differently from
// run to run only by the order in which their store calls take effect, and by
// calls that fail. Both can be listed, and all of them tried.
//
// A run starts from a session S with values, a flash message and an owner. If one
// of the requests is late, S has been renewed, and the request carries the old ID.
// The run sends its requests through Manager.Wrap, each in a goroutine. A gate
// before the store (gate_test.go) holds every call until the scheduler lets it go
// on, one at a time. The scheduler also decides what becomes of the call: it is
// answered; or it is lost before it takes effect; or it takes effect and the answer
// is lost. A call that names no version may also be lost and take effect when all
// others are over: one that names a version then conflicts. At most one call of a run
// is lost. The list of these choices, the
// schedule, determines the run. A depth-first search performs all schedules, each
// from the start (schedule_test.go, run_test.go).
//
// The store is one that is a driver.Renewer or one that is none, where that makes a
// difference.
//
// The requests share one Manager, as in one process, or each has its own on the
// same store, as in several processes. All are one browser's: each response
// replaces the cookie that the one before has set.
//
// After a run the rules (rules_test.go) compare the responses with what the store
// holds: nothing that was acknowledged is lost, nothing is counted twice, a
// session that was ended stays ended, no cookie names a dead session, no live
// session lacks its cookie, a late request does not sign the user out.
//
// Runs take no time. They run in synctest bubbles, which show when all requests
// wait for the scheduler, a lock or a timer, and whose clock moves by itself.
//
//	go test ./internal/explorer                          all pairs
//	go test ./internal/explorer -run Triples -triples    all triples, for half a day
//	go test ./internal/explorer -run Replay -v -schedule CODE
//
// A failure prints its schedule in words, and the CODE that replays it. The rules
// are tested too: faults_test.go plants faults in the store's answers and in the
// manager's source, and each must be found.
package explorer
