package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// start serves the app and returns a signed-in browser.
func start(t *testing.T, check time.Duration) (*journey.Browser, *journey.Store) {
	m, store := journey.Sessions(t, nil)
	b := journey.NewBrowser(t, journey.Serve(t, m.Wrap(app{m, check}.routes())))
	journey.Expect(t, b.Post("/sign-in", "name", "ann"), "Signed in as ann")
	return b, store
}

type socket struct {
	*websocket.Conn
	t *testing.T
}

// connect opens a socket with the browser's cookies.
func connect(t *testing.T, b *journey.Browser) socket {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), b.URL("/socket"), &websocket.DialOptions{
		HTTPClient: &http.Client{Jar: b.Jar},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return socket{c, t}
}

func (s socket) send(text string) (reply string) {
	s.t.Helper()
	if err := s.Write(s.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
	_, b, err := s.Read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// expectSignedOut reads until the server closes the socket.
func (s socket) expectSignedOut() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if _, _, err := s.Read(ctx); websocket.CloseStatus(err) != signedOut {
		s.t.Errorf("read: %v", err)
	}
}

func TestMessages(t *testing.T) {
	b, _ := start(t, time.Hour)
	one, two := connect(t, b), connect(t, b)
	if reply := one.send("hello"); reply != "Message 1, from ann: hello" {
		t.Error(reply)
	}
	journey.Expect(t, b.Get("/"), "1 messages so far")
	var wg sync.WaitGroup
	for _, s := range []socket{one, two} {
		wg.Go(func() {
			for range 20 {
				s.send("again")
			}
		})
	}
	wg.Wait()
	if reply := two.send("last"); reply != "Message 42, from ann: last" {
		t.Error(reply)
	}
}

func TestSignOutInAnotherTabEndsASilentSocket(t *testing.T) {
	b, _ := start(t, time.Millisecond)
	s := connect(t, b)
	b.Post("/sign-out")
	s.expectSignedOut()
}

func TestSignOutInAnotherTabIsSeenAtTheNextMessage(t *testing.T) {
	b, _ := start(t, time.Hour)
	s := connect(t, b)
	b.Post("/sign-out")
	if err := s.Write(t.Context(), websocket.MessageText, []byte("still there?")); err != nil {
		t.Fatal(err)
	}
	s.expectSignedOut()
}

func TestSigningInAgainEndsTheSocketAndTheNewCookieOpensAnother(t *testing.T) {
	b, _ := start(t, time.Millisecond)
	s := connect(t, b)
	s.send("one")
	b.Post("/sign-in", "name", "bob")
	s.expectSignedOut()
	if reply := connect(t, b).send("two"); reply != "Message 2, from bob: two" {
		t.Error(reply)
	}
}

func TestOutage(t *testing.T) {
	b, store := start(t, time.Millisecond)
	s := connect(t, b)
	store.LoadsFail.Store(true)
	before := store.Calls.Load()
	if reply := s.send("hello"); reply != "Please try again." {
		t.Error(reply)
	}
	for store.Calls.Load() < before+5 { // watch sees the outage too
		time.Sleep(time.Millisecond)
	}
	store.LoadsFail.Store(false)
	if reply := s.send("hello"); reply != "Message 1, from ann: hello" {
		t.Error(reply)
	}
}

func TestHandshake(t *testing.T) {
	b, store := start(t, time.Hour)
	stranger := journey.NewBrowser(t, b.URL(""))
	for name, try := range map[string]struct {
		browser *journey.Browser
		origin  string
		fail    bool
		status  int
	}{
		"not signed in":  {stranger, b.URL(""), false, http.StatusUnauthorized},
		"another origin": {b, "https://evil.example", false, http.StatusForbidden},
		"an outage":      {b, b.URL(""), true, http.StatusServiceUnavailable},
		"a good one":     {b, b.URL(""), false, http.StatusSwitchingProtocols},
	} {
		store.LoadsFail.Store(try.fail)
		c, res, err := websocket.Dial(t.Context(), b.URL("/socket"), &websocket.DialOptions{
			HTTPClient: &http.Client{Jar: try.browser.Jar},
			HTTPHeader: http.Header{"Origin": {try.origin}},
		})
		if err == nil {
			c.CloseNow()
		}
		if res == nil || res.StatusCode != try.status {
			t.Errorf("%s: %v", name, err)
		}
	}
	if strings.Contains(stranger.Get("/"), "Signed in") {
		t.Error("another client is signed in")
	}
}
