package behaviour

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestManyClientsDoNotMeet(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				c, name := a.client(), fmt.Sprint("user ", i)
				for range 2 {
					c.do(func(s *sessions.Session) {
						equal(t, "IsNew", s.IsNew(), true)
						user.Set(s, name)
						wantErr(t, "Save", s.Save(t.Context()), nil)
					})
					for want := 1; want <= 3; want++ {
						c.do(func(s *sessions.Session) {
							equal(t, "user", s.Get("user"), any(name))
							equal(t, "count", count.Update(s, func(n int) int { return n + 1 }), want)
						})
					}
					c.do(func(s *sessions.Session) { wantErr(t, "Destroy", s.Destroy(t.Context()), nil) })
					equal(t, "token after Destroy", c.token, "")
				}
			})
		}
		wg.Wait()
		a.wantRecords(0)
	})
}

// Readers and writers of one session: no error, no update lost, and from its
// expiry on nobody is served it, nor is it created again.
func TestParallelRequestsOnOneSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.signedIn()
		const clients, rounds = 6, 10
		together := func(f func(c *client, i int)) {
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() { f(c.copied(), i) })
			}
			wg.Wait()
		}
		together(func(c *client, i int) {
			last := 0
			for range rounds {
				a.clock.advance(time.Second) // and so some of the reads record their access
				c.do(func(s *sessions.Session) {
					n, _ := count.Get(s)
					if name, _ := user.Get(s); name != "ann" || n < last {
						t.Errorf("a session of %q, with the count %d after %d", name, n, last)
					}
					last = n
					if i%2 == 0 {
						increment(s)
					}
				})
			}
		})
		c.do(func(s *sessions.Session) { equal(t, "count", s.Get("count"), any(int64(clients/2*rounds))) })
		a.wantRecords(1)

		a.clock.advance(time.Hour)
		ids := new(sync.Map)
		together(func(c *client, i int) {
			for range rounds {
				c.do(func(s *sessions.Session) {
					equal(t, "the expired session is served", s.Has("user"), false)
					if i%2 == 0 {
						increment(s)
					}
					ids.Store(s.ID(), i)
				})
			}
			if i%2 == 0 {
				c.do(func(s *sessions.Session) { equal(t, "count", s.Get("count"), any(int64(rounds))) })
			}
		})
		_, err := a.m.Load(t.Context(), c.token)
		wantErr(t, "Load of the expired session", err, sessions.ErrNotFound)
		a.wantRecords(clients / 2)
	}, merge, revoke)
}

func TestRequestInFlightDoesNotUndoAnEnd(t *testing.T) {
	for ended, end := range map[string]struct {
		by   func(s *sessions.Session)
		left int // sessions
	}{
		"Destroy":    {func(s *sessions.Session) { s.Destroy(context.Background()) }, 0},
		"Renew":      {func(s *sessions.Session) { s.Renew() }, 1},
		"Invalidate": {func(s *sessions.Session) { s.Invalidate() }, 1},
	} {
		for name, change := range map[string]func(s *sessions.Session){
			"set":    func(s *sessions.Session) { user.Set(s, "zombie") },
			"update": increment,
			"renew":  func(s *sessions.Session) { user.Set(s, "zombie"); s.Renew() },
		} {
			t.Run(ended+" before "+name, func(t *testing.T) {
				everywhere(t, func(t *testing.T, st store) {
					a := st.start(t)
					c := a.signedIn()
					old, other := c.copied(), c.copied()
					c.fails(http.StatusConflict, func(s *sessions.Session) {
						look(s)
						other.do(end.by)
						change(s)
					})
					old.isAnonymous("the token of the session that ended")
					a.wantRecords(end.left)
					other.do(func(s *sessions.Session) {
						if name, _ := user.Get(s); name == "zombie" || s.Has("count") {
							t.Error("the change that came too late is there")
						}
					})
				}, revoke)
			})
		}
	}
}

// The record of an access comes too late as well, and is no reason for an error.
func TestReaderInFlightDoesNotReviveASession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.signedIn()
		old, other := c.copied(), c.copied()
		a.clock.advance(30 * time.Minute)
		got := c.do(func(s *sessions.Session) {
			equal(t, "user", s.Get("user"), any("ann"))
			other.do(func(s *sessions.Session) { s.Destroy(t.Context()) })
		})
		equal(t, "Set-Cookie", got.line, "")
		old.isAnonymous("the token of the destroyed session")
		a.wantRecords(0)
	}, revoke)
}
