package gorillasessions_test

import (
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
)

// Values come back with the type that they had.
func TestTypes(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		want := map[any]any{
			"int":        7,
			"int64":      int64(7),
			"uint8":      uint8(7),
			"float":      math.Inf(1),
			"bool":       false,
			"text":       "",
			"bytes":      []byte{0, 1},
			"nil":        nil,
			"struct":     cart{[]string{"tea"}, 3.5},
			"pointer":    &address{"High Street"},
			"named":      number(3),
			"list":       []any{1, "two", cart{}},
			"map":        map[string]int{"a": 1, "b": 2},
			"time":       time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
			"":           "an empty key",
			"a:b/c":      "signs in a key",
			7:            "an int as key",
			int64(7):     "another one",
			number(7):    "a named one",
			word("text"): "a named string",
			true:         "a bool",
		}
		b := a.browser()
		b.with("app", func(s *gorilla.Session) { maps.Copy(s.Values, want) })
		if got := b.values("app"); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %#v\nwant %#v", got, want)
		}
		// An unchanged session needs no write.
		before := maps.Clone(b.cookies)
		b.with("app", func(*gorilla.Session) {})
		if a.wrapped && !maps.Equal(before, b.cookies) {
			t.Error("a Save without a change sent a cookie")
		}
		b.with("app", func(s *gorilla.Session) {
			delete(s.Values, 7)
			delete(s.Values, "nil")
		})
		got := b.values("app")
		_, seven := got[7]
		_, null := got["nil"]
		if seven || null || len(got) != len(want)-2 {
			t.Errorf("after the deletion: %#v", got)
		}
	})
}

type unregistered struct{ N int }

type stubborn struct{}

func (stubborn) GobEncode() ([]byte, error) { return []byte{1}, nil }
func (*stubborn) GobDecode([]byte) error    { return errors.New("never") }

type panicking struct{}

func (panicking) GobEncode() ([]byte, error) { panic("no") }
func (*panicking) GobDecode([]byte) error    { panic("no") }

// explosive panics when it is read back.
type explosive struct{}

func (explosive) GobEncode() ([]byte, error) { return []byte{1}, nil }
func (*explosive) GobDecode([]byte) error    { panic("no") }

// shifty comes back as another value.
type shifty int

func (shifty) GobEncode() ([]byte, error)  { return []byte{1}, nil }
func (s *shifty) GobDecode(b []byte) error { *s = 8; return nil }

type half struct {
	A int
	b int
}

func init() {
	gob.Register(stubborn{})
	gob.Register(panicking{})
	gob.Register(explosive{})
	gob.Register(shifty(0))
	gob.Register(half{})
}

// What would not come back is refused, and nothing of the Save is stored.
func TestRefusedValues(t *testing.T) {
	for name, c := range map[string]struct{ key, value any }{
		"unregistered":         {"k", unregistered{1}},
		"function":             {"k", func() {}},
		"channel":              {"k", make(chan int)},
		"inside a list":        {"k", []any{unregistered{1}}},
		"does not decode":      {"k", stubborn{}},
		"panics":               {"k", panicking{}},
		"panics in decoding":   {"k", explosive{}},
		"key of another value": {shifty(7), "v"},
		"key of a struct":      {half{1, 2}, "v"},
		"key of a pointer":     {&half{}, "v"},
		"key of a float":       {1.5, "v"},
		"key not registered":   {unregisteredKey(1), "v"},
		"nil key":              {nil, "v"},
		"key with a nil value": {unregisteredKey(1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, a *app) {
				b := a.browser()
				b.with("app", set("before", 1))
				b.do(func(w http.ResponseWriter, r *http.Request) {
					s := a.get(r, "app")
					s.Values["other"], s.Values[c.key] = 2, c.value
					if err := s.Save(r, w); !errors.Is(err, sessions.ErrInvalidValue) {
						t.Errorf("Save: %v", err)
					}
				})
				if got := b.values("app"); !maps.Equal(got, map[any]any{"before": 1}) {
					t.Errorf("stored: %v", got)
				}
			})
		})
	}
}

type unregisteredKey int

// Parallel requests that change different values keep them all.
func TestParallelRequestsMerge(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", func(s *gorilla.Session) {
			s.Values["map"] = map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
			s.Values["gone"] = 1
		})
		var tabs [8]*browser
		for i := range tabs {
			tabs[i] = b.copy()
		}
		concurrently(len(tabs), func(i int) {
			tabs[i].with("app", func(s *gorilla.Session) {
				s.Values[fmt.Sprint("tab", i)] = i
				delete(s.Values, "gone")
			})
		})
		got := b.values("app")
		want := []string{"map", "tab0", "tab1", "tab2", "tab3", "tab4", "tab5", "tab6", "tab7"}
		if !slices.Equal(keys(got), want) {
			t.Errorf("got %v", got)
		}
	})
}

// A value that a request has not changed does not overwrite another request's.
func TestUnchangedValuesAreNotWritten(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		b := a.browser()
		old := map[string]int{}
		for i := range 20 {
			old[fmt.Sprint(i)] = i
		}
		b.with("app", func(s *gorilla.Session) {
			s.Values["map"], s.Values["user"], s.Values["gone"] = old, "ann", true
		})
		b.with("app", func(slow *gorilla.Session) {
			b.copy().with("app", func(s *gorilla.Session) {
				s.Values["map"], s.Values["user"] = map[string]int{"new": 1}, "bob"
				s.Values["added"] = 1
				delete(s.Values, "gone")
			})
			slow.Values["seen"] = true
		})
		want := map[any]any{"map": map[string]int{"new": 1}, "user": "bob", "added": 1, "seen": true}
		if got := b.values("app"); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

// What is changed behind a pointer, or in a map, is saved.
func TestChangesInPlace(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", func(s *gorilla.Session) {
			s.Values["address"], s.Values["map"] = &address{"High Street"}, map[string]int{"a": 1}
		})
		b.with("app", func(s *gorilla.Session) {
			s.Values["address"].(*address).Street = "Low Street"
			s.Values["map"].(map[string]int)["b"] = 2
		})
		got := b.values("app")
		if got["address"].(*address).Street != "Low Street" || len(got["map"].(map[string]int)) != 2 {
			t.Errorf("got %v", got)
		}
	})
}

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

// A sign-out is final: a request under way cannot bring values back.
func TestSignOutIsFinal(t *testing.T) {
	for _, others := range []bool{false, true} {
		t.Run(fmt.Sprint("other names ", others), func(t *testing.T) {
			onServer(t, func(t *testing.T, a *app) {
				b := a.browser()
				b.with("app", set("user", "ann"))
				if others {
					b.with("other", set("k", 1))
				}
				late := b.copy()
				var err error
				w := late.do(func(w http.ResponseWriter, r *http.Request) {
					s := a.get(r, "app")
					b.with("app", signOut)
					s.Values["user"] = "ann, seen again"
					err = s.Save(r, w)
				})
				if !errors.Is(err, sessions.ErrEnded) {
					t.Errorf("the late Save: %v", err)
				}
				if w.Header().Get("Set-Cookie") != "" {
					t.Errorf("the late request's cookie: %q", w.Header().Get("Set-Cookie"))
				}
				if a.wrapped && w.Code != http.StatusConflict {
					t.Errorf("the late request's status: %d", w.Code)
				}
				for _, b := range []*browser{b, late} {
					if got := b.values("app"); len(got) > 0 {
						t.Errorf("signed in again: %v", got)
					}
				}
				if others && b.values("other")["k"] != 1 {
					t.Error("the other name's values are lost")
				}
			})
		})
	}
}

// What follows a sign-out in the same request begins a new session.
func TestSignOutAndIn(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("goth", set("state", "x"))
		before := b.copy()
		b.do(func(w http.ResponseWriter, r *http.Request) {
			app, goth := a.get(r, "app"), a.get(r, "goth")
			signOut(goth)
			app.Values["user"] = "ann"
			if err := errors.Join(goth.Save(r, w), app.Save(r, w), goth.Save(r, w)); err != nil {
				t.Error(err)
			}
		})
		if got := b.values("app"); got["user"] != "ann" {
			t.Errorf("app: %v", got)
		}
		if got := b.values("goth"); len(got) > 0 {
			t.Errorf("goth: %v", got)
		}
		if got := before.values("app"); len(got) > 0 {
			t.Errorf("the old cookie is signed in: %v", got)
		}
	})
}

// A sign-out leaves what the program keeps in the manager's session by itself.
func TestSignOutLeavesTheManagersValues(t *testing.T) {
	a := newApp(t, sessions.Options{}, true)
	b := a.browser()
	b.do(func(w http.ResponseWriter, r *http.Request) {
		sessions.FromContext(r.Context()).Set("cart", "tea")
		s := a.get(r, "app")
		s.Values["user"] = "ann"
		s.Save(r, w)
	})
	b.with("app", signOut)
	b.do(func(_ http.ResponseWriter, r *http.Request) {
		if got := sessions.FromContext(r.Context()).Get("cart"); got != "tea" {
			t.Errorf("cart: %v", got)
		}
	})
}

func TestSignIn(t *testing.T) {
	everywhere(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", set("basket", 1))
		b.with("other", set("k", 1))
		planted := b.copy()
		signIn := func(s *gorilla.Session) {
			s.Values["user"] = "ann"
			if err := gorillasessions.SignIn(s, "user:ann"); err != nil {
				t.Error(err)
			}
		}
		b.with("app", signIn)
		if got := b.values("app"); got["user"] != "ann" || got["basket"] != 1 {
			t.Errorf("after the sign-in: %v", got)
		}
		if got := planted.values("app"); got["user"] != nil {
			t.Errorf("the old cookie is signed in: %v", got)
		}
		if b.cookies["pump-session"] == planted.cookies["pump-session"] {
			t.Error("the cookie is the same")
		}
		owned := func() (n int) {
			for _, err := range a.m.Owned(t.Context(), "user:ann") {
				if errors.Is(err, errors.ErrUnsupported) {
					return -1
				}
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			return n
		}
		if n := owned(); n == 0 || n > 1 {
			t.Errorf("ann owns %d sessions", n)
		}
		b.with("app", signOut)
		if n := owned(); n > 0 {
			t.Errorf("ann owns %d sessions after the sign-out", n)
		}
		if len(b.values("app")) > 0 || b.values("other")["k"] != 1 {
			t.Error("the sign-out took the wrong values")
		}
		b.with("other", signOut)
		if len(b.cookies) > 0 {
			t.Error("the session is left")
		}
		b.with("app", signIn) // from nothing
		b.with("app", signOut)
		if n := owned(); n > 0 || len(b.cookies) > 0 {
			t.Errorf("ann owns %d sessions, cookies %v", n, b.cookies)
		}
	})
	s := gorilla.NewSession(gorilla.NewCookieStore(secret), "app")
	if gorillasessions.SignIn(s, "user:ann") == nil {
		t.Error("SignIn took another store's session")
	}
}

// A sign-in after the session has ended begins a new one, with all values.
func TestSignInAfterTheEnd(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		for what, endIt := range map[string]func(b *browser){
			"signed out": func(b *browser) { b.with("app", signOut) },
			"renewed":    func(b *browser) { b.with("app", func(s *gorilla.Session) { gorillasessions.SignIn(s, "user:ann") }) },
		} {
			b := a.browser()
			b.with("app", set("basket", 1))
			other := b.copy()
			if a.wrapped { // a session that was read and then ended is an error there
				endIt(other)
			}
			b.do(func(w http.ResponseWriter, r *http.Request) {
				s := a.get(r, "app")
				if !a.wrapped {
					endIt(other)
				}
				s.Values["user"] = "ann"
				if err := gorillasessions.SignIn(s, "user:ann"); err != nil {
					t.Error(err)
				}
				if err := s.Save(r, w); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
			if got := b.values("app"); got["user"] != "ann" || !a.wrapped && got["basket"] != 1 {
				t.Errorf("%s: %v", what, got)
			}
		}
	})
}

// A request that comes after a sign-in, with the cookie from before it, changes
// nothing and gets no cookie; a sign-out ends the session that was signed in.
func TestRequestAfterSignIn(t *testing.T) {
	onServer(t, func(t *testing.T, a *app) {
		b := a.browser()
		b.with("app", set("basket", 1))
		late := b.copy()
		b.with("app", func(s *gorilla.Session) {
			s.Values["user"] = "ann"
			gorillasessions.SignIn(s, "user:ann")
		})
		w := late.do(func(w http.ResponseWriter, r *http.Request) {
			s := a.get(r, "app")
			if len(s.Values) > 0 {
				t.Errorf("the old cookie reads %v", s.Values)
			}
			s.Values["seen"] = true
			if err := s.Save(r, w); !errors.Is(err, sessions.ErrEnded) {
				t.Errorf("Save: %v", err)
			}
		})
		if c := w.Header().Get("Set-Cookie"); c != "" {
			t.Errorf("Set-Cookie: %s", c)
		}
		if got := b.values("app"); got["user"] != "ann" {
			t.Errorf("signed in: %v", got)
		}
		late.with("app", signOut)
		if got := b.values("app"); len(got) > 0 {
			t.Errorf("after the sign-out with the old cookie: %v", got)
		}
	})
}

// Without Wrap, RenewAfter must not change the ID in a request that sends no cookie.
func TestBareRenewAfter(t *testing.T) {
	a := newApp(t, sessions.Options{IdleTimeout: 100 * time.Hour, RenewAfter: 2 * time.Hour}, false)
	b := a.browser()
	b.with("app", set("user", "ann"))
	for _, minutes := range []time.Duration{119, 2, 2, 100} {
		a.clock.Advance(minutes * time.Minute)
		if got := b.values("app")["user"]; got != "ann" {
			t.Fatalf("user: %v", got)
		}
	}
	b.with("app", set("n", 1))
	if got := b.values("app")["user"]; got != "ann" {
		t.Errorf("user: %v", got)
	}
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

// A value that cannot be decoded any more is an error, and stays stored.
func TestUndecodable(t *testing.T) {
	a := newApp(t, sessions.Options{}, true)
	b := a.browser()
	b.with("app", set("good", 7))
	b.with("app", set(7, "seven"))
	b.do(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		s.Set("gorilla:app:bad", []byte{1, 2, 3})
		s.Set("gorilla:app:number", 7)
		s.Set("gorilla:app/int(9)", []byte{3, 4})
		seven, err := sessions.Key[[]byte]("gorilla:app/int(7)").Decode(s)
		if err != nil {
			t.Error(err)
		}
		s.Set("gorilla:app/int(8)", seven)
	})
	b.do(func(w http.ResponseWriter, r *http.Request) {
		s, err := a.st.Get(r, "app")
		if !errors.Is(err, sessions.ErrInvalidValue) {
			t.Errorf("Get: %v", err)
		}
		if !maps.Equal(s.Values, map[any]any{"good": 7, 7: "seven"}) {
			t.Errorf("Values: %v", s.Values)
		}
		s.Values["number"] = 8
		delete(s.Values, 7)
		if err := s.Save(r, w); err != nil {
			t.Error(err)
		}
		names := sessions.FromContext(r.Context()).Keys()
		if len(names) != 5 || slices.Contains(names, "gorilla:app/int(7)") {
			t.Errorf("stored: %v", names)
		}
	})
	b.do(func(_ http.ResponseWriter, r *http.Request) {
		if s, _ := a.st.Get(r, "app"); s.Values["number"] != 8 {
			t.Errorf("Values: %v", s.Values)
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
