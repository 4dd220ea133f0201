// Package journey is the test of every router example: what a visitor does, over
// real HTTP, each visitor with a cookie jar; and what must hold whichever router
// is between the session and the server.
package journey

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
)

// Site serves an example with these sessions and probes until the test ends, and
// returns its address, such as http://127.0.0.1:1234.
type Site func(t *testing.T, m *sessions.Manager, p *Probes) (address string)

// Handler is the Site of an example that is an http.Handler.
func Handler(make func(m *sessions.Manager, p *Probes) http.Handler) Site {
	return func(t *testing.T, m *sessions.Manager, p *Probes) string {
		return Serve(t, make(m, p))
	}
}

// Serve serves the handler until the test ends, and returns its address.
func Serve(t *testing.T, h http.Handler) (address string) {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

type test struct {
	name string
	run  func(t *testing.T, site Site)
}

// Run is the whole test.
func Run(t *testing.T, site Site) {
	RunVisitor(t, site)
	for _, test := range []test{
		{"flush", Flush},
		{"flush after body", FlushBody},
		{"hijack", Hijack},
		{"deadline", Deadline},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, site) })
	}
}

// RunVisitor is the part of the test that asks nothing of the response but an
// answer. Of the probes it needs /panic.
func RunVisitor(t *testing.T, site Site) {
	for _, test := range []test{
		{"sign in and out", SignInAndOut},
		{"two visitors", TwoVisitors},
		{"untouched", Untouched},
		{"parallel visits", ParallelVisits},
		{"outage", Outage},
		{"failed save", FailedSave},
		{"panic", Panic},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, site) })
	}
}
