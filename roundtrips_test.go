package sessions_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func TestStoreCallsOfARequest(t *testing.T) {
	ctx := t.Context()
	for name, test := range map[string]struct {
		f    func(*sessions.Session)
		want string
	}{
		"untouched":                  {func(s *sessions.Session) {}, ""},
		"logged":                     {func(s *sessions.Session) { _ = s.String(); s.LogValue() }, ""},
		"read":                       {func(s *sessions.Session) { lifeUser.Get(s); s.Keys(); s.ID(); s.Owner() }, "Load"},
		"token":                      {func(s *sessions.Session) { s.Token() }, "Load"},
		"write":                      {func(s *sessions.Session) { lifeUser.Set(s, "bob"); s.Set("a", 1) }, "Load Save"},
		"update":                     {lifeIncrement, "Load Save"},
		"delete":                     {func(s *sessions.Session) { lifeUser.Delete(s) }, "Load Save"},
		"delete of nothing":          {func(s *sessions.Session) { s.Delete("missing") }, "Load"},
		"renew":                      {func(s *sessions.Session) { s.Renew() }, "Load Save Delete"},
		"renew and write":            {func(s *sessions.Session) { s.Renew(); lifeIncrement(s) }, "Load Save Delete"},
		"invalidate":                 {func(s *sessions.Session) { s.Invalidate() }, "Load Save Delete"},
		"destroy":                    {func(s *sessions.Session) { s.Destroy(ctx) }, "Delete"},
		"read and destroy":           {func(s *sessions.Session) { s.Keys(); s.Destroy(ctx) }, "Load Delete"},
		"destroy and write":          {func(s *sessions.Session) { s.Destroy(ctx); lifeIncrement(s) }, "Delete Save"},
		"save and no more":           {func(s *sessions.Session) { lifeIncrement(s); s.Save(ctx) }, "Load Save"},
		"save and write":             {func(s *sessions.Session) { lifeIncrement(s); s.Save(ctx); lifeIncrement(s) }, "Load Save Save"},
		"same owner":                 {func(s *sessions.Session) { s.SetOwner("") }, "Load"},
		"write that is taken back":   {func(s *sessions.Session) { lifeUser.Set(s, "bob"); s.Revert() }, "Load"},
		"several reads and one Save": {func(s *sessions.Session) { s.Keys(); s.Keys(); s.Save(ctx) }, "Load"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
			c := a.signedIn()
			c.ok(test.f)
			lifeEqual(t, "store calls", a.store.calls(), test.want)
		})
	}
}

func TestStoreCallsOfANewClient(t *testing.T) {
	ctx := t.Context()
	for name, test := range map[string]struct {
		f    func(*sessions.Session)
		want string
	}{
		"read":            {func(s *sessions.Session) { lifeUser.Get(s); s.Keys(); s.ID(); s.Token(); s.Flashes() }, ""},
		"write":           {func(s *sessions.Session) { lifeUser.Set(s, "bob") }, "Save"},
		"write and renew": {func(s *sessions.Session) { lifeUser.Set(s, "bob"); s.Renew() }, "Save"},
		"destroy":         {func(s *sessions.Session) { s.Destroy(ctx) }, ""},
		"write, destroy":  {func(s *sessions.Session) { s.Set("a", 1); s.Destroy(ctx) }, ""},
		"renew":           {func(s *sessions.Session) { s.Renew() }, ""},
		"invalidate":      {func(s *sessions.Session) { s.Invalidate() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			a.client().ok(test.f)
			lifeEqual(t, "store calls", a.store.calls(), test.want)
		})
	}
}

// lifeLook reads the session and does no more.
func lifeLook(s *sessions.Session) { s.Keys() }

func TestAccessIsRecordedNowAndThen(t *testing.T) {
	for name, test := range map[string]struct {
		timeout, every time.Duration
	}{
		"with a Timeout, at 1% of it": {100 * time.Minute, time.Minute},
		"a short Timeout":             {time.Second, 10 * time.Millisecond},
		"a long Timeout, daily":       {300 * 24 * time.Hour, 24 * time.Hour},
		"without a Timeout, daily":    {0, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = test.timeout })
			c := a.signedIn()
			first := a.store.record(t).Record

			a.clock.advance(test.every - time.Millisecond)
			c.ok(lifeLook)
			lifeEqual(t, "store calls within the throttle", a.store.calls(), "Load")
			lifeEqual(t, "record within the throttle", a.store.record(t).Record, first)

			a.clock.advance(time.Millisecond)
			c.ok(lifeLook)
			lifeEqual(t, "store calls when it is due", a.store.calls(), "Load Touch")
			want := first
			want.Accessed += driver.Millis(test.every.Milliseconds())
			want.Expires += driver.Millis(test.every.Milliseconds())
			lifeEqual(t, "record: the times alone have moved", a.store.record(t).Record, want)

			c.ok(lifeLook)
			lifeEqual(t, "store calls right after", a.store.calls(), "Load")
		})
	}
}

func TestSaveWithinTheThrottleLeavesTheTimes(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Minute })
	c := a.signedIn()
	first := a.store.record(t).Record

	a.clock.advance(59 * time.Second)
	c.ok(lifeIncrement)
	rec := a.store.record(t).Record
	if rec.Version == first.Version || rec.Accessed != first.Accessed || rec.Expires != first.Expires {
		t.Errorf("record %+v after %+v: want another version and the same times", rec, first)
	}
	a.clock.advance(time.Second)
	c.ok(lifeIncrement)
	rec = a.store.record(t).Record
	if rec.Accessed != first.Accessed+60_000 || rec.Expires != first.Expires+60_000 {
		t.Errorf("record %+v after %+v: want the times a minute on", rec, first)
	}
	lifeEqual(t, "store calls: no Touch beside a Save", a.store.calls(), "Load Save Load Save")
}

func TestUnusedSessionIsNotTouched(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	c := a.signedIn()
	a.clock.advance(30 * time.Minute)
	res := c.ok(func(*sessions.Session) {})
	lifeEqual(t, "store calls", a.store.calls(), "")
	lifeEqual(t, "Vary", len(res.Header()["Vary"]), 0)
}

// due makes a client whose next access is to be recorded.
func lifeDue(t *testing.T, change ...func(*sessions.Options)) (*lifeApp, *lifeClient) {
	a := newLife(t, append([]func(*sessions.Options){func(o *sessions.Options) { o.IdleTimeout = time.Hour }}, change...)...)
	c := a.signedIn()
	a.clock.advance(30 * time.Minute)
	return a, c
}

func TestFailureToRecordAnAccessIsLoggedAndNoMore(t *testing.T) {
	a, c := lifeDue(t)
	a.store.next("Touch", fakeRefused)
	a.store.calls()
	res := c.ok(lifeLook)
	lifeEqual(t, "store calls: one attempt", a.store.calls(), "Load Touch")
	lifeEqual(t, "cookie", res.cookie, nil)
	if log := a.log.String(); !strings.Contains(log, "recording the access failed") || !strings.Contains(log, "level=WARN") {
		t.Errorf("log: %s", log)
	}
	c.ok(lifeLook)
	a.clock.advance(59 * time.Minute)
	if c.user() != "ann" {
		t.Error("the access after the failure was not recorded")
	}
}

func TestRecordOfAnAccessIsDroppedWhereTheSessionChanged(t *testing.T) {
	a, c := lifeDue(t)
	other := c.copied()
	var changed driver.Record
	a.store.before("Touch", func() {
		other.ok(func(s *sessions.Session) { s.SetIdleTimeout(2 * time.Hour) })
		changed = a.store.record(t).Record
	})
	c.ok(lifeLook)
	lifeEqual(t, "record", a.store.record(t).Record, changed)
	lifeEqual(t, "log", a.log.String(), "")
}

func TestRecordOfAnAccessDoesNotReviveASession(t *testing.T) {
	for name, end := range map[string]func(*sessions.Session){
		"destroyed": func(s *sessions.Session) { s.Destroy(t.Context()) },
		"renewed":   func(s *sessions.Session) { s.Renew() },
	} {
		t.Run(name, func(t *testing.T) {
			a, c := lifeDue(t)
			old, other := c.copied(), c.copied()
			a.store.before("Touch", func() { other.ok(end) })
			res := c.ok(lifeLook)
			lifeEqual(t, "cookie", res.cookie, nil)
			lifeEqual(t, "user under the old id", old.user(), "")
		})
	}
}

// A cookie under a previous secret is due to be replaced. Where the session
// turns out to be over, or may be, that would overwrite the cookie of a new
// login.
func TestCookieIsNotReplacedWhereTheSessionEndedMeanwhile(t *testing.T) {
	old, present := []byte(strings.Repeat("o", 32)), []byte(strings.Repeat("p", 32))
	a, c := lifeDue(t, func(o *sessions.Options) { o.Cookie.Secret = old })
	a.deploy(func(o *sessions.Options) { o.Cookie.Secret, o.Cookie.PreviousSecrets = present, [][]byte{old} })
	other, third := c.copied(), c.copied()
	a.store.before("Touch", func() { other.ok(func(s *sessions.Session) { s.Destroy(t.Context()) }) })
	res := c.ok(lifeLook)
	lifeEqual(t, "cookie", res.cookie, nil)
	lifeEqual(t, "user", third.user(), "")
}

func TestAccessIsRecordedAfterAStreamedAnswerToo(t *testing.T) {
	a, c := lifeDue(t)
	c.serve(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("begun"))
		lifeLook(sessions.FromContext(r.Context()))
	})
	lifeEqual(t, "store calls", a.store.calls(), "Load Touch")
}
