package sessions_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestIdleTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{time.Millisecond, 250 * time.Millisecond, 3 * time.Second, time.Hour, 90 * 24 * time.Hour} {
		t.Run(timeout.String(), func(t *testing.T) {
			a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = timeout })
			c := a.signedIn()
			key := a.store.record(t).Key.String()
			for range 3 {
				before := a.clock.Now()
				a.clock.advance(timeout - time.Millisecond)
				c.ok(func(s *sessions.Session) {
					lifeEqual(t, "ID", s.ID(), key)
					lifeEqual(t, "Created", s.Created(), fakeEpoch)
					lifeEqual(t, "user", s.Get("user"), any("ann"))
					if timeout > time.Millisecond {
						lifeEqual(t, "LastAccessed", s.LastAccessed(), before)
					}
				})
			}
			a.clock.advance(timeout)
			old := c.copied()
			c.ok(func(s *sessions.Session) {
				lifeEqual(t, "IsNew", s.IsNew(), true)
				lifeEqual(t, "Keys", len(s.Keys()), 0)
				lifeEqual(t, "Created", s.Created(), a.clock.Now())
				lifeUser.Set(s, "bob")
			})
			if c.token() == old.token() {
				t.Error("the id stayed")
			}
			_, err := a.m.Load(t.Context(), old.token())
			lifeError(t, "Load of the expired session", err, sessions.ErrNotFound)
		})
	}
}

func TestSessionWithoutTimeoutLastsWhileBrowsersKeepItsCookie(t *testing.T) {
	const day = 24 * time.Hour
	a := newLife(t)
	c := a.signedIn()
	for range 3 {
		a.clock.advance(399 * day)
		lifeEqual(t, "user", c.user(), "ann")
	}
	a.clock.advance(400 * day)
	lifeEqual(t, "user after 400 days unused", c.user(), "")
}

func TestTimeoutIsNeverExceededAndExactToAHundredth(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Minute })
	c := a.signedIn()
	a.clock.advance(59 * time.Second)
	c.ok(lifeLook) // too soon to be recorded
	a.clock.advance(99 * time.Minute)
	lifeEqual(t, "user 99 minutes after the last access", c.copied().user(), "ann")
	a.clock.advance(100 * time.Minute)
	lifeEqual(t, "user 100 minutes after that", c.user(), "")
}

func TestSetTimeoutIsTheSessionsOwn(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	long, none, usual := a.signedIn(), a.signedIn(), a.signedIn()
	long.ok(func(s *sessions.Session) { lifeEqual(t, "SetIdleTimeout", s.SetIdleTimeout(72*time.Hour), nil) })
	none.ok(func(s *sessions.Session) { lifeEqual(t, "SetIdleTimeout", s.SetIdleTimeout(0), nil) })
	a.clock.advance(time.Hour)
	lifeEqual(t, "user with the usual timeout", usual.user(), "")
	lifeEqual(t, "user with a long one", long.user(), "ann")
	a.clock.advance(71 * time.Hour)
	lifeEqual(t, "user with a long one, used", long.user(), "ann")
	long.ok(func(s *sessions.Session) { s.Renew() })
	a.clock.advance(72 * time.Hour)
	lifeEqual(t, "user with a long one, unused", long.user(), "")
	lifeEqual(t, "user without one", none.user(), "ann")

	for _, bad := range []time.Duration{-1, time.Microsecond, time.Second + 1, math.MaxInt64, math.MinInt64} {
		a.signedIn().ok(func(s *sessions.Session) {
			if err := s.SetIdleTimeout(bad); err == nil {
				t.Errorf("SetIdleTimeout(%d) is no error", bad)
			}
		})
	}
}

func TestLifetimeEndsABusySession(t *testing.T) {
	for name, use := range map[string]func(*sessions.Session){
		"read":    lifeLook,
		"written": lifeIncrement,
		"renewed": func(s *sessions.Session) { s.Renew() },
		"with a timeout of its own": func(s *sessions.Session) {
			s.SetIdleTimeout(1000 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = 2*time.Hour, 10*time.Hour })
			c := a.signedIn()
			for range 9 {
				a.clock.advance(time.Hour)
				c.ok(use)
				lifeEqual(t, "user", c.user(), "ann")
			}
			a.clock.advance(time.Hour - time.Millisecond)
			lifeEqual(t, "user at the last moment", c.user(), "ann")
			a.clock.advance(time.Millisecond)
			lifeEqual(t, "user after the lifetime", c.user(), "")
		})
	}
	t.Run("and Invalidate begins another", func(t *testing.T) {
		a := newLife(t, func(o *sessions.Options) { o.Lifetime = time.Hour })
		c := a.signedIn()
		a.clock.advance(59 * time.Minute)
		c.ok(func(s *sessions.Session) { s.Invalidate(); lifeUser.Set(s, "ann") })
		a.clock.advance(59 * time.Minute)
		lifeEqual(t, "user", c.user(), "ann")
		a.clock.advance(time.Minute)
		lifeEqual(t, "user", c.user(), "")
	})
}

func TestOptionsTightenedByADeployment(t *testing.T) {
	t.Run("Lifetime ends older sessions at once", func(t *testing.T) {
		a := newLife(t, func(o *sessions.Options) { o.Lifetime = 100 * time.Hour })
		old := a.signedIn()
		a.clock.advance(time.Hour)
		young := a.signedIn()
		a.deploy(func(o *sessions.Options) { o.Lifetime = time.Hour })
		lifeEqual(t, "user of the old session", old.copied().user(), "")
		lifeEqual(t, "user of the young session", young.user(), "ann")
		_, err := a.m.Load(t.Context(), old.token())
		lifeError(t, "Load", err, sessions.ErrNotFound)
		n := 0
		for range a.m.All(t.Context()) {
			n++
		}
		lifeEqual(t, "sessions listed", n, 1)
	})
	t.Run("Lifetime given where there was none", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.clock.advance(48 * time.Hour)
		a.deploy(func(o *sessions.Options) { o.Lifetime = 49 * time.Hour })
		lifeEqual(t, "user", c.user(), "ann")
		a.clock.advance(time.Hour)
		lifeEqual(t, "user after it", c.user(), "")
	})
	t.Run("Timeout acts from the next access on", func(t *testing.T) {
		a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
		c := a.signedIn()
		a.deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		lifeEqual(t, "user", c.user(), "ann")
		lifeEqual(t, "Expires", a.store.record(t).Record.Expires.Time(), fakeEpoch.Add(time.Hour))
		a.clock.advance(time.Hour)
		lifeEqual(t, "user after it", c.user(), "")
	})
	t.Run("Timeout ends sessions that are idle for longer", func(t *testing.T) {
		a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
		idle, own := a.signedIn(), a.signedIn()
		own.ok(func(s *sessions.Session) { s.SetIdleTimeout(80 * time.Hour) })
		a.clock.advance(48 * time.Hour)
		used := a.signedIn()
		a.clock.advance(59 * time.Minute)
		used.ok(lifeLook) // within a hundredth of the timeout: not recorded
		a.clock.advance(59 * time.Minute)
		a.deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		lifeEqual(t, "user of the idle session", idle.copied().user(), "")
		lifeEqual(t, "user with a timeout of its own", own.user(), "ann")
		_, err := a.m.Load(t.Context(), idle.token())
		lifeError(t, "Load", err, sessions.ErrNotFound)
		n := 0
		for range a.m.All(t.Context()) {
			n++
		}
		lifeEqual(t, "sessions listed", n, 2)
		// An access that was not recorded counts.
		lifeEqual(t, "user of the session in use", used.user(), "ann")
		a.clock.advance(time.Hour)
		lifeEqual(t, "user of the session in use, an hour later", used.user(), "")
	})
	t.Run("Timeout given where there was none", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.clock.advance(26 * time.Hour) // without a timeout accesses are recorded daily
		a.deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		lifeEqual(t, "user", c.user(), "")
	})
	t.Run("Timeout lengthened", func(t *testing.T) {
		a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.signedIn()
		a.deploy(func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
		lifeEqual(t, "user", c.user(), "ann")
		a.clock.advance(99 * time.Hour)
		lifeEqual(t, "user after the old one", c.user(), "ann")
	})
}

func TestClockThatIsSet(t *testing.T) {
	newApp := func(t *testing.T) (*lifeApp, *lifeClient) {
		a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = 2 * time.Hour })
		return a, a.signedIn()
	}
	t.Run("back by an hour", func(t *testing.T) {
		a, c := newApp(t)
		a.clock.advance(-time.Hour)
		lifeEqual(t, "user", c.user(), "ann")
		lifeEqual(t, "Expires", a.store.record(t).Record.Expires.Time(), fakeEpoch.Add(time.Hour))
		a.clock.advance(time.Hour)
		lifeEqual(t, "user an hour later", c.user(), "ann")
		a.clock.advance(2 * time.Hour)
		lifeEqual(t, "user after the timeout", c.user(), "")
	})
	t.Run("back by a second, as clocks of several machines differ", func(t *testing.T) {
		a, c := newApp(t)
		a.clock.advance(-time.Second)
		c.ok(lifeLook)
		lifeEqual(t, "store calls", a.store.calls(), "Load")
	})
	t.Run("forward by a year", func(t *testing.T) {
		a, c := newApp(t)
		a.clock.advance(365 * 24 * time.Hour)
		c.ok(func(s *sessions.Session) {
			lifeEqual(t, "user", s.Get("user"), nil)
			lifeUser.Set(s, "bob")
		})
		lifeEqual(t, "user anew", c.user(), "bob")
		a.clock.advance(-365 * 24 * time.Hour) // and back
		lifeEqual(t, "user of a session from the future", c.user(), "bob")
		a.clock.advance(2 * time.Hour)
		lifeEqual(t, "user after the timeout", c.user(), "")
	})
}

// A clock that ran ahead makes no session last for as long as it was wrong.
func TestLifetimeOfASessionFromTheFuture(t *testing.T) {
	const life = 10 * time.Hour
	for ahead, lasts := range map[time.Duration]time.Duration{
		30 * time.Second:     life + 30*time.Second, // as clocks of several machines differ
		time.Hour:            life + time.Hour,
		life:                 2 * life,
		life + time.Second:   0,
		365 * 24 * time.Hour: 0,
	} {
		t.Run(ahead.String(), func(t *testing.T) {
			a := newLife(t, func(o *sessions.Options) { o.Lifetime = life })
			a.clock.advance(ahead)
			c := a.signedIn()
			a.clock.advance(-ahead)
			if lasts > 0 {
				a.clock.advance(lasts - time.Millisecond)
				lifeEqual(t, "user at the last moment", c.user(), "ann")
				a.clock.advance(time.Millisecond)
			}
			lifeEqual(t, "user after it", c.user(), "")
		})
	}
}

func TestSessionThatExpiresWhileItIsUsed(t *testing.T) {
	newApp := func(t *testing.T) (*lifeApp, *lifeClient) {
		a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = time.Second })
		return a, a.signedIn()
	}
	t.Run("read", func(t *testing.T) {
		a, c := newApp(t)
		res := c.ok(func(s *sessions.Session) { lifeLook(s); a.clock.advance(time.Second) })
		lifeEqual(t, "cookie", res.cookie, nil)
		lifeEqual(t, "user", c.user(), "")
	})
	t.Run("written", func(t *testing.T) {
		a, c := newApp(t)
		res := c.fails(http.StatusConflict, func(s *sessions.Session) { lifeIncrement(s); a.clock.advance(time.Second) })
		lifeEqual(t, "cookie", res.cookie, nil)
	})
}

func TestSweepRemovesWhatExpired(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	a.signedIn()
	a.clock.advance(30 * time.Minute)
	c := a.signedIn()
	a.clock.advance(30 * time.Minute)
	n, err := a.m.Sweep(t.Context())
	if n != 1 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	lifeEqual(t, "user of the live session", c.user(), "ann")
}
