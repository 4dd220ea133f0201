package behaviour

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestManyClientsAreIndependent(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				c, name := a.Client(), fmt.Sprint("user ", i)
				for range 2 {
					c.OK(func(s *sessions.Session) {
						testapp.Equal(t, "IsNew", s.IsNew(), true)
						testapp.User.Set(s, name)
						testapp.Error(t, "Save", s.Save(t.Context()), nil)
					})
					for want := 1; want <= 3; want++ {
						c.OK(func(s *sessions.Session) {
							testapp.Equal(t, "user", s.Get("user"), any(name))
							testapp.Equal(t, "count", testapp.Count.Update(s, func(n int) int { return n + 1 }), want)
						})
					}
					c.OK(func(s *sessions.Session) { testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil) })
					testapp.Equal(t, "token after Destroy", c.Token(), "")
				}
			})
		}
		wg.Wait()
		a.WantRecords(0)
	})
}

// Readers and writers of one session get no error and lose no update. From its expiry
// on, no request gets the session, and none creates it again.
func TestParallelRequestsOnOneSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.SignedIn()
		const clients, rounds = 6, 10
		together := func(f func(c *testapp.Client, i int)) {
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() { f(c.Copy(), i) })
			}
			wg.Wait()
		}
		together(func(c *testapp.Client, i int) {
			last := 0
			for range rounds {
				a.Clock.Advance(time.Second) // so that some reads record their access
				c.OK(func(s *sessions.Session) {
					n, _ := testapp.Count.Get(s)
					if name, _ := testapp.User.Get(s); name != "ann" || n < last {
						t.Errorf("a session of %q, with the count %d after %d", name, n, last)
					}
					last = n
					if i%2 == 0 {
						testapp.Increment(s)
					}
				})
			}
		})
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "count", s.Get("count"), any(int64(clients/2*rounds))) })
		a.WantRecords(1)

		a.Clock.Advance(time.Hour)
		ids := new(sync.Map)
		together(func(c *testapp.Client, i int) {
			for range rounds {
				c.OK(func(s *sessions.Session) {
					testapp.Equal(t, "the expired session is served", s.Has("user"), false)
					if i%2 == 0 {
						testapp.Increment(s)
					}
					ids.Store(s.ID(), i)
				})
			}
			if i%2 == 0 {
				c.OK(func(s *sessions.Session) { testapp.Equal(t, "count", s.Get("count"), any(int64(rounds))) })
			}
		})
		_, err := a.Manager.Load(t.Context(), c.Token())
		testapp.Error(t, "Load of the expired session", err, sessions.ErrNotFound)
		a.WantRecords(clients / 2)
	}, merge, revoke)
}

func TestRequestInProgressDoesNotRestoreASession(t *testing.T) {
	for ended, end := range map[string]struct {
		by   func(s *sessions.Session)
		left int // sessions
	}{
		"Destroy":    {func(s *sessions.Session) { s.Destroy(context.Background()) }, 0},
		"Renew":      {func(s *sessions.Session) { s.Renew() }, 1},
		"Invalidate": {func(s *sessions.Session) { s.Invalidate() }, 1},
	} {
		for name, change := range map[string]func(s *sessions.Session){
			"set":    func(s *sessions.Session) { testapp.User.Set(s, "zombie") },
			"update": testapp.Increment,
			"renew":  func(s *sessions.Session) { testapp.User.Set(s, "zombie"); s.Renew() },
		} {
			t.Run(ended+" before "+name, func(t *testing.T) {
				everywhere(t, func(t *testing.T, st store) {
					a := st.start(t)
					c := a.SignedIn()
					old, other := c.Copy(), c.Copy()
					c.Fails(http.StatusConflict, func(s *sessions.Session) {
						testapp.Look(s)
						other.OK(end.by)
						change(s)
					})
					old.IsAnonymous("the token of the session that ended")
					a.WantRecords(end.left)
					other.OK(func(s *sessions.Session) {
						if name, _ := testapp.User.Get(s); name == "zombie" || s.Has("count") {
							t.Error("the late change was stored")
						}
					})
				}, revoke)
			})
		}
	}
}

// Recording an access after the session's end does nothing, and is not an error.
func TestReadInProgressDoesNotRestoreASession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.SignedIn()
		old, other := c.Copy(), c.Copy()
		a.Clock.Advance(30 * time.Minute)
		got := c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "user", s.Get("user"), any("ann"))
			other.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
		})
		testapp.Equal(t, "Set-Cookie", got.SetCookie, "")
		old.IsAnonymous("the token of the destroyed session")
		a.WantRecords(0)
	}, revoke)
}
