package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pump-go/sessions"
)

func TestSessionFailed(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		text   string
	}{
		{errors.New("dial tcp 10.0.0.7: refused"), 503, "try again"},
		{fmt.Errorf("save: %w", sessions.ErrEnded), 409, "signed out elsewhere"},
		{fmt.Errorf("load: %w", sessions.ErrRefused), 403, `<form method="post" action="/sign-out">`},
		{fmt.Errorf("pop: %w", sessions.ErrConflict), 409, "Already done"},
		{fmt.Errorf("save: %w", sessions.ErrTooLarge), 507, "Session full"},
	} {
		w := httptest.NewRecorder()
		sessionFailed(w, httptest.NewRequest("GET", "/cart", nil), test.err)
		if w.Code != test.status {
			t.Errorf("%v: %d, want %d", test.err, w.Code, test.status)
		}
		expect(t, w.Body.String(), test.text)
		expectNot(t, w.Body.String(), test.err.Error())
	}
}

func TestOutage(t *testing.T) {
	s := start(t)
	b := newBrowser(t, s.URL, firefox)
	b.post("/sign-in", "name", "Ada")
	token := b.token()
	if err := s.sessions.Close(); err != nil { // every store call now fails
		t.Fatal(err)
	}
	for _, request := range [][2]string{{"GET", "/"}, {"GET", "/devices"}, {"POST", "/cart/mini/add"}, {"POST", "/sign-out"}} {
		status, page := b.do(request[0], request[1], nil)
		if status != http.StatusServiceUnavailable {
			t.Errorf("%v: %d", request, status)
		}
		expect(t, page, "Please try again")
	}
	if b.token() != token {
		t.Error("the client lost its cookie in the outage")
	}
	expect(t, b.get("/style.css"), "body")
}

// TestSignedOutDuringRequest signs a device out while its request is served.
func TestSignedOutDuringRequest(t *testing.T) {
	s := start(t)
	b := newBrowser(t, s.URL, firefox)
	b.post("/sign-in", "name", "Ada")

	slow := s.sessions.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits.Set(sessions.FromContext(r.Context()), 1000)
		if n, err := s.sessions.DestroyOwned(r.Context(), "user:ada"); n != 1 || err != nil {
			t.Errorf("destroyed %d: %v", n, err)
		}
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: cookieName, Value: b.token()})
	w := httptest.NewRecorder()
	slow.ServeHTTP(w, r)
	if w.Code != http.StatusConflict || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	expect(t, w.Body.String(), "You were signed out elsewhere")
}

// A sign-out that fails is not logged as one that succeeded.
func TestFailedSignOutIsNotLogged(t *testing.T) {
	s := start(t)
	var log strings.Builder
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	b := newBrowser(t, s.URL, firefox)
	b.post("/sign-in", "name", "Ada")
	r := httptest.NewRequest("POST", "/sign-out", nil)
	r.AddCookie(&http.Cookie{Name: cookieName, Value: b.token()})
	s.sessions.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = sessions.FromContext(r.Context()).Owner() // loads it
		if err := s.sessions.Close(); err != nil {
			t.Error(err)
		}
		s.signOut(w, r)
	})).ServeHTTP(httptest.NewRecorder(), r)
	if !strings.Contains(log.String(), "signed in") || strings.Contains(log.String(), "signed out") {
		t.Errorf("the log: %s", &log)
	}
}
