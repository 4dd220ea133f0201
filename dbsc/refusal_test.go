package dbsc_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// Hole 1: a link from another site comes without the bound cookie, as browsers make no
// proof for it.
func TestLinkFromAnotherSite(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.dropBound()
	link := func(method, site, mode string) *testapp.Response {
		return d.send(method, "/offers", http.Header{"Sec-Fetch-Site": {site}, "Sec-Fetch-Mode": {mode}}, increment)
	}
	got := link("GET", "cross-site", "navigate")
	testapp.Equal(t, "status", got.StatusCode, http.StatusForbidden)
	testapp.NoCookie(t, got)
	if !strings.Contains(got.Body, `<meta http-equiv="refresh" content="0">`) || got.Header.Get("Location") != "" {
		t.Errorf("the page does not load itself again: %s", got.Body)
	}
	testapp.Equal(t, "Cache-Control", got.Header.Get("Cache-Control"), "no-store")
	s.wantLogged(0, withoutDevice)
	for _, other := range []*testapp.Response{
		link("GET", "same-origin", "navigate"), // else it would load itself for ever
		link("GET", "none", "navigate"),
		link("POST", "cross-site", "navigate"),
		link("GET", "cross-site", "cors"),
	} {
		testapp.Equal(t, "body", other.Body, "Forbidden\n")
	}
	d.wantRefresh("before the page loads again")
	testapp.Equal(t, "status", link("GET", "same-origin", "navigate").StatusCode, http.StatusOK)
	d.use(func(s *sessions.Session) {
		n, _ := testapp.Count.Get(s)
		testapp.Equal(t, "visits", n, 1)
	})
}

// Hole 5: a refused session can be ended, and nothing else.
func TestRefusedSessionCanOnlyBeEnded(t *testing.T) {
	for name, end := range map[string]func(*sessions.Session){
		"Destroy":    func(s *sessions.Session) { s.Destroy(t.Context()) },
		"Invalidate": func(s *sessions.Session) { s.Invalidate() },
	} {
		s := newSite(t)
		d := s.bound()
		thief := d.copied()
		thief.dropBound()
		for name, f := range map[string]func(*sessions.Session){
			"a read": testapp.Look, "a write": increment, "Renew": func(s *sessions.Session) { s.Renew() },
			"Clear": func(s *sessions.Session) { s.Clear() },
		} {
			token := thief.Token()
			testapp.Equal(t, "status of "+name, thief.use(f), http.StatusForbidden)
			testapp.Equal(t, "token after "+name, thief.Token(), token)
		}
		d.wantUse("the device, undisturbed", http.StatusOK)
		testapp.Equal(t, name, thief.use(func(s *sessions.Session) { end(s); increment(s) }), http.StatusOK)
		testapp.Equal(t, "count of the new session", thief.Count(), 1)
		testapp.Equal(t, "user of the ended session", d.User(), "")
	}
}

// A refused session, or a bound cookie that somebody has planted, hides no live one.
func TestRefusedSessionHidesNoOther(t *testing.T) {
	s := newSite(t)
	ann := s.bound()
	mallory := s.device()
	mallory.use(func(s *sessions.Session) { s.Renew(); s.SetOwner("mallory") })
	mallory.register()
	mallory.use(testapp.Look)
	s.Clock.Advance(31 * time.Second)
	ann.Extra = []string{cookieName + "=" + mallory.Token(), boundName + "=x"}
	ann.wantUse("with planted cookies", http.StatusOK)
	ann.wantRefresh("with planted cookies")
	ann.use(func(s *sessions.Session) { testapp.Equal(t, "owner", s.Owner(), "ann") })
}

// A sign-in with a refused session begins a new one, which is offered a binding.
func TestSignInAfterALostKey(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	old := d.copied()
	d.dropBound()
	d.key = newKey(t)
	d.wantUse("without the key", http.StatusForbidden)
	d.signIn()
	testapp.Equal(t, "status", d.register().StatusCode, http.StatusOK)
	d.wantUse("bound again", http.StatusOK)
	s.Clock.Advance(time.Minute)
	d.wantUse("bound again", http.StatusOK)
	old.dropBound()
	old.wantUse("the old session", http.StatusForbidden)
}
