package behaviour

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// A program that is reached over HTTPS and plain HTTP has two managers, as
// docs/cookies.md describes. Each scheme has its own session, and DestroyOwned ends
// both.
func TestHTTPSAndPlainHTTPOnOneStore(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.Cookie.Name = "session" })
		plain := a.Manager
		a.Options.Cookie.Name, a.Options.Cookie.Secure = "__Host-session", true
		https := a.NewManager()
		signIn := func(s *sessions.Session) { testapp.User.Set(s, "ann"); s.SetOwner("ann") }

		c := testapp.NewClient(t)
		c.DoOn(https, signIn)
		c.DoOn(plain, signIn)
		if c.Cookies["session"] == "" || c.Cookies["__Host-session"] == "" {
			t.Fatalf("got cookies %v, want one for each scheme", c.Cookies)
		}
		user := func(m *sessions.Manager, c *testapp.Client) (name string) {
			t.Helper()
			c.DoOn(m, func(s *sessions.Session) { name, _ = testapp.User.Get(s) })
			return name
		}
		// A token that was read from the network is not valid over HTTPS.
		thief := testapp.NewClient(t)
		thief.Cookies["__Host-session"] = c.Cookies["session"]
		testapp.Equal(t, "user of a plain token over HTTPS", user(https, thief), "")

		other := c.Copy()
		c.DoOn(plain, func(s *sessions.Session) { testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil) })
		testapp.Equal(t, "user after signing out, plainly", user(plain, c), "")
		testapp.Equal(t, "user over HTTPS", user(https, c), "ann")
		if _, cannot := st.cannot[list]; cannot {
			return
		}
		c.DoOn(plain, signIn)
		n, err := https.DestroyOwned(t.Context(), "ann")
		testapp.Error(t, "DestroyOwned", err, nil)
		testapp.Equal(t, "destroyed", n, 2)
		for _, c := range []*testapp.Client{c, other} {
			testapp.Equal(t, "user after DestroyOwned, plainly", user(plain, c), "")
			testapp.Equal(t, "user after DestroyOwned, over HTTPS", user(https, c), "")
		}
	})
}

// TestABrowserOverHTTPSAndPlainHTTP visits such a program at one host name with a
// real browser. Under one cookie name it would fail: a browser that has a Secure
// cookie ignores a plain one of the same name (RFC 6265bis, 5.7).
func TestABrowserOverHTTPSAndPlainHTTP(t *testing.T) {
	visits := []struct {
		scheme, path string
		user         string // that the page sees
	}{
		{"http", "/?as=eve", "eve"},
		{"http", "/", "eve"},
		{"https", "/", ""},
		{"https", "/?as=ann", "ann"},
		{"http", "/", "eve"},
		{"http", "/?as=bob", "bob"},
		{"https", "/", "ann"},
		{"https", "/?out=1", ""},
		{"https", "/", ""},
		{"http", "/", "bob"},
		{"https", "/?as=ann", "ann"},
		{"http", "/?out=1", ""},
		{"http", "/", ""},
		{"http", "/?as=bob", "bob"},
		{"http", "/", "bob"},
		{"https", "/", "ann"},
	}
	var mu sync.Mutex // the race detector does not see that the browser waits for each page
	at, done := 0, make(chan struct{})
	origin := make(map[string]string) // by scheme
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/" || at == len(visits) {
			return // the icon
		}
		if r.TLS == nil && strings.Contains(r.Header.Get("Cookie"), "__Host-") {
			t.Errorf("visit %d: the browser sends the Secure cookie over plain HTTP", at)
		}
		s := sessions.FromContext(r.Context())
		if name := r.FormValue("as"); name != "" {
			testapp.Error(t, "Renew", s.Renew(), nil)
			testapp.User.Set(s, name)
		}
		if r.FormValue("out") != "" {
			testapp.Error(t, "Destroy", s.Destroy(r.Context()), nil)
		}
		name, _ := testapp.User.Get(s)
		testapp.Equal(t, fmt.Sprintf("visit %d, %s %s: user", at, visits[at].scheme, visits[at].path), name, visits[at].user)
		if at++; at == len(visits) {
			close(done)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		next, _ := json.Marshal(origin[visits[at].scheme] + visits[at].path)
		fmt.Fprintf(w, "<script>location.replace(%s)</script>", next)
	})
	https, _ := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "__Host-session", Secure: true}})
	plain, _ := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "session"}})
	for scheme, server := range map[string]*httptest.Server{
		"https": httptest.NewTLSServer(https.Wrap(page)),
		"http":  httptest.NewServer(plain.Wrap(page)),
	} {
		t.Cleanup(server.Close)
		address, _ := url.Parse(server.URL)
		origin[scheme] = scheme + "://app.example.org:" + address.Port()
	}
	stop := browse(t, origin[visits[0].scheme]+visits[0].path, "MAP app.example.org 127.0.0.1")
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("the browser did not make all visits")
	}
	stop()
}
