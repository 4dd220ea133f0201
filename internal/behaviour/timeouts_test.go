package behaviour

import (
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// To the millisecond, however short: no timeout is rounded to minutes, or to
// zero and so to forever.
func TestIdleTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{20 * time.Millisecond, 999 * time.Millisecond, 3 * time.Second, time.Hour, 90 * 24 * time.Hour} {
		t.Run(timeout.String(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = timeout })
				c := a.Client()
				var id string
				c.OK(func(s *sessions.Session) { testapp.User.Set(s, "ann"); id = s.ID() })
				for range 3 {
					a.Clock.Advance(timeout - time.Millisecond)
					c.OK(func(s *sessions.Session) {
						testapp.Equal(t, "IsNew", s.IsNew(), false)
						testapp.Equal(t, "ID", s.ID(), id)
						testapp.Equal(t, "Created", s.Created(), testapp.Epoch.UTC())
						testapp.Equal(t, "user", s.Get("user"), any("ann"))
					})
				}
				a.Clock.Advance(timeout)
				old := c.Copy()
				c.OK(func(s *sessions.Session) {
					testapp.Equal(t, "IsNew", s.IsNew(), true)
					testapp.Equal(t, "Keys", len(s.Keys()), 0)
					testapp.Equal(t, "Created", s.Created(), a.Clock.Now().UTC())
					if s.ID() == id {
						t.Error("the id outlived the timeout")
					}
					testapp.User.Set(s, "bob")
				})
				old.IsAnonymous("the token of the session before")
				testapp.Equal(t, "user of the new session", c.User(), "bob")
			})
		})
	}
}

func TestIdleTimeoutHoldsBesideALifetime(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 10*time.Hour })
		c := a.SignedIn()
		a.Clock.Advance(time.Hour - time.Millisecond)
		testapp.Equal(t, "user at the last moment", c.User(), "ann")
		a.Clock.Advance(time.Hour)
		c.IsAnonymous("after the timeout")
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
				old := a.SignedIn()
				a.Clock.Advance(15 * time.Hour)
				testapp.Equal(t, "user of the old session", old.User(), "ann")
				a.Clock.Advance(15 * time.Hour)
				fresh := a.SignedIn()
				a.Deploy(tighten)
				old.IsAnonymous("a session past the new limit")
				testapp.Equal(t, "user of a fresh session", fresh.User(), "ann")
			})
		})
	}
}

func TestLifetimeEndsABusySession(t *testing.T) {
	for name, use := range map[string]func(s *sessions.Session){
		"read": testapp.Look, "written": testapp.Increment, "renewed": func(s *sessions.Session) { s.Renew() },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = 2*time.Hour, 10*time.Hour })
				c := a.SignedIn()
				for range 9 {
					a.Clock.Advance(time.Hour)
					c.OK(use)
				}
				a.Clock.Advance(time.Hour - time.Millisecond)
				testapp.Equal(t, "user at the last moment", c.User(), "ann")
				a.Clock.Advance(time.Millisecond)
				c.IsAnonymous("after the lifetime")
				a.WantRecords(0) // its record is up for removal
			})
		})
	}
}

func TestShortLifetimeIsExact(t *testing.T) {
	for _, life := range []time.Duration{time.Millisecond, 300 * time.Millisecond, 2 * time.Second} {
		t.Run(life.String(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t, func(o *sessions.Options) { o.Lifetime = life })
				c := a.SignedIn()
				a.Clock.Advance(life - time.Millisecond)
				testapp.Equal(t, "user at the last moment", c.User(), "ann")
				a.Clock.Advance(time.Millisecond)
				c.IsAnonymous("after the lifetime")
				a.WantRecords(0) // its record is up for removal
			})
		})
	}
}

func TestSessionThatWasNeverSavedIsNeverTouched(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		gone := a.SignedIn()
		a.Clock.Advance(time.Hour)
		for _, c := range []*testapp.Client{a.Client(), gone} {
			for range 3 {
				a.Clock.Advance(50 * time.Minute)
				c.IsAnonymous("a client without a session")
			}
		}
		a.WantRecords(0)
	})
}

func TestExpiredSessionIsNotFoundByToken(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.SignedIn()
		a.Clock.Advance(time.Hour - time.Millisecond)
		_, err := a.Manager.Load(t.Context(), c.Token())
		testapp.Error(t, "Load at the last moment", err, nil)
		a.Clock.Advance(time.Millisecond)
		_, err = a.Manager.Load(t.Context(), c.Token())
		testapp.Error(t, "Load", err, sessions.ErrNotFound)
	})
}

func TestExpiredSessionIsNotFoundByID(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.Client()
		var id string
		c.OK(func(s *sessions.Session) { testapp.User.Set(s, "ann"); s.SetOwner("ann"); id = s.ID() })
		a.Clock.Advance(time.Hour - time.Millisecond)
		_, err := a.Manager.Find(t.Context(), id)
		testapp.Error(t, "Find at the last moment", err, nil)
		a.Clock.Advance(time.Millisecond)
		_, err = a.Manager.Find(t.Context(), id)
		testapp.Error(t, "Find", err, sessions.ErrNotFound)
		if _, ok := a.Store.Inner().(driver.Lister); !ok {
			return
		}
		for s, err := range a.Manager.Owned(t.Context(), "ann") {
			t.Errorf("the expired session is listed: %v, %v", s, err)
		}
	}, keep)
}
