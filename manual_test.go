package sessions_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func newManual(t *testing.T) *lifeApp {
	return newLife(t, func(o *sessions.Options) { o.ManualSave, o.IdleTimeout = true, time.Hour })
}

// lifeSaved is a client whose session was saved by hand.
func lifeSaved(a *lifeApp) *lifeClient {
	c := a.client()
	c.ok(func(s *sessions.Session) { lifeUser.Set(s, "ann"); s.Save(a.t.Context()) })
	a.store.calls()
	return c
}

func TestManualSaveCounts(t *testing.T) {
	a := newManual(t)
	c := a.client()
	for want := 1; want <= 3; want++ {
		c.ok(func(s *sessions.Session) {
			lifeEqual(t, "count", lifeCount.Update(s, func(n int) int { return n + 1 }), want)
			lifeEqual(t, "Save", s.Save(t.Context()), nil)
		})
	}
	lifeEqual(t, "store calls", a.store.calls(), "Save Load Save Load Save")
}

func TestManualSaveDropsWhatWasNotSaved(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"set":        func(s *sessions.Session) { lifeUser.Set(s, "eve") },
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
			res := a.client().ok(f)
			lifeEqual(t, "cookie of a new client", res.cookie, nil)
			lifeEqual(t, "store calls of a new client", a.store.calls(), "")

			c := lifeSaved(a)
			stored := a.store.record(t)
			res = c.ok(f)
			lifeEqual(t, "cookie", res.cookie, nil)
			lifeEqual(t, "record", a.store.record(t), stored)
			lifeEqual(t, "store calls", a.store.calls(), "Load")
		})
	}
}

func TestManualSaveDropsWhatFollowedTheSave(t *testing.T) {
	a := newManual(t)
	c := lifeSaved(a)
	c.ok(func(s *sessions.Session) {
		lifeIncrement(s)
		s.Save(t.Context())
		lifeIncrement(s)
	})
	lifeEqual(t, "count", c.count(), 1)
}

// The cookie is that of the session that was saved, whatever was begun since.
func TestManualSaveSendsTheCookieOfWhatWasSaved(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session) error{
		"Renew":      (*sessions.Session).Renew,
		"Invalidate": (*sessions.Session).Invalidate,
	} {
		t.Run(name, func(t *testing.T) {
			a := newManual(t)
			c := a.client()
			c.ok(func(s *sessions.Session) {
				lifeUser.Set(s, "ann")
				lifeError(t, "Save", s.Save(t.Context()), nil)
				lifeError(t, name, f(s), nil)
			})
			lifeEqual(t, "user", c.user(), "ann")
		})
	}
}

func TestManualSaveRenews(t *testing.T) {
	a := newManual(t)
	c := lifeSaved(a)
	old := c.copied()
	res := c.ok(func(s *sessions.Session) { s.Renew(); lifeEqual(t, "Save", s.Save(t.Context()), nil) })
	if res.cookie == nil {
		t.Error("no cookie for the new id")
	}
	lifeEqual(t, "user", c.user(), "ann")
	lifeEqual(t, "user under the old id", old.user(), "")
}

func TestManualSaveLetsDestroyAct(t *testing.T) {
	a := newManual(t)
	c := lifeSaved(a)
	res := c.ok(func(s *sessions.Session) { s.Destroy(t.Context()); lifeUser.Set(s, "eve") })
	if res.cookie == nil || res.cookie.Value != "" {
		t.Errorf("cookie %v, want a deletion", res.cookie)
	}
	lifeEqual(t, "records", len(a.store.records(t)), 0)

	c = lifeSaved(a)
	a.store.next("Delete", fakeRefused)
	c.ok(func(s *sessions.Session) { s.Destroy(t.Context()) })
	lifeEqual(t, "records after the commit's attempt", len(a.store.records(t)), 0)
}

func TestManualSaveRecordsTheAccess(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"read":                            lifeLook,
		"write without Save":              lifeIncrement,
		"another timeout, without a Save": func(s *sessions.Session) { s.SetIdleTimeout(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newManual(t)
			c := lifeSaved(a)
			a.clock.advance(30 * time.Minute)
			c.ok(f)
			lifeEqual(t, "store calls", a.store.calls(), "Load Touch")
			lifeEqual(t, "Expires", a.store.record(t).Record.Expires.Time(), fakeEpoch.Add(90*time.Minute))
			lifeEqual(t, "count", c.count(), 0)
		})
	}
}

func TestManualSaveReportsFailuresToItsCallerAlone(t *testing.T) {
	a := newManual(t)
	c := lifeSaved(a)
	c.ok(func(s *sessions.Session) {
		lifeIncrement(s)
		a.store.down()
		lifeError(t, "Save", s.Save(t.Context()), errFakeDown)
		a.store.up()
	})
	lifeEqual(t, "count", c.count(), 0)
	a.store.down()
	c.fails(http.StatusServiceUnavailable, lifeLook) // a failed load is for all
}
