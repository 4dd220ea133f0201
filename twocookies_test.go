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
)

// A browser sends every cookie of our name that matches, those of longer paths
// first. After Cookie.Path or Cookie.Domain was changed it has two: the old one,
// which nothing can replace, and ours.

// A cookie whose session is over must not hide the one behind it, or its user
// could not sign in again until the browser drops it, 400 days later.
func TestACookieOfADeadSessionHidesNoLiveOne(t *testing.T) {
	const day = 24 * time.Hour
	for name, end := range map[string]func(a *lifeApp, c *lifeClient){
		"destroyed": func(a *lifeApp, c *lifeClient) { c.ok(func(s *sessions.Session) { s.Destroy(t.Context()) }) },
		"renewed":   func(a *lifeApp, c *lifeClient) { c.ok(func(s *sessions.Session) { s.Renew() }) },
		"idle too long": func(a *lifeApp, c *lifeClient) {
			a.clock.advance(2 * day)
		},
		"past a lifetime that was shortened": func(a *lifeApp, c *lifeClient) {
			a.clock.advance(time.Hour)
			a.deploy(func(o *sessions.Options) { o.IdleTimeout, o.Lifetime = time.Minute, time.Minute })
		},
		"damaged": func(a *lifeApp, c *lifeClient) {
			e := a.store.record(t)
			e.Record.Data = []byte{0}
			a.store.put(t, e.Key, e.Record)
		},
	} {
		for secret, secrets := range map[string][]byte{"signed": clientSecret, "unsigned": nil} {
			t.Run(name+", "+secret, func(t *testing.T) {
				a := newLife(t, func(o *sessions.Options) { o.IdleTimeout, o.Cookie.Secret = day, secrets })
				old := a.signedIn()
				dead := old.copied().token()
				end(a, old)
				c := a.client()
				c.ok(func(s *sessions.Session) { lifeUser.Set(s, "bob") })
				// Both orders, and the first one several times.
				live := c.token()
				for _, cookie := range []string{
					dead + "; pump-session=" + live, live + "; pump-session=" + dead,
					dead + "; pump-session=" + dead + "; pump-session=" + dead + "; pump-session=" + live,
				} {
					both := &lifeClient{app: a, cookie: cookie}
					res := both.ok(func(s *sessions.Session) {
						lifeEqual(t, "user", s.Get("user"), any("bob"))
						lifeEqual(t, "Err", s.Err(), nil)
						lifeEqual(t, "Token", s.Token(), live)
						lifeIncrement(s)
					})
					lifeEqual(t, "cookie", res.cookie, nil)
				}
				lifeEqual(t, "count", c.count(), 3)
			})
		}
	}
}

// The work is bounded: tokens that were genuine once cost an attacker nothing.
func TestCookiesOfDeadSessionsCostFewLoads(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	dead := c.token()
	c.ok(func(s *sessions.Session) { s.Renew() })
	cookie := dead
	for range 20 {
		cookie += "; pump-session=" + dead
	}
	a.store.calls()
	flood := &lifeClient{app: a, cookie: cookie + "; pump-session=" + c.token()}
	flood.ok(func(s *sessions.Session) { lifeEqual(t, "IsNew", s.IsNew(), true) })
	lifeEqual(t, "store calls", a.store.calls(), "Load Load Load Load")
}

// A store that is down is no dead session.
func TestAnOutageIsNoReasonToTryTheNextCookie(t *testing.T) {
	a := newLife(t)
	first, second := a.signedIn(), a.signedIn()
	both := &lifeClient{app: a, cookie: first.token() + "; pump-session=" + second.token()}
	a.store.next("Load", fakeRefused)
	both.fails(http.StatusServiceUnavailable, func(s *sessions.Session) { lifeEqual(t, "user", s.Get("user"), nil) })
	lifeEqual(t, "store calls", a.store.calls(), "Load")
}

// And what the dead one held is not shown where the next cannot be loaded.
func TestAnOutageBehindADeadSessionShowsNothing(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = 100 * time.Hour })
	old := a.signedIn()
	a.clock.advance(50 * time.Hour)
	fresh := a.signedIn()
	a.deploy(func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	both := &lifeClient{app: a, cookie: old.token() + "; pump-session=" + fresh.token()}
	a.store.next("Load", fakeOK, fakeRefused)
	both.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
		lifeError(t, "Err", s.Err(), errFakeDown)
		lifeEqual(t, "user", s.Get("user"), nil)
		lifeEqual(t, "keys", len(s.Keys()), 0)
	})
}

// Signing out without having looked at the session ends whichever of them it
// would have been.
func TestDestroyUnseenEndsAllThatTheClientNames(t *testing.T) {
	a := newLife(t)
	gone := a.signedIn()
	dead := gone.token()
	gone.ok(func(s *sessions.Session) { s.Destroy(t.Context()) })
	c := a.signedIn()
	live := c.copied()
	both := &lifeClient{app: a, cookie: dead + "; pump-session=" + c.token()}
	res := both.ok(func(s *sessions.Session) { lifeEqual(t, "Destroy", s.Destroy(t.Context()), nil) })
	if res.cookie == nil || res.cookie.Value != "" {
		t.Errorf("the cookie is %v, want a deletion", res.cookie)
	}
	lifeEqual(t, "records", len(a.store.records(t)), 0)
	lifeEqual(t, "user", live.user(), "")

	// If the store fails between the two, neither the session nor the cookie goes.
	first, second := a.signedIn(), a.signedIn()
	both = &lifeClient{app: a, cookie: first.token() + "; pump-session=" + second.token()}
	a.store.next("Delete", fakeOK, fakeRefused, fakeRefused)
	res = both.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
		lifeError(t, "Destroy", s.Destroy(t.Context()), errFakeDown)
	})
	lifeEqual(t, "cookie", res.cookie, nil)
	lifeEqual(t, "user of the second", second.user(), "ann")
}

// The whole course, with a browser's jar: an application moves from /app to the
// whole host, and its users sign in and out on it.
func TestACookiePathIsChanged(t *testing.T) {
	store := newFakeStore()
	open := func(path string) *sessions.Manager {
		m, _ := clientManager(t, sessions.Options{Driver: store, Cookie: sessions.Cookie{Path: path}})
		return m
	}
	m := open("/app")
	mux := http.NewServeMux()
	mux.HandleFunc("/app/login", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Renew()
		lifeUser.Set(s, "ann")
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
	lifeEqual(t, "user before the move", get("/app/"), "ann")
	m = open("/")
	lifeEqual(t, "user after the move", get("/app/"), "ann")
	for range 3 {
		get("/app/login")
		lifeEqual(t, "user signed in", get("/app/"), "ann")
		get("/app/logout")
		lifeEqual(t, "user signed out", get("/app/"), "<nil>")
	}
	if n := len(store.records(t)); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}
