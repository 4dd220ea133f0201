package gorillasessions_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
)

// A session's options are those of the manager's cookie.
func TestOptionsOfANewSession(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		a.browser().do(func(_ http.ResponseWriter, r *http.Request) {
			want := gorilla.Options{Path: "/", MaxAge: 400 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode}
			if got := *a.get(r, "app").Options; got != want {
				t.Errorf("got %+v", got)
			}
		})
	})
}

// A session cannot have another cookie than the manager's.
func TestOptionsOfAnotherCookie(t *testing.T) {
	for name, c := range map[string]struct {
		options gorilla.Options
		refused bool
	}{
		"none":            {gorilla.Options{}, false},
		"the same":        {gorilla.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}, false},
		"SameSite unsaid": {gorilla.Options{SameSite: http.SameSiteDefaultMode}, false},
		"Path":            {gorilla.Options{Path: "/admin"}, true},
		"Domain":          {gorilla.Options{Domain: "example.org"}, true},
		"Secure":          {gorilla.Options{Secure: true}, true},
		"Partitioned":     {gorilla.Options{Partitioned: true}, true},
		"SameSite":        {gorilla.Options{SameSite: http.SameSiteStrictMode}, true},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, a *app) {
				b := a.browser()
				b.with("app", set("user", "ann"))
				b.do(func(w http.ResponseWriter, r *http.Request) {
					s := a.get(r, "app")
					s.Options, s.Values["user"] = &c.options, "bob"
					if err := s.Save(r, w); errors.Is(err, gorillasessions.ErrOptions) != c.refused || (err != nil) != c.refused {
						t.Errorf("Save: %v", err)
					}
				})
				want := map[bool]string{true: "ann", false: "bob"}[c.refused]
				if got := b.values("app")["user"]; got != want {
					t.Errorf("user: %v", got)
				}
				b.do(func(w http.ResponseWriter, r *http.Request) { // a sign-out is never refused
					s := a.get(r, "app")
					o := c.options
					o.MaxAge = -1
					s.Options = &o
					if err := s.Save(r, w); err != nil {
						t.Error(err)
					}
				})
				if len(b.cookies) > 0 {
					t.Error("not signed out")
				}
			})
		})
	}
	a := newApp(t, sessions.Options{Cookie: sessions.Cookie{Domain: "example.org", DisableHttpOnly: true}}, true)
	a.browser().do(func(w http.ResponseWriter, r *http.Request) {
		s := a.get(r, "app")
		s.Values["k"], s.Options = 1, &gorilla.Options{Domain: ".Example.org"}
		if err := s.Save(r, w); err != nil {
			t.Error(err)
		}
		s.Options.HttpOnly = true
		if err := s.Save(r, w); !errors.Is(err, gorillasessions.ErrOptions) {
			t.Error(err)
		}
	})
}

// MaxAge is the expiry of the cookie, and the idle timeout of the session.
func TestMaxAge(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		remember := func(s *gorilla.Session) {
			s.Options = &gorilla.Options{Path: "/", MaxAge: 3600, HttpOnly: true}
		}
		w := b.with("app", func(s *gorilla.Session) {
			remember(s)
			s.Values["user"] = "ann"
		})
		if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge != 3600 {
			t.Errorf("cookies: %v", c)
		}
		w = b.with("app", func(s *gorilla.Session) {
			if s.Options.MaxAge != 3600 {
				t.Errorf("MaxAge in the next request: %d", s.Options.MaxAge)
			}
			remember(s)
		})
		if c := w.Result().Cookies(); a.wrapped && len(c) != 0 {
			t.Errorf("the same MaxAge was stored again: %v", c)
		}
		for range 3 {
			a.clock.Advance(50 * time.Minute)
			b.with("app", set("seen", a.clock.Now().Unix()))
		}
		if got := b.values("app")["user"]; got != "ann" {
			t.Errorf("in use: %v", got)
		}
		old := b.copy()
		a.clock.Advance(61 * time.Minute)
		if got := old.values("app"); len(got) > 0 {
			t.Errorf("after MaxAge: %v", got)
		}
	})
}

// 0 is a cookie that ends with the browser; the manager's idle timeout holds.
func TestMaxAgeZero(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", func(s *gorilla.Session) { s.Options.MaxAge, s.Values["user"] = 3600, "ann" })
		w := b.with("app", func(s *gorilla.Session) { s.Options.MaxAge = 0 })
		if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge != 0 || !c[0].Expires.IsZero() {
			t.Errorf("cookies: %v", c)
		}
		a.clock.Advance(24 * time.Hour)
		if got := b.values("app")["user"]; got != "ann" {
			t.Errorf("user: %v", got)
		}
	})
}

// Browsers keep no cookie longer than 400 days.
func TestMaxAgeOfTenYears(t *testing.T) {
	a := newApp(t, sessions.Options{Cookie: sessions.Cookie{Expires: sessions.ExpireWithBrowser()}}, true)
	b := a.browser()
	w := b.with("app", func(s *gorilla.Session) { s.Options.MaxAge, s.Values["user"] = 10*365*24*3600, "ann" })
	if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge != 400*24*3600 {
		t.Errorf("cookies: %v", c)
	}
}

// Store.Options are for sessions that begin; an existing one keeps its MaxAge.
func TestStoreOptions(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		a.st.Options = &gorilla.Options{MaxAge: 3600, HttpOnly: true}
		b := a.browser()
		if c := b.with("app", set("user", "ann")).Result().Cookies(); len(c) != 1 || c[0].MaxAge != 3600 {
			t.Errorf("cookies: %v", c)
		}
		b.with("app", func(s *gorilla.Session) { s.Options.MaxAge = 7200 })
		w := b.with("app", set("user", "bob"))
		for _, c := range w.Result().Cookies() {
			if c.MaxAge != 7200 {
				t.Errorf("cookie: %v", c)
			}
		}
		if a.st.Options.MaxAge != 3600 {
			t.Error("a session changed the store's options")
		}
	})
}
