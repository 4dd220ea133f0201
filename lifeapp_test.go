package sessions_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
)

// lifeApp is a manager on a fake store and a fake clock.
type lifeApp struct {
	t     testing.TB
	m     *sessions.Manager
	store *fakeStore
	clock *fakeClock
	log   *lifeLog
	opts  sessions.Options
}

// newLife makes an app; each change of the options is optional.
func newLife(t testing.TB, change ...func(*sessions.Options)) *lifeApp {
	t.Helper()
	a := &lifeApp{t: t, store: newFakeStore(), clock: newFakeClock(), log: new(lifeLog)}
	a.opts = sessions.Options{
		Driver:        a.store,
		Now:           a.clock.Now,
		SweepInterval: -1,
		Logger:        slog.New(slog.NewTextHandler(a.log, nil)),
	}
	for _, f := range change {
		f(&a.opts)
	}
	a.m = a.manager()
	return a
}

// manager makes one more manager with the app's options, on the same store.
func (a *lifeApp) manager() *sessions.Manager {
	a.t.Helper()
	m, err := sessions.New(context.Background(), a.opts)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { m.Close() })
	return m
}

// deploy puts a manager with other options in the place of the present one.
func (a *lifeApp) deploy(change func(*sessions.Options)) {
	a.t.Helper()
	change(&a.opts)
	a.m = a.manager()
}

// client makes a browser without a cookie.
func (a *lifeApp) client() *lifeClient { return &lifeClient{app: a} }

// signedIn makes a browser whose session is stored, with user = "ann".
func (a *lifeApp) signedIn() *lifeClient {
	a.t.Helper()
	c := a.client()
	c.ok(func(s *sessions.Session) { lifeUser.Set(s, "ann") })
	a.store.calls()
	return c
}

const (
	lifeUser  sessions.Key[string]         = "user"
	lifeCount sessions.Key[int]            = "count"
	lifeMap   sessions.Key[map[string]int] = "map"
)

func lifeIncrement(s *sessions.Session) {
	lifeCount.Update(s, func(n int) int { return n + 1 })
}

// lifeLog collects the log.
type lifeLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lifeLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lifeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lifeClient is a browser: it keeps the cookie that it is given.
type lifeClient struct {
	app    *lifeApp
	mu     sync.Mutex
	cookie string
}

func (c *lifeClient) token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cookie
}

// copied is a second browser with the same cookie.
func (c *lifeClient) copied() *lifeClient { return &lifeClient{app: c.app, cookie: c.token()} }

// lifeResponse is an answer and the session cookie in it.
type lifeResponse struct {
	*httptest.ResponseRecorder
	cookie *http.Cookie // nil: none
}

// serve sends a request through manager m to the handler.
func (c *lifeClient) serveOn(m *sessions.Manager, h http.HandlerFunc) lifeResponse {
	r := httptest.NewRequest("GET", "/", nil)
	if token := c.token(); token != "" {
		r.Header.Set("Cookie", "pump-session="+token)
	}
	res := lifeResponse{ResponseRecorder: httptest.NewRecorder()}
	m.Wrap(h).ServeHTTP(res, r)
	lines := 0
	for _, cookie := range res.Result().Cookies() {
		if cookie.Name == "pump-session" {
			res.cookie = cookie
			lines++
		}
	}
	if lines > 1 {
		c.app.t.Errorf("%d Set-Cookie lines for the session: %q", lines, res.Header()["Set-Cookie"])
	}
	if res.cookie != nil {
		c.mu.Lock()
		c.cookie = res.cookie.Value // of a deletion: none
		c.mu.Unlock()
	}
	return res
}

func (c *lifeClient) serve(h http.HandlerFunc) lifeResponse { return c.serveOn(c.app.m, h) }

// do sends a request whose handler does f and then answers "done".
func (c *lifeClient) do(f func(s *sessions.Session)) lifeResponse { return c.doOn(c.app.m, f) }

func (c *lifeClient) doOn(m *sessions.Manager, f func(s *sessions.Session)) lifeResponse {
	return c.serveOn(m, func(w http.ResponseWriter, r *http.Request) {
		f(sessions.FromContext(r.Context()))
		w.Write([]byte("done"))
	})
}

// ok is do for a request that has to succeed.
func (c *lifeClient) ok(f func(s *sessions.Session)) lifeResponse {
	c.app.t.Helper()
	res := c.do(f)
	if res.Code != http.StatusOK || res.Body.String() != "done" {
		c.app.t.Errorf("status %d %q, want 200; log:\n%s", res.Code, res.Body, c.app.log)
	}
	return res
}

// fails is do for a request that has to fail with the status.
func (c *lifeClient) fails(status int, f func(s *sessions.Session)) lifeResponse {
	c.app.t.Helper()
	res := c.do(f)
	if res.Code != status || strings.Contains(res.Body.String(), "done") {
		c.app.t.Errorf("status %d %q, want the error page with %d; log:\n%s", res.Code, res.Body, status, c.app.log)
	}
	return res
}

// count is the counter as the next request finds it.
func (c *lifeClient) count() (n int) {
	c.app.t.Helper()
	c.ok(func(s *sessions.Session) { n, _ = lifeCount.Get(s) })
	return n
}

// user is the user name as the next request finds it; "" if signed out.
func (c *lifeClient) user() (name string) {
	c.app.t.Helper()
	c.ok(func(s *sessions.Session) { name, _ = lifeUser.Get(s) })
	return name
}

func lifeEqual[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func lifeError(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}
