package behaviour

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// guard is a guard that a test can change at any time. The zero guard admits all.
type guard struct {
	mu     sync.Mutex
	config sessions.GuardConfig
	start  error
	admit  func(r *http.Request, h sessions.Held) error
	issue  func(h sessions.Held, header http.Header)
	asked  int
	issued []string // IDs
}

func (g *guard) Start(c sessions.GuardConfig) error {
	g.config = c
	return g.start
}

func (g *guard) Admit(r *http.Request, h sessions.Held) error {
	g.mu.Lock()
	g.asked++
	admit := g.admit
	g.mu.Unlock()
	if admit == nil {
		return nil
	}
	return admit(r, h)
}

func (g *guard) Issue(r *http.Request, h sessions.Held, header http.Header) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.issued = append(g.issued, h.ID())
	if g.issue != nil {
		g.issue(h, header)
	}
}

// admits sets what Admit does from now on; nil admits.
func (g *guard) admits(f func(r *http.Request, h sessions.Held) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admit = f
}

// calls returns how often the guard was asked, and the IDs whose tokens were sent, since
// the last call of calls.
func (g *guard) calls() (asked int, issued []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked, issued = g.asked, g.issued
	g.asked, g.issued = 0, nil
	return asked, issued
}

var errDisabled = fmt.Errorf("the account is disabled: %w", sessions.ErrRefused)

func refuse(*http.Request, sessions.Held) error { return errDisabled }

// guarded starts an application with a guard.
func (st store) guarded(t *testing.T, change ...func(o *sessions.Options)) (*testapp.App, *guard) {
	t.Helper()
	g := new(guard)
	a := st.start(t, append(change, func(o *sessions.Options) { o.Guard = g })...)
	return a, g
}

func appends(text string) func([]byte) ([]byte, error) {
	return func(old []byte) ([]byte, error) { return append(bytes.Clone(old), text...), nil }
}

func wantNote(t *testing.T, what string, c *testapp.Client, want string) {
	t.Helper()
	c.OK(func(s *sessions.Session) { testapp.Equal(t, "note after "+what, string(s.GuardNote()), want) })
}

func TestGuardIsAskedOnceARequest(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.Client()
		c.OK(testapp.Increment)
		asked, issued := g.calls()
		testapp.Equal(t, "questions about a new session", asked, 0)
		testapp.Equal(t, "tokens issued", len(issued), 1)
		for _, test := range []struct {
			name string
			f    func(*sessions.Session)
			want int
		}{
			{"an untouched session", func(*sessions.Session) {}, 0},
			{"reads", func(s *sessions.Session) { testapp.Look(s); s.Owner(); s.Keys() }, 1},
			{"writes", testapp.Increment, 1},
			{"reads in several goroutines", func(s *sessions.Session) {
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() { testapp.Look(s) })
				}
				wg.Wait()
			}, 1},
		} {
			c.OK(test.f)
			asked, issued := g.calls()
			testapp.Equal(t, "questions: "+test.name, asked, test.want)
			testapp.Equal(t, "tokens issued: "+test.name, len(issued), 0)
		}
		g.admits(func(r *http.Request, h sessions.Held) error {
			if r != nil {
				t.Error("Manager.Load passes a request")
			}
			return nil
		})
		s, err := a.Manager.Load(t.Context(), c.Token())
		if err != nil {
			t.Fatal(err)
		}
		asked, _ = g.calls()
		testapp.Equal(t, "questions: Load", asked, 1)
		if _, cannot := st.cannot[keep]; !cannot {
			if _, err := a.Manager.Find(t.Context(), s.ID()); err != nil {
				t.Error(err)
			}
			asked, _ = g.calls()
			testapp.Equal(t, "questions: Find", asked, 0)
		}
	})
}

func TestGuardSeesTheRequestAndTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.Client()
		id := ""
		c.OK(func(s *sessions.Session) { s.SetOwner("ann"); id = s.ID() })
		g.admits(func(r *http.Request, h sessions.Held) error {
			testapp.Equal(t, "ID", h.ID(), id)
			testapp.Equal(t, "Owner", h.Owner(), "ann")
			testapp.Equal(t, "ByHeader", h.ByHeader(), false)
			testapp.Equal(t, "Note", string(h.Note()), "")
			if _, err := r.Cookie(a.CookieName()); err != nil {
				t.Error(err)
			}
			return nil
		})
		c.OK(testapp.Look)
		_, issued := g.calls()
		testapp.Equal(t, "IDs of the tokens issued", issued, []string{id})
	})
}

func TestGuardStarts(t *testing.T) {
	for _, st := range stores {
		t.Run(st.name, func(t *testing.T) {
			g := new(guard)
			o := sessions.Options{Driver: st.driver, DataDir: t.TempDir(), Guard: g}
			o.Cookie.Secret, o.Cookie.PreviousSecrets = secret, [][]byte{secret2}
			m, err := sessions.New(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			keys := g.config.Keys("a")
			testapp.Equal(t, "keys", len(keys), 2)
			if bytes.Equal(keys[0], keys[1]) || bytes.Equal(keys[0], g.config.Keys("b")[0]) {
				t.Error("keys of several secrets or purposes are the same")
			}
			testapp.Equal(t, "name", g.config.Cookie.Name, "pump-session")
			testapp.Equal(t, "secrets", len(g.config.Cookie.Secret)+len(g.config.Cookie.PreviousSecrets), 0)
			testapp.Equal(t, "InClient", g.config.InClient, st.name == "cookie")

			g.start = errors.New("this guard wants a door")
			o.DataDir = t.TempDir()
			_, err = sessions.New(t.Context(), o)
			testapp.Error(t, "New", err, g.start)
			testapp.Error(t, "New", err, sessions.ErrInvalidOptions)
			g.start = nil
			m2, err := sessions.New(t.Context(), o) // the store was closed
			if err != nil {
				t.Fatal(err)
			}
			m2.Close()
		})
	}
}

// Issue is called for each new ID, but not when the client gets a token of the same ID
// again, which a thief of the token could cause.
func TestGuardHearsOfNewIDs(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t, func(o *sessions.Options) { o.Cookie.Expires = sessions.ExpireAfter(time.Hour) })
		g.issue = func(h sessions.Held, header http.Header) {
			if header.Get("Set-Cookie") == "" {
				t.Error("Issue is called without a cookie in the header")
			}
			header.Set("X-Issued", h.Owner())
			if h.EditNote(appends("late")) == nil {
				t.Error("Issue can change the note")
			}
		}
		c := a.Client()
		for _, step := range []struct {
			name string
			f    func(*sessions.Session)
			want bool
		}{
			{"a new session", func(s *sessions.Session) { s.SetOwner("ann") }, true},
			{"a value", testapp.Increment, false},
			{"Renew", renew, true},
			{"Invalidate", func(s *sessions.Session) { s.Invalidate(); s.SetOwner("ann") }, true},
			{"SetExpires", func(s *sessions.Session) { s.SetExpires(sessions.ExpireNever()) }, false},
			{"Destroy", func(s *sessions.Session) { s.Destroy(t.Context()) }, false},
			{"a new session after it", func(s *sessions.Session) { s.SetOwner("ann") }, true},
		} {
			id := ""
			got := c.OK(func(s *sessions.Session) { step.f(s); id = s.ID() })
			want := []string(nil)
			if step.want {
				want = []string{id}
				testapp.Equal(t, "X-Issued after "+step.name, got.Header.Get("X-Issued"), "ann")
			}
			_, issued := g.calls()
			testapp.Equal(t, "issued after "+step.name, issued, want)
		}
		a.Clock.Advance(10 * time.Minute)
		if got := c.OK(testapp.Look); got.SetCookie == "" {
			t.Error("the cookie is not sent again")
		}
		a.Deploy(func(o *sessions.Options) { o.Cookie.Secret, o.Cookie.PreviousSecrets = secret2, [][]byte{secret} })
		if got := c.OK(testapp.Look); got.SetCookie == "" {
			t.Error("the cookie is not sent under the present secret")
		}
		_, issued := g.calls()
		testapp.Equal(t, "issued with a cookie that is sent again", len(issued), 0)
	})
}

func TestGuardNoteLivesWithTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, _ := st.guarded(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) { testapp.Error(t, "EditGuardNote", s.EditGuardNote(appends("n")), nil) })
		testapp.Equal(t, "token of a session with only a note", c.Token(), "")
		c.OK(func(s *sessions.Session) { s.SetOwner("ann"); s.EditGuardNote(appends("a")) })
		wantNote(t, "it is made", c, "a")
		for _, step := range []struct {
			name string
			f    func(*sessions.Session)
			want string
		}{
			{"an edit", func(s *sessions.Session) { s.EditGuardNote(appends("b")) }, "ab"},
			{"a refused edit", func(s *sessions.Session) {
				err := s.EditGuardNote(func([]byte) ([]byte, error) { return nil, errDisabled })
				testapp.Error(t, "EditGuardNote", err, errDisabled)
				testapp.Error(t, "EditGuardNote", s.EditGuardNote(appends(strings.Repeat("c", 1024))), sessions.ErrTooLarge)
			}, "ab"},
			{"Clear", func(s *sessions.Session) { s.Clear() }, "ab"},
			{"Renew", renew, "ab"},
			{"the same owner", func(s *sessions.Session) { s.SetOwner("ann"); s.Renew() }, "ab"},
			{"another owner", func(s *sessions.Session) { s.SetOwner("bob") }, ""},
			{"a note of the new owner", func(s *sessions.Session) { s.EditGuardNote(appends("c")) }, "c"},
			{"no owner", func(s *sessions.Session) { s.SetOwner("") }, ""},
			{"another note", func(s *sessions.Session) { s.EditGuardNote(appends("d")) }, "d"},
			{"Invalidate", func(s *sessions.Session) { s.Invalidate(); testapp.Increment(s) }, ""},
		} {
			c.OK(step.f)
			wantNote(t, step.name, c, step.want)
		}
	})
}

func TestGuardNoteMerges(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, _ := st.guarded(t)
		c := a.SignedIn()
		other := c.Copy()
		c.OK(func(s *sessions.Session) {
			testapp.Error(t, "EditGuardNote", s.EditGuardNote(appends("1")), nil)
			other.OK(func(s *sessions.Session) { s.EditGuardNote(appends("2")); testapp.Increment(s) })
		})
		wantNote(t, "two edits", c, "21")
		testapp.Equal(t, "count", c.Count(), 1)
		// f is asked again about the newer note, and may refuse then.
		first := func(old []byte) ([]byte, error) {
			if len(old) > 2 {
				return nil, fmt.Errorf("taken: %w", sessions.ErrConflict)
			}
			return appends("3")(old)
		}
		c.Fails(http.StatusConflict, func(s *sessions.Session) {
			testapp.Error(t, "EditGuardNote", s.EditGuardNote(first), nil)
			testapp.Increment(s)
			other.OK(func(s *sessions.Session) { s.EditGuardNote(first) })
		})
		wantNote(t, "a refused edit", c, "213")
		testapp.Equal(t, "count", c.Count(), 1)
		// A note that another request made for the former owner is dropped.
		c.OK(func(s *sessions.Session) {
			s.SetOwner("bob")
			other.OK(func(s *sessions.Session) { s.EditGuardNote(appends("4")) })
		})
		wantNote(t, "another owner", c, "")
	}, merge)
}

// A note that the guard edits in Admit is stored, whatever the handler does.
func TestGuardEditsItsNote(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t, func(o *sessions.Options) { o.ManualSave = true })
		c := a.SignedIn()
		edits := func(text string) {
			g.admits(func(_ *http.Request, h sessions.Held) error {
				if err := h.EditNote(appends(text)); err != nil {
					t.Error(err)
				}
				return nil
			})
		}
		for _, use := range []func(*sessions.Session){
			testapp.Look,
			func(s *sessions.Session) { testapp.Increment(s); s.Revert() },
			func(s *sessions.Session) { testapp.Increment(s) }, // without Save
		} {
			edits("x")
			c.OK(use)
		}
		edits("y")
		if _, err := a.Manager.Load(t.Context(), c.Token()); err != nil {
			t.Error(err)
		}
		g.admits(nil)
		wantNote(t, "edits in Admit", c, "xxxy")
		testapp.Equal(t, "count", c.Count(), 0)

		// Conflicts are resolved as usual.
		g.admits(func(_ *http.Request, h sessions.Held) error {
			g.admits(nil)
			c.Copy().OK(func(s *sessions.Session) { s.EditGuardNote(appends("1")); s.Save(t.Context()) })
			testapp.Error(t, "EditNote", h.EditNote(appends("2")), nil)
			testapp.Equal(t, "Note", string(h.Note()), "xxxy12")
			return nil
		})
		c.OK(testapp.Look)
		wantNote(t, "a conflict", c, "xxxy12")

		// A failure leaves the session as it is.
		for _, fault := range []testapp.Fault{testapp.Refused, testapp.LostAnswer} {
			g.admits(func(_ *http.Request, h sessions.Held) error {
				a.Store.Next("Save", fault)
				a.Store.Next("Load", testapp.Refused)
				if h.EditNote(appends("3")) == nil {
					t.Error("EditNote returned no error although the store failed")
				}
				a.Store.Up()
				testapp.Equal(t, "Note after a failure", string(h.Note()), "xxxy12")
				g.admits(nil)
				return nil
			})
			c.OK(func(s *sessions.Session) { testapp.Equal(t, "user", s.Get("user"), any("ann")) })
			if fault.Applied {
				break
			}
			wantNote(t, "a failure", c, "xxxy12")
		}
		g.admits(func(_ *http.Request, h sessions.Held) error {
			testapp.Error(t, "EditNote", h.EditNote(func([]byte) ([]byte, error) { return nil, errDisabled }), errDisabled)
			return nil
		})
		c.OK(testapp.Look)
	}, merge)
}

// A quiet use does not extend the session, even if it writes.
func TestQuietUse(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		c := a.SignedIn()
		g.admits(func(_ *http.Request, h sessions.Held) error { h.Quiet(); return nil })
		for range 5 {
			a.Clock.Advance(10 * time.Minute)
			c.OK(testapp.Look)
			c.OK(testapp.Increment)
			c.OK(renew)
		}
		testapp.Equal(t, "count", c.Count(), 5)
		a.Clock.Advance(11 * time.Minute)
		c.IsAnonymous("61 minutes after the last use that counts")
	})
}

func TestQuietUseWritesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t, func(o *sessions.Options) {
			o.IdleTimeout, o.RenewAfter = time.Hour, 10*time.Minute
		})
		c := a.SignedIn()
		g.admits(func(_ *http.Request, h sessions.Held) error { h.Quiet(); return nil })
		a.Clock.Advance(30 * time.Minute)
		a.Store.Calls()
		testapp.NoCookie(t, c.OK(testapp.Look))
		testapp.Equal(t, "calls", a.Store.Calls(), "Load")
		a.Deploy(func(o *sessions.Options) { o.Cookie.Secret, o.Cookie.PreviousSecrets = secret2, [][]byte{secret} })
		a.Store.Calls()
		testapp.NoCookie(t, c.OK(testapp.Look))
		testapp.Equal(t, "calls with a previous secret", a.Store.Calls(), "Load")
	}, revoke)
}

// Hold is for requests to the guard itself.
func TestHold(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a, g := st.guarded(t)
		c := a.SignedIn()
		noted := func(h sessions.Held) error { h.Quiet(); return h.EditNote(appends("x")) }
		hold := func(c *testapp.Client, want error, f func(h sessions.Held) error) {
			t.Helper()
			c.Serve(func(w http.ResponseWriter, r *http.Request) {
				testapp.Error(t, "Hold", g.config.Hold(r.Context(), f), want)
			})
		}
		never := func(sessions.Held) error { t.Error("Hold calls the function"); return nil }
		refuses := func(sessions.Held) error { return errDisabled }

		hold(c, nil, noted)
		asked, _ := g.calls()
		testapp.Equal(t, "questions", asked, 0)
		g.admits(refuse)
		hold(c, nil, noted)
		// Middleware may have used the session, which was refused then.
		c.OK(func(s *sessions.Session) {
			testapp.Error(t, "Err", s.Err(), sessions.ErrRefused)
			testapp.Error(t, "Hold", g.config.Hold(sessions.NewContext(t.Context(), s), noted), nil)
			testapp.Error(t, "Err", s.Err(), nil)
		})
		// If f refuses, the session is not used, and so the response is the handler's.
		c.OK(func(s *sessions.Session) {
			testapp.Error(t, "Err", s.Err(), sessions.ErrRefused)
			testapp.Error(t, "Hold", g.config.Hold(sessions.NewContext(t.Context(), s), refuses), sessions.ErrRefused)
		})
		// What f has refused is not used in the rest of the request, but can be ended or left.
		for name, use := range map[string]func(s *sessions.Session){
			"read":    func(s *sessions.Session) {},
			"sign-in": func(s *sessions.Session) { s.SetOwner("eve") },
		} {
			other := c.Copy()
			other.OK(func(s *sessions.Session) {
				testapp.Error(t, "Hold", g.config.Hold(sessions.NewContext(t.Context(), s), refuses), sessions.ErrRefused)
				if user, ok := testapp.User.Get(s); ok || s.GuardNote() != nil {
					t.Errorf("%s: the session of user %q can be read", name, user)
				}
				use(s)
			})
		}
		g.admits(nil)
		wantNote(t, "three", c, "xxx")
		c.OK(func(s *sessions.Session) {
			testapp.Increment(s)
			testapp.Error(t, "Hold", g.config.Hold(sessions.NewContext(t.Context(), s), noted), nil)
		})
		testapp.Equal(t, "count", c.Count(), 1)
		c.OK(func(s *sessions.Session) {
			s.Renew()
			if g.config.Hold(sessions.NewContext(t.Context(), s), noted) == nil {
				t.Error("EditNote accepted a session with an uncommitted Renew")
			}
		})
		wantNote(t, "four", c, "xxxx")

		late := c.Copy()
		hold(a.Client(), sessions.ErrNotFound, never)
		c.OK(renew)
		hold(late, sessions.ErrEnded, never)
		late.Extra, late.Cookies = []string{a.CookieName() + "=" + late.Token(), a.CookieName() + "=" + c.Token()}, nil
		hold(late, sessions.ErrRefused, refuses)
		hold(late, sessions.ErrEnded, refuses)
		a.Store.FailNext(1, "Load")
		hold(c, testapp.ErrDown, never)
	}, revoke)
}
