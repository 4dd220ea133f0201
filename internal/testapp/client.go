package testapp

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
)

// Client is a browser: it stores the cookies that it is given, and sends them. It
// is safe for concurrent use, but for its fields.
type Client struct {
	T testing.TB
	// Managers wrap the handlers of the client's requests, the first outermost. In
	// an application's client they are nil: its present manager does.
	Managers []*sessions.Manager
	Cookies  map[string]string
	Extra    []string // further Cookie header lines, sent before the cookies

	app *App // nil in a client of its own
	mu  sync.Mutex
}

// NewClient returns a client without cookies whose requests the managers' handlers
// answer, without a network.
func NewClient(t testing.TB, managers ...*sessions.Manager) *Client {
	return &Client{T: t, Managers: managers, Cookies: make(map[string]string)}
}

// Client returns a client without cookies.
func (a *App) Client() *Client { return &Client{T: a.T, app: a, Cookies: make(map[string]string)} }

// ClientWith returns a client whose session cookie has the token.
func (a *App) ClientWith(token string) *Client {
	c := a.Client()
	c.Cookies[a.CookieName()] = token
	return c
}

// SignedIn returns a client whose session is stored, with the user "ann".
func (a *App) SignedIn() *Client {
	a.T.Helper()
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		User.Set(s, "ann")
		if a.Options.ManualSave {
			Error(a.T, "Save", s.Save(context.Background()), nil)
		}
	})
	if c.Token() == "" {
		a.T.Fatal("signing in set no cookie")
	}
	if a.Store != nil {
		a.Store.Calls()
	}
	return c
}

// Copy returns a second client with the same cookies.
func (c *Client) Copy() *Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &Client{T: c.T, Managers: c.Managers, Cookies: maps.Clone(c.Cookies), app: c.app}
}

// Name returns the name of the session's cookie, where there are no Managers that
// have other names.
func (c *Client) Name() string {
	if c.app != nil {
		return c.app.CookieName()
	}
	return "pump-session"
}

// Token returns the value of the session's cookie, or "".
func (c *Client) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Cookies[c.Name()]
}

// SetToken sets the session's cookie to the token, or removes it if token is "".
func (c *Client) SetToken(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.Cookies, c.Name())
	if token != "" {
		c.Cookies[c.Name()] = token
	}
}

// Response is a response, read to its end.
type Response struct {
	*http.Response
	Body      string
	SetCookie string       // the Set-Cookie line of the session, or ""
	Cookie    *http.Cookie // the same; nil if there is none
}

// Send makes a request that the handler h answers, and stores the cookies of the
// response.
func (c *Client) Send(r *http.Request, h http.Handler) *Response {
	c.T.Helper()
	managers := c.Managers
	if managers == nil && c.app != nil {
		managers = []*sessions.Manager{c.app.Manager}
	}
	return c.send(managers, r, h)
}

func (c *Client) send(managers []*sessions.Manager, r *http.Request, h http.Handler) *Response {
	c.T.Helper()
	c.addCookies(r)
	for i := len(managers) - 1; i >= 0; i-- {
		h = managers[i].Wrap(h)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return c.receive(w.Result())
}

// Request makes a request with the method that h answers: over the network if the
// application has a server.
func (c *Client) Request(method string, h http.HandlerFunc) *Response {
	c.T.Helper()
	a := c.app
	if a == nil || a.Server == nil || c.Managers != nil {
		return c.Send(httptest.NewRequestWithContext(c.T.Context(), method, "/", nil), h)
	}
	path := fmt.Sprint("/", a.paths.Add(1))
	a.Handle(path, h)
	defer a.handlers.Delete(path)
	r, err := http.NewRequest(method, a.Server.URL+path, nil)
	if err != nil {
		c.T.Error(err)
		return c.receive(&http.Response{Body: http.NoBody})
	}
	c.addCookies(r)
	resp, err := a.Server.Client().Do(r)
	if err != nil {
		c.T.Error(err)
		return c.receive(&http.Response{Body: http.NoBody})
	}
	return c.receive(resp)
}

func (c *Client) addCookies(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.Extra {
		r.Header.Add("Cookie", line)
	}
	for name, value := range c.Cookies {
		r.Header.Add("Cookie", name+"="+value)
	}
}

func (c *Client) receive(resp *http.Response) *Response {
	c.T.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.T.Error(err)
	}
	got := &Response{Response: resp, Body: string(body)}
	for _, line := range resp.Header["Set-Cookie"] {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			c.T.Errorf("Set-Cookie: %s: %v", line, err)
			continue
		}
		if cookie.Name == c.Name() {
			if got.Cookie != nil {
				c.T.Errorf("two Set-Cookie lines for one session:\n%s\n%s", got.SetCookie, line)
			}
			got.SetCookie, got.Cookie = line, cookie
			if c.app != nil && cookie.Value != "" {
				c.app.tokens.Store(cookie.Value, true)
			}
		}
		c.mu.Lock()
		if cookie.MaxAge < 0 {
			delete(c.Cookies, cookie.Name)
		} else {
			c.Cookies[cookie.Name] = cookie.Value
		}
		c.mu.Unlock()
	}
	return got
}

// OneCookie returns the only cookie that the response sets. The response is a
// *Response or an *http.Response.
func OneCookie(t testing.TB, r interface{ Cookies() []*http.Cookie }) *http.Cookie {
	t.Helper()
	cookies := r.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got cookies %v, want one", cookies)
	}
	return cookies[0]
}

// NoCookie fails the test if the response sets a cookie.
func NoCookie(t testing.TB, r interface{ Cookies() []*http.Cookie }) {
	t.Helper()
	if cookies := r.Cookies(); len(cookies) > 0 {
		t.Fatalf("got cookies %v, want none", cookies)
	}
}
