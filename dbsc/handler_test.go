package dbsc_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestRefreshEndpoint(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	ended := s.bound()
	ended.use(func(s *sessions.Session) { s.Destroy(t.Context()) })
	other := s.bound()
	unbound := s.device()
	unbound.signIn()
	unbound.id = d.id
	foreign := d.copied()
	foreign.id = other.id
	anonymous := s.device()
	anonymous.id = d.id

	s.Store.Calls()
	got := d.post("/refresh", nil)
	testapp.Equal(t, "status without the field", got.StatusCode, http.StatusNotFound)
	testapp.Equal(t, "calls without the field", s.Store.Calls(), "")
	got = d.send("GET", basePath+"/refresh", http.Header{"Sec-Secure-Session-Id": {d.id}}, nil)
	testapp.Equal(t, "status of GET", got.StatusCode, http.StatusNotFound)
	testapp.Equal(t, "calls of GET", s.Store.Calls(), "")

	for name, who := range map[string]*device{"an ended session": ended, "another session's ID": foreign, "an unbound session": unbound, "no session": anonymous} {
		got := who.refreshWith("")
		testapp.Equal(t, "status: "+name, got.StatusCode, http.StatusOK)
		testapp.Equal(t, "body: "+name, got.Body, `{"continue":false}`)
		testapp.NoCookie(t, got)
	}
	for _, id := range []string{d.id, `"` + d.id + `"`} { // browsers differ
		d.challenge = ""
		got := d.post("/refresh", http.Header{"Sec-Secure-Session-Id": {id}})
		testapp.Equal(t, "status without a proof", got.StatusCode, http.StatusForbidden)
		if d.challenge == "" || !strings.HasSuffix(got.Header.Get("Secure-Session-Challenge"), `;id="`+d.id+`"`) {
			t.Errorf("challenge: %s", got.Header)
		}
	}
	s.Store.Down()
	testapp.Equal(t, "status during an outage", d.refresh().StatusCode, http.StatusServiceUnavailable)
	testapp.Equal(t, "status of a registration during an outage", unbound.register().StatusCode, http.StatusServiceUnavailable)
	s.Store.Up()
	testapp.Equal(t, "status of a registration after the outage", unbound.register().StatusCode, http.StatusOK)
	s.Store.Next("Save", testapp.Refused)
	d.wantRefresh("after the outage")
}

func TestRegistrationDuringAnOutage(t *testing.T) {
	s := newSite(t)
	d := s.device()
	d.signIn()
	for _, kind := range []string{"Load", "Save"} {
		s.Store.FailNext(3, kind)
		got := d.register()
		testapp.Equal(t, "status: "+kind, got.StatusCode, http.StatusServiceUnavailable)
		testapp.NoCookie(t, got)
		s.Store.Up()
	}
	testapp.Equal(t, "status afterwards", d.register().StatusCode, http.StatusOK)
	s.Store.FailNext(3, "Save") // the confirmation
	d.wantUse("while the store cannot write", http.StatusOK)
	s.Store.Up()
	d.wantUse("the confirmation", http.StatusOK)
}

// Middleware that uses the session outside of Handler does not disturb the protocol.
func TestMiddlewareThatUsesTheSession(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.dropBound()
	for _, step := range []string{"", "proof"} {
		header := http.Header{"Sec-Secure-Session-Id": {d.id}}
		if step != "" {
			header.Set("Secure-Session-Response", d.proof(d.challenge, false))
		}
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://shop.example"+basePath+"/refresh", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		inner := s.binding.Handler(http.NotFoundHandler())
		got := d.Send(r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			if user, ok := testapp.User.Get(s); ok {
				t.Errorf("the middleware reads the user %q of a refused session", user)
			}
			increment(s)
			inner.ServeHTTP(w, r)
		}))
		if step == "" {
			testapp.Equal(t, "status", got.StatusCode, http.StatusForbidden)
			d.challenge = strings.Split(got.Header.Get("Secure-Session-Challenge"), `"`)[1]
		} else {
			testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
		}
	}
	d.wantUse("after the refresh", http.StatusOK)
	s.wantLogged(0, withoutDevice)
}

// A refresh without a proof opens the session to nobody: not to middleware outside of
// Handler either, which may use it once Handler has answered.
func TestRefreshWithoutAProofOpensNothing(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	d.wantUse("with the cookie", http.StatusOK)
	thief := d.copied()
	thief.dropBound()
	before := d.Count()
	for _, change := range []bool{false, true} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "https://shop.example"+basePath+"/refresh", nil)
		r.Header.Set("Sec-Secure-Session-Id", thief.id)
		inner := s.binding.Handler(http.NotFoundHandler())
		got := thief.Send(r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(w, r)
			s := sessions.FromContext(r.Context())
			if user, ok := testapp.User.Get(s); ok || s.Owner() != "" {
				t.Errorf("the middleware reads the user %q", user)
			}
			if change {
				increment(s)
			}
		}))
		testapp.Equal(t, "status", got.StatusCode, http.StatusForbidden)
		if got.Header.Get("Secure-Session-Challenge") == "" {
			t.Error("no challenge")
		}
	}
	d.wantUse("with the cookie", http.StatusOK)
	testapp.Equal(t, "count", d.Count(), before)
}

// The challenge goes to the binding that the request names, though other sessions' cookies come
// with it.
func TestRefreshWithSeveralSessions(t *testing.T) {
	s := newSite(t)
	other := s.device()
	other.signIn()
	d := s.bound()
	d.dropBound()
	tokens := []string{d.Cookies[cookieName], other.Cookies[cookieName]}
	for range 2 {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "https://shop.example"+basePath+"/refresh", nil)
		r.Header.Set("Sec-Secure-Session-Id", d.id)
		r.Header.Set("Cookie", cookieName+"="+tokens[0]+"; "+cookieName+"="+tokens[1])
		got := s.Client().Send(r, s.binding.Handler(http.NotFoundHandler()))
		testapp.Equal(t, "status", got.StatusCode, http.StatusForbidden)
		if got.Header.Get("Secure-Session-Challenge") == "" {
			t.Error("no challenge")
		}
		slices.Reverse(tokens)
	}
}

// A handler may remove the cookies for its upstream before it uses the session.
func TestHandlerRemovesCookies(t *testing.T) {
	s := newSite(t)
	d := s.bound()
	thief := d.copied()
	thief.dropBound()
	for _, test := range []struct {
		d    *device
		want int
	}{{d, http.StatusOK}, {thief, http.StatusForbidden}} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "https://shop.example/", nil)
		got := test.d.Send(r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Cookie")
			testapp.Look(sessions.FromContext(r.Context()))
			if r.Header.Get("Cookie") != "" {
				t.Error("the handler's request has the cookies again")
			}
		}))
		testapp.Equal(t, "status", got.StatusCode, test.want)
	}
	s.wantLogged(1, withoutDevice)
}
