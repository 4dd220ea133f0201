package sessionstest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
)

func TestServeGivesTheHandlerASessionAndShowsWhatBecameOfIt(t *testing.T) {
	const visits sessions.Key[int] = "visits"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/in":
			user.Set(s, "ann")
			s.Renew()
		case "/out":
			s.Destroy(r.Context())
		}
		name, _ := user.Get(s)
		visits.Update(s, func(n int) int { return n + 1 })
		fmt.Fprint(w, "hello ", name, ", new: ", s.IsNew())
	})

	res, s := Serve(t, handler, httptest.NewRequest("GET", "/", nil), map[string]any{"user": "bob", "visits": 6})
	if got := res.Body.String(); got != "hello bob, new: false" {
		t.Errorf("the handler said %q", got)
	}
	if n, _ := visits.Get(s); n != 7 {
		t.Errorf("visits are %d after the request, want 7", n)
	}

	res, s = Serve(t, handler, httptest.NewRequest("GET", "/in", nil), map[string]any{"visits": 1})
	if name, _ := user.Get(s); name != "ann" || res.Header().Get("Set-Cookie") == "" {
		t.Errorf("after signing in: user %q, cookie %q", name, res.Header().Get("Set-Cookie"))
	}

	_, s = Serve(t, handler, httptest.NewRequest("GET", "/out", nil), map[string]any{"user": "bob"})
	if user.Has(s) {
		t.Error("signing out left the user")
	}

	res, _ = Serve(t, handler, httptest.NewRequest("GET", "/", nil), nil)
	if got := res.Body.String(); got != "hello , new: true" {
		t.Errorf("the handler said %q to a new client", got)
	}
}

func TestServePreparesTheSession(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		name, _ := user.Get(s)
		fmt.Fprint(w, name, " ", s.Owner(), " ", s.Flashes(), " ", s.Get("theme"))
	})
	res, s := Serve(t, handler, httptest.NewRequest("GET", "/", nil), map[string]any{"theme": "dark"}, func(s *sessions.Session) {
		user.Set(s, "ann")
		s.SetOwner("user:ann")
		s.AddFlash("Saved.")
	})
	if got := res.Body.String(); got != "ann user:ann [Saved.] dark" {
		t.Errorf("the handler said %q", got)
	}
	if left := s.Flashes(); len(left) != 0 {
		t.Errorf("the flash message is still there: %q", left)
	}
}

// failing is a test that is allowed to fail, of which attempt returns the messages.
type failing struct {
	testing.TB
	mu       sync.Mutex
	messages []string
	log      bytes.Buffer
}

func (f *failing) Helper()           {}
func (f *failing) Output() io.Writer { return &f.log }

func (f *failing) Error(args ...any) { f.Errorf("%s", fmt.Sprint(args...)) }

func (f *failing) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}

func (f *failing) Fatal(args ...any) {
	f.Error(args...)
	runtime.Goexit()
}

func attempt(t *testing.T, test func(t testing.TB)) *failing {
	f := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(f)
	}()
	<-done
	return f
}

// says checks that the test failed once, with a message that has these words.
func (f *failing) says(t *testing.T, words ...string) {
	t.Helper()
	if len(f.messages) != 1 {
		t.Fatalf("the test failed %d times: %q", len(f.messages), f.messages)
	}
	for _, w := range words {
		if !strings.Contains(f.messages[0], w) {
			t.Errorf("the failure %q does not say %q", f.messages[0], w)
		}
	}
}

const user sessions.Key[string] = "user"

// greet says who is signed in.
func greet(w http.ResponseWriter, r *http.Request) {
	name, _ := user.Get(sessions.FromContext(r.Context()))
	fmt.Fprint(w, "hello ", name)
}

func TestServeNoticesAManagerInside(t *testing.T) {
	m := NewManager(t)
	for name, h := range map[string]http.Handler{
		"wrapped":     m.Wrap(http.HandlerFunc(greet)),
		"deep inside": http.StripPrefix("/a", m.Wrap(http.HandlerFunc(greet))),
		"not wrapped": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { m.FromContext(r.Context()).Keys() }), // panics
	} {
		t.Run(name, func(t *testing.T) {
			f := attempt(t, func(t testing.TB) {
				Serve(t, h, httptest.NewRequest("GET", "/a/b", nil), map[string]any{"user": "ann"})
				t.Error("it goes on")
			})
			f.says(t, "Manager of its own", "inside of Wrap", "NewClient", "NewManager")
		})
	}
}

func TestServeFailsForAValueOfTheWrongType(t *testing.T) {
	const number sessions.Key[int] = "number"
	for name, h := range map[string]http.HandlerFunc{
		"Get": func(_ http.ResponseWriter, r *http.Request) { number.Get(sessions.FromContext(r.Context())) },
		"Update": func(_ http.ResponseWriter, r *http.Request) {
			number.Update(sessions.FromContext(r.Context()), func(n int) int { return n + 1 })
		},
		"Set": func(_ http.ResponseWriter, r *http.Request) {
			sessions.FromContext(r.Context()).Set("number", func() {})
		},
		"after the header": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			sessions.FromContext(r.Context()).Set("number", func() {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := attempt(t, func(t testing.TB) {
				Serve(t, h, httptest.NewRequest("GET", "/", nil), map[string]any{"number": "seven"})
			})
			f.says(t, "number")
		})
	}
	f := attempt(t, func(t testing.TB) {
		Serve(t, http.HandlerFunc(greet), httptest.NewRequest("GET", "/", nil), map[string]any{"number": func() {}})
	})
	f.says(t, "prepare the session", "number")
}

// The next request of a client has what the one before left: values, owner and
// flash messages, and the new ID after a Renew.
func TestClientKeepsItsSession(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/in":
			user.Set(s, "ann")
			s.SetOwner("user:ann")
			s.Renew()
			s.AddFlash("Welcome.")
			http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark", Secure: true})
		case "/out":
			s.Destroy(r.Context())
			http.SetCookie(w, &http.Cookie{Name: "theme", MaxAge: -1})
		}
		name, _ := user.Get(s)
		theme, _ := r.Cookie("theme")
		fmt.Fprint(w, name, " ", s.Owner(), " ", s.Flashes(), " ", s.Get("visits"), " ", theme)
	})
	c := NewClient(t, NewManager(t), handler)
	c.Prepare(func(s *sessions.Session) { s.Set("visits", 1) })
	c.Prepare(func(s *sessions.Session) { s.AddFlash("First.") })
	for _, step := range []struct{ path, want string }{
		{"/", "  [First.] 1 "},
		{"/in", "ann user:ann [Welcome.] 1 "},
		{"/", "ann user:ann [] 1 theme=dark"},
		{"/out", "  [] <nil> theme=dark"},
		{"/", "  [] <nil> "},
	} {
		res, s := c.Do(httptest.NewRequest("GET", step.path, nil))
		if got := res.Body.String(); got != step.want {
			t.Errorf("%s: the handler said %q, want %q", step.path, got, step.want)
		}
		if name, _ := user.Get(s); name != strings.SplitN(step.want, " ", 2)[0] {
			t.Errorf("%s: the session that Do returned has user %q", step.path, name)
		}
	}
}

// A request that is sent twice does not carry the cookies of the first time.
func TestClientLeavesTheRequestAlone(t *testing.T) {
	c := NewClient(t, NewManager(t), http.HandlerFunc(greet))
	c.Prepare(func(s *sessions.Session) { user.Set(s, "ann") })
	r := httptest.NewRequest("GET", "/", nil)
	c.Do(r)
	if len(r.Cookies()) != 0 {
		t.Errorf("the request has %v", r.Cookies())
	}
}

// Handlers that list or end an owner's sessions are tested with several clients of
// one Manager, wrapped in it or not.
func TestClientsOfOneManager(t *testing.T) {
	m := NewManager(t)
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := m.FromContext(r.Context())
		if r.Method == "POST" {
			m.DestroyOwned(r.Context(), s.Owner(), s)
		}
		fmt.Fprint(w, s.Owner())
	})
	signIn := func(s *sessions.Session) { s.SetOwner("ann") }
	phone, laptop := NewClient(t, m, m.Wrap(inner)), NewClient(t, m, inner)
	phone.Prepare(signIn)
	laptop.Prepare(signIn)
	phone.Do(httptest.NewRequest("POST", "/", nil))
	if res, _ := phone.Do(httptest.NewRequest("GET", "/", nil)); res.Body.String() != "ann" {
		t.Errorf("the phone is %q", res.Body)
	}
	if res, _ := laptop.Do(httptest.NewRequest("GET", "/", nil)); res.Body.String() != "" {
		t.Errorf("the laptop is still %q", res.Body)
	}
}
