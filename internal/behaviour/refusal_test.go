package behaviour

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// A refused session cannot be read or changed, however its token is sent.
func TestRefusedSession(t *testing.T) {
	const field = "X-Session"
	uses := map[string]func(*sessions.Session){
		"a read":    func(s *sessions.Session) { testapp.Look(s) },
		"Set":       func(s *sessions.Session) { testapp.User.Set(s, "eve") },
		"Update":    testapp.Increment,
		"Pop":       func(s *sessions.Session) { testapp.User.Pop(s) },
		"Clear":     func(s *sessions.Session) { s.Clear() },
		"Flashes":   func(s *sessions.Session) { s.Flashes() },
		"no owner":  func(s *sessions.Session) { s.SetOwner("") },
		"Renew":     func(s *sessions.Session) { testapp.Error(s2t(s), "Renew", s.Renew(), nil) },
		"Revert":    func(s *sessions.Session) { s.SetOwner("eve"); s.Invalidate(); s.Revert() },
		"SetExpire": func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) },
		"EditGuardNote": func(s *sessions.Session) {
			if err := s.EditGuardNote(appends("eve")); !errors.Is(err, sessions.ErrRefused) {
				panic(err)
			}
		},
		"Save": func(s *sessions.Session) {
			testapp.Increment(s)
			if err := s.Save(context.Background()); !errors.Is(err, sessions.ErrRefused) {
				panic(err)
			}
		},
	}
	everywhere(t, func(t *testing.T, st store) {
		for _, manual := range []bool{false, true} {
			a, g := st.guarded(t, func(o *sessions.Options) { o.ManualSave, o.TokenHeader = manual, field })
			c := a.SignedIn()
			c.OK(func(s *sessions.Session) {
				s.SetOwner("ann")
				s.AddFlash("hello")
				testapp.Error(t, "EditGuardNote", s.EditGuardNote(appends("note")), nil)
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
			})
			token := c.Token()
			g.admits(refuse)
			for name, use := range uses {
				c.Fails(http.StatusForbidden, func(s *sessions.Session) {
					if _, err := testapp.User.Decode(s); !errors.Is(err, sessions.ErrRefused) {
						t.Errorf("%s: Decode: %v", name, err)
					}
					use(s)
					testapp.Error(t, name+": Err", s.Err(), sessions.ErrRefused)
					if user, ok := testapp.User.Get(s); ok && user != "eve" || s.Owner() == "ann" || s.GuardNote() != nil || !s.Deadline().IsZero() {
						t.Errorf("%s: the session of user %q, owner %q, can be read", name, user, s.Owner())
					}
				})
				testapp.Equal(t, name+": token", c.Token(), token)
			}
			r, err := http.NewRequest("GET", a.Server.URL+"/header", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(field, token)
			a.Handle("/header", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s := sessions.FromContext(r.Context())
				user, _ := testapp.User.Get(s)
				io.WriteString(w, "user:"+user)
			}))
			got, err := a.Server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(got.Body)
			got.Body.Close()
			testapp.Equal(t, "status with a token header", got.StatusCode, http.StatusForbidden)
			testapp.Equal(t, "token header of the response", got.Header.Values(field), []string(nil))
			testapp.Equal(t, "body with a token header", string(body), "Forbidden\n")
			_, err = a.Manager.Load(t.Context(), token)
			testapp.Error(t, "Load", err, sessions.ErrRefused)

			g.admits(nil)
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "Keys", s.Keys(), []string{"user"})
				testapp.Equal(t, "flashes", s.Flashes(), []string{"hello"})
				testapp.Equal(t, "owner", s.Owner(), "ann")
				testapp.Equal(t, "note", string(s.GuardNote()), "note")
				testapp.Equal(t, "user", s.Get("user"), any("ann"))
			})
			a.WantRecords(1)
		}
	})
}

// s2t is for errors in functions that have no test at hand.
func s2t(*sessions.Session) testing.TB { return panicking{} }

type panicking struct{ testing.TB }

func (panicking) Helper()                           {}
func (panicking) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func TestRefusedSessionCanBeEnded(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		for name, end := range map[string]func(*sessions.Session){
			"Destroy": func(s *sessions.Session) { testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil) },
			"Destroy after a read": func(s *sessions.Session) {
				testapp.Look(s)
				testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil)
			},
			"Invalidate": func(s *sessions.Session) { testapp.Error(t, "Invalidate", s.Invalidate(), nil) },
			"Invalidate by Save": func(s *sessions.Session) {
				s.Invalidate()
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
				s.Revert()
			},
		} {
			for what, next := range map[string]func(*sessions.Session){"": func(*sessions.Session) {}, ", then a value": testapp.Increment} {
				t.Run(name+what, func(t *testing.T) {
					a, g := st.guarded(t)
					c := a.SignedIn()
					old := c.Copy()
					g.admits(refuse)
					c.OK(func(s *sessions.Session) { end(s); next(s) })
					g.admits(nil)
					testapp.Equal(t, "user of the ended session", old.User(), "")
					if what == "" {
						a.WantRecords(0)
						return
					}
					testapp.Equal(t, "count of the next session", c.Count(), 1)
					a.WantRecords(1)
				})
			}
		}
	}, revoke)
}

// Code that signs users in needs no change for a guard.
func TestSignInWithARefusedSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.SignedIn()
		old := c.Copy()
		g.admits(refuse)
		c.OK(func(s *sessions.Session) {
			testapp.Error(t, "Renew", s.Renew(), nil)
			testapp.Increment(s)
			testapp.Error(t, "SetOwner", s.SetOwner("bob"), nil)
			testapp.Error(t, "SetLifetime", s.SetLifetime(time.Hour), nil)
			testapp.Error(t, "Err", s.Err(), nil)
		})
		_, issued := g.calls()
		testapp.Equal(t, "tokens issued", len(issued), 2)
		g.admits(nil)
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "Keys", s.Keys(), []string{"count"})
			testapp.Equal(t, "owner", s.Owner(), "bob")
		})
		testapp.Equal(t, "user of the refused session", old.User(), "ann")
	})
}

func TestSignInWithARefusedSessionWithoutSave(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t, func(o *sessions.Options) { o.ManualSave = true })
		c := a.SignedIn()
		g.admits(refuse)
		for _, f := range []func(*sessions.Session){
			func(s *sessions.Session) { s.SetOwner("bob") },
			func(s *sessions.Session) { s.Invalidate() },
		} {
			c.Fails(http.StatusForbidden, f)
		}
	})
}

// A refused session does not hide a live one behind it: a neighboring host could plant
// one.
func TestRefusedSessionHidesNoOther(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		refused := ""
		mallory := a.Client()
		mallory.OK(func(s *sessions.Session) { s.SetOwner("mallory"); refused = s.ID() })
		ann := a.SignedIn()
		g.admits(func(_ *http.Request, h sessions.Held) error {
			if h.ID() == refused {
				return errDisabled
			}
			return nil
		})
		ann.Extra = []string{a.CookieName() + "=" + mallory.Token()}
		testapp.Equal(t, "user", ann.User(), "ann")
		ann.OK(testapp.Increment)
		testapp.Equal(t, "count", ann.Count(), 1)
		ann.SetToken("")
		ann.Fails(http.StatusForbidden, testapp.Look)
		// It does not turn an outage, or the end of another session, into a sign-out either.
		if a.Store.Inner() != nil {
			ann.Extra = append(ann.Extra, a.CookieName()+"="+a.SignedIn().Token())
			a.Store.Next("Load", testapp.OK, testapp.Refused)
			ann.Fails(http.StatusServiceUnavailable, testapp.Look)
		}
	})
}

func TestFailureOfTheGuard(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.SignedIn()
		for _, err := range []error{
			errors.New("the list of accounts cannot be read"),
			fmt.Errorf("no such account: %w", sessions.ErrNotFound), // is not a session that is not there
			fmt.Errorf("damaged list: %w", sessions.ErrCorrupt),
		} {
			g.admits(func(*http.Request, sessions.Held) error { return err })
			c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
				testapp.Error(t, "Err", s.Err(), err)
				testapp.Equal(t, "Keys", len(s.Keys()), 0)
				testapp.Increment(s)
				testapp.Error(t, "Invalidate", s.Invalidate(), err)
			})
			_, loadErr := a.Manager.Load(t.Context(), c.Token())
			testapp.Error(t, "Load", loadErr, err)
		}
		g.admits(nil)
		testapp.Equal(t, "user", c.User(), "ann")
		testapp.Equal(t, "count", c.Count(), 0)
	})
}

// Middleware recovers from a panic of the guard, and the rest of the request uses the
// session: nobody has admitted it.
func TestPanicOfTheGuard(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.SignedIn()
		c.OK(func(s *sessions.Session) { s.AddFlash("hello") })
		g.admits(func(*http.Request, sessions.Held) error { panic("the guard panics") })
		c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			func() {
				defer func() { testapp.Equal(t, "panic", recover(), any("the guard panics")) }()
				testapp.Look(s)
			}()
			if user, ok := testapp.User.Get(s); ok || s.Owner() != "" || len(s.Keys()) > 0 || len(s.Flashes()) > 0 {
				t.Errorf("the session of user %q can be read", user)
			}
			if s.Err() == nil {
				t.Error("Err is nil")
			}
			testapp.Increment(s)
		})
		g.admits(nil)
		testapp.Equal(t, "user", c.User(), "ann")
		testapp.Equal(t, "count", c.Count(), 0)
	})
}

func TestRefusalAfterTheHeader(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.SignedIn()
		g.admits(refuse)
		a.Handle("/late", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			http.NewResponseController(w).Flush()
			testapp.User.Get(sessions.FromContext(r.Context()))
		}))
		r, err := http.NewRequest("GET", a.Server.URL+"/late", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", a.CookieName()+"="+c.Token())
		got, err := a.Server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		if _, err := io.ReadAll(got.Body); err == nil {
			t.Error("the response is complete although its session was refused")
		}
	})
}

type ownPage struct{ error }

func (ownPage) Is(target error) bool { return target == sessions.ErrRefused }

func (ownPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusUnauthorized)
	io.WriteString(w, "a page of its own for "+r.Method)
}

func TestRefusalWithAPageOfItsOwn(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.SignedIn()
		g.admits(func(*http.Request, sessions.Held) error { return ownPage{errors.New("no")} })
		got := c.Serve(func(w http.ResponseWriter, r *http.Request) {
			testapp.Look(sessions.FromContext(r.Context()))
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		})
		testapp.Equal(t, "status", got.StatusCode, http.StatusUnauthorized)
		testapp.Equal(t, "body", got.Body, "a page of its own for GET")
		testapp.Equal(t, "Location", got.Header.Get("Location"), "")
		testapp.Equal(t, "Cache-Control", got.Header.Get("Cache-Control"), "no-store")
		testapp.NoCookie(t, got)
	})
}

func TestRefusalIsLogged(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.SignedIn()
		id := ""
		c.OK(func(s *sessions.Session) { id = s.ID() })
		g.admits(refuse)
		c.Fails(http.StatusForbidden, testapp.Look)
		logged := a.Log.String()
		if n := strings.Count(logged, "sessions: session refused"); n != 1 || !strings.Contains(logged, "session="+id) || !strings.Contains(logged, "the account is disabled") {
			t.Errorf("got log:\n%s", logged)
		}
		if strings.Contains(logged, "level=ERROR") {
			t.Errorf("a refusal is logged as an error:\n%s", logged)
		}
	})
}
