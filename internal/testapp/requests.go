package testapp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
)

// Serve makes a GET request that h answers.
func (c *Client) Serve(h http.HandlerFunc) *Response {
	c.T.Helper()
	return c.Request("GET", h)
}

// ServeOn is Serve on the manager m in place of the application's, without the
// network.
func (c *Client) ServeOn(m *sessions.Manager, h http.HandlerFunc) *Response {
	c.T.Helper()
	return c.send([]*sessions.Manager{m}, httptest.NewRequestWithContext(c.T.Context(), "GET", "/", nil), h)
}

// Visit makes a request whose handler calls f with the session and writes nothing.
func (c *Client) Visit(f func(s *sessions.Session)) *Response {
	c.T.Helper()
	return c.Serve(func(_ http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if s == nil {
			c.T.Error("no session in the request's context")
			return
		}
		f(s)
	})
}

// Do makes a request whose handler calls f with the session and then writes
// "done".
func (c *Client) Do(f func(s *sessions.Session)) *Response {
	c.T.Helper()
	return c.Serve(done(f))
}

// DoOn is Do on the manager m in place of the application's.
func (c *Client) DoOn(m *sessions.Manager, f func(s *sessions.Session)) *Response {
	c.T.Helper()
	return c.ServeOn(m, done(f))
}

func done(f func(s *sessions.Session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f(sessions.FromContext(r.Context()))
		io.WriteString(w, "done")
	}
}

// OK is Do for a request that must succeed.
func (c *Client) OK(f func(s *sessions.Session)) *Response {
	c.T.Helper()
	got := c.Do(f)
	if got.StatusCode != http.StatusOK || got.Body != "done" {
		c.T.Errorf("got %d %q, want 200; log:\n%s", got.StatusCode, got.Body, c.log())
	}
	return got
}

// Fails is Do for a request that must fail: the response is the error page alone,
// and the client's cookies stay as they are.
func (c *Client) Fails(status int, f func(s *sessions.Session)) *Response {
	c.T.Helper()
	got := c.Do(f)
	if got.StatusCode != status || got.Body != http.StatusText(status)+"\n" {
		c.T.Errorf("got %d %q, want the error page with %d; log:\n%s", got.StatusCode, got.Body, status, c.log())
	}
	if lines := got.Header["Set-Cookie"]; len(lines) > 0 {
		c.T.Errorf("the error page sets %q", lines)
	}
	return got
}

func (c *Client) log() string {
	if c.app == nil {
		return ""
	}
	return c.app.Log.String()
}

// User returns the session's User as the next request sees it; "" if there is
// none.
func (c *Client) User() (name string) {
	c.T.Helper()
	c.OK(func(s *sessions.Session) { name, _ = User.Get(s) })
	return name
}

// Count returns the session's Count as the next request sees it.
func (c *Client) Count() (n int) {
	c.T.Helper()
	c.OK(func(s *sessions.Session) { n, _ = Count.Get(s) })
	return n
}

// IsAnonymous fails the test if the client's token opens a session, or if the
// request leaves a trace in the store or in the client.
func (c *Client) IsAnonymous(what string) {
	c.T.Helper()
	c.app.Store.Calls()
	got := c.OK(func(s *sessions.Session) {
		if !s.IsNew() || len(s.Keys()) > 0 || s.Owner() != "" || s.Err() != nil {
			c.T.Errorf("%s: the session is not new and empty (%v)", what, s.Err())
		}
	})
	if got.SetCookie != "" {
		c.T.Errorf("%s: got Set-Cookie %s, want none", what, got.SetCookie)
	}
	if n := c.app.Store.Since("Save", "Touch", "Delete", "Seal"); n > 0 {
		c.T.Errorf("%s: got %d writes, want 0", what, n)
	}
}

// SignIn returns a new client of the manager whose session has the user "ann".
func SignIn(t testing.TB, m *sessions.Manager) *Client {
	t.Helper()
	c := NewClient(t, m)
	c.Visit(func(s *sessions.Session) { User.Set(s, "ann") })
	if len(c.Cookies) != 1 {
		t.Fatalf("got cookies %v, want one", c.Cookies)
	}
	return c
}
