package sessions_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memory"
)

// clientStore is a memory store that counts the calls that reach it, and fails
// as the test wants.
type clientStore struct {
	driver.Store
	loads, saves, touches, deletes atomic.Int64

	onLoad   func(rec *driver.Record) error // looks at what Load found
	onSave   func(ctx context.Context) error
	onDelete func() error
}

// clientStoreDriver opens one clientStore, and stores it in what it returns.
func clientStoreDriver() (driver.Driver, *clientStore) {
	s := new(clientStore)
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (_ driver.Store, err error) {
		s.Store, err = memory.New(memory.Options{}).Open(ctx, cfg)
		return s, err
	}), s
}

func (s *clientStore) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	s.loads.Add(1)
	rec, err := s.Store.Load(ctx, key)
	if err == nil && s.onLoad != nil {
		err = s.onLoad(&rec)
	}
	return rec, err
}

func (s *clientStore) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	s.saves.Add(1)
	if s.onSave != nil {
		if err := s.onSave(ctx); err != nil {
			return err
		}
	}
	return s.Store.Save(ctx, key, old, rec)
}

func (s *clientStore) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	s.touches.Add(1)
	return s.Store.Touch(ctx, key, rec)
}

func (s *clientStore) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	s.deletes.Add(1)
	if s.onDelete != nil {
		if err := s.onDelete(); err != nil {
			return err
		}
	}
	return s.Store.Delete(ctx, key, v)
}

// calls is how many calls there were, of any kind.
func (s *clientStore) calls() int64 {
	return s.loads.Load() + s.saves.Load() + s.touches.Load() + s.deletes.Load()
}

// records are what the store holds.
func (s *clientStore) records(t testing.TB) map[driver.Key]driver.Record {
	t.Helper()
	found := make(map[driver.Key]driver.Record)
	for e, err := range s.Store.(driver.Lister).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found[e.Key] = e.Record
	}
	return found
}

// clientManager opens a Manager that is closed with the test. Without a store
// named, it is on a clientStore.
func clientManager(t testing.TB, o sessions.Options) (*sessions.Manager, *clientStore) {
	t.Helper()
	var store *clientStore
	if o.Store == "" && o.Driver == nil {
		o.Driver, store = clientStoreDriver()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, store
}

// clientLog is a log that several goroutines may write.
type clientLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *clientLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *clientLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *clientLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// browserClock is a clock that stands until it is moved.
type browserClock struct {
	mu sync.Mutex
	t  time.Time
}

// newBrowserClock is a clock at noon of an ordinary day, some milliseconds past
// the second.
func newBrowserClock() *browserClock {
	return &browserClock{t: time.Date(2025, time.March, 4, 12, 0, 0, 250e6, time.UTC)}
}

func (c *browserClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *browserClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// browser is a client that keeps its cookies in the open. It talks to a handler
// directly, wrapped by its managers, the first outermost.
type browser struct {
	t        testing.TB
	managers []*sessions.Manager
	cookies  map[string]string
	// extra is sent in further Cookie header lines, before the cookies.
	extra []string
}

func newBrowser(t testing.TB, managers ...*sessions.Manager) *browser {
	return &browser{t: t, managers: managers, cookies: make(map[string]string)}
}

// visit makes a request that h answers with the innermost manager's session.
func (b *browser) visit(h func(s *sessions.Session)) *http.Response {
	b.t.Helper()
	return b.serve(func(_ http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if s == nil {
			b.t.Error("no session in the request's context")
			return
		}
		h(s)
	})
}

// serve makes a request that h answers, and keeps the cookies of the answer.
func (b *browser) serve(h http.HandlerFunc) *http.Response {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), "GET", "/", nil)
	return b.send(r, h)
}

func (b *browser) send(r *http.Request, h http.Handler) *http.Response {
	b.t.Helper()
	for _, line := range b.extra {
		r.Header.Add("Cookie", line)
	}
	for name, value := range b.cookies {
		r.Header.Add("Cookie", name+"="+value)
	}
	for i := len(b.managers) - 1; i >= 0; i-- {
		h = b.managers[i].Wrap(h)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	for _, c := range browserCookies(b.t, resp) {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return resp
}

// token is the one cookie that the browser has under the default name.
func (b *browser) token() string { return b.cookies["pump-session"] }

// browserCookies are the cookies that the answer sets, in order.
func browserCookies(t testing.TB, resp *http.Response) []*http.Cookie {
	t.Helper()
	var cookies []*http.Cookie
	for _, line := range resp.Header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatalf("Set-Cookie: %s: %v", line, err)
		}
		cookies = append(cookies, c)
	}
	return cookies
}

// browserCookie is the one cookie that the answer sets.
func browserCookie(t testing.TB, resp *http.Response) *http.Cookie {
	t.Helper()
	cookies := browserCookies(t, resp)
	if len(cookies) != 1 {
		t.Fatalf("%d Set-Cookie lines, want 1: %q", len(cookies), resp.Header["Set-Cookie"])
	}
	return cookies[0]
}

// browserKeepsCookie fails the test if the answer sets a cookie.
func browserKeepsCookie(t testing.TB, resp *http.Response) {
	t.Helper()
	if lines := resp.Header["Set-Cookie"]; len(lines) > 0 {
		t.Fatalf("Set-Cookie: %q, want none", lines)
	}
}

// browserLogin gives a new browser a session that holds user=ada.
func browserLogin(t testing.TB, m *sessions.Manager) *browser {
	t.Helper()
	b := newBrowser(t, m)
	b.visit(func(s *sessions.Session) { s.Set("user", "ada") })
	if len(b.cookies) != 1 {
		t.Fatalf("the browser has the cookies %v, want one", b.cookies)
	}
	return b
}

// user is whom the session of the browser's next request belongs to.
func (b *browser) user() any {
	b.t.Helper()
	var user any
	b.visit(func(s *sessions.Session) { user = s.Get("user") })
	return user
}

// A secret and another, of the least length.
var (
	clientSecret  = []byte("0123456789abcdef0123456789abcdef")
	clientSecret2 = []byte("fedcba9876543210fedcba9876543210")
)

// panickingStore is a store with a mistake in it.
type panickingStore struct{ driver.Store }

func (panickingStore) Load(context.Context, driver.Key) (driver.Record, error) { panic("in Load") }
