package sessions_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// wantGenericErrorPage checks that the error page does not contain the cause.
func wantGenericErrorPage(t *testing.T, c *testapp.Client, res *testapp.Response) {
	t.Helper()
	body := res.Body
	if body != http.StatusText(res.StatusCode)+"\n" {
		t.Errorf("got page %q, want the status text", body)
	}
	for _, secret := range []string{"10.9.8.7", "sessions:", c.Token()} {
		if secret != "" && strings.Contains(body, secret) {
			t.Errorf("the page contains %q", secret)
		}
	}
	if lines := res.Header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("got Set-Cookie %q, want none", lines)
	}
	testapp.Equal(t, "Cache-Control", res.Header.Get("Cache-Control"), "no-store")
}

func TestOutageIsNotAnonymous(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	a.Store.Down()
	ran := false
	res := c.Serve(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		testapp.User.Set(s, "eve")
		testapp.Increment(s)
		s.AddFlash("hello")
		s.Delete("user")
		s.Clear()
		s.Revert()
		testapp.Equal(t, "user", s.Get("user"), nil)
		testapp.Equal(t, "Keys", len(s.Keys()), 0)
		testapp.Equal(t, "Flashes", len(s.Flashes()), 0)
		for name, err := range map[string]error{
			"Err": s.Err(), "Save": s.Save(r.Context()), "Renew": s.Renew(), "Invalidate": s.Invalidate(),
			"SetOwner": s.SetOwner("eve"), "SetIdleTimeout": s.SetIdleTimeout(0), "SetExpires": s.SetExpires(sessions.ExpireNever()),
			"SetLifetime": s.SetLifetime(0), "ResetSettings": s.ResetSettings(),
		} {
			testapp.Error(t, name, err, testapp.ErrDown)
		}
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusTeapot)
		_, err := w.Write([]byte("welcome, stranger"))
		testapp.Error(t, "Write", err, testapp.ErrDown)
		ran = true
	})
	testapp.Equal(t, "the handler ran", ran, true)
	testapp.Equal(t, "status", res.StatusCode, http.StatusServiceUnavailable)
	wantGenericErrorPage(t, c, res)
	testapp.Equal(t, "store calls: one attempt", a.Store.Calls(), "Load")
	if !strings.Contains(a.Log.String(), testapp.ErrDown.Error()) {
		t.Errorf("the log lacks the cause: %s", a.Log)
	}

	a.Store.Up()
	testapp.Equal(t, "user after the recovery", c.User(), "ann")
}

func TestOutageOfUnusedStore(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	a.Store.Down()
	c.OK(func(*sessions.Session) {})
	a.Client().OK(testapp.Look) // without a cookie there is nothing to load
}

func TestFailedSaveSendsErrorPage(t *testing.T) {
	fail := func(a *testapp.App) {
		a.Store.Always(func(kind string) (f testapp.Fault) { f.Err = testapp.ErrDown; f.Applied = kind == "Load"; return f })
	}
	t.Run("of a new session: no token is sent", func(t *testing.T) {
		a := testapp.New(t)
		c := a.Client()
		a.Store.Down()
		res := c.Fails(http.StatusServiceUnavailable, testapp.Increment)
		wantGenericErrorPage(t, c, res)
		testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
		a.Store.Up()
		c.OK(testapp.Increment)
		testapp.Equal(t, "count", c.Count(), 1)
	})
	t.Run("of a stored session", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		res := c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			testapp.User.Set(s, "eve")
			fail(a)
		})
		wantGenericErrorPage(t, c, res)
		a.Store.Up()
		testapp.Equal(t, "user after the recovery", c.User(), "ann")
	})
	t.Run("in Save: the handler gets the error", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		c.OK(func(s *sessions.Session) {
			s.Set("user", "eve")
			a.Store.Down()
			testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
			a.Store.Up()
			s.Revert()
		})
		testapp.Equal(t, "user", c.User(), "ann")
	})
	t.Run("after the header: it is logged", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		res := c.Serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			testapp.Look(s)
			w.Write([]byte("done"))
			testapp.Increment(s)
			a.Store.Down()
		})
		testapp.Equal(t, "status", res.StatusCode, http.StatusOK)
		testapp.Equal(t, "body", res.Body, "done")
		if log := a.Log.String(); !strings.Contains(log, "lost") || !strings.Contains(log, "level=ERROR") {
			t.Errorf("got log %s, want an error", log)
		}
	})
}

func TestCallerContextIsUsed(t *testing.T) {
	past, cancel := context.WithDeadline(t.Context(), testapp.Epoch.AddDate(-20, 0, 0))
	defer cancel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"cancelled": cancelled, "past its deadline": past} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			c.OK(func(s *sessions.Session) {
				testapp.Increment(s)
				testapp.Error(t, "Save", s.Save(ctx), ctx.Err())
				testapp.Equal(t, "count after it", s.Get("count"), any(1))
				a.Store.Calls()
			})
			testapp.Equal(t, "calls of the commit", a.Store.Calls(), "Save")
			testapp.Equal(t, "count", c.Count(), 1)
			c.OK(func(s *sessions.Session) {
				s.Renew()
				testapp.Error(t, "Save of a renewal", s.Save(ctx), ctx.Err())
				s.Revert()
				s.Invalidate()
				testapp.Error(t, "Save of Invalidate", s.Save(ctx), ctx.Err())
				s.Revert()
				testapp.Equal(t, "user after it", s.Get("user"), any("ann"))
			})
			testapp.Equal(t, "user", c.User(), "ann")
			res := c.OK(func(s *sessions.Session) {
				testapp.Error(t, "Destroy", s.Destroy(ctx), ctx.Err())
				testapp.Equal(t, "records", len(a.Store.Records(t)), 1)
			})
			if res.Cookie == nil || res.Cookie.Value != "" {
				t.Errorf("got cookie %v, want a deletion", res.Cookie)
			}
			testapp.Equal(t, "records after the commit", len(a.Store.Records(t)), 0)
			_, err := a.Manager.Load(ctx, a.SignedIn().Token())
			testapp.Error(t, "Load", err, ctx.Err())
		})
	}
}

func TestHandlerContextDoesNotCancelCommit(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	t.Run("the handler's own", func(t *testing.T) {
		c.Serve(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			*r = *r.WithContext(ctx)
			testapp.Increment(sessions.FromContext(r.Context()))
		})
		testapp.Equal(t, "count", c.Count(), 1)
	})
	t.Run("the client's", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c.ServeOn(a.Manager, func(w http.ResponseWriter, r *http.Request) {})
		h := a.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			testapp.Increment(sessions.FromContext(r.Context()))
			cancel()
		}))
		r, _ := http.NewRequestWithContext(ctx, "GET", "/", nil)
		r.Header.Set("Cookie", "pump-session="+c.Token())
		h.ServeHTTP(brokenConnection{}, r)
		testapp.Equal(t, "count", c.Count(), 2)
	})
}

// brokenConnection is the response writer of a client that disconnected.
type brokenConnection struct{}

func (brokenConnection) Header() http.Header { return http.Header{} }

func (brokenConnection) Write(b []byte) (int, error) { return 0, errors.New("broken pipe") }

func (brokenConnection) WriteHeader(int) {}

func TestClose(t *testing.T) {
	t.Run("ends all use", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		s, err := a.Manager.Load(t.Context(), c.Token())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			testapp.Equal(t, "Close", a.Manager.Close(), nil)
		}
		testapp.Increment(s)
		testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrClosed)
		_, err = a.Manager.Load(t.Context(), c.Token())
		testapp.Error(t, "Load", err, sessions.ErrClosed)
		c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { testapp.Error(t, "Err", s.Err(), sessions.ErrClosed) })
		a.Client().Fails(http.StatusServiceUnavailable, testapp.Increment)
		c.OK(func(*sessions.Session) {})
		_, err = a.Manager.Sweep(t.Context())
		testapp.Error(t, "Sweep", err, sessions.ErrClosed)
	})
	t.Run("during traffic", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 40 {
			wg.Go(func() {
				<-start
				if i == 20 {
					a.Manager.Close()
					return
				}
				if code := c.Copy().Do(testapp.Increment).StatusCode; code != http.StatusOK && code != http.StatusServiceUnavailable {
					t.Errorf("got status %d, want 200 or 503", code)
				}
			})
		}
		close(start)
		wg.Wait()
		c.Fails(http.StatusServiceUnavailable, testapp.Increment)
	})
}

// After the header was sent, there can be no error page. If the session could not be
// loaded, the handler may have treated the client as anonymous, so the response must
// not look complete.
func TestOutageAfterHeaderAbortsResponse(t *testing.T) {
	for name, test := range map[string]struct {
		use  func(*sessions.Session)
		want any // of the panic that net/http takes for "cut it off"
	}{
		"by a look":              {func(s *sessions.Session) { testapp.User.Get(s) }, http.ErrAbortHandler},
		"by a handler that asks": {func(s *sessions.Session) { _ = s.Err() }, nil},
		"not used":               {func(*sessions.Session) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			a.Store.Down()
			defer func() { testapp.Equal(t, "panic", recover(), test.want) }()
			c.Serve(func(w http.ResponseWriter, r *http.Request) {
				w.Write([]byte("<html>"))
				test.use(sessions.FromContext(r.Context()))
			})
		})
	}
}

func TestPing(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	if err := m.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if store.Total("Load") != 1 || store.Total() != 1 || len(store.RecordsByKey(t)) != 0 {
		t.Errorf("got %d loads, %d calls, %d records", store.Total("Load"), store.Total(), len(store.RecordsByKey(t)))
	}
}

func TestPingReportsOutage(t *testing.T) {
	f := testapp.NewStore(nil)
	m, _ := testapp.NewManager(t, sessions.Options{Driver: f})
	f.Down()
	if err := m.Ping(t.Context()); !errors.Is(err, testapp.ErrDown) {
		t.Errorf("Ping of a store that is down: got error %v", err)
	}
	f.Up()
	if err := m.Ping(t.Context()); err != nil {
		t.Errorf("Ping after the recovery: got error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Ping with a canceled context: got error %v", err)
	}
}

func TestPingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := testapp.NewStore(nil)
		m, _ := testapp.NewManager(t, sessions.Options{Driver: f, StoreTimeout: 2 * time.Second, SweepInterval: -1})
		f.Next("Load", testapp.Hung)
		began := time.Now()
		if err := m.Ping(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("got error %v after %v, want DeadlineExceeded after 2s", err, time.Since(began))
		}
	})
}

func TestPingWithCookieStore(t *testing.T) {
	m, _ := testapp.NewManager(t, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}})
	if err := m.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
