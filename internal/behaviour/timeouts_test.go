package behaviour

import (
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// A timeout is exact to the millisecond: it is not rounded, and a short one not to
// zero, which would mean none.
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
						t.Error("the ID outlived the timeout")
					}
					testapp.User.Set(s, "bob")
				})
				old.IsAnonymous("the token of the session before")
				testapp.Equal(t, "user of the new session", c.User(), "bob")
			})
		})
	}
}

func TestIdleTimeoutWithALifetime(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 10*time.Hour })
		c := a.SignedIn()
		a.Clock.Advance(time.Hour - time.Millisecond)
		testapp.Equal(t, "user at the last moment", c.User(), "ann")
		a.Clock.Advance(time.Hour)
		c.IsAnonymous("after the timeout")
	})
}

// Shortening a limit affects existing sessions immediately.
func TestLimitsShortenedByADeployment(t *testing.T) {
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
				a.WantRecords(0) // its record can be removed
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
				a.WantRecords(0) // its record can be removed
			})
		})
	}
}

func TestUnsavedSessionIsNeverTouched(t *testing.T) {
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

// "Remember me": one session has a longer lifetime than the others.
func TestSetLifetime(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = 6*time.Hour, 12*time.Hour })
		long, none, usual := a.SignedIn(), a.SignedIn(), a.SignedIn()
		set := func(c *testapp.Client, d time.Duration) {
			t.Helper()
			c.OK(func(s *sessions.Session) { testapp.Error(t, "SetLifetime", s.SetLifetime(d), nil) })
		}
		set(long, 20*time.Hour)
		set(none, 0)
		for range 3 {
			a.Clock.Advance(5 * time.Hour)
			long.OK(testapp.Look)
			none.OK(testapp.Look)
			usual.OK(testapp.Look)
		}
		usual.IsAnonymous("the usual lifetime, after 15 hours")
		deadline := testapp.Epoch.UTC().Add(20 * time.Hour)
		for _, move := range []func(s *sessions.Session){testapp.Look, func(s *sessions.Session) { s.Renew() }, testapp.Look, testapp.Increment} {
			long.OK(func(s *sessions.Session) {
				testapp.Equal(t, "Deadline", s.Deadline(), deadline)
				move(s)
			})
		}
		none.OK(func(s *sessions.Session) {
			testapp.Equal(t, "Deadline without", s.Deadline(), testapp.Epoch.UTC().Add(21*time.Hour))
		})
		a.Clock.Advance(5*time.Hour - time.Millisecond)
		testapp.Equal(t, "user at the last moment", long.User(), "ann")
		none.OK(testapp.Look)
		a.Clock.Advance(time.Millisecond)
		long.IsAnonymous("a lifetime of its own, after 20 hours")
		_, err := a.Manager.Load(t.Context(), long.Token())
		testapp.Error(t, "Load", err, sessions.ErrNotFound)
		a.Clock.Advance(5 * time.Hour)
		testapp.Equal(t, "user without a lifetime, after 25 hours", none.User(), "ann")
		a.Clock.Advance(6 * time.Hour)
		none.IsAnonymous("the idle timeout, without a lifetime")
		a.WantRecords(0) // they can be removed
	})
}

// A session's own lifetime may be shorter than the manager's, or than the session's age,
// which ends it.
func TestSetLifetimeShorter(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = 6*time.Hour, 12*time.Hour })
		young, old := a.SignedIn(), a.SignedIn()
		young.OK(func(s *sessions.Session) { s.SetLifetime(2 * time.Hour) })
		a.Clock.Advance(2*time.Hour - time.Millisecond)
		testapp.Equal(t, "user at the last moment", young.User(), "ann")
		a.Clock.Advance(time.Millisecond)
		young.IsAnonymous("after a lifetime shorter than the idle timeout")
		old.OK(func(s *sessions.Session) { s.SetLifetime(time.Hour) })
		old.IsAnonymous("a session that was older than that")
		a.WantRecords(0)
	})
}

func TestInvalidateBeginsWithTheManagersSettings(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 10*time.Hour })
		c := a.SignedIn()
		c.OK(func(s *sessions.Session) { s.SetLifetime(100 * time.Hour); s.SetIdleTimeout(100 * time.Hour) })
		c.OK(func(s *sessions.Session) {
			s.Invalidate()
			testapp.User.Set(s, "ann")
			testapp.Equal(t, "Deadline", s.Deadline(), testapp.Epoch.UTC().Add(time.Hour))
		})
		a.Clock.Advance(time.Hour)
		c.IsAnonymous("after the manager's idle timeout")
	})
}

func TestResetSettings(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) {
			o.IdleTimeout, o.Lifetime, o.Cookie.Expires = time.Hour, 10*time.Hour, sessions.ExpireWithBrowser()
		})
		c := a.Client()
		got := c.OK(func(s *sessions.Session) {
			testapp.User.Set(s, "ann")
			s.SetExpires(sessions.ExpireAfter(1000 * time.Hour))
			s.SetIdleTimeout(100 * time.Hour)
			s.SetLifetime(1000 * time.Hour)
		})
		testapp.Equal(t, "Max-Age of its own", got.Cookie.MaxAge, 3600*1000)
		a.Clock.Advance(50 * time.Hour)
		testapp.Equal(t, "user by its own settings", c.User(), "ann")
		old := c.Copy()
		c.OK(func(s *sessions.Session) { s.ResetSettings(); s.SetLifetime(60 * time.Hour) })
		got = c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "Deadline with one set again", s.Deadline(), testapp.Epoch.UTC().Add(51*time.Hour))
			testapp.Error(t, "ResetSettings", s.ResetSettings(), nil)
			s.SetLifetime(60 * time.Hour)
		})
		if got.Cookie == nil || got.Cookie.MaxAge != 0 || got.Cookie.Value == "" {
			t.Errorf("the cookie does not have the manager's options: %s", got.SetCookie)
		}
		a.Clock.Advance(time.Hour - time.Millisecond)
		testapp.Equal(t, "user at the last moment", c.User(), "ann")
		c.OK(func(s *sessions.Session) { s.ResetSettings() })
		c.IsAnonymous("a session older than the manager's lifetime")
		if _, cannot := st.cannot[revoke]; !cannot {
			old.IsAnonymous("its token")
		}
	})
}

// Settings changed by concurrent requests are merged like values.
func TestSettingsOfParallelRequests(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Hour, 10*time.Hour })
		c := a.SignedIn()
		c.OK(func(s *sessions.Session) {
			s.SetLifetime(100 * time.Hour)
			c.Copy().OK(func(s *sessions.Session) { s.SetIdleTimeout(50 * time.Hour) })
		})
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "Deadline by both", s.Deadline(), testapp.Epoch.UTC().Add(50*time.Hour))
		})
		c.OK(func(s *sessions.Session) {
			s.ResetSettings()
			c.Copy().OK(func(s *sessions.Session) { s.SetIdleTimeout(20 * time.Hour) })
		})
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "Deadline after both", s.Deadline(), testapp.Epoch.UTC().Add(time.Hour))
		})
	}, merge)
}
