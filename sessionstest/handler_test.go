package sessionstest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
)

func TestServeGivesTheHandlerASessionAndShowsWhatBecameOfIt(t *testing.T) {
	const user sessions.Key[string] = "user"
	const visits sessions.Key[int] = "visits"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/in":
			user.Set(s, "ann")
			s.Renew()
		case "/out":
			s.Destroy(r.Context())
		}
		name, _ := user.Get(s)
		visits.Update(s, func(n int) int { return n + 1 })
		fmt.Fprint(w, "hello ", name, ", new: ", s.IsNew())
	})

	res, s := Serve(t, handler, httptest.NewRequest("GET", "/", nil), map[string]any{"user": "bob", "visits": 6})
	if got := res.Body.String(); got != "hello bob, new: false" {
		t.Errorf("the handler said %q", got)
	}
	if n, _ := visits.Get(s); n != 7 {
		t.Errorf("visits are %d after the request, want 7", n)
	}

	res, s = Serve(t, handler, httptest.NewRequest("GET", "/in", nil), map[string]any{"visits": 1})
	if name, _ := user.Get(s); name != "ann" || res.Header().Get("Set-Cookie") == "" {
		t.Errorf("after signing in: user %q, cookie %q", name, res.Header().Get("Set-Cookie"))
	}

	_, s = Serve(t, handler, httptest.NewRequest("GET", "/out", nil), map[string]any{"user": "bob"})
	if user.Has(s) {
		t.Error("signing out left the user")
	}

	res, _ = Serve(t, handler, httptest.NewRequest("GET", "/", nil), nil)
	if got := res.Body.String(); got != "hello , new: true" {
		t.Errorf("the handler said %q to a new client", got)
	}
}

func TestServePreparesTheSession(t *testing.T) {
	const user sessions.Key[string] = "user"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		name, _ := user.Get(s)
		fmt.Fprint(w, name, " ", s.Owner(), " ", s.Flashes(), " ", s.Get("theme"))
	})
	res, s := Serve(t, handler, httptest.NewRequest("GET", "/", nil), map[string]any{"theme": "dark"}, func(s *sessions.Session) {
		user.Set(s, "ann")
		s.SetOwner("user:ann")
		s.AddFlash("Saved.")
	})
	if got := res.Body.String(); got != "ann user:ann [Saved.] dark" {
		t.Errorf("the handler said %q", got)
	}
	if left := s.Flashes(); len(left) != 0 {
		t.Errorf("the flash message is still there: %q", left)
	}
}
