package behaviour

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestHandlerThatWritesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		got := c.Serve(func(_ http.ResponseWriter, r *http.Request) {
			testapp.User.Set(sessions.FromContext(r.Context()), "ann")
		})
		if got.StatusCode != http.StatusOK || got.Body != "" || got.Cookie == nil {
			t.Errorf("got %d %q with the cookie %v", got.StatusCode, got.Body, got.Cookie)
		}
		a.WantRecords(1)
		testapp.Equal(t, "user", c.User(), "ann")
	})
}

func TestSeveralWritesAreOneSave(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		got := c.Serve(func(w http.ResponseWriter, r *http.Request) {
			testapp.User.Set(sessions.FromContext(r.Context()), "ann")
			io.WriteString(w, "one ")
			w.Write([]byte("two "))
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			fmt.Fprint(w, "three ")
			io.Copy(w, strings.NewReader("four"))
		})
		testapp.Equal(t, "body", got.Body, "one two three four")
		testapp.Equal(t, "saves", a.Store.Since("Save", "Seal"), 1)
		testapp.Equal(t, "user", c.User(), "ann")
	})
}

func TestHandlersOwnCookiesSurvive(t *testing.T) {
	for name, send := range map[string]func(w http.ResponseWriter){
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) },
		"Write":       func(w http.ResponseWriter) { w.Write([]byte("hello")) },
		"Flush":       func(w http.ResponseWriter) { http.NewResponseController(w).Flush() },
		"nothing":     func(http.ResponseWriter) {},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				got := st.start(t).Client().Serve(func(w http.ResponseWriter, r *http.Request) {
					http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
					testapp.User.Set(sessions.FromContext(r.Context()), "ann")
					http.SetCookie(w, &http.Cookie{Name: "pump-session2", Value: "x"})
					send(w)
				})
				lines := got.Header["Set-Cookie"]
				if len(lines) != 3 || got.SetCookie == "" || !slices.Contains(lines, "theme=dark") || !slices.Contains(lines, "pump-session2=x") {
					t.Errorf("Set-Cookie: %q", lines)
				}
			})
		})
	}
}

// There is one Set-Cookie field, for the final state. client.request checks that there
// is only one.
func TestOneSetCookieWhateverChanges(t *testing.T) {
	type step = func(s *sessions.Session)
	set := func(s *sessions.Session) { testapp.User.Set(s, "bob") }
	renew := func(s *sessions.Session) { s.Renew() }
	invalidate := func(s *sessions.Session) { s.Invalidate() }
	const live, deleted = "live", "deleted"
	for name, test := range map[string]struct {
		steps func(save, destroy step) []step
		want  string
		user  string
	}{
		"set, renew":                       {func(_, _ step) []step { return []step{set, renew} }, live, "bob"},
		"set, save, renew, save, set":      {func(save, _ step) []step { return []step{set, save, renew, save, set} }, live, "bob"},
		"renew, save, renew, save":         {func(save, _ step) []step { return []step{renew, save, renew, save} }, live, "ann"},
		"renew, destroy":                   {func(_, destroy step) []step { return []step{renew, destroy} }, deleted, ""},
		"set, renew, save, destroy":        {func(save, destroy step) []step { return []step{set, renew, save, destroy} }, deleted, ""},
		"set, renew, destroy, set":         {func(_, destroy step) []step { return []step{set, renew, destroy, set} }, live, "bob"},
		"destroy, set, save, destroy":      {func(save, destroy step) []step { return []step{destroy, set, save, destroy} }, deleted, ""},
		"destroy, set, save, destroy, set": {func(save, destroy step) []step { return []step{destroy, set, save, destroy, set} }, live, "bob"},
		"invalidate, set, save, renew":     {func(save, _ step) []step { return []step{invalidate, set, save, renew} }, live, "bob"},
		"invalidate, destroy":              {func(_, destroy step) []step { return []step{invalidate, destroy} }, deleted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.SignedIn()
				old := c.Token()
				save := func(s *sessions.Session) { testapp.Error(t, "Save", s.Save(t.Context()), nil) }
				destroy := func(s *sessions.Session) { testapp.Error(t, "Destroy", s.Destroy(t.Context()), nil) }
				got := c.OK(func(s *sessions.Session) {
					for _, f := range test.steps(save, destroy) {
						f(s)
					}
				})
				if got.Cookie == nil || (got.Cookie.Value == "") != (test.want == deleted) || got.Cookie.Value == old {
					t.Errorf("Set-Cookie: %q, want a %s one", got.SetCookie, test.want)
				}
				testapp.Equal(t, "user", c.User(), test.user)
				a.WantRecords(map[string]int{live: 1, deleted: 0}[test.want])
			})
		})
	}
}

// The page after a sign-in or sign-out shows the new state. The client has a cookie jar and
// follows redirects.
func TestRedirectAfterAChange(t *testing.T) {
	for _, status := range []int{301, 302, 303} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				a.Handle("/sign-in", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					s := sessions.FromContext(r.Context())
					s.Renew()
					testapp.User.Set(s, "ann")
					http.Redirect(w, r, "/", status)
				}))
				a.Handle("/sign-out", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					testapp.Error(t, "Destroy", sessions.FromContext(r.Context()).Destroy(r.Context()), nil)
					http.Redirect(w, r, "/", status)
				}))
				a.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprint(w, sessions.FromContext(r.Context()).Get("user"))
				}))
				jar, _ := cookiejar.New(nil)
				browser := &http.Client{Jar: jar, Transport: a.Server.Client().Transport}
				for i, visit := range []struct{ path, want string }{
					{"/", "<nil>"}, {"/sign-in", "ann"}, {"/sign-in", "ann"}, {"/", "ann"}, {"/sign-out", "<nil>"}, {"/", "<nil>"}, {"/sign-in", "ann"},
				} {
					resp, err := browser.Get(a.Server.URL + visit.path)
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if string(body) != visit.want || err != nil {
						t.Errorf("visit %d of %s: the user is %s, want %s (%v)", i, visit.path, body, visit.want, err)
					}
				}
				a.WantRecords(1)
			})
		})
	}
}

func TestHEADSavesLikeGET(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
		page := func(w http.ResponseWriter, r *http.Request) {
			testapp.Increment(sessions.FromContext(r.Context()))
			io.WriteString(w, "hello")
		}
		lines := make(map[string]string)
		for method, body := range map[string]string{"GET": "hello", "HEAD": ""} {
			c := a.Client()
			got := c.Request(method, page)
			testapp.Equal(t, "body of "+method, got.Body, body)
			if got.Cookie == nil {
				t.Fatalf("%s set no cookie", method)
			}
			lines[method] = attributes(got.SetCookie) + got.Header.Get("Vary") + got.Header.Get("Cache-Control")
			c.Request(method, page)
			c.OK(func(s *sessions.Session) { testapp.Equal(t, "count after "+method, s.Get("count"), any(int64(2))) })
		}
		testapp.Equal(t, "the header of HEAD", lines["HEAD"], lines["GET"])
	})
}
