package site

import (
	"testing"

	"github.com/pump-go/sessions"
)

// SignIn signs a visitor in who has a session of that owner, or of nobody, and returns
// by how much that has increased count.
func SignIn(tb testing.TB, m *sessions.Manager, owner string, count func() int64) int64 {
	tb.Helper()
	visitor := m.NewSession()
	visitor.Set("cart", "a book")
	visitor.SetOwner(owner)
	if err := visitor.Save(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	before := count()
	s, err := m.Load(tb.Context(), visitor.Token())
	if err != nil {
		tb.Fatal(err)
	}
	s.Renew()
	s.SetOwner("user:42")
	if err := s.Save(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return count() - before
}
