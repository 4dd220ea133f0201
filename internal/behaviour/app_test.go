package behaviour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

const (
	user  sessions.Key[string] = "user"
	count sessions.Key[int]    = "count"
)

func increment(s *sessions.Session) { count.Update(s, func(n int) int { return n + 1 }) }

func look(s *sessions.Session) { s.Keys() }

var (
	secret  = []byte("the secret of the apps under test")
	secret2 = []byte("the one that takes its place later")
	secret3 = []byte("the one that takes the place of both")
)

// epoch is when the tests' clocks start. They are far from UTC, and from here.
var epoch = time.Date(2030, time.March, 1, 12, 0, 0, 0, time.UTC).In(time.FixedZone("NPT", 20700))

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// text is a log that several goroutines may write.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *text) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// app is a program with sessions in one store, on a real server.
type app struct {
	t      *testing.T
	m      *sessions.Manager // the present one
	dir    string
	clock  *clock
	calls  *watch
	log    *text
	opts   sessions.Options
	server *httptest.Server

	driver   driver.Driver
	kept     driver.Store // the store that all managers of the app share, if it keeps sessions
	wrapped  atomic.Value // the present manager's http.Handler
	handlers sync.Map     // by path
	paths    atomic.Int64
	tokens   sync.Map // that clients were given
}

// start runs an app. Each change of its options is optional.
func (st store) start(t *testing.T, change ...func(o *sessions.Options)) *app {
	t.Helper()
	a := &app{
		t: t, dir: t.TempDir(), log: new(text),
		clock: &clock{now: epoch}, calls: &watch{calls: make(map[string]int)},
	}
	if st.server != nil {
		st.driver = st.server(t)
	}
	a.driver = st.driver
	a.opts = sessions.Options{
		Driver:        driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) { return a.open(ctx, st, cfg) }),
		DataDir:       a.dir,
		SweepInterval: -1,
		Now:           a.clock.Now,
		Logger:        slog.New(slog.NewTextHandler(a.log, nil)),
		Cookie:        sessions.Cookie{Secret: secret},
	}
	for _, f := range change {
		f(&a.opts)
	}
	a.deploy(nil)

	a.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.wrapped.Load().(http.Handler).ServeHTTP(w, r)
	}))
	complaints := new(text)
	a.server.Config.ErrorLog = log.New(complaints, "", 0)
	a.server.Start()
	a.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		a.server.Close()
		if err := a.m.Close(); err != nil {
			t.Error(err)
		}
		if a.kept != nil {
			if err := a.kept.Close(); err != nil {
				t.Error(err)
			}
		}
		if s := complaints.String(); s != "" {
			t.Errorf("the server complains: %s", s)
		}
		logged := a.log.String()
		a.tokens.Range(func(token, _ any) bool {
			if strings.Contains(logged, token.(string)) {
				t.Errorf("the log tells the token %s", token)
			}
			return true
		})
	})
	return a
}

func (a *app) open(ctx context.Context, st store, cfg driver.Config) (driver.Store, error) {
	if a.kept != nil {
		return a.calls.over(a.kept), nil
	}
	s, err := st.driver.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if _, ok := s.(driver.Sealer); !ok {
		a.kept = s
	}
	return a.calls.over(s), nil
}

// deploy puts a manager with other options in the place of the present one.
func (a *app) deploy(change func(o *sessions.Options)) {
	a.t.Helper()
	if change != nil {
		change(&a.opts)
	}
	m, err := sessions.New(a.t.Context(), a.opts)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.m != nil {
		if err := a.m.Close(); err != nil {
			a.t.Error(err)
		}
	}
	a.m = m
	a.wrapped.Store(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := a.handlers.Load(r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		h.(http.HandlerFunc)(w, r)
	})))
}

// records is what the store holds, read behind the manager's back. A store that
// cannot tell has none.
func (a *app) records() (all []driver.Entry) {
	a.t.Helper()
	lister, ok := a.kept.(driver.Lister)
	if !ok {
		return nil
	}
	for e, err := range lister.All(context.Background()) {
		if err != nil {
			a.t.Error(err) // not Fatal: handlers call this too
			continue
		}
		all = append(all, e)
	}
	return all
}

// wantRecords fails the test if the store does not hold n sessions. Of a store
// that holds none, or cannot tell, nothing is asked.
func (a *app) wantRecords(n int) {
	a.t.Helper()
	if _, ok := a.kept.(driver.Lister); !ok {
		return
	}
	if got := len(a.records()); got != n {
		a.t.Errorf("%d sessions stored, want %d", got, n)
	}
}

// client is a browser that keeps its cookie in the open.
type client struct {
	app   *app
	token string
	extra []string // further Cookie header lines, sent before its own
}

func (a *app) client() *client { return &client{app: a} }

// signedIn is a client whose session is stored, with the user "ann".
func (a *app) signedIn() *client {
	a.t.Helper()
	c := a.client()
	c.do(func(s *sessions.Session) { user.Set(s, "ann"); s.Save(context.Background()) })
	if c.token == "" {
		a.t.Fatal("signing in gave no cookie")
	}
	return c
}

// copied is a second client with the same cookie.
func (c *client) copied() *client { return &client{app: c.app, token: c.token} }

// answer is a response, read to its end.
type answer struct {
	status int
	body   string
	header http.Header
	line   string       // the Set-Cookie line of the session, or ""
	cookie *http.Cookie // the same; nil if there is none
}

func (c *client) name() string {
	if name := c.app.opts.Cookie.Name; name != "" {
		return name
	}
	return "pump-session"
}

// request makes a request that h answers, and keeps the cookie of the answer.
func (c *client) request(method string, h http.HandlerFunc) answer {
	a := c.app
	a.t.Helper()
	path := fmt.Sprint("/", a.paths.Add(1))
	a.handlers.Store(path, h)
	defer a.handlers.Delete(path)
	r, err := http.NewRequest(method, a.server.URL+path, nil)
	if err != nil {
		a.t.Error(err)
		return answer{header: http.Header{}}
	}
	for _, line := range c.extra {
		r.Header.Add("Cookie", line)
	}
	if c.token != "" {
		r.Header.Add("Cookie", c.name()+"="+c.token)
	}
	resp, err := a.server.Client().Do(r)
	if err != nil {
		a.t.Error(err)
		return answer{header: http.Header{}}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Error(err)
	}
	got := answer{status: resp.StatusCode, body: string(body), header: resp.Header}
	for _, line := range resp.Header["Set-Cookie"] {
		if !strings.HasPrefix(line, c.name()+"=") {
			continue
		}
		if got.line != "" {
			a.t.Errorf("two Set-Cookie lines for one session:\n%s\n%s", got.line, line)
		}
		got.line = line
		if got.cookie, err = http.ParseSetCookie(line); err != nil {
			a.t.Errorf("%s: %v", line, err)
			continue
		}
		c.token = got.cookie.Value
		if c.token != "" {
			a.tokens.Store(c.token, true)
		}
	}
	return got
}

func (c *client) serve(h http.HandlerFunc) answer {
	c.app.t.Helper()
	return c.request("GET", h)
}

// try makes a request whose handler does f with the session and then answers
// "done".
func (c *client) try(f func(s *sessions.Session)) answer {
	c.app.t.Helper()
	return c.serve(func(w http.ResponseWriter, r *http.Request) {
		f(sessions.FromContext(r.Context()))
		io.WriteString(w, "done")
	})
}

// do is try for a request that has to succeed.
func (c *client) do(f func(s *sessions.Session)) answer {
	c.app.t.Helper()
	got := c.try(f)
	if got.status != http.StatusOK || got.body != "done" {
		c.app.t.Errorf("answered %d %q, want 200; log:\n%s", got.status, got.body, c.app.log)
	}
	return got
}

// fails is try for a request that has to end with the error page alone, the
// client's cookie untouched.
func (c *client) fails(status int, f func(s *sessions.Session)) answer {
	c.app.t.Helper()
	got := c.try(f)
	if got.status != status || got.body != http.StatusText(status)+"\n" {
		c.app.t.Errorf("answered %d %q, want the error page with %d; log:\n%s", got.status, got.body, status, c.app.log)
	}
	if lines := got.header["Set-Cookie"]; len(lines) > 0 {
		c.app.t.Errorf("the error page sets %q", lines)
	}
	return got
}

// user is whom the next request's session belongs to; "" if nobody.
func (c *client) user() (name string) {
	c.app.t.Helper()
	c.do(func(s *sessions.Session) { name, _ = user.Get(s) })
	return name
}

// isAnonymous checks that the client's token opens nothing, and that the
// request leaves no trace.
func (c *client) isAnonymous(what string) {
	t := c.app.t
	t.Helper()
	c.app.calls.since()
	got := c.do(func(s *sessions.Session) {
		if !s.IsNew() || len(s.Keys()) > 0 || s.Owner() != "" || s.Err() != nil {
			t.Errorf("%s: a session is open (%v)", what, s.Err())
		}
	})
	if got.line != "" {
		t.Errorf("%s: Set-Cookie: %s", what, got.line)
	}
	if n := c.app.calls.since("Save", "Touch", "Delete", "Seal"); n > 0 {
		t.Errorf("%s: %d writes", what, n)
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}
