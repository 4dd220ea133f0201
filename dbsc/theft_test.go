package dbsc_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

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
