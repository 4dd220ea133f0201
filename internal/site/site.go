// Package site has a small web site and its clients, and the tests that all stores on
// servers share.
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

// Manager returns a manager without a log. It is closed at the end of the test.
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

// New returns a site: /visit counts a visit, /as?name signs in, /out signs out. Each page
// has the number of visits and the user's name.
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
