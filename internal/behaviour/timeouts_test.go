package behaviour

import (
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// To the millisecond, however short: no timeout is rounded to minutes, or to
// zero and so to forever.
func TestIdleTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{20 * time.Millisecond, 999 * time.Millisecond, 3 * time.Second, time.Hour, 90 * 24 * time.Hour} {
		t.Run(timeout.String(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = timeout })
				c := a.client()
				var id string
				c.do(func(s *sessions.Session) { user.Set(s, "ann"); id = s.ID() })
				for range 3 {
					a.clock.advance(timeout - time.Millisecond)
					c.do(func(s *sessions.Session) {
						equal(t, "IsNew", s.IsNew(), false)
						equal(t, "ID", s.ID(), id)
						equal(t, "Created", s.Created(), epoch.UTC())
						equal(t, "user", s.Get("user"), any("ann"))
					})
				}
				a.clock.advance(timeout)
				old := c.copied()
				c.do(func(s *sessions.Session) {
					equal(t, "IsNew", s.IsNew(), true)
					equal(t, "Keys", len(s.Keys()), 0)
					equal(t, "Created", s.Created(), a.clock.Now().UTC())
					if s.ID() == id {
						t.Error("the id outlived the timeout")
					}
					user.Set(s, "bob")
				})
				old.isAnonymous("the token of the session before")
				equal(t, "user of the new session", c.user(), "bob")
			})
		})
	}
}

func TestIdleTimeoutHoldsBesideALifetime(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 10*time.Hour })
		c := a.signedIn()
		a.clock.advance(time.Hour - time.Millisecond)
		equal(t, "user at the last moment", c.user(), "ann")
		a.clock.advance(time.Hour)
		c.isAnonymous("after the timeout")
	})
}

// A limit that is tightened holds for the sessions that are there, at once.
func TestLimitsTightenedByADeployment(t *testing.T) {
	for name, tighten := range map[string]func(o *sessions.Options){
		"Timeout":  func(o *sessions.Options) { o.IdleTimeout = time.Hour },
		"Lifetime": func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = 20*time.Hour, 20*time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
				old := a.signedIn()
				a.clock.advance(15 * time.Hour)
				equal(t, "user of the old session", old.user(), "ann")
				a.clock.advance(15 * time.Hour)
				fresh := a.signedIn()
				a.deploy(tighten)
				old.isAnonymous("a session past the new limit")
				equal(t, "user of a fresh session", fresh.user(), "ann")
			})
		})
	}
}

func TestLifetimeEndsABusySession(t *testing.T) {
	for name, use := range map[string]func(s *sessions.Session){
		"read": look, "written": increment, "renewed": func(s *sessions.Session) { s.Renew() },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = 2*time.Hour, 10*time.Hour })
				c := a.signedIn()
				for range 9 {
					a.clock.advance(time.Hour)
					c.do(use)
				}
				a.clock.advance(time.Hour - time.Millisecond)
				equal(t, "user at the last moment", c.user(), "ann")
				a.clock.advance(time.Millisecond)
				c.isAnonymous("after the lifetime")
				a.wantRecords(0) // its record is up for removal
			})
		})
	}
}

func TestShortLifetimeIsExact(t *testing.T) {
	for _, life := range []time.Duration{time.Millisecond, 300 * time.Millisecond, 2 * time.Second} {
		t.Run(life.String(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.Lifetime = life })
				c := a.signedIn()
				a.clock.advance(life - time.Millisecond)
				equal(t, "user at the last moment", c.user(), "ann")
				a.clock.advance(time.Millisecond)
				c.isAnonymous("after the lifetime")
				a.wantRecords(0) // its record is up for removal
			})
		})
	}
}

func TestSessionThatWasNeverSavedIsNeverTouched(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		gone := a.signedIn()
		a.clock.advance(time.Hour)
		for _, c := range []*client{a.client(), gone} {
			for range 3 {
				a.clock.advance(50 * time.Minute)
				c.isAnonymous("a client without a session")
			}
		}
		a.wantRecords(0)
	})
}

func TestExpiredSessionIsNotFoundByToken(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.signedIn()
		a.clock.advance(time.Hour - time.Millisecond)
		_, err := a.m.Load(t.Context(), c.token)
		wantErr(t, "Load at the last moment", err, nil)
		a.clock.advance(time.Millisecond)
		_, err = a.m.Load(t.Context(), c.token)
		wantErr(t, "Load", err, sessions.ErrNotFound)
	})
}

func TestExpiredSessionIsNotFoundByID(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.client()
		var id string
		c.do(func(s *sessions.Session) { user.Set(s, "ann"); s.SetOwner("ann"); id = s.ID() })
		a.clock.advance(time.Hour - time.Millisecond)
		_, err := a.m.Find(t.Context(), id)
		wantErr(t, "Find at the last moment", err, nil)
		a.clock.advance(time.Millisecond)
		_, err = a.m.Find(t.Context(), id)
		wantErr(t, "Find", err, sessions.ErrNotFound)
		if _, ok := a.kept.(driver.Lister); !ok {
			return
		}
		for s, err := range a.m.Owned(t.Context(), "ann") {
			t.Errorf("the expired session is listed: %v, %v", s, err)
		}
	}, keep)
}
