// Package journey tests every router example over real HTTP: what a visitor does, and
// the library's guarantees that must hold with any router.
package journey

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
)

// Site serves an example with m and the probes until the test ends, and returns its
// address, such as http://127.0.0.1:1234.
type Site func(t *testing.T, m *sessions.Manager, p *Probes) (address string)

// Handler returns the Site of an example that is an http.Handler.
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

// Run runs all tests.
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

// RunVisitor runs the tests that need no special ResponseWriter features. It needs
// only the probe /panic.
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
