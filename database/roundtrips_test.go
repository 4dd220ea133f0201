//go:build unix

package database_test

import (
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/site"
)

// docs/operations.md has these numbers.
func TestRoundTripsOfASignIn(t *testing.T) {
	want := map[string]int64{"PostgreSQL": 2, "MySQL": 3}
	onEngines(t, func(t *testing.T, e engine) {
		p := newProxy(t, e.shared(t).Addr)
		m, err := sessions.New(t.Context(), sessions.Options{URL: e.url(p.Addr().String(), ""), SweepInterval: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		signIn := func() int64 { return site.SignIn(t, m, "", p.answers.Load) }
		signIn() // prepares the statements
		if got := signIn(); got != want[e.name] {
			t.Errorf("got %d, want %d", got, want[e.name])
		}
	})
}
