package gorillasessions_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
)

// The names share one cookie, and keep their values apart.
func TestSeveralNames(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.do(func(w http.ResponseWriter, r *http.Request) {
			for i, name := range []string{"a", "ab", "b"} {
				a.get(r, name).Values["key"] = i
			}
			if err := gorilla.Save(r, w); err != nil { // those of the registry
				t.Error(err)
			}
		})
		if len(b.cookies) != 1 {
			t.Errorf("cookies: %v", b.cookies)
		}
		for i, name := range []string{"a", "ab", "b"} {
			if got := b.values(name); !maps.Equal(got, map[any]any{"key": i}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		b.with("a", signOut)
		if got := b.values("a"); len(got) > 0 {
			t.Errorf("a after its end: %v", got)
		}
		if len(b.values("ab")) != 1 || len(b.values("b")) != 1 {
			t.Error("the end of a took other names' values")
		}
		b.with("ab", signOut)
		if len(b.cookies) != 1 {
			t.Error("the cookie is gone while there is a session")
		}
		b.with("b", signOut)
		if len(b.cookies) != 0 {
			t.Errorf("after the end of the last: %v", b.cookies)
		}
	})
}

// Copies of one request, of which each knows nothing of the other's Save, make one
// session.
func TestCopiesOfTheRequest(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.do(func(w http.ResponseWriter, r *http.Request) {
			one, two := r.WithContext(r.Context()), r.WithContext(r.Context())
			s, other := a.get(one, "a"), a.get(two, "b")
			s.Values["k"], other.Values["k"] = 1, 2
			if err := errors.Join(s.Save(one, w), other.Save(two, w), s.Save(one, w)); err != nil {
				t.Error(err)
			}
		})
		if got, other := b.values("a"), b.values("b"); got["k"] != 1 || other["k"] != 2 {
			t.Errorf("got %v and %v", got, other)
		}
	})
}

// While the store is down, there is an error and never an empty session that takes
// the place of the client's.
func TestOutage(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", set("user", "ann"))
		check := func(when string, w *httptest.ResponseRecorder) {
			t.Helper()
			if c := w.Header().Get("Set-Cookie"); c != "" {
				t.Errorf("%s: Set-Cookie: %s", when, c)
			}
			if a.wrapped && w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s: status %d", when, w.Code)
			}
		}
		check("back before Save", b.do(func(w http.ResponseWriter, r *http.Request) {
			a.down.Store(true)
			s, err := a.st.Get(r, "app")
			if !errors.Is(err, errDown) || s == nil {
				t.Errorf("Get: %v, %v", s, err)
			}
			a.down.Store(false)
			s.Values["user"] = "nobody"
			if err := s.Save(r, w); !errors.Is(err, errDown) {
				t.Errorf("Save: %v", err)
			}
		}))
		for what, change := range map[string]func(*gorilla.Session){"change": set("user", "bob"), "sign-out": signOut} {
			check(what, b.do(func(w http.ResponseWriter, r *http.Request) {
				s := a.get(r, "app")
				change(s)
				a.down.Store(true)
				if err := s.Save(r, w); !errors.Is(err, errDown) {
					t.Errorf("%s: Save: %v", what, err)
				}
			}))
			a.down.Store(false)
		}
		if got := b.values("app"); !maps.Equal(got, map[any]any{"user": "ann"}) {
			t.Errorf("after the outage: %v", got)
		}
	})
}

func TestSaveTwice(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.do(func(w http.ResponseWriter, r *http.Request) {
			s := a.get(r, "app")
			for i := range 3 {
				s.Values["n"], s.Values[fmt.Sprint(i)] = i, true
				if err := s.Save(r, w); err != nil {
					t.Error(err)
				}
			}
			delete(s.Values, "1")
			if err := s.Save(r, w); err != nil {
				t.Error(err)
			}
			if fresh, err := a.st.New(r, "app"); err != nil || !reflect.DeepEqual(fresh.Values, s.Values) {
				t.Errorf("New after Save: %v, %v", fresh.Values, err)
			}
		})
		if got := b.values("app"); !maps.Equal(got, map[any]any{"n": 2, "0": true, "2": true}) {
			t.Errorf("got %v", got)
		}
	})
}

// Save after the header was sent is an error where a cookie is needed.
func TestSaveAfterHeader(t *testing.T) {
	for _, store := range []string{"memory", "cookie"} {
		a := newApp(t, sessions.Options{Store: store}, true)
		b := a.browser()
		late := func() (err error) {
			b.do(func(w http.ResponseWriter, r *http.Request) {
				s := a.get(r, "app")
				w.WriteHeader(http.StatusOK)
				s.Values["k"] = 1
				err = s.Save(r, w)
			})
			return err
		}
		if err := late(); !errors.Is(err, sessions.ErrHeaderSent) {
			t.Errorf("%s, new session: %v", store, err)
		}
		b.with("app", set("user", "ann"))
		if err := late(); (err == nil) != (store == "memory") {
			t.Errorf("%s, existing session: %v", store, err)
		}
		if got := b.values("app")["k"]; (got == 1) != (store == "memory") {
			t.Errorf("%s: k = %v", store, got)
		}
	}
	// gin's response reports it.
	a := newApp(t, sessions.Options{}, false)
	a.browser().do(func(w http.ResponseWriter, r *http.Request) {
		s := a.get(r, "app")
		s.Values["k"] = 1
		if err := s.Save(r, written{w}); !errors.Is(err, sessions.ErrHeaderSent) {
			t.Errorf("Save: %v", err)
		}
	})
}

type written struct{ http.ResponseWriter }

func (written) Written() bool { return true }

func TestIsNewAndID(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		var id string
		b.with("app", func(s *gorilla.Session) {
			if !s.IsNew || s.ID != "" || s.Name() != "app" {
				t.Errorf("new: %+v", s)
			}
			s.Values["k"] = 1
			t.Cleanup(func() {
				if id != s.ID {
					t.Errorf("ID after Save: %q, later %q", s.ID, id)
				}
			})
		})
		b.with("app", func(s *gorilla.Session) {
			if id = s.ID; s.IsNew || len(s.ID) != 64 {
				t.Errorf("stored: %+v", s)
			}
		})
		b.with("empty", func(s *gorilla.Session) {
			if !s.IsNew {
				t.Error("a name without values is not new")
			}
		})
	})
}

// A session that has nothing to store makes no cookie.
func TestNothingToStore(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", func(*gorilla.Session) {})
		b.with("app", signOut)
		if len(b.cookies) > 0 {
			t.Errorf("cookies: %v", b.cookies)
		}
	})
}

// Without Wrap, each Save prolongs the cookie, as in gorilla, and a read counts as a
// use.
func TestBareUse(t *testing.T) {
	a := newApp(t, sessions.Options{IdleTimeout: time.Hour, RenewAfter: 2 * time.Hour, Cookie: sessions.Cookie{Expires: sessions.ExpireAfter(time.Hour)}}, false)
	b := a.browser()
	b.with("app", set("user", "ann"))
	for range 10 {
		a.clock.Advance(50 * time.Minute)
		if got := b.values("app")["user"]; got != "ann" {
			t.Fatalf("user: %v", got)
		}
	}
	w := b.with("app", func(*gorilla.Session) {})
	if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge != 3600 {
		t.Errorf("Save without a change: %v", c)
	}
	if h := w.Header(); h.Get("Vary") != "Cookie" || !strings.HasPrefix(h.Get("Cache-Control"), "private") {
		t.Errorf("header: %v", h)
	}
	a.clock.Advance(61 * time.Minute)
	if got := b.values("app"); len(got) > 0 {
		t.Errorf("after the idle timeout: %v", got)
	}
}

// Other cookies of the response, and other fields, are left alone.
func TestBareResponse(t *testing.T) {
	a := newApp(t, sessions.Options{}, false)
	w := a.browser().do(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		w.Header().Set("Vary", "Accept")
		s := a.get(r, "app")
		s.Values["k"] = 1
		s.Save(r, w)
		http.SetCookie(w, &http.Cookie{Name: "lang", Value: "en"})
		s.Values["k"] = 2
		s.Save(r, w)
		http.Error(w, "teapot", http.StatusTeapot)
	})
	if got := len(w.Result().Cookies()); got != 3 || w.Code != http.StatusTeapot || !slices.Contains(w.Header()["Vary"], "Accept") {
		t.Errorf("%d cookies, status %d, %v", got, w.Code, w.Header())
	}
}

// A session that the program makes itself replaces what is stored under its name.
func TestOwnSession(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", set("old", 1))
		b.do(func(w http.ResponseWriter, r *http.Request) {
			s := gorilla.NewSession(a.st, "app")
			s.Values["new"], s.Options = 2, nil
			if err := s.Save(r, w); err != nil {
				t.Error(err)
			}
		})
		if got := b.values("app"); !maps.Equal(got, map[any]any{"new": 2}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestNames(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		a.browser().do(func(w http.ResponseWriter, r *http.Request) {
			for _, name := range []string{"", "a:b", "a/b"} {
				s, err := a.st.New(r, name)
				if err == nil || s == nil {
					t.Errorf("New(%q): %v, %v", name, s, err)
				}
				s.Values["k"] = 1
				if s.Save(r, w) == nil {
					t.Errorf("Save of %q was stored", name)
				}
			}
			if _, err := a.st.Get(r, "a b"); err == nil {
				t.Error("Get took a name that no cookie has")
			}
		})
	})
}
