package sessions_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// A browser sends every cookie of our name that matches, those of longer paths
// first. After Cookie.Path or Cookie.Domain was changed it has two: the old one,
// which nothing can replace, and ours.

// A cookie whose session is over must not hide the one behind it, or its user
// could not sign in again until the browser drops it, 400 days later.
func TestACookieOfADeadSessionHidesNoLiveOne(t *testing.T) {
	const day = 24 * time.Hour
	for name, end := range map[string]func(a *testapp.App, c *testapp.Client){
		"destroyed": func(a *testapp.App, c *testapp.Client) { c.OK(func(s *sessions.Session) { s.Destroy(t.Context()) }) },
		"renewed":   func(a *testapp.App, c *testapp.Client) { c.OK(func(s *sessions.Session) { s.Renew() }) },
		"idle too long": func(a *testapp.App, c *testapp.Client) {
			a.Clock.Advance(2 * day)
		},
		"past a lifetime that was shortened": func(a *testapp.App, c *testapp.Client) {
			a.Clock.Advance(time.Hour)
			a.Deploy(func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Minute, time.Minute })
		},
		"damaged": func(a *testapp.App, c *testapp.Client) {
			e := a.Store.Record(t)
			e.Record.Data = []byte{0}
			a.Store.Put(t, e.Key, e.Record)
		},
	} {
		for secret, secrets := range map[string][]byte{"signed": testapp.Secret, "unsigned": nil} {
			t.Run(name+", "+secret, func(t *testing.T) {
				a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout, o.Cookie.Secret = day, secrets })
				old := a.SignedIn()
				dead := old.Copy().Token()
				end(a, old)
				c := a.Client()
				c.OK(func(s *sessions.Session) { testapp.User.Set(s, "bob") })
				// Both orders, and the first one several times.
				live := c.Token()
				for _, cookie := range []string{
					dead + "; pump-session=" + live, live + "; pump-session=" + dead,
					dead + "; pump-session=" + dead + "; pump-session=" + dead + "; pump-session=" + live,
				} {
					both := a.ClientWith(cookie)
					res := both.OK(func(s *sessions.Session) {
						testapp.Equal(t, "user", s.Get("user"), any("bob"))
						testapp.Equal(t, "Err", s.Err(), nil)
						testapp.Equal(t, "Token", s.Token(), live)
						testapp.Increment(s)
					})
					testapp.Equal(t, "cookie", res.Cookie, nil)
				}
				testapp.Equal(t, "count", c.Count(), 3)
			})
		}
	}
}

// The work is bounded: tokens that were genuine once cost an attacker nothing.
func TestCookiesOfDeadSessionsCostFewLoads(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	dead := c.Token()
	c.OK(func(s *sessions.Session) { s.Renew() })
	cookie := dead
	for range 20 {
		cookie += "; pump-session=" + dead
	}
	a.Store.Calls()
	flood := a.ClientWith(cookie + "; pump-session=" + c.Token())
	flood.OK(func(s *sessions.Session) { testapp.Equal(t, "IsNew", s.IsNew(), true) })
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load Load Load Load")
}

// A store that is down is no dead session.
func TestAnOutageIsNoReasonToTryTheNextCookie(t *testing.T) {
	a := testapp.New(t)
	first, second := a.SignedIn(), a.SignedIn()
	both := a.ClientWith(first.Token() + "; pump-session=" + second.Token())
	a.Store.Next("Load", testapp.Refused)
	both.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { testapp.Equal(t, "user", s.Get("user"), nil) })
	testapp.Equal(t, "store calls", a.Store.Calls(), "Load")
}

// And what the dead one held is not shown where the next cannot be loaded.
func TestAnOutageBehindADeadSessionShowsNothing(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
	old := a.SignedIn()
	a.Clock.Advance(50 * time.Hour)
	fresh := a.SignedIn()
	a.Deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	both := a.ClientWith(old.Token() + "; pump-session=" + fresh.Token())
	a.Store.Next("Load", testapp.OK, testapp.Refused)
	both.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
		testapp.Error(t, "Err", s.Err(), testapp.ErrDown)
		testapp.Equal(t, "user", s.Get("user"), nil)
		testapp.Equal(t, "keys", len(s.Keys()), 0)
	})
}

// Signing out without having looked at the session ends whichever of them it
// would have been.
func TestDestroyUnseenEndsAllThatTheClientNames(t *testing.T) {
	a := testapp.New(t)
	gone := a.SignedIn()
	dead := gone.Token()
	gone.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
	c := a.SignedIn()
	live := c.Copy()
	both := a.ClientWith(dead + "; pump-session=" + c.Token())
	res := both.OK(func(s *sessions.Session) { testapp.Equal(t, "Destroy", s.Destroy(t.Context()), nil) })
	if res.Cookie == nil || res.Cookie.Value != "" {
		t.Errorf("the cookie is %v, want a deletion", res.Cookie)
	}
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	testapp.Equal(t, "user", live.User(), "")

	// If the store fails between the two, neither the session nor the cookie goes.
	first, second := a.SignedIn(), a.SignedIn()
	both = a.ClientWith(first.Token() + "; pump-session=" + second.Token())
	a.Store.Next("Delete", testapp.OK, testapp.Refused, testapp.Refused)
	res = both.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
		testapp.Error(t, "Destroy", s.Destroy(t.Context()), testapp.ErrDown)
	})
	testapp.Equal(t, "cookie", res.Cookie, nil)
	testapp.Equal(t, "user of the second", second.User(), "ann")
}

// The whole course, with a browser's jar: an application moves from /app to the
// whole host, and its users sign in and out on it.
func TestACookiePathIsChanged(t *testing.T) {
	store := testapp.NewStore(nil)
	open := func(path string) *sessions.Manager {
		m, _ := testapp.NewManager(t, sessions.Options{Driver: store, Cookie: sessions.Cookie{Path: path}})
		return m
	}
	m := open("/app")
	mux := http.NewServeMux()
	mux.HandleFunc("/app/login", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Renew()
		testapp.User.Set(s, "ann")
	})
	mux.HandleFunc("/app/logout", func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Destroy(r.Context())
	})
	mux.HandleFunc("/app/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, sessions.FromContext(r.Context()).Get("user"))
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Wrap(mux).ServeHTTP(w, r) }))
	defer srv.Close()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	get := func(path string) string {
		t.Helper()
		resp, err := browser.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		if _, err := io.Copy(&body, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, err)
		}
		return body.String()
	}
	get("/app/login")
	testapp.Equal(t, "user before the move", get("/app/"), "ann")
	m = open("/")
	testapp.Equal(t, "user after the move", get("/app/"), "ann")
	for range 3 {
		get("/app/login")
		testapp.Equal(t, "user signed in", get("/app/"), "ann")
		get("/app/logout")
		testapp.Equal(t, "user signed out", get("/app/"), "<nil>")
	}
	if n := len(store.Records(t)); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}
