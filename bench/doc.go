// Package bench measures this library beside its peers, each through its whole
// HTTP path and used as its documentation says: scs v2 (memstore, sqlite3store,
// postgresstore), gorilla/sessions (CookieStore, FilesystemStore), the raw
// operation that a request cannot do without, and a handler without a session.
//
// It is a module of its own, so that nobody who uses the library downloads what
// only a comparison needs.
//
//	go test -bench Request              # each kind of request on each store
//	go test -bench Request/store=memory # one store
//	go run ./report                     # everything, and docs/performance.md anew
//
// The names are made for benchstat: go test -bench Request -count 10 >new.out
// and then benchstat -col /lib new.out. Since a machine's speed changes while it
// runs, only what one run measured side by side should be compared; report
// repeats the whole set rather than each benchmark, so that the contenders take
// turns.
//
// Every benchmark proves that it did its work: a counter that b.N requests
// increased is at b.N, b.N new sessions are in the store, a read that finds
// anything but what was written fails, and so does a forged cookie that is
// accepted.
package bench
