package sessions_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// apiClient is a client without cookies. It sends its token in a header field from the
// first request on, and keeps the value of the response's field.
type apiClient struct {
	t      testing.TB
	m      *sessions.Manager
	field  string
	scheme string // before the token
	token  string
}

func (c *apiClient) do(h func(s *sessions.Session)) *http.Response {
	c.t.Helper()
	return c.serve(func(_ http.ResponseWriter, r *http.Request) { h(sessions.FromContext(r.Context())) })
}

func (c *apiClient) serve(h http.HandlerFunc) *http.Response {
	c.t.Helper()
	r := httptest.NewRequestWithContext(c.t.Context(), "GET", "/", nil)
	r.Header.Set(c.field, strings.TrimSpace(c.scheme+c.token))
	w := httptest.NewRecorder()
	c.m.Wrap(h).ServeHTTP(w, r)
	resp := w.Result()
	if lines, ok := resp.Header[http.CanonicalHeaderKey(c.field)]; ok {
		if len(lines) != 1 {
			c.t.Errorf("got the field %d times in the response", len(lines))
		}
		token, ok := strings.CutPrefix(lines[0], c.scheme)
		if !ok && lines[0] != "" {
			c.t.Errorf("the response's %s does not begin with %q", c.field, c.scheme)
		}
		c.token = token
	}
	testapp.NoCookie(c.t, resp)
	return resp
}

// headerClients are clients for each way to send a token, and each kind of store.
func headerClients(t *testing.T, test func(t *testing.T, c *apiClient)) {
	for _, store := range []string{"memory", "sealed"} {
		for _, c := range []apiClient{{field: "x-session-token"}, {field: "Authorization", scheme: "Bearer "}} {
			t.Run(store+" "+c.field, func(t *testing.T) {
				m, _ := testapp.NewManager(t, sessions.Options{
					Store: store, TokenHeader: c.field, Cookie: sessions.Cookie{Secret: testapp.Secret},
				})
				c.t, c.m = t, m
				test(t, &c)
			})
		}
	}
}

func TestTokenHeader(t *testing.T) {
	headerClients(t, func(t *testing.T, c *apiClient) {
		resp := c.do(func(s *sessions.Session) {
			if !s.IsNew() {
				t.Error("the first request has no new session")
			}
			s.Set("user", "ann")
		})
		if c.token == "" {
			t.Fatalf("got no token in the response: %v", resp.Header)
		}
		field := http.CanonicalHeaderKey(c.field)
		if got, want := resp.Header.Get("Cache-Control"), `private, no-cache="`+field+`"`; got != want {
			t.Errorf("got Cache-Control %s, want %s", got, want)
		}
		if vary := resp.Header["Vary"]; strings.Join(vary, ", ") != "Cookie, "+field {
			t.Errorf("got Vary %q, want Cookie and the field", vary)
		}
		c.do(func(s *sessions.Session) {
			if s.Get("user") != "ann" || s.IsNew() || s.Token() != c.token {
				t.Errorf("got user %v in the second request", s.Get("user"))
			}
		})
	})
}

func TestTokenHeaderRenew(t *testing.T) {
	headerClients(t, func(t *testing.T, c *apiClient) {
		c.do(func(s *sessions.Session) { s.Set("user", "ann") })
		old := c.token
		c.do(func(s *sessions.Session) {
			if err := s.Renew(); err != nil {
				t.Error(err)
			}
		})
		if c.token == old || c.token == "" {
			t.Fatal("got no new token in the response")
		}
		c.do(func(s *sessions.Session) {
			if s.Get("user") != "ann" {
				t.Error("the data is lost")
			}
		})
		if c.m.Ping(t.Context()) != nil {
			t.Error("the store does not respond")
		}
	})
}

func TestTokenHeaderSignOut(t *testing.T) {
	headerClients(t, func(t *testing.T, c *apiClient) {
		c.do(func(s *sessions.Session) { s.Set("user", "ann") })
		resp := c.do(func(s *sessions.Session) {
			if err := s.Destroy(t.Context()); err != nil {
				t.Error(err)
			}
		})
		if lines := resp.Header[http.CanonicalHeaderKey(c.field)]; len(lines) != 1 || lines[0] != "" {
			t.Errorf("got field %q, want an empty one", lines)
		}
		resp = c.do(func(s *sessions.Session) {
			if s.Get("user") != nil || !s.IsNew() {
				t.Error("the session still has a user")
			}
			if err := s.Destroy(t.Context()); err != nil {
				t.Error(err)
			}
		})
		if _, ok := resp.Header[http.CanonicalHeaderKey(c.field)]; ok {
			t.Error("a client without a token got an empty field")
		}
	})
}

func TestTokenHeaderRejectsForgedTokens(t *testing.T) {
	headerClients(t, func(t *testing.T, c *apiClient) {
		c.do(func(s *sessions.Session) { s.Set("user", "ann") })
		genuine := c.token
		for _, forged := range []string{genuine[1:], genuine + "A", strings.Repeat("A", len(genuine)), "Bearer", "null", strings.Repeat("x", 1<<20)} {
			c.token = forged
			c.do(func(s *sessions.Session) {
				if !s.IsNew() || s.Get("user") != nil {
					t.Errorf("%.40q opened a session", forged)
				}
				s.Set("user", "eve")
			})
			if c.token == forged || c.token == genuine {
				t.Errorf("%.40q was adopted", forged)
			}
		}
	})
}

func TestTokenHeaderParallelRequests(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{TokenHeader: "X-Session"})
	c := &apiClient{t: t, m: m, field: "X-Session"}
	c.do(func(s *sessions.Session) { benchCounter.Set(s, 0) })
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			own := *c
			own.do(func(s *sessions.Session) { benchCounter.Update(s, func(n int) int { return n + 1 }) })
		})
	}
	wg.Wait()
	c.do(func(s *sessions.Session) {
		if n, _ := benchCounter.Get(s); n != 50 {
			t.Errorf("got %d updates, want 50", n)
		}
	})
}

func TestTokenHeaderOutage(t *testing.T) {
	f := testapp.NewStore(nil)
	m, _ := testapp.NewManager(t, sessions.Options{Driver: f, TokenHeader: "X-Session"})
	c := &apiClient{t: t, m: m, field: "X-Session"}
	c.do(func(s *sessions.Session) { s.Set("user", "ann") })
	f.Down()
	resp := c.do(func(s *sessions.Session) { s.Set("user", "eve") })
	if _, ok := resp.Header["X-Session"]; ok || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got status %d, X-Session %q, want 503 and no field", resp.StatusCode, resp.Header["X-Session"])
	}
	f.Up()
	c.do(func(s *sessions.Session) {
		if s.Get("user") != "ann" {
			t.Errorf("got user %v after the recovery, want ann", s.Get("user"))
		}
	})
}

func TestTokenHeaderWithCookies(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{TokenHeader: "X-Session"})
	b := testapp.SignIn(t, m)

	// Scripts cannot read the token: the response to a browser has only the cookie.
	resp := b.Visit(func(s *sessions.Session) { s.Renew() })
	if lines, ok := resp.Header["X-Session"]; ok {
		t.Errorf("got X-Session %q in the response to a browser", lines)
	}
	testapp.OneCookie(t, resp)

	// A script that sends the field cannot use the cookie's session.
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Session", "")
	r.Header.Set("Cookie", "pump-session="+b.Token())
	w := httptest.NewRecorder()
	m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if s.Get("user") != nil || !s.IsNew() {
			t.Error("the cookie was used although the field was present")
		}
	})).ServeHTTP(w, r)

	// The token also works in the field.
	c := &apiClient{t: t, m: m, field: "X-Session", token: b.Token()}
	c.do(func(s *sessions.Session) {
		if s.Get("user") != "ann" {
			t.Error("the field with the cookie's token did not open the session")
		}
	})
}

func TestTokenHeaderIgnoresOtherSchemes(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{TokenHeader: "authorization"})
	b := testapp.SignIn(t, m)
	for _, line := range []string{"Basic YWRhOnNlY3JldA==", "Bearerx", "Bear", ""} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", line)
		resp := b.Send(r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if user := sessions.FromContext(r.Context()).Get("user"); user != "ann" {
				t.Errorf("Authorization: %s: got user %v from the cookie", line, user)
			}
		}))
		if _, ok := resp.Header["Authorization"]; ok {
			t.Errorf("Authorization: %s: got the field in the response", line)
		}
	}
	c := &apiClient{t: t, m: m, field: "Authorization", scheme: "bEARER   ", token: b.Token()}
	c.do(func(s *sessions.Session) {
		if s.Get("user") != "ann" {
			t.Error("the scheme in lower case with several spaces was not accepted")
		}
	})
}

func TestTokenHeaderSecretRotation(t *testing.T) {
	clock := testapp.NewClock(testapp.Epoch)
	f := testapp.NewStore(nil)
	o := sessions.Options{Driver: f, TokenHeader: "X-Session", Now: clock.Now, IdleTimeout: time.Hour, Cookie: sessions.Cookie{Secret: testapp.Secret}}
	m, _ := testapp.NewManager(t, o)
	c := &apiClient{t: t, m: m, field: "X-Session"}
	c.do(func(s *sessions.Session) { s.Set("user", "ann") })
	old := c.token

	o.Cookie = sessions.Cookie{Secret: testapp.Secret2, PreviousSecrets: [][]byte{testapp.Secret}}
	c.m, _ = testapp.NewManager(t, o)
	c.do(func(s *sessions.Session) {
		if s.Get("user") != "ann" {
			t.Error("the user was signed out")
		}
	})
	if c.token == old {
		t.Error("the token is still signed with the previous secret")
	}
}

func TestInvalidTokenHeader(t *testing.T) {
	for _, name := range []string{"X Session", "X-Session:", "Cookie", "set-cookie", "X-Sitzung-ä", "X\r\nSet-Cookie"} {
		_, err := sessions.New(t.Context(), sessions.Options{TokenHeader: name})
		if !errors.Is(err, sessions.ErrInvalidOptions) || !strings.Contains(err.Error(), "Options.TokenHeader") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// FuzzTokenHeader looks for a field that makes the request panic, opens a session, or
// gets a cookie in the response.
func FuzzTokenHeader(f *testing.F) {
	m, _ := testapp.NewManager(f, sessions.Options{Store: "memory", TokenHeader: "Authorization", Cookie: sessions.Cookie{Secret: testapp.Secret}})
	for _, line := range []string{"", "Bearer", "Bearer ", "bearer x", "Bearer  \x00", "Basic x", "Bearer " + strings.Repeat("A", 86)} {
		f.Add(line)
	}
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if !s.IsNew() {
			w.WriteHeader(http.StatusTeapot)
		}
		s.Set("a", 1)
	}))
	f.Fuzz(func(t *testing.T, line string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{line}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		byHeader, byCookie := w.Header()["Authorization"] != nil, w.Header()["Set-Cookie"] != nil
		if w.Code != http.StatusOK || byHeader == byCookie {
			t.Errorf("%q: got status %d, the field %v, a cookie %v", line, w.Code, byHeader, byCookie)
		}
		fields := strings.Fields(strings.ReplaceAll(line, "\v", "x"))
		if bearer := len(fields) > 0 && strings.EqualFold(fields[0], "bearer") && strings.HasPrefix(strings.ToLower(line), "bearer"); byHeader && !bearer {
			t.Errorf("%q was accepted as a token", line)
		}
	})
}
