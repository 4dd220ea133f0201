package dbsc_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbsc"
	"github.com/pump-go/sessions/internal/testapp"
)

func increment(s *sessions.Session) { testapp.Increment(s) }

func TestSignInRegisterRefresh(t *testing.T) {
	s := newSite(t)
	d := s.device()
	got := d.send("POST", "/sign-in", nil, signIn)
	offer := got.Header.Get("Secure-Session-Registration")
	if !strings.HasPrefix(offer, `(ES256 RS256);path="/device-bound-session/register";challenge="`) {
		t.Errorf("offer: %s", offer)
	}
	got = d.register()
	testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
	testapp.Equal(t, "Content-Type", got.Header.Get("Content-Type"), "application/json")
	testapp.Equal(t, "Cache-Control", got.Header.Get("Cache-Control"), "no-store")
	testapp.Equal(t, "Cross-Origin-Resource-Policy", got.Header.Get("Cross-Origin-Resource-Policy"), "same-origin")
	testapp.Equal(t, "body", got.Body, `{"session_identifier":"`+d.id+`","refresh_url":"/device-bound-session/refresh",`+
		`"scope":{"include_site":false},"credentials":[{"type":"cookie","name":"pump-session-bound","attributes":"Path=/; HttpOnly; Secure; SameSite=Lax"}]}`)
	testapp.Equal(t, "Set-Cookie", strings.Replace(got.Header.Get("Set-Cookie"), d.Cookies[boundName], "…", 1),
		"pump-session-bound=…; Path=/; Max-Age=540; HttpOnly; Secure; SameSite=Lax")
	for range 4 {
		d.wantUse("with both cookies", http.StatusOK)
		s.Clock.Advance(9 * time.Minute)
		d.dropBound()
		d.wantRefresh("after nine minutes")
	}
	s.Clock.Advance(9 * time.Minute)
	d.dropBound()
	d.wantUse("without the bound cookie", http.StatusForbidden)
	d.wantRefresh("after a refusal")
	d.wantUse("after the refresh", http.StatusOK)
}

func TestBound(t *testing.T) {
	s := newSite(t)
	d := s.device()
	bound := func() (since time.Time, ok bool) {
		d.use(func(s *sessions.Session) { since, ok = dbsc.Bound(s) })
		return since, ok
	}
	d.signIn()
	if _, ok := bound(); ok {
		t.Error("bound before the registration")
	}
	d.register()
	at := s.Clock.Now()
	if _, ok := bound(); !ok { // this request confirms it
		t.Error("not bound after the registration")
	}
	s.Clock.Advance(time.Minute)
	since, ok := bound()
	testapp.Equal(t, "bound", ok, true)
	testapp.Equal(t, "since", since, at)
	for other, err := range s.Manager.Owned(t.Context(), "ann") {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := dbsc.Bound(other); !ok {
			t.Error("a listing does not show that the session is bound")
		}
	}
}

func TestRSA(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.key = rsaKey(t, 2048)
	d.signIn()
	testapp.Equal(t, "status", d.register().StatusCode, http.StatusOK)
	d.wantRefresh("with an RSA key")
	d.wantUse("with an RSA key", http.StatusOK)
}

// Browsers without the protocol use the session cookie alone.
func TestBrowserWithoutTheProtocol(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	for range 3 {
		s.Clock.Advance(time.Hour)
		d.wantUse("unbound", http.StatusOK)
	}
	s.wantLogged(0, "level=WARN")
}

func TestUntouchedRequestsCheckNothing(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.dropBound()
	s.Store.Calls()
	testapp.Equal(t, "status", d.use(func(*sessions.Session) {}), http.StatusOK)
	testapp.Equal(t, "calls", s.Store.Calls(), "")
	s.wantLogged(0, withoutDevice)
}

// Checking the bound cookie costs no store call, and confirming it one write.
func TestStoreCalls(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	d.register()
	s.Store.Calls()
	d.wantUse("", http.StatusOK)
	testapp.Equal(t, "calls of the first use", s.Store.Calls(), "Load Save")
	d.wantUse("", http.StatusOK)
	testapp.Equal(t, "calls of a use", s.Store.Calls(), "Load")
	d.refresh()
	testapp.Equal(t, "calls of a refresh", s.Store.Calls(), "Load Load")
}

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

// A registration that was captured is good for no longer than any other proof, once the
// session is bound.
func TestCapturedRegistrationExpires(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	proof := d.proof(d.offer, true)
	d.registerWith(proof)
	d.wantUse("the first use", http.StatusOK)
	thief := d.copied()
	thief.dropBound()
	s.Clock.Advance(2*time.Minute - time.Second)
	testapp.Equal(t, "status within two minutes", thief.registerWith(proof).StatusCode, http.StatusOK)
	thief.dropBound()
	s.Clock.Advance(time.Second)
	testapp.Equal(t, "status after two minutes", thief.registerWith(proof).StatusCode, http.StatusBadRequest)
	testapp.Equal(t, "bound cookie", thief.Cookies[boundName], "")
	thief.wantUse("with nothing but the session cookie", http.StatusForbidden)
	d.wantUse("with the cookie", http.StatusOK)
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

// Hole 6: a refresh that meets a renewed session.
func TestRefreshOfARenewedSession(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	late := d.copied()
	late.key = d.key
	testapp.Equal(t, "status", d.use(func(s *sessions.Session) { s.Renew() }), http.StatusOK)
	got := late.refreshWith("")
	testapp.Equal(t, "status", got.StatusCode, http.StatusForbidden)
	if late.challenge == "" {
		t.Fatal("the late refresh gets no challenge")
	}
	// The browser has the new session cookie by now.
	late.SetToken(d.Token())
	testapp.Equal(t, "status", late.refreshWith(late.proof(late.challenge, false)).StatusCode, http.StatusOK)
	d.wantUse("after Renew", http.StatusOK)
	d.wantRefresh("after Renew")
	d.use(func(s *sessions.Session) { s.Renew() })
	testapp.Equal(t, "offers after Renew of a bound session", d.send("GET", "/", nil, func(s *sessions.Session) { s.Renew() }).Header.Get("Secure-Session-Registration"), "")
}

// Hole 6: a session that was bound to a planter's key must not stay so when somebody
// signs in to it.
func TestOwnerAndInvalidateDropTheBinding(t *testing.T) {
	for name, change := range map[string]func(*sessions.Session){
		"another owner":             func(s *sessions.Session) { s.SetOwner("bob"); testapp.User.Set(s, "ann") },
		"another owner, with Renew": func(s *sessions.Session) { s.Renew(); s.SetOwner("bob") },
		"Invalidate":                func(s *sessions.Session) { s.Invalidate(); signIn(s) },
	} {
		s := newSite(t)
		planter := s.bound()
		victim := planter.copied()
		victim.use(change)
		victim.dropBound()
		victim.wantUse(name, http.StatusOK)
		victim.use(func(s *sessions.Session) {
			if _, ok := dbsc.Bound(s); ok {
				t.Errorf("%s: still bound", name)
			}
		})
		planter.SetToken(victim.Token())
		got := planter.refresh()
		testapp.Equal(t, name+": the planter's refresh", got.Body, `{"continue":false}`)
	}
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

// A thief of an unbound cookie cannot register: not with a later challenge, which
// nobody gives them, nor with one of their own session.
func TestThiefCannotRegister(t *testing.T) {
	s := newSite(t)
	victim := s.device()
	victim.signIn()
	thief := victim.copied()
	own := s.device()
	own.signIn()
	for what, challenge := range map[string]string{"their own session's": own.offer, "no": "", "any": "AAAA"} {
		got := thief.registerWith(thief.proof(challenge, true))
		testapp.Equal(t, "status with "+what+" challenge", got.StatusCode, http.StatusBadRequest)
		testapp.Equal(t, "challenge with "+what+" challenge", got.Header.Get("Secure-Session-Challenge"), "")
	}
	s.Clock.Advance(6 * time.Minute)
	testapp.Equal(t, "status with an old challenge", thief.registerWith(thief.proof(victim.offer, true)).StatusCode, http.StatusBadRequest)
	victim.wantUse("the victim", http.StatusOK)
}

// Hole 8: the token is refused whichever way it comes.
func TestStolenTokenByAnyCarriage(t *testing.T) {
	const field = "X-Session"
	s := newSite(t, func(o *sessions.Options) { o.TokenHeader = field })
	d := s.bound()
	thief := d.copied()
	thief.dropBound()
	thief.wantUse("in a cookie", http.StatusForbidden)
	got := s.device().send("GET", "/", http.Header{field: {thief.Token()}}, func(s *sessions.Session) {
		testapp.Equal(t, "keys", len(s.Keys()), 0)
	})
	testapp.Equal(t, "status in the header", got.StatusCode, http.StatusForbidden)
	_, err := s.Manager.Load(t.Context(), thief.Token())
	testapp.Error(t, "Load", err, sessions.ErrRefused)
	id := ""
	d.use(func(s *sessions.Session) { id = s.ID() })
	if _, err := s.Manager.Find(t.Context(), id); err != nil {
		t.Error("a job cannot find the session: ", err)
	}
	s.wantLogged(3, withoutDevice)
	s.wantLogged(1, "reason=no_request")
	// A client with a token header cannot register.
	app := s.device()
	app.signIn()
	got = app.post("/register", http.Header{field: {app.Token()}, "Secure-Session-Response": {app.proof(app.offer, true)}})
	testapp.Equal(t, "status of a registration by token header", got.StatusCode, http.StatusBadRequest)
}

// Hole 9: nothing that the program does with values unbinds the session, and nothing
// replaces a confirmed key.
func TestNothingReplacesAConfirmedKey(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	d.register()
	thief := d.copied()
	thief.dropBound()
	thief.offer = d.offer // seen with the sign-in
	d.wantUse("the first use", http.StatusOK)
	testapp.Equal(t, "another key, confirmed", thief.register().StatusCode, http.StatusBadRequest)
	d.use(func(s *sessions.Session) { s.Clear(); testapp.User.Set(s, "ann") })
	testapp.Equal(t, "another key, after Clear", thief.register().StatusCode, http.StatusBadRequest)
	s.Clock.Advance(31 * time.Second)
	thief.wantUse("the thief", http.StatusForbidden)
	d.wantRefresh("after Clear")

	// In no interleaving: the registration with another key is decided on while the
	// binding is pending, and the binding is confirmed before it is stored.
	d = s.device()
	d.signIn()
	d.register()
	thief = d.copied()
	thief.offer = d.offer
	s.Store.Before("Save", func() { d.wantUse("the confirmation", http.StatusOK) })
	testapp.Equal(t, "another key, confirmed meanwhile", thief.register().StatusCode, http.StatusBadRequest)
	s.Clock.Advance(31 * time.Second)
	d.wantUse("the device", http.StatusOK)
	// The confirmation is decided on, and the key is replaced before it is stored: then
	// it must not confirm the other one.
	d = s.device()
	d.signIn()
	d.register()
	first := d.copied()
	second := d.copied()
	second.offer = d.offer
	s.Store.Before("Save", func() { testapp.Equal(t, "another key, pending", second.register().StatusCode, http.StatusOK) })
	first.wantUse("the confirmation of the first key", http.StatusOK)
	second.use(func(s *sessions.Session) {}) // untouched
	s.Clock.Advance(time.Minute)
	first.dropBound()
	first.wantUse("while the second key is pending", http.StatusOK)
}

// Hole 10: a refresh is no use of the session.
func TestRefreshIsNoUse(t *testing.T) {
	s := newSite(t, func(o *sessions.Options) { o.IdleTimeout, o.RenewAfter = time.Hour, 5*time.Minute })
	d := s.bound()
	d.wantUse("the last one that counts", http.StatusOK)
	s.Clock.Advance(59 * time.Minute)
	s.Store.Calls()
	d.wantRefresh("after 59 minutes")
	testapp.Equal(t, "calls", s.Store.Calls(), "Load Load")
	s.Clock.Advance(2 * time.Minute)
	testapp.Equal(t, "answer after 61 minutes", d.refresh().Body, `{"continue":false}`)
	s.WantRecords(0)
	s.Store.Calls()
	d.refresh()
	testapp.Equal(t, "writes", s.Store.Since("Save", "Touch", "Delete"), 0)
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

// Holes 11 and 13: with these options the binding would protect nothing, or not reach
// the browser.
func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*sessions.Options){
		"sessions with the clients": func(o *sessions.Options) { o.Store = "sealed" },
		"Cookie.Domain":             func(o *sessions.Options) { o.Cookie.Domain = "shop.example" },
		"Cookie.Partitioned":        func(o *sessions.Options) { o.Cookie.Partitioned = true },
		"Cookie.Secret":             func(o *sessions.Options) { o.Cookie.Secret = nil },
		"Cookie.Secure":             func(o *sessions.Options) { o.Cookie.Secure = false },
		"PublicPath":                func(o *sessions.Options) { o.Cookie.Path = "/app" },
		"__Host-":                   func(o *sessions.Options) { o.Cookie.Name, o.Cookie.Path = "__Host-s", "/device-bound-session" },
	} {
		o := sessions.Options{Guard: newBinding(t, dbsc.Options{})}
		o.Cookie.Secure, o.Cookie.Secret = true, testapp.Secret
		if change(&o); o.Store == "" {
			o.Driver = testapp.NewStore(nil)
		}
		m, err := sessions.New(t.Context(), o)
		if err == nil {
			m.Close()
		}
		if !errors.Is(err, sessions.ErrInvalidOptions) || strings.Contains(err.Error(), "dbsc") != (name != "__Host-") {
			t.Errorf("%s: New returns %v", name, err)
		} else if name != "sessions with the clients" && !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named by: %v", name, err)
		}
	}
	for _, o := range []dbsc.Options{
		{Life: time.Second}, {Life: 25 * time.Hour}, {Path: "/"}, {Path: "x"}, {Path: "/a/"}, {PublicPath: `/a"b`}, {PublicPath: "/a/../b"}, {Exclude: []string{"/a b"}},
	} {
		if _, err := dbsc.New(o); !errors.Is(err, sessions.ErrInvalidOptions) {
			t.Errorf("New(%+v): %v", o, err)
		}
	}
	s := newSite(t)
	o := s.Options
	o.Driver = testapp.NewStore(nil)
	if _, err := sessions.New(t.Context(), o); err == nil {
		t.Error("a Binding is used for two Managers")
	}
}

// Hole 12: anybody can say that the browser skipped the proof. It is logged, and no more.
func TestSkippedGrantsNothing(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	thief := d.copied()
	thief.dropBound()
	said := `unreachable;session_identifier="` + strings.Repeat("x", 1000) + `"`
	for range 1000 {
		got := thief.send("GET", "/", http.Header{"Secure-Session-Skipped": {said}}, testapp.Look)
		testapp.Equal(t, "status", got.StatusCode, http.StatusForbidden)
	}
	s.wantLogged(10, withoutDevice)
	s.wantLogged(10, `unreachable`)
	if strings.Contains(s.Log.String(), strings.Repeat("x", 200)) {
		t.Error("what the browser says is not clipped")
	}
	s.Clock.Advance(time.Second)
	thief.use(testapp.Look)
	s.wantLogged(11, withoutDevice)
	s.wantLogged(1, "unlogged=990")
}

// Hole 13: no answer names an origin or a host, so none is wrong behind a proxy.
func TestBehindAProxy(t *testing.T) {
	s := newSite(t)
	s.binding = newBinding(t, dbsc.Options{PublicPath: "/shop/sessions/device", Path: "/device", Exclude: []string{"/shop/static"}})
	s.Deploy(func(o *sessions.Options) { o.Guard, o.Cookie.Path = s.binding, "/shop" })
	d := s.device()
	got := d.send("POST", "/sign-in", nil, signIn)
	if offer := got.Header.Get("Secure-Session-Registration"); !strings.Contains(offer, `path="/shop/sessions/device/register"`) {
		t.Errorf("offer: %s", offer)
	}
	got = d.send("POST", "/device/register", http.Header{"Secure-Session-Response": {d.proof(d.offer, true)}}, nil)
	testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
	var said struct {
		RefreshURL string `json:"refresh_url"`
		Scope      map[string]any
	}
	if err := json.Unmarshal([]byte(got.Body), &said); err != nil {
		t.Fatal(err)
	}
	testapp.Equal(t, "refresh_url", said.RefreshURL, "/shop/sessions/device/refresh")
	testapp.Equal(t, "scope", said.Scope, map[string]any{"include_site": false, "scope_specification": []any{
		map[string]any{"type": "exclude", "domain": "*", "path": "/shop/static"},
	}})
	if strings.Contains(got.Body, "example") || !strings.Contains(got.Body, "Path=/shop;") {
		t.Errorf("the answer: %s", got.Body)
	}
}

// Hole 14: a challenge with a good refresh would make the browser prove ahead.
func TestGoodRefreshHasNoChallenge(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	got := d.refresh()
	testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
	testapp.Equal(t, "body", got.Body, "")
	testapp.Equal(t, "challenge", got.Header.Get("Secure-Session-Challenge"), "")
	testapp.Equal(t, "Access-Control-Allow-Origin", got.Header.Get("Access-Control-Allow-Origin"), "")
	testapp.Equal(t, "Cross-Origin-Resource-Policy", got.Header.Get("Cross-Origin-Resource-Policy"), "same-origin")
}

// Hole 15: whoever steals the cookie before the registration can use it, and register
// first if they have seen the sign-in's response. That two have registered is logged.
func TestTwoKeysAreLogged(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	thief := d.copied()
	thief.offer = d.offer
	testapp.Equal(t, "the thief's registration", thief.register().StatusCode, http.StatusOK)
	s.wantLogged(0, "two devices")
	testapp.Equal(t, "the user's registration", d.register().StatusCode, http.StatusOK)
	s.wantLogged(1, "two devices registered for one session")
	d.wantUse("the user", http.StatusOK)
	thief.register()
	s.wantLogged(2, "two devices registered for one session")
}

// What is not defended, as documented.
func TestTheftBeforeRegistration(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	thief := d.copied()
	thief.wantUse("the thief, before the registration", http.StatusOK)
	d.register()
	d.wantUse("the device", http.StatusOK)
	s.Clock.Advance(31 * time.Second)
	thief.wantUse("the thief, after it", http.StatusForbidden)
}

// Everything that was stolen is worth nothing after Life and two minutes.
func TestStolenCookiesAndProofsExpire(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	s.Clock.Advance(5 * time.Minute)
	d.wantRefresh("before the theft")
	thief := d.copied()
	d.refreshWith("")
	proof := d.proof(d.challenge, false) // stolen as it was made
	thief.wantUse("both cookies", http.StatusOK)
	s.Clock.Advance(119 * time.Second)
	testapp.Equal(t, "the stolen proof, within two minutes", thief.refreshWith(proof).StatusCode, http.StatusOK)
	s.Clock.Advance(time.Second)
	testapp.Equal(t, "the stolen proof, after two minutes", thief.refreshWith(proof).StatusCode, http.StatusForbidden)
	s.Clock.Advance(10*time.Minute - 2*time.Second)
	thief.wantUse("the cookie of the stolen proof, within Life", http.StatusOK)
	s.Clock.Advance(time.Second)
	thief.wantUse("the cookie of the stolen proof, after Life", http.StatusForbidden)
	testapp.Equal(t, "a refresh without the key", thief.refresh().StatusCode, http.StatusForbidden)
	s.wantLogged(1, withoutDevice)
	d.dropBound()
	d.wantRefresh("of the device")
	d.wantUse("the device", http.StatusOK)
}

func TestRotatedSecretsKeepTheBinding(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.refreshWith("")
	challenge := d.challenge
	s.restart(func(o *sessions.Options) {
		o.Cookie.Secret, o.Cookie.PreviousSecrets = testapp.Secret2, [][]byte{testapp.Secret}
	})
	d.wantUse("with the cookie of the previous secret", http.StatusOK)
	testapp.Equal(t, "status of a proof over a challenge of the previous secret", d.refreshWith(d.proof(challenge, false)).StatusCode, http.StatusOK)
	d.wantRefresh("with the present secret")
	s.restart(func(o *sessions.Options) { o.Cookie.PreviousSecrets = nil })
	d.wantUse("without the previous secret", http.StatusOK)
	d.dropBound()
	s.Clock.Advance(time.Hour)
	d.wantRefresh("without the previous secret")
}

func TestRestart(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.refreshWith("")
	s.restart(nil)
	d.wantUse("after a restart", http.StatusOK)
	testapp.Equal(t, "status of a proof over a challenge from before", d.refreshWith(d.proof(d.challenge, false)).StatusCode, http.StatusOK)
}

// Requests and refreshes at once, with renewals and values among them: the device is
// never refused.
func TestParallelUse(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				c := d.copied()
				c.key = d.key
				if status := c.use(increment); status != http.StatusOK {
					t.Errorf("a use: %d", status)
				}
				c.wantRefresh("in parallel")
			}
		})
	}
	wg.Wait()
	testapp.Equal(t, "count", d.Count(), 160)
}

// Two managers around one handler, each with its own binding.
func TestSeveralManagers(t *testing.T) {
	s := newSite(t)
	admin := newBinding(t, dbsc.Options{Path: "/admin-device"})
	o := s.Options
	o.Guard, o.Cookie.Name, o.Driver = admin, "admin", testapp.NewStore(nil)
	m, store := testapp.NewManager(t, o)
	d := s.device()
	d.Managers = []*sessions.Manager{s.Manager, m}
	handler := func(use func(shop, admin *sessions.Session)) http.Handler {
		return s.binding.Handler(admin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			use(s.Manager.FromContext(r.Context()), m.FromContext(r.Context()))
		})))
	}
	send := func(path string, header http.Header, use func(shop, admin *sessions.Session)) *testapp.Response {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://shop.example"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != nil {
			r.Header = header
		}
		return d.Send(r, handler(use))
	}
	got := send("/", nil, func(shop, admin *sessions.Session) { signIn(shop); signIn(admin) })
	offers := got.Header.Values("Secure-Session-Registration")
	testapp.Equal(t, "offers", len(offers), 2)
	for _, offer := range offers {
		path, challenge := strings.Split(offer, `"`)[1], strings.Split(offer, `"`)[3]
		got := send(path, http.Header{"Secure-Session-Response": {d.proof(challenge, true)}}, nil)
		testapp.Equal(t, "status of "+path, got.StatusCode, http.StatusOK)
	}
	bound := 0
	use := func(shop, admin *sessions.Session) {
		for _, s := range []*sessions.Session{shop, admin} {
			if _, ok := dbsc.Bound(s); ok {
				bound++
			}
		}
	}
	send("/", nil, use)
	testapp.Equal(t, "bound", bound, 2)
	testapp.Equal(t, "records of the second", len(store.Records(t)), 1)
	if _, ok := d.Cookies["admin-bound"]; !ok {
		t.Errorf("cookies %v", d.Cookies)
	}
}

func TestDestroyOwnedEndsTheBinding(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	if n, err := s.Manager.DestroyOwned(t.Context(), "ann"); n != 1 || err != nil {
		t.Errorf("DestroyOwned: %d, %v", n, err)
	}
	testapp.Equal(t, "refresh", d.refresh().Body, `{"continue":false}`)
}

// The cookie that is left from an earlier session is deleted by the next sign-in.
func TestBoundCookieOfAnEarlierSession(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.use(func(s *sessions.Session) { s.Destroy(t.Context()) })
	d.signIn()
	if _, ok := d.Cookies[boundName]; ok {
		t.Error("the bound cookie of the earlier session is still there")
	}
}

// An open page of the store binds nothing and opens nothing: it has public keys only.
func TestStoreHasNoSecret(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	data := s.Store.Record(t).Record.Data
	for _, secret := range []string{d.Token(), d.Cookies[boundName]} {
		if strings.Contains(string(data), secret) {
			t.Error("the record holds a cookie")
		}
	}
}

func TestHandlerWithoutManagerPanics(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(string), "Options.Guard") {
			t.Errorf("panic: %v", p)
		}
	}()
	h := newBinding(t, dbsc.Options{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	r, _ := http.NewRequestWithContext(context.Background(), "POST", basePath+"/refresh", nil)
	h.ServeHTTP(nil, r)
}

func TestLogHasNoSecret(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	thief := d.copied()
	thief.dropBound()
	thief.use(testapp.Look)
	d.refresh()
	logged := s.Log.String()
	for name, secret := range map[string]string{"token": d.Token(), "bound cookie": d.Cookies[boundName], "challenge": d.challenge} {
		if strings.Contains(logged, secret) {
			t.Errorf("the log contains the %s", name)
		}
	}
	if !slices.ContainsFunc(strings.Split(logged, "\n"), func(line string) bool {
		return strings.Contains(line, "level=WARN") && strings.Contains(line, withoutDevice) && strings.Contains(line, "reason=no_cookie")
	}) {
		t.Errorf("the log has no warning:\n%s", logged)
	}
}
