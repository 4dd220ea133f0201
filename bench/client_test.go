package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// client sends a session's cookie, and stores a new one, as a browser does.
type client struct {
	tb    testing.TB
	req   *http.Request
	asNew http.Request // the value of req before each request: gorilla changes req
	reply reply
}

func newClient(tb testing.TB) *client {
	r := httptest.NewRequest("GET", "/", nil)
	return &client{tb: tb, req: r, asNew: *r}
}

// with returns another client with the cookie.
func (c *client) with(cookie string) *client {
	d := newClient(c.tb)
	d.hold(cookie)
	return d
}

func (c *client) hold(cookie string) { c.req.Header["Cookie"] = []string{cookie} }

func (c *client) cookie() string { return c.req.Header.Get("Cookie") }

// reply is a ResponseWriter that drops the body.
type reply struct {
	header http.Header
	status int
}

func (r *reply) Header() http.Header         { return r.header }
func (r *reply) WriteHeader(status int)      { r.status = status }
func (r *reply) Write(b []byte) (int, error) { return len(b), nil }

// ok reports whether the status is 200.
func (r *reply) ok() bool { return r.status == 0 || r.status == http.StatusOK }

// try sends one request. The reply is valid until the next request.
func (c *client) try(h http.Handler) *reply {
	*c.req = c.asNew
	c.reply = reply{header: make(http.Header)}
	h.ServeHTTP(&c.reply, c.req)
	return &c.reply
}

// send sends one request, which must succeed, and stores the response's cookie. It
// reports whether there was one.
func (c *client) send(h http.Handler) bool {
	w := c.try(h)
	if !w.ok() {
		c.tb.Errorf("status %d", w.status)
	}
	lines := w.header["Set-Cookie"]
	if len(lines) == 0 {
		return false
	}
	pair, _, _ := strings.Cut(lines[0], ";")
	if value := c.req.Header["Cookie"]; value != nil {
		value[0] = pair
	} else {
		c.hold(pair)
	}
	return true
}

// start returns a client with a session that w created.
func start(tb testing.TB, a app, w work) *client {
	tb.Helper()
	c := newClient(tb)
	if !c.send(a.handler(w)) {
		tb.Fatal("no cookie")
	}
	return c
}

// forged returns copies of the cookie, each with one character of its value changed.
func forged(cookie string) (all []string) {
	first := strings.IndexByte(cookie, '=') + 1
	for i := first; i < len(cookie); i += 1 + (len(cookie)-first)/8 {
		other := byte('A')
		if cookie[i] == other {
			other = 'B'
		}
		all = append(all, cookie[:i]+string(other)+cookie[i+1:])
	}
	return all
}

// refuses fails unless the app accepts the client's cookie and rejects every forged
// one.
func refuses(tb testing.TB, a app, c *client) {
	tb.Helper()
	h := a.handler(read)
	if !c.try(h).ok() {
		tb.Error("the cookie was not accepted")
	}
	for _, f := range forged(c.cookie()) {
		if c.with(f).try(h).ok() {
			tb.Errorf("a forged cookie was accepted: %s instead of %s", f, c.cookie())
		}
	}
}
