package sessions_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// onBothStores runs a test on a store that keeps its records and on one that
// keeps them with the client.
// newNoonClock returns a clock that starts at noon and some milliseconds.
func newNoonClock() *testapp.Clock {
	return testapp.NewClock(time.Date(2025, time.March, 4, 12, 0, 0, 250e6, time.UTC))
}

func onBothStores(t *testing.T, test func(t *testing.T, o sessions.Options)) {
	t.Run("server", func(t *testing.T) { test(t, sessions.Options{}) })
	t.Run("sealed", func(t *testing.T) {
		test(t, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}})
	})
}

func TestDefaultCookie(t *testing.T) {
	clock := newNoonClock()
	m, _ := testapp.NewManager(t, sessions.Options{Now: clock.Now})
	var token string
	resp := testapp.NewClient(t, m).Visit(func(s *sessions.Session) {
		s.Set("user", "ann")
		token = s.Token()
	})
	// 400 days after noon of March 4.
	want := "pump-session=" + token + "; Path=/; HttpOnly; SameSite=Lax; Expires=Wed, 08 Apr 2026 12:00:00 GMT; Max-Age=34560000"
	if got := resp.Header["Set-Cookie"]; !slices.Equal(got, []string{want}) {
		t.Errorf("got Set-Cookie %q,\nwant           %q", got, want)
	}
}

// Session.Cookie returns the cookie that a response would send.
func TestSessionCookie(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		clock := newNoonClock()
		o.Now = clock.Now
		o.Cookie.Domain, o.Cookie.Path, o.Cookie.Secure, o.Cookie.Partitioned = "example.org", "/a%20b", true, true
		m, _ := testapp.NewManager(t, o)
		for _, expiry := range []sessions.Expiry{
			sessions.ExpireNever(), sessions.ExpireWithBrowser(), sessions.ExpireAfter(time.Hour), sessions.ExpireAt(clock.Now().Add(time.Minute)),
		} {
			var of *sessions.Session
			resp := testapp.NewClient(t, m).Visit(func(s *sessions.Session) {
				s.Set("user", "ann")
				s.SetExpires(expiry)
				of = s
			})
			if got, sent := of.Cookie(), testapp.OneCookie(t, resp); got.String() != sent.String() {
				t.Errorf("%v: got Cookie %v,\nwant the one that is sent, %v", expiry, got, sent)
			}
		}
	})
}

// The attributes are the same whenever the cookie is set or deleted: for a browser,
// a cookie with another path is another cookie.
func TestCookieAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		cookie sessions.Cookie
		want   string
	}{
		"defaults":             {sessions.Cookie{}, "; Path=/; HttpOnly; SameSite=Lax"},
		"HttpOnly off":         {sessions.Cookie{DisableHttpOnly: true}, "; Path=/; SameSite=Lax"},
		"SameSite Strict":      {sessions.Cookie{SameSite: http.SameSiteStrictMode}, "; Path=/; HttpOnly; SameSite=Strict"},
		"SameSite None":        {sessions.Cookie{SameSite: http.SameSiteNoneMode, Secure: true}, "; Path=/; HttpOnly; Secure; SameSite=None"},
		"SameSite not sent":    {sessions.Cookie{SameSite: http.SameSiteDefaultMode}, "; Path=/; HttpOnly"},
		"Secure":               {sessions.Cookie{Secure: true}, "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		"Partitioned":          {sessions.Cookie{Partitioned: true, Secure: true}, "; Path=/; HttpOnly; Secure; SameSite=Lax; Partitioned"},
		"Domain":               {sessions.Cookie{Domain: "example.org"}, "; Path=/; Domain=example.org; HttpOnly; SameSite=Lax"},
		"Domain with a dot":    {sessions.Cookie{Domain: ".example.org"}, "; Path=/; Domain=example.org; HttpOnly; SameSite=Lax"},
		"Path":                 {sessions.Cookie{Path: "/shop"}, "; Path=/shop; HttpOnly; SameSite=Lax"},
		"__Host- name":         {sessions.Cookie{Name: "__Host-id", Secure: true}, "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		"name like attributes": {sessions.Cookie{Name: "Path"}, "; Path=/; HttpOnly; SameSite=Lax"},
	} {
		t.Run(name, func(t *testing.T) {
			onBothStores(t, func(t *testing.T, o sessions.Options) {
				clock := newNoonClock()
				c.cookie.Secret = o.Cookie.Secret
				o.Cookie, o.Now = c.cookie, clock.Now
				m, _ := testapp.NewManager(t, o)
				cookie := c.cookie.Name
				if cookie == "" {
					cookie = "pump-session"
				}
				b := testapp.NewClient(t, m)
				check := func(when string, resp *testapp.Response, value, tail string) {
					t.Helper()
					want := []string{cookie + "=" + value + c.want + tail}
					if got := resp.Header["Set-Cookie"]; !slices.Equal(got, want) {
						t.Errorf("%s:\ngot  %q\nwant %q", when, got, want)
					}
				}

				resp := b.Visit(func(s *sessions.Session) { s.Set("n", 1) })
				check("created", resp, b.Cookies[cookie], "; Expires=Wed, 08 Apr 2026 12:00:00 GMT; Max-Age=34560000")

				clock.Advance(24 * time.Hour)
				resp = b.Visit(func(s *sessions.Session) { s.Get("n") })
				check("issued again", resp, b.Cookies[cookie], "; Expires=Thu, 09 Apr 2026 12:00:00 GMT; Max-Age=34560000")

				resp = b.Visit(func(s *sessions.Session) {
					if err := s.Renew(); err != nil {
						t.Error(err)
					}
				})
				check("renewed", resp, b.Cookies[cookie], "; Expires=Thu, 09 Apr 2026 12:00:00 GMT; Max-Age=34560000")

				resp = b.Visit(func(s *sessions.Session) {
					if err := s.Destroy(t.Context()); err != nil {
						t.Error(err)
					}
				})
				check("deleted", resp, "", "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0")
			})
		})
	}
}

func TestCookieName(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{Cookie: sessions.Cookie{Name: "sid"}})
	b := testapp.SignIn(t, m)
	token := b.Cookies["sid"]
	if b.User() != "ann" {
		t.Error("the cookie did not open its session")
	}
	before := store.Total()
	for _, name := range []string{"SID", "sid2", "xsid", "pump-session", "sid ", "$sid"} {
		b.Cookies = map[string]string{name: token}
		if b.User() != "" {
			t.Errorf("the cookie named %q opened a session", name)
		}
	}
	if store.Total() != before {
		t.Error("a cookie of another name caused a store call")
	}
}

func TestCookieExpiry(t *testing.T) {
	// The clock reads 250 ms past noon.
	start := newNoonClock().Now()
	at := func(d time.Duration) string { return start.Add(d).UTC().Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		expires sessions.Expiry
		date    string
		maxAge  string // net/http has an int for it, too small on 32 bits
	}{
		"never":                  {sessions.ExpireNever(), at(400 * 24 * time.Hour), "34560000"},
		"with the browser":       {sessions.ExpireWithBrowser(), "", ""},
		"after an hour":          {sessions.ExpireAfter(time.Hour), at(time.Hour), "3600"},
		"after 2^31 ms and more": {sessions.ExpireAfter(40 * 24 * time.Hour), at(40 * 24 * time.Hour), "3456000"},
		"after less than 1 s":    {sessions.ExpireAfter(20 * time.Millisecond), at(20 * time.Millisecond), "1"},
		"at a time":              {sessions.ExpireAt(start.Add(90 * time.Minute)), at(90 * time.Minute), "5400"},
		"at a time elsewhere":    {sessions.ExpireAt(time.Date(2025, 8, 1, 2, 3, 4, 0, time.FixedZone("CEST", 7200))), "Fri, 01 Aug 2025 00:03:04 GMT", "12916983"},
		"at a time far away":     {sessions.ExpireAt(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)), "Fri, 31 Dec 9999 23:59:59 GMT", "251661211198"},
	} {
		t.Run(name, func(t *testing.T) {
			onBothStores(t, func(t *testing.T, o sessions.Options) {
				o.Now = func() time.Time { return start.In(time.FixedZone("NPT", 20700)) }
				check := func(resp *testapp.Response) {
					t.Helper()
					got := testapp.OneCookie(t, resp)
					_, maxAge, _ := strings.Cut(got.Raw, "; Max-Age=")
					if got.RawExpires != c.date || maxAge != c.maxAge {
						t.Errorf("got Expires=%s; Max-Age=%s,\nwant Expires=%s; Max-Age=%s", got.RawExpires, maxAge, c.date, c.maxAge)
					}
				}
				t.Run("of all sessions", func(t *testing.T) {
					o.Cookie.Expires = c.expires
					m, _ := testapp.NewManager(t, o)
					check(testapp.NewClient(t, m).Visit(func(s *sessions.Session) { s.Set("n", 1) }))
				})
				t.Run("of one session", func(t *testing.T) {
					o.Cookie.Expires = sessions.ExpireAfter(time.Minute)
					m, _ := testapp.NewManager(t, o)
					b := testapp.NewClient(t, m)
					check(b.Visit(func(s *sessions.Session) {
						if err := s.SetExpires(c.expires); err != nil {
							t.Error(err)
						}
						s.Set("n", 1)
					}))
					// The expiry is stored in the session, so later requests use it.
					check(b.Visit(func(s *sessions.Session) { s.Renew() }))
					// Another session uses the option.
					other := testapp.OneCookie(t, testapp.NewClient(t, m).Visit(func(s *sessions.Session) { s.Set("n", 1) }))
					if other.MaxAge != 60 {
						t.Errorf("another session: got Max-Age=%d, want 60", other.MaxAge)
					}
				})
			})
		})
	}
}

// SetExpires can be called for a session that is already stored.
func TestSetExpiresSendsCookie(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		o.Cookie.Expires = sessions.ExpireWithBrowser()
		m, _ := testapp.NewManager(t, o)
		b := testapp.SignIn(t, m)
		c := testapp.OneCookie(t, b.Visit(func(s *sessions.Session) { s.SetExpires(sessions.ExpireAfter(30 * 24 * time.Hour)) }))
		if c.MaxAge != 30*24*60*60 {
			t.Errorf("Max-Age=%d", c.MaxAge)
		}
		if b.User() != "ann" {
			t.Error("the session is lost")
		}
		c = testapp.OneCookie(t, b.Visit(func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) }))
		if c.MaxAge != 0 || c.RawExpires != "" {
			t.Errorf("got Expires=%q, Max-Age=%d, want neither", c.RawExpires, c.MaxAge)
		}
	})
}

// A setting alone is not stored.
func TestSetExpiresAloneStoresNothing(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		m, _ := testapp.NewManager(t, o)
		testapp.NoCookie(t, testapp.NewClient(t, m).Visit(func(s *sessions.Session) { s.SetExpires(sessions.ExpireAfter(time.Hour)) }))
	})
}

func TestRollingCookieIsReissued(t *testing.T) {
	for name, c := range map[string]struct {
		expires sessions.Expiry
		every   time.Duration // 0: never
	}{
		"never: once a day":          {sessions.ExpireNever(), 24 * time.Hour},
		"after 100 h: once an hour":  {sessions.ExpireAfter(100 * time.Hour), time.Hour},
		"with the browser: not once": {sessions.ExpireWithBrowser(), 0},
		"at a time: not once":        {sessions.ExpireAt(newNoonClock().Now().AddDate(1, 0, 0)), 0},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newNoonClock()
			m, _ := testapp.NewManager(t, sessions.Options{Now: clock.Now, Cookie: sessions.Cookie{Expires: c.expires}})
			b := testapp.SignIn(t, m)
			token := b.Token()
			read := func() *testapp.Response { return b.Visit(func(s *sessions.Session) { s.Get("user") }) }
			if c.every == 0 {
				for range 50 {
					clock.Advance(5 * 24 * time.Hour)
					testapp.NoCookie(t, read())
				}
				return
			}
			for range 3 {
				clock.Advance(c.every - time.Millisecond)
				testapp.NoCookie(t, read())
				clock.Advance(time.Millisecond)
				got := testapp.OneCookie(t, read())
				if got.Value != token {
					t.Error("the cookie has another token")
				}
				if want := clock.Now().Add(time.Duration(got.MaxAge) * time.Second); got.RawExpires != want.Format(http.TimeFormat) {
					t.Errorf("got Expires=%s, want %s", got.RawExpires, want.Format(http.TimeFormat))
				}
				testapp.NoCookie(t, read())
			}
			// A save counts as a use.
			clock.Advance(c.every)
			testapp.OneCookie(t, b.Visit(func(s *sessions.Session) { s.Set("n", 1) }))
			// A request that does not use the session does not send it.
			clock.Advance(c.every)
			testapp.NoCookie(t, b.Serve(func(http.ResponseWriter, *http.Request) {}))
		})
	}
}

// A client that comes at least once per cookie lifetime keeps the cookie.
func TestRollingCookieLastsWhileUsed(t *testing.T) {
	for _, pause := range []time.Duration{time.Minute, 35 * time.Minute, 59 * time.Minute, 90 * time.Hour} {
		t.Run(pause.String(), func(t *testing.T) {
			onBothStores(t, func(t *testing.T, o sessions.Options) {
				clock := newNoonClock()
				o.Now, o.Cookie.Expires = clock.Now, sessions.ExpireAfter(100*time.Hour)
				m, _ := testapp.NewManager(t, o)
				b := testapp.SignIn(t, m)
				lapses := clock.Now().Add(100 * time.Hour)
				for range 300 {
					clock.Advance(pause)
					if clock.Now().After(lapses) {
						t.Fatal("the browser dropped the cookie")
					}
					resp := b.Visit(func(s *sessions.Session) { s.Get("user") })
					for _, c := range resp.Cookies() {
						lapses = clock.Now().Add(time.Duration(c.MaxAge) * time.Second)
					}
				}
			})
		})
	}
}

// Reads and saves of a stored session send no cookie: otherwise, a late response to
// an earlier request would overwrite the cookie of a renewal.
func TestStoredSessionSendsNoCookie(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{IdleTimeout: time.Hour})
	b := testapp.SignIn(t, m)
	for name, h := range map[string]func(s *sessions.Session){
		"read":         func(s *sessions.Session) { s.Get("user") },
		"set":          func(s *sessions.Session) { s.Set("n", 1) },
		"set and save": func(s *sessions.Session) { s.Set("n", 2); s.Save(t.Context()) },
		"delete":       func(s *sessions.Session) { s.Delete("n") },
		"clear":        func(s *sessions.Session) { s.Clear() },
		"flash":        func(s *sessions.Session) { s.AddFlash("hello") },
		"owner":        func(s *sessions.Session) { s.SetOwner("ann") },
		"own timeout":  func(s *sessions.Session) { s.SetIdleTimeout(time.Minute) },
		"reverted":     func(s *sessions.Session) { s.Set("n", 3); s.Renew(); s.Revert() },
		"untouched":    func(s *sessions.Session) {},
	} {
		t.Run(name, func(t *testing.T) { testapp.NoCookie(t, b.Visit(h)) })
	}
}

func TestEmptySessionSendsNoCookie(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		m, store := testapp.NewManager(t, o)
		for name, h := range map[string]func(s *sessions.Session){
			"untouched":          func(s *sessions.Session) {},
			"read":               func(s *sessions.Session) { s.Get("user"); s.Token(); s.ID() },
			"set and deleted":    func(s *sessions.Session) { s.Set("n", 1); s.Delete("n") },
			"set and cleared":    func(s *sessions.Session) { s.Set("n", 1); s.Clear() },
			"set and reverted":   func(s *sessions.Session) { s.Set("n", 1); s.Revert() },
			"set and destroyed":  func(s *sessions.Session) { s.Set("n", 1); s.Destroy(t.Context()) },
			"set, saved, ended":  func(s *sessions.Session) { s.Set("n", 1); s.Save(t.Context()); s.Destroy(t.Context()) },
			"renewed":            func(s *sessions.Session) { s.Renew() },
			"invalidated":        func(s *sessions.Session) { s.Invalidate() },
			"flash never seen":   func(s *sessions.Session) { s.AddFlash("x"); s.Flashes() },
			"saved as it is":     func(s *sessions.Session) { s.Save(t.Context()) },
			"timeout of its own": func(s *sessions.Session) { s.SetIdleTimeout(time.Minute) },
		} {
			t.Run(name, func(t *testing.T) {
				testapp.NoCookie(t, testapp.NewClient(t, m).Visit(h))
				if store != nil && len(store.RecordsByKey(t)) > 0 {
					t.Error("a record remains")
				}
			})
		}
	})
}

// The cookie store sends the session with each change, and when a tenth of the
// timeout has passed.
func TestCookieStoreSendsEveryChange(t *testing.T) {
	clock := newNoonClock()
	m, _ := testapp.NewManager(t, sessions.Options{
		Store: "sealed", IdleTimeout: 100 * time.Minute, Now: clock.Now,
		Cookie: sessions.Cookie{Secret: testapp.Secret, Expires: sessions.ExpireWithBrowser()},
	})
	b := testapp.SignIn(t, m)
	read := func() *testapp.Response { return b.Visit(func(s *sessions.Session) { s.Get("user") }) }
	testapp.NoCookie(t, read())
	clock.Advance(9 * time.Minute)
	testapp.NoCookie(t, read())
	testapp.OneCookie(t, b.Visit(func(s *sessions.Session) { s.Set("n", 1) }))
	clock.Advance(10 * time.Minute)
	testapp.OneCookie(t, read())
	testapp.NoCookie(t, read())
	if b.User() != "ann" {
		t.Error("the session is lost")
	}
}

func TestDestroyDeletesCookie(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		m, _ := testapp.NewManager(t, o)
		for name, token := range map[string]string{
			"of its session": testapp.SignIn(t, m).Token(),
			"forged":         "forged",
			"empty":          "",
		} {
			t.Run(name, func(t *testing.T) {
				b := testapp.NewClient(t, m)
				b.Cookies["pump-session"] = token
				c := testapp.OneCookie(t, b.Visit(func(s *sessions.Session) {
					if err := s.Destroy(t.Context()); err != nil {
						t.Error(err)
					}
				}))
				if c.Name != "pump-session" || c.Value != "" || c.MaxAge != -1 || !c.Expires.Equal(time.Unix(0, 0)) {
					t.Errorf("got deletion %+v, want the cookie's attributes", c)
				}
			})
		}
		t.Run("none", func(t *testing.T) {
			testapp.NoCookie(t, testapp.NewClient(t, m).Visit(func(s *sessions.Session) { s.Destroy(t.Context()) }))
		})
	})
}

func TestOneSetCookiePerResponse(t *testing.T) {
	set := func(s *sessions.Session) { s.Set("n", s.Get("n")) }
	set1 := func(s *sessions.Session) { s.Set("n", "1") }
	save := func(s *sessions.Session) { s.Save(t.Context()) }
	renew := func(s *sessions.Session) { s.Renew() }
	invalidate := func(s *sessions.Session) { s.Invalidate() }
	destroy := func(s *sessions.Session) { s.Destroy(t.Context()) }
	expires := func(s *sessions.Session) { s.SetExpires(sessions.ExpireAfter(time.Hour)) }
	for i, c := range []struct {
		steps   []func(*sessions.Session)
		deleted bool
	}{
		{[]func(*sessions.Session){set1, renew}, false},
		{[]func(*sessions.Session){set1, save, renew, save, set, expires}, false},
		{[]func(*sessions.Session){renew, save, renew, save, renew}, false},
		{[]func(*sessions.Session){set1, renew, destroy}, true},
		{[]func(*sessions.Session){set1, save, renew, save, destroy}, true},
		{[]func(*sessions.Session){destroy, destroy}, true},
		{[]func(*sessions.Session){set1, renew, destroy, set1}, false},
		{[]func(*sessions.Session){destroy, set1, save, destroy, set1}, false},
		{[]func(*sessions.Session){destroy, set1, save, renew, destroy}, true},
		{[]func(*sessions.Session){invalidate, set1}, false},
		{[]func(*sessions.Session){invalidate}, false},
		{[]func(*sessions.Session){renew, invalidate}, false},
		{[]func(*sessions.Session){invalidate, destroy}, true},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			onBothStores(t, func(t *testing.T, o sessions.Options) {
				m, _ := testapp.NewManager(t, o)
				b := testapp.SignIn(t, m)
				old := b.Token()
				var id string
				resp := b.Visit(func(s *sessions.Session) {
					for _, step := range c.steps {
						step(s)
					}
					id = s.ID()
				})
				got := testapp.OneCookie(t, resp)
				if deleted := got.MaxAge < 0; deleted != c.deleted {
					t.Fatalf("got deleted %v, want %v", deleted, c.deleted)
				}
				if c.deleted {
					return
				}
				if got.Value == old {
					t.Error("the cookie has the old token")
				}
				b.Visit(func(s *sessions.Session) {
					if s.ID() != id {
						t.Errorf("the cookie opens the session %s, want %s", s.ID(), id)
					}
				})
			})
		})
	}
}

// The session does not change the handler's own cookies.
func TestHandlerCookiesAreKept(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		m, _ := testapp.NewManager(t, o)
		b := testapp.NewClient(t, m)
		resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "theme=dark; Path=/")
			sessions.FromContext(r.Context()).Set("n", 1)
			http.SetCookie(w, &http.Cookie{Name: "pump-session2", Value: "x"})
			w.Header().Add("Set-Cookie", "odd = a=b;;")
			w.Header().Add("Set-Cookie", "pump-session=planted; Path=/")
			w.WriteHeader(http.StatusAccepted)
			w.Header().Add("Set-Cookie", "late=1")
		})
		lines := resp.Header["Set-Cookie"]
		if len(lines) != 4 {
			t.Fatalf("got %d lines: %q", len(lines), lines)
		}
		for i, want := range []string{"theme=dark; Path=/", "pump-session2=x", "odd = a=b;;", "pump-session="} {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("line %d: got %q, want %q", i, lines[i], want)
			}
		}
		if strings.Contains(lines[3], "planted") {
			t.Error("the session has the handler's cookie")
		}
	})
}

func TestCacheHeaders(t *testing.T) {
	const noCookie = `no-cache="Set-Cookie"`
	set := func(s *sessions.Session) { s.Set("n", 1) }
	read := func(s *sessions.Session) { s.Get("n") }
	for name, c := range map[string]struct {
		cache, vary []string // what the handler says
		touch       func(*sessions.Session)
		wantCache   []string
		wantVary    []string
	}{
		"untouched":                   {nil, nil, nil, nil, nil},
		"untouched, with fields":      {[]string{"public"}, []string{"Accept"}, nil, []string{"public"}, []string{"Accept"}},
		"read":                        {nil, nil, read, []string{"private"}, []string{"Cookie"}},
		"read, with Cache-Control":    {[]string{"max-age=60"}, nil, read, []string{"max-age=60"}, []string{"Cookie"}},
		"read, with Vary":             {nil, []string{"Accept"}, read, []string{"private"}, []string{"Accept", "Cookie"}},
		"read, with Vary: cookie":     {nil, []string{"Accept, cookie"}, read, []string{"private"}, []string{"Accept, cookie"}},
		"read, with Vary: Cookie":     {nil, []string{"Accept", "Cookie"}, read, []string{"private"}, []string{"Accept", "Cookie"}},
		"read, with Vary: *":          {nil, []string{"*"}, read, []string{"private"}, []string{"*"}},
		"read, with Vary: Cookie-Foo": {nil, []string{"Cookie-Foo"}, read, []string{"private"}, []string{"Cookie-Foo", "Cookie"}},
		"cookie set":                  {nil, nil, set, []string{"private, " + noCookie}, []string{"Cookie"}},
		"set, with Cache-Control":     {[]string{"max-age=60"}, nil, set, []string{"max-age=60", noCookie}, []string{"Cookie"}},
		"set, with no-store":          {[]string{"no-store"}, nil, set, []string{"no-store"}, []string{"Cookie"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := testapp.NewManager(t, sessions.Options{})
			resp := testapp.NewClient(t, m).Serve(func(w http.ResponseWriter, r *http.Request) {
				for _, v := range c.cache {
					w.Header().Add("Cache-Control", v)
				}
				for _, v := range c.vary {
					w.Header().Add("Vary", v)
				}
				if c.touch != nil {
					c.touch(sessions.FromContext(r.Context()))
				}
			})
			if got := resp.Header["Cache-Control"]; !slices.Equal(got, c.wantCache) {
				t.Errorf("got Cache-Control %q, want %q", got, c.wantCache)
			}
			if got := resp.Header["Vary"]; !slices.Equal(got, c.wantVary) {
				t.Errorf("got Vary %q, want %q", got, c.wantVary)
			}
		})
	}
}

func TestSetExpiresRejectsInvalidTimes(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{})
	testapp.NewClient(t, m).Serve(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Set("n", 1)
		if err := s.SetExpires(sessions.ExpireAt(time.Now().Add(-time.Second))); err == nil {
			t.Error("a past date was accepted")
		}
		w.WriteHeader(http.StatusOK)
		if err := s.ResetSettings(); !errors.Is(err, sessions.ErrHeaderSent) {
			t.Errorf("ResetSettings after the header: got error %v, want ErrHeaderSent", err)
		}
		if err := s.SetExpires(sessions.ExpireWithBrowser()); !errors.Is(err, sessions.ErrHeaderSent) {
			t.Errorf("SetExpires after the header: got error %v, want ErrHeaderSent", err)
		}
	})
}

// The date of ExpireAt may pass during a request, or while the program runs. The
// session is then stored, and the browser drops its cookie at once.
func TestExpiryPassesDuringRequest(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		clock := newNoonClock()
		o.Now = clock.Now
		o.Cookie.Expires = sessions.ExpireAt(clock.Now().Add(time.Hour))
		m, _ := testapp.NewManager(t, o)
		for _, when := range []string{"while the handler works", "before the request"} {
			b := testapp.NewClient(t, m)
			c := testapp.OneCookie(t, b.Visit(func(s *sessions.Session) {
				s.Set("user", "ann")
				if when == "while the handler works" {
					clock.Advance(2 * time.Hour)
				}
			}))
			if c.Value == "" || c.MaxAge != 1 || !c.Expires.Before(clock.Now()) {
				t.Errorf("%s: got cookie %v, want one that expires at once", when, c)
			}
			if b.User() != "ann" {
				t.Errorf("%s: the session was not stored", when)
			}
		}
	})
}
