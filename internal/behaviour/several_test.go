package behaviour

import (
	"testing"

	"github.com/pump-go/sessions"
)

func TestTwoClientsAreIndependent(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		ann, bob := a.client(), a.client()
		visit := func(c *client, want int) {
			t.Helper()
			c.do(func(s *sessions.Session) {
				equal(t, "count", count.Update(s, func(n int) int { return n + 1 }), want)
			})
		}
		visit(ann, 1)
		visit(bob, 1)
		visit(ann, 2)
		visit(ann, 3)
		visit(bob, 2)
		if ann.token == bob.token {
			t.Error("the clients have one token")
		}
		ann.do(func(s *sessions.Session) { s.Destroy(t.Context()) })
		visit(bob, 3)
		bob.do(func(s *sessions.Session) { s.Renew() })
		visit(ann, 1)
		visit(bob, 4)
		a.wantRecords(2)
	})
}
