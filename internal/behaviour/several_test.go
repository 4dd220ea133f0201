package behaviour

import (
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestTwoClientsAreIndependent(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		ann, bob := a.Client(), a.Client()
		visit := func(c *testapp.Client, want int) {
			t.Helper()
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "count", testapp.Count.Update(s, func(n int) int { return n + 1 }), want)
			})
		}
		visit(ann, 1)
		visit(bob, 1)
		visit(ann, 2)
		visit(ann, 3)
		visit(bob, 2)
		if ann.Token() == bob.Token() {
			t.Error("the clients have the same token")
		}
		ann.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
		visit(bob, 3)
		bob.OK(func(s *sessions.Session) { s.Renew() })
		visit(ann, 1)
		visit(bob, 4)
		a.WantRecords(2)
	})
}
