package sessions_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func newManual(t *testing.T) *testapp.App {
	return testapp.New(t, func(o *sessions.Options) { o.ManualSave, o.IdleTimeout = true, time.Hour })
}

// lifeSaved is a client whose session was saved by hand.
func lifeSaved(a *testapp.App) *testapp.Client {
	c := a.Client()
	c.OK(func(s *sessions.Session) { testapp.User.Set(s, "ann"); s.Save(a.T.Context()) })
	a.Store.Calls()
	return c
}

func TestManualSaveCounts(t *testing.T) {
	a := newManual(t)
	c := a.Client()
	for want := 1; want <= 3; want++ {
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "count", testapp.Count.Update(s, func(n int) int { return n + 1 }), want)
			testapp.Equal(t, "Save", s.Save(t.Context()), nil)
		})
	}
	testapp.Equal(t, "store calls", a.Store.Calls(), "Save Load Save Load Save")
}

func TestManualSaveDropsWhatWasNotSaved(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"set":        func(s *sessions.Session) { testapp.User.Set(s, "eve") },
		"delete":     func(s *sessions.Session) { s.Delete("user") },
		"clear":      func(s *sessions.Session) { s.Clear() },
		"flash":      func(s *sessions.Session) { s.AddFlash("hello") },
		"owner":      func(s *sessions.Session) { s.SetOwner("user:1") },
		"settings":   func(s *sessions.Session) { s.SetIdleTimeout(time.Minute); s.SetExpires(sessions.ExpireWithBrowser()) },
		"renew":      func(s *sessions.Session) { s.Renew() },
		"invalidate": func(s *sessions.Session) { s.Invalidate() },
		"unfit":      func(s *sessions.Session) { s.Set("x", make(chan int)) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newManual(t)
			res := a.Client().OK(f)
			testapp.Equal(t, "cookie of a new client", res.Cookie, nil)
			testapp.Equal(t, "store calls of a new client", a.Store.Calls(), "")

			c := lifeSaved(a)
			stored := a.Store.Record(t)
			res = c.OK(f)
			testapp.Equal(t, "cookie", res.Cookie, nil)
			testapp.Equal(t, "record", a.Store.Record(t), stored)
			testapp.Equal(t, "store calls", a.Store.Calls(), "Load")
		})
	}
}

func TestManualSaveDropsWhatFollowedTheSave(t *testing.T) {
	a := newManual(t)
	c := lifeSaved(a)
	c.OK(func(s *sessions.Session) {
		testapp.Increment(s)
		s.Save(t.Context())
		testapp.Increment(s)
	})
	testapp.Equal(t, "count", c.Count(), 1)
}

// The cookie is that of the session that was saved, whatever was begun since.
func TestManualSaveSendsTheCookieOfWhatWasSaved(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session) error{
		"Renew":      (*sessions.Session).Renew,
		"Invalidate": (*sessions.Session).Invalidate,
	} {
		t.Run(name, func(t *testing.T) {
			a := newManual(t)
			c := a.Client()
			c.OK(func(s *sessions.Session) {
				testapp.User.Set(s, "ann")
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
				testapp.Error(t, name, f(s), nil)
			})
			testapp.Equal(t, "user", c.User(), "ann")
		})
	}
}

func TestManualSaveRenews(t *testing.T) {
	a := newManual(t)
	c := lifeSaved(a)
	old := c.Copy()
	res := c.OK(func(s *sessions.Session) { s.Renew(); testapp.Equal(t, "Save", s.Save(t.Context()), nil) })
	if res.Cookie == nil {
		t.Error("no cookie for the new id")
	}
	testapp.Equal(t, "user", c.User(), "ann")
	testapp.Equal(t, "user under the old id", old.User(), "")
}

func TestManualSaveLetsDestroyAct(t *testing.T) {
	a := newManual(t)
	c := lifeSaved(a)
	res := c.OK(func(s *sessions.Session) { s.Destroy(t.Context()); testapp.User.Set(s, "eve") })
	if res.Cookie == nil || res.Cookie.Value != "" {
		t.Errorf("cookie %v, want a deletion", res.Cookie)
	}
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)

	c = lifeSaved(a)
	a.Store.Next("Delete", testapp.Refused)
	c.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
	testapp.Equal(t, "records after the commit's attempt", len(a.Store.Records(t)), 0)
}

func TestManualSaveRecordsTheAccess(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"read":                            lifeLook,
		"write without Save":              testapp.Increment,
		"another timeout, without a Save": func(s *sessions.Session) { s.SetIdleTimeout(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newManual(t)
			c := lifeSaved(a)
			a.Clock.Advance(30 * time.Minute)
			c.OK(f)
			testapp.Equal(t, "store calls", a.Store.Calls(), "Load Touch")
			testapp.Equal(t, "Expires", a.Store.Record(t).Record.Expires.Time(), testapp.Epoch.Add(90*time.Minute))
			testapp.Equal(t, "count", c.Count(), 0)
		})
	}
}

func TestManualSaveReportsFailuresToItsCallerAlone(t *testing.T) {
	a := newManual(t)
	c := lifeSaved(a)
	c.OK(func(s *sessions.Session) {
		testapp.Increment(s)
		a.Store.Down()
		testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
		a.Store.Up()
	})
	testapp.Equal(t, "count", c.Count(), 0)
	a.Store.Down()
	c.Fails(http.StatusServiceUnavailable, lifeLook) // a failed load is for all
}
