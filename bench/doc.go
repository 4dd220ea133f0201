// Package bench compares this library with others through whole HTTP requests, each
// used as its documentation recommends: scs v2 (memstore, sqlite3store, postgresstore,
// mysqlstore, goredisstore), gorilla/sessions (CookieStore, FilesystemStore), the raw
// storage operation that a request needs, and a handler without a session.
//
// It is a separate module, so that users of the library do not download the
// dependencies of the comparison.
//
//	go test -bench Request              # each kind of request on each store
//	go test -bench Request/store=memory # one store
//	go test -bench Tails -tail-time 10s # the slowest requests under load
//	go run ./report                     # everything, and rewrites docs/performance.md
//
// The names suit benchstat: go test -bench Request -count 10 >new.out and then
// benchstat -col /lib new.out. Since a machine's speed varies, compare only figures
// of the same run. report repeats the whole set rather than each benchmark, so that
// the contenders alternate.
//
// Every benchmark checks its work: a counter that b.N requests incremented is b.N,
// the store has b.N new sessions, a read returns what was written, and a forged
// cookie is rejected.
package bench
