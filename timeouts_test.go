package sessions_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestIdleTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{time.Millisecond, 250 * time.Millisecond, 3 * time.Second, time.Hour, 90 * 24 * time.Hour} {
		t.Run(timeout.String(), func(t *testing.T) {
			a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = timeout })
			c := a.SignedIn()
			key := a.Store.Record(t).Key.String()
			for range 3 {
				before := a.Clock.Now()
				a.Clock.Advance(timeout - time.Millisecond)
				c.OK(func(s *sessions.Session) {
					testapp.Equal(t, "ID", s.ID(), key)
					testapp.Equal(t, "Created", s.Created(), testapp.Epoch)
					testapp.Equal(t, "user", s.Get("user"), any("ann"))
					if timeout > time.Millisecond {
						testapp.Equal(t, "LastAccessed", s.LastAccessed(), before)
					}
				})
			}
			a.Clock.Advance(timeout)
			old := c.Copy()
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "IsNew", s.IsNew(), true)
				testapp.Equal(t, "Keys", len(s.Keys()), 0)
				testapp.Equal(t, "Created", s.Created(), a.Clock.Now())
				testapp.User.Set(s, "bob")
			})
			if c.Token() == old.Token() {
				t.Error("got the same ID, want another")
			}
			_, err := a.Manager.Load(t.Context(), old.Token())
			testapp.Error(t, "Load of the expired session", err, sessions.ErrNotFound)
		})
	}
}

func TestSessionWithoutIdleTimeout(t *testing.T) {
	const day = 24 * time.Hour
	a := testapp.New(t)
	c := a.SignedIn()
	for range 3 {
		a.Clock.Advance(399 * day)
		testapp.Equal(t, "user", c.User(), "ann")
	}
	a.Clock.Advance(400 * day)
	testapp.Equal(t, "user after 400 days unused", c.User(), "")
}

func TestIdleTimeoutPrecision(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Minute })
	c := a.SignedIn()
	a.Clock.Advance(59 * time.Second)
	c.OK(testapp.Look) // too soon to be recorded
	a.Clock.Advance(99 * time.Minute)
	testapp.Equal(t, "user 99 minutes after the last access", c.Copy().User(), "ann")
	a.Clock.Advance(100 * time.Minute)
	testapp.Equal(t, "user 100 minutes after that", c.User(), "")
}

func TestSetIdleTimeout(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	long, none, usual := a.SignedIn(), a.SignedIn(), a.SignedIn()
	long.OK(func(s *sessions.Session) { testapp.Equal(t, "SetIdleTimeout", s.SetIdleTimeout(72*time.Hour), nil) })
	none.OK(func(s *sessions.Session) { testapp.Equal(t, "SetIdleTimeout", s.SetIdleTimeout(0), nil) })
	a.Clock.Advance(time.Hour)
	testapp.Equal(t, "user with the usual timeout", usual.User(), "")
	testapp.Equal(t, "user with a long one", long.User(), "ann")
	a.Clock.Advance(71 * time.Hour)
	testapp.Equal(t, "user with a long one, used", long.User(), "ann")
	long.OK(func(s *sessions.Session) { s.Renew() })
	a.Clock.Advance(72 * time.Hour)
	testapp.Equal(t, "user with a long one, unused", long.User(), "")
	testapp.Equal(t, "user without one", none.User(), "ann")

	for _, bad := range []time.Duration{-1, time.Microsecond, time.Second + 1, math.MaxInt64, math.MinInt64} {
		a.SignedIn().OK(func(s *sessions.Session) {
			if err := s.SetIdleTimeout(bad); err == nil {
				t.Errorf("SetIdleTimeout(%d) returned no error", bad)
			}
		})
	}
}

func TestLifetime(t *testing.T) {
	for name, use := range map[string]func(*sessions.Session){
		"read":    testapp.Look,
		"written": testapp.Increment,
		"renewed": func(s *sessions.Session) { s.Renew() },
		"with a timeout of its own": func(s *sessions.Session) {
			s.SetIdleTimeout(1000 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = 2*time.Hour, 10*time.Hour })
			c := a.SignedIn()
			for range 9 {
				a.Clock.Advance(time.Hour)
				c.OK(use)
				testapp.Equal(t, "user", c.User(), "ann")
			}
			a.Clock.Advance(time.Hour - time.Millisecond)
			testapp.Equal(t, "user at the last moment", c.User(), "ann")
			a.Clock.Advance(time.Millisecond)
			testapp.Equal(t, "user after the lifetime", c.User(), "")
		})
	}
	t.Run("and Invalidate begins another", func(t *testing.T) {
		a := testapp.New(t, func(o *sessions.Options) { o.Lifetime = time.Hour })
		c := a.SignedIn()
		a.Clock.Advance(59 * time.Minute)
		c.OK(func(s *sessions.Session) { s.Invalidate(); testapp.User.Set(s, "ann") })
		a.Clock.Advance(59 * time.Minute)
		testapp.Equal(t, "user", c.User(), "ann")
		a.Clock.Advance(time.Minute)
		testapp.Equal(t, "user", c.User(), "")
	})
}

func TestShorterOptions(t *testing.T) {
	t.Run("Lifetime ends older sessions at once", func(t *testing.T) {
		a := testapp.New(t, func(o *sessions.Options) { o.Lifetime = 100 * time.Hour })
		old := a.SignedIn()
		a.Clock.Advance(time.Hour)
		young := a.SignedIn()
		a.Deploy(func(o *sessions.Options) { o.Lifetime = time.Hour })
		testapp.Equal(t, "user of the old session", old.Copy().User(), "")
		testapp.Equal(t, "user of the young session", young.User(), "ann")
		_, err := a.Manager.Load(t.Context(), old.Token())
		testapp.Error(t, "Load", err, sessions.ErrNotFound)
		n := 0
		for range a.Manager.All(t.Context()) {
			n++
		}
		testapp.Equal(t, "sessions listed", n, 1)
	})
	t.Run("Lifetime set where there was none", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Clock.Advance(48 * time.Hour)
		a.Deploy(func(o *sessions.Options) { o.Lifetime = 49 * time.Hour })
		testapp.Equal(t, "user", c.User(), "ann")
		a.Clock.Advance(time.Hour)
		testapp.Equal(t, "user after it", c.User(), "")
	})
	t.Run("IdleTimeout takes effect with the next access", func(t *testing.T) {
		a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
		c := a.SignedIn()
		a.Deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		testapp.Equal(t, "user", c.User(), "ann")
		testapp.Equal(t, "Expires", a.Store.Record(t).Record.Expires.Time(), testapp.Epoch.Add(time.Hour))
		a.Clock.Advance(time.Hour)
		testapp.Equal(t, "user after it", c.User(), "")
	})
	t.Run("IdleTimeout ends sessions that were idle for longer", func(t *testing.T) {
		a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
		idle, own := a.SignedIn(), a.SignedIn()
		own.OK(func(s *sessions.Session) { s.SetIdleTimeout(80 * time.Hour) })
		a.Clock.Advance(48 * time.Hour)
		used := a.SignedIn()
		a.Clock.Advance(59 * time.Minute)
		used.OK(testapp.Look) // within a hundredth of the timeout: not recorded
		a.Clock.Advance(59 * time.Minute)
		a.Deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		testapp.Equal(t, "user of the idle session", idle.Copy().User(), "")
		testapp.Equal(t, "user with a timeout of its own", own.User(), "ann")
		_, err := a.Manager.Load(t.Context(), idle.Token())
		testapp.Error(t, "Load", err, sessions.ErrNotFound)
		n := 0
		for range a.Manager.All(t.Context()) {
			n++
		}
		testapp.Equal(t, "sessions listed", n, 2)
		// An access counts even if it was not recorded.
		testapp.Equal(t, "user of the session in use", used.User(), "ann")
		a.Clock.Advance(time.Hour)
		testapp.Equal(t, "user of the session in use, an hour later", used.User(), "")
	})
	t.Run("IdleTimeout set where there was none", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Clock.Advance(26 * time.Hour) // without a timeout accesses are recorded daily
		a.Deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		testapp.Equal(t, "user", c.User(), "")
	})
	t.Run("IdleTimeout lengthened", func(t *testing.T) {
		a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.SignedIn()
		a.Deploy(func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
		testapp.Equal(t, "user", c.User(), "ann")
		a.Clock.Advance(99 * time.Hour)
		testapp.Equal(t, "user after the old one", c.User(), "ann")
	})
}

func TestClockChange(t *testing.T) {
	newApp := func(t *testing.T) (*testapp.App, *testapp.Client) {
		a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 2 * time.Hour })
		return a, a.SignedIn()
	}
	t.Run("back by an hour", func(t *testing.T) {
		a, c := newApp(t)
		a.Clock.Advance(-time.Hour)
		testapp.Equal(t, "user", c.User(), "ann")
		testapp.Equal(t, "Expires", a.Store.Record(t).Record.Expires.Time(), testapp.Epoch.Add(time.Hour))
		a.Clock.Advance(time.Hour)
		testapp.Equal(t, "user an hour later", c.User(), "ann")
		a.Clock.Advance(2 * time.Hour)
		testapp.Equal(t, "user after the timeout", c.User(), "")
	})
	t.Run("back by a second, as clocks of several machines differ", func(t *testing.T) {
		a, c := newApp(t)
		a.Clock.Advance(-time.Second)
		c.OK(testapp.Look)
		testapp.Equal(t, "store calls", a.Store.Calls(), "Load")
	})
	t.Run("forward by a year", func(t *testing.T) {
		a, c := newApp(t)
		a.Clock.Advance(365 * 24 * time.Hour)
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "user", s.Get("user"), nil)
			testapp.User.Set(s, "bob")
		})
		testapp.Equal(t, "user after signing in again", c.User(), "bob")
		a.Clock.Advance(-365 * 24 * time.Hour) // and back
		testapp.Equal(t, "user of a session from the future", c.User(), "bob")
		a.Clock.Advance(2 * time.Hour)
		testapp.Equal(t, "user after the timeout", c.User(), "")
	})
}

// A session that was created while the clock was ahead does not last longer by the
// difference.
func TestLifetimeOfSessionFromTheFuture(t *testing.T) {
	const life = 10 * time.Hour
	for ahead, lasts := range map[time.Duration]time.Duration{
		30 * time.Second:     life + 30*time.Second, // as clocks of several machines differ
		time.Hour:            life + time.Hour,
		life:                 2 * life,
		life + time.Second:   0,
		365 * 24 * time.Hour: 0,
	} {
		t.Run(ahead.String(), func(t *testing.T) {
			a := testapp.New(t, func(o *sessions.Options) { o.Lifetime = life })
			a.Clock.Advance(ahead)
			c := a.SignedIn()
			a.Clock.Advance(-ahead)
			if lasts > 0 {
				a.Clock.Advance(lasts - time.Millisecond)
				testapp.Equal(t, "user at the last moment", c.User(), "ann")
				a.Clock.Advance(time.Millisecond)
			}
			testapp.Equal(t, "user after it", c.User(), "")
		})
	}
}

func TestSessionExpiresDuringRequest(t *testing.T) {
	newApp := func(t *testing.T) (*testapp.App, *testapp.Client) {
		a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Second })
		return a, a.SignedIn()
	}
	t.Run("read", func(t *testing.T) {
		a, c := newApp(t)
		res := c.OK(func(s *sessions.Session) { testapp.Look(s); a.Clock.Advance(time.Second) })
		testapp.Equal(t, "cookie", res.Cookie, nil)
		testapp.Equal(t, "user", c.User(), "")
	})
	t.Run("written", func(t *testing.T) {
		a, c := newApp(t)
		res := c.Fails(http.StatusConflict, func(s *sessions.Session) { testapp.Increment(s); a.Clock.Advance(time.Second) })
		testapp.Equal(t, "cookie", res.Cookie, nil)
	})
}

func TestSweep(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	a.SignedIn()
	a.Clock.Advance(30 * time.Minute)
	c := a.SignedIn()
	a.Clock.Advance(30 * time.Minute)
	n, err := a.Manager.Sweep(t.Context())
	if n != 1 || err != nil {
		t.Errorf("Sweep: got %d, %v, want 1, nil", n, err)
	}
	testapp.Equal(t, "user of the live session", c.User(), "ann")
}
