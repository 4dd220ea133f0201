package sessionstest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions"
)

// Serve calls h with a request whose session holds values. It returns the recorded
// response, and the session as it is after the request. The handler gets the
// session as in production, by sessions.FromContext. With neither values nor
// prepare, the session is new.
//
//	res, s := sessionstest.Serve(t, handler, httptest.NewRequest("POST", "/cart", nil),
//		map[string]any{"user": "ann"})
//
// The functions in prepare set what a map cannot: values by their typed keys, an
// owner, flash messages.
//
//	res, s := sessionstest.Serve(t, handler, request, nil, func(s *sessions.Session) {
//		user.Set(s, "ann")
//		s.SetOwner("user:ann")
//	})
//
// h is what the program passes to Manager.Wrap: a router, or one of its handlers.
// If h contains a Wrap or calls Manager.FromContext, Serve fails the test: use
// [NewClient], which is also for several requests of one client.
//
// The test fails if a value cannot be stored, or is read as another type than the
// one with which it was set. The library logs to the test's log.
func Serve(t testing.TB, h http.Handler, r *http.Request, values map[string]any, prepare ...func(*sessions.Session)) (*httptest.ResponseRecorder, *sessions.Session) {
	t.Helper()
	c := NewClient(t, NewManager(t), h)
	if len(values) > 0 || len(prepare) > 0 {
		c.Prepare(func(s *sessions.Session) {
			for name, v := range values {
				s.Set(name, v)
			}
			for _, f := range prepare {
				f(s)
			}
		})
	}
	return c.Do(r)
}

// Client is one client of a handler: it keeps its cookies from one request to the
// next, and with them its session. It is not safe for concurrent use.
type Client struct {
	t       testing.TB
	m       *sessions.Manager
	h       http.Handler
	cookies []*http.Cookie
}

// NewClient returns a new client of h, with a session of m. The handler need not
// contain m.Wrap. Clients of one m share its store, like devices of one user.
//
//	m := sessionstest.NewManager(t)
//	phone, laptop := sessionstest.NewClient(t, m, routes(m)), sessionstest.NewClient(t, m, routes(m))
func NewClient(t testing.TB, m *sessions.Manager, h http.Handler) *Client {
	return &Client{t: t, m: m, h: h}
}

// Prepare runs f with the client's session and saves what f changed, as an earlier
// request would.
func (c *Client) Prepare(f func(*sessions.Session)) {
	c.t.Helper()
	c.serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := c.m.FromContext(r.Context())
		f(s)
		if err := s.Save(r.Context()); err != nil {
			c.t.Errorf("sessionstest: prepare the session: %v", err)
			s.Revert()
		}
	}), httptest.NewRequest("GET", "/", nil))
}

// Do sends a request, with the client's cookies. It returns the recorded response,
// and the session as it is after the request. The client keeps each cookie that it
// gets, regardless of its attributes, until a response deletes it with Max-Age=0.
func (c *Client) Do(r *http.Request) (*httptest.ResponseRecorder, *sessions.Session) {
	c.t.Helper()
	return c.serve(c.h, r)
}

func (c *Client) serve(h http.Handler, r *http.Request) (res *httptest.ResponseRecorder, s *sessions.Session) {
	c.t.Helper()
	watch := &managerWatch{Context: r.Context(), own: c.m}
	defer func() { // even if the handler panics: this is then the likely cause
		c.t.Helper()
		if watch.other.Load() {
			c.t.Fatal("sessionstest: the handler uses a Manager of its own, so it did not see the session of this test. " +
				"Test the handler inside of Wrap, or give NewClient that Manager; NewManager makes one for tests")
		}
	}()
	r = r.Clone(watch)
	for _, cookie := range c.cookies {
		r.AddCookie(cookie)
	}
	res = httptest.NewRecorder()
	c.m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s = c.m.FromContext(r.Context())
		h.ServeHTTP(w, r)
	})).ServeHTTP(res, r)
	for _, cookie := range res.Result().Cookies() {
		c.keep(cookie)
	}
	return res, s
}

// keep replaces the cookie of the same name.
func (c *Client) keep(cookie *http.Cookie) {
	kept := c.cookies[:0]
	for _, old := range c.cookies {
		if old.Name != cookie.Name {
			kept = append(kept, old)
		}
	}
	if cookie.MaxAge >= 0 {
		kept = append(kept, cookie)
	}
	c.cookies = kept
}

// managerWatch is a request's context that notices when a Manager other than own
// looks for its session: Wrap does so first, and finds none.
type managerWatch struct {
	context.Context
	own   *sessions.Manager
	other atomic.Bool
}

func (w *managerWatch) Value(key any) any {
	if m, ok := key.(*sessions.Manager); ok && m != w.own {
		w.other.Store(true)
	}
	return w.Context.Value(key)
}
