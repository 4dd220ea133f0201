package dbsc_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// Hole 2: refreshes that other sites' pages initiate would come without the session
// cookie, and their answer would end the binding.
func TestNoOtherInitiators(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	if got := d.register(); strings.Contains(got.Body, "initiators") {
		t.Errorf("the registration allows other initiators: %s", got.Body)
	}
}

// Hole 3: browsers send a registration again if its answer was lost.
func TestRegistrationIsSentAgain(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	proof := d.proof(d.offer, true)
	first := d.registerWith(proof)
	id := d.id
	s.Store.Calls()
	for _, confirmed := range []bool{false, true} {
		if confirmed {
			d.wantUse("the first use", http.StatusOK)
			s.Store.Calls()
		}
		again := d.registerWith(proof)
		testapp.Equal(t, "status", again.StatusCode, http.StatusOK)
		testapp.Equal(t, "body", again.Body, first.Body)
		testapp.Equal(t, "binding", d.id, id)
		testapp.Equal(t, "calls", s.Store.Calls(), "Load")
	}
	d.wantUse("with the cookie of the second answer", http.StatusOK)
	d.wantRefresh("with the second answer")
	s.wantLogged(0, "two devices")
}

// The session gets another owner while its binding is being stored: the binding was
// offered to the owner before.
func TestRegistrationDuringAChangeOfOwner(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	victim := d.copied()
	s.Store.Before("Save", func() {
		victim.use(func(s *sessions.Session) { s.SetOwner("bob") })
	})
	got := d.register()
	testapp.Equal(t, "status", got.StatusCode, http.StatusBadRequest)
	victim.use(func(s *sessions.Session) {
		testapp.Equal(t, "owner", s.Owner(), "bob")
		testapp.Equal(t, "note", string(s.GuardNote()), "")
	})
}

// Hole 4: requests that were on their way during the registration have no bound cookie.
func TestRequestsInFlightDuringRegistration(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	inFlight := d.copied()
	d.register()
	inFlight.wantUse("without the cookie, while the binding is pending", http.StatusOK)
	inFlight.Cookies[boundName] = strings.Repeat("A", 64)
	inFlight.wantUse("with another session's cookie, while the binding is pending", http.StatusOK)
	d.wantUse("the first use with the cookie", http.StatusOK)

	inFlight.wantUse("with a wrong cookie, after the confirmation", http.StatusForbidden)
	inFlight.dropBound()
	inFlight.wantUse("without the cookie, within 30 seconds", http.StatusOK)
	s.Clock.Advance(29 * time.Second)
	inFlight.wantUse("without the cookie, within 30 seconds", http.StatusOK)
	s.Clock.Advance(time.Second)
	inFlight.wantUse("without the cookie, after 30 seconds", http.StatusForbidden)
	d.wantUse("with the cookie", http.StatusOK)
}

// A binding that no request has confirmed is not enforced: its cookie may never have
// arrived.
func TestLostRegistrationAnswer(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	d.register()
	d.dropBound()
	for range 3 {
		s.Clock.Advance(time.Hour)
		d.wantUse("unconfirmed", http.StatusOK)
	}
	d.offer = ""
	d.use(func(s *sessions.Session) { s.Renew() })
	if d.offer == "" {
		t.Fatal("the new ID of a session whose binding is not confirmed has no offer")
	}
	testapp.Equal(t, "status of the second registration", d.register().StatusCode, http.StatusOK)
	d.wantUse("with the bound cookie, which confirms the binding", http.StatusOK)
	s.Clock.Advance(time.Minute)
	d.dropBound()
	d.wantUse("without the bound cookie", http.StatusForbidden)
}

// Hole 7: an offer on a later request would let a thief bind an unbound session to
// their own device.
func TestOffersGoWithNewTokensOnly(t *testing.T) {
	const field = "X-Session"
	s := newSite(t, func(o *sessions.Options) { o.TokenHeader = field; o.Cookie.Expires = sessions.ExpireAfter(time.Hour) })
	offered := func(what string, got *testapp.Response, want bool) {
		t.Helper()
		testapp.Equal(t, "offer with "+what, got.Header.Get("Secure-Session-Registration") != "", want)
	}
	d := s.device()
	offered("an anonymous session", d.send("GET", "/", nil, increment), false)
	offered("an owner, without a new ID", d.send("GET", "/", nil, func(s *sessions.Session) { s.SetOwner("eve") }), false)
	offered("a sign-in", d.send("GET", "/", nil, signIn), true)
	offered("a read", d.send("GET", "/", nil, testapp.Look), false)
	offered("a write", d.send("GET", "/", nil, increment), false)
	s.Clock.Advance(10 * time.Minute)
	got := d.send("GET", "/", nil, testapp.Look)
	offered("the cookie that is sent again", got, false)
	if got.SetCookie == "" {
		t.Error("the cookie is not sent again")
	}
	s.restart(func(o *sessions.Options) {
		o.Cookie.Secret, o.Cookie.PreviousSecrets = testapp.Secret2, [][]byte{testapp.Secret}
	})
	if got = d.send("GET", "/", nil, testapp.Look); got.SetCookie == "" {
		t.Error("the cookie is not sent under the present secret")
	}
	offered("the cookie under the present secret", got, false)
	offered("a sign-in by token header", d.send("GET", "/", http.Header{field: {""}}, signIn), false)
	offered("Renew", d.send("GET", "/", nil, func(s *sessions.Session) { s.Renew() }), true)
}

// A registration writes, and does not prolong the session's life either.
func TestRegistrationIsNoUse(t *testing.T) {
	s := newSite(t, func(o *sessions.Options) { o.IdleTimeout = 5 * time.Minute })
	d := s.device()
	d.signIn()
	s.Clock.Advance(4 * time.Minute)
	testapp.Equal(t, "status", d.register().StatusCode, http.StatusOK)
	s.Clock.Advance(61 * time.Second)
	testapp.Equal(t, "answer after the idle timeout", d.refresh().Body, `{"continue":false}`)
}
