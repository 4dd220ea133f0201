package gorillasessions_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
)

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
