// Package site is a small web site and its visitors, for tests of stores that
// are reached over a network: what must hold for one must for the other.
package site

import (
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/pump-go/sessions"
)

// The values in a visitor's session.
const (
	Visits sessions.Key[int]    = "visits"
	User   sessions.Key[string] = "user"
)

// Manager makes one that logs nothing.
func Manager(t testing.TB, o sessions.Options) *sessions.Manager {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// New is a site that counts visits; /as?name signs in, /out signs out. Every page
// tells the number of visits and who it is.
func New(m *sessions.Manager) http.Handler {
	return m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/visit":
			Visits.Update(s, func(n int) int { return n + 1 })
		case "/as":
			User.Set(s, r.URL.RawQuery)
			s.SetOwner(r.URL.RawQuery)
			s.Renew()
		case "/out":
			_ = s.Destroy(r.Context())
		}
		n, _ := Visits.Get(s)
		name, _ := User.Get(s)
		fmt.Fprintf(w, "%d %s", n, name)
	}))
}
