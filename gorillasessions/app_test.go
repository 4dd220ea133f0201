package gorillasessions_test

import (
	"context"
	"encoding/gob"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/cookie"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/gorillasessions"
	_ "github.com/pump-go/sessions/memory"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

// app is a program with a Store, inside Wrap or without it.
type app struct {
	t       *testing.T
	m       *sessions.Manager
	st      *gorillasessions.Store
	wrapped bool
	down    atomic.Bool // the store answers nothing
	clock   *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newApp(t *testing.T, o sessions.Options, wrapped bool) *app {
	t.Helper()
	a := &app{t: t, wrapped: wrapped, clock: &clock{now: time.Now()}}
	if o.Store == "" {
		o.Store = "memory"
	}
	o.Cookie.Secret, o.Now = secret, a.clock.Now
	if o.Store != "cookie" {
		o.WrapStore = func(s driver.Store) driver.Store { return &outage{s, &a.down} }
	}
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	a.m, a.st = m, gorillasessions.New(m)
	return a
}

// everywhere runs a test on a store that keeps its records and on the cookie store,
// inside Wrap and without it.
func everywhere(t *testing.T, test func(t *testing.T, a *app)) {
	for _, store := range []string{"memory", "cookie"} {
		for where, wrapped := range map[string]bool{"wrapped": true, "bare": false} {
			t.Run(store+"/"+where, func(t *testing.T) { test(t, newApp(t, sessions.Options{Store: store}, wrapped)) })
		}
	}
}

// onServer runs a test on a store that keeps its records, inside Wrap and without it.
func onServer(t *testing.T, test func(t *testing.T, a *app)) {
	for where, wrapped := range map[string]bool{"wrapped": true, "bare": false} {
		t.Run(where, func(t *testing.T) { test(t, newApp(t, sessions.Options{}, wrapped)) })
	}
}

// outage is a store that may be down.
type outage struct {
	driver.Store
	down *atomic.Bool
}

var errDown = fmt.Errorf("the store is down: %w", driver.ErrNotWritten)

func (o *outage) Unwrap() driver.Store { return o.Store }

func (o *outage) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	if o.down.Load() {
		return driver.Record{}, errDown
	}
	return o.Store.Load(ctx, key)
}

func (o *outage) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if o.down.Load() {
		return errDown
	}
	return o.Store.Save(ctx, key, old, rec)
}

func (o *outage) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	if o.down.Load() {
		return errDown
	}
	return o.Store.Delete(ctx, key, v)
}

// browser is a client that keeps its cookies.
type browser struct {
	*app
	cookies map[string]string
}

func (a *app) browser() *browser { return &browser{a, make(map[string]string)} }

// copy returns another client with the same cookies: a second tab.
func (b *browser) copy() *browser {
	c := b.browser()
	for name, value := range b.cookies {
		c.cookies[name] = value
	}
	return c
}

// do makes a request that f handles, and keeps the cookies of its response.
func (b *browser) do(f http.HandlerFunc) *httptest.ResponseRecorder {
	b.t.Helper()
	var h http.Handler = f
	if b.wrapped {
		h = b.m.Wrap(f)
	}
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	set := make(map[string]bool)
	for _, c := range w.Result().Cookies() {
		if set[c.Name] {
			b.t.Errorf("two cookies %q in one response", c.Name)
		}
		if set[c.Name] = true; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w
}

// with makes a request in which f changes the session of that name, and saves it.
func (b *browser) with(name string, f func(s *gorilla.Session)) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.do(func(w http.ResponseWriter, r *http.Request) {
		s := b.get(r, name)
		f(s)
		if err := s.Save(r, w); err != nil {
			b.t.Errorf("Save: %v", err)
		}
	})
}

func (a *app) get(r *http.Request, name string) *gorilla.Session {
	a.t.Helper()
	s, err := a.st.Get(r, name)
	if err != nil {
		a.t.Errorf("Get: %v", err)
	}
	return s
}

// values returns what the session of that name has.
func (b *browser) values(name string) map[any]any {
	b.t.Helper()
	var values map[any]any
	b.do(func(_ http.ResponseWriter, r *http.Request) { values = b.get(r, name).Values })
	return values
}

// set is a change of one value.
func set(key, value any) func(*gorilla.Session) {
	return func(s *gorilla.Session) { s.Values[key] = value }
}

// signOut is how gorilla programs end a session.
func signOut(s *gorilla.Session) { s.Options.MaxAge = -1 }

// cart is a type of the program.
type cart struct {
	Items []string
	Total float64
}

type number int

type word string

func init() {
	gob.Register(cart{})
	gob.Register(&address{})
	gob.Register(number(0))
	gob.Register(word(""))
	gob.Register(map[string]int{})
	gob.Register(time.Time{})
}

type address struct{ Street string }

// concurrently runs f in n goroutines.
func concurrently(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func keys(values map[any]any) []string {
	var names []string
	for key := range values {
		names = append(names, key.(string))
	}
	slices.Sort(names)
	return names
}
