package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// lifeGeneric checks that an error page tells nothing of the cause.
func lifeGeneric(t *testing.T, c *testapp.Client, res *testapp.Response) {
	t.Helper()
	body := res.Body
	if body != http.StatusText(res.StatusCode)+"\n" {
		t.Errorf("page %q", body)
	}
	for _, secret := range []string{"10.9.8.7", "sessions:", c.Token()} {
		if secret != "" && strings.Contains(body, secret) {
			t.Errorf("page tells %q", secret)
		}
	}
	if lines := res.Header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("Set-Cookie: %q", lines)
	}
	testapp.Equal(t, "Cache-Control", res.Header.Get("Cache-Control"), "no-store")
}

func TestOutageIsNeverAnAnonymousUser(t *testing.T) {
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
	lifeGeneric(t, c, res)
	testapp.Equal(t, "store calls: one attempt", a.Store.Calls(), "Load")
	if !strings.Contains(a.Log.String(), testapp.ErrDown.Error()) {
		t.Errorf("the log lacks the cause: %s", a.Log)
	}

	a.Store.Up()
	testapp.Equal(t, "user after the recovery", c.User(), "ann")
}

func TestUntouchedRequestPassesInAnOutage(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	a.Store.Down()
	c.OK(func(*sessions.Session) {})
	a.Client().OK(lifeLook) // without a cookie there is nothing to load
}

func TestFailedSaveIsTheErrorPage(t *testing.T) {
	fail := func(a *testapp.App) {
		a.Store.Always(func(kind string) (f testapp.Fault) { f.Err = testapp.ErrDown; f.Applied = kind == "Load"; return f })
	}
	t.Run("of a new session: no token is handed out", func(t *testing.T) {
		a := testapp.New(t)
		c := a.Client()
		a.Store.Down()
		res := c.Fails(http.StatusServiceUnavailable, testapp.Increment)
		lifeGeneric(t, c, res)
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
		lifeGeneric(t, c, res)
		a.Store.Up()
		testapp.Equal(t, "user after the recovery", c.User(), "ann")
	})
	t.Run("by hand: the handler learns of it", func(t *testing.T) {
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
	t.Run("after the header: the log tells", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		res := c.Serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			lifeLook(s)
			w.Write([]byte("done"))
			testapp.Increment(s)
			a.Store.Down()
		})
		testapp.Equal(t, "status", res.StatusCode, http.StatusOK)
		testapp.Equal(t, "body", res.Body, "done")
		if log := a.Log.String(); !strings.Contains(log, "lost") || !strings.Contains(log, "level=ERROR") {
			t.Errorf("log: %s", log)
		}
	})
}

func TestErrorHandlerGetsTheCause(t *testing.T) {
	for name, test := range map[string]struct {
		fault  error
		status int
	}{
		"outage":       {testapp.ErrDown, http.StatusServiceUnavailable},
		"closed":       {sessions.ErrClosed, http.StatusServiceUnavailable},
		"newer format": {sessions.ErrNewerFormat, http.StatusServiceUnavailable},
		"too large":    {sessions.ErrTooLarge, http.StatusInternalServerError},
	} {
		for _, kind := range []string{"Load", "Save"} {
			t.Run(name+" at "+kind, func(t *testing.T) {
				var got []error
				a := testapp.New(t)
				c := a.SignedIn()
				fault := testapp.Fault{Err: fmt.Errorf("fake: %w", test.fault)}
				a.Store.Next(kind, fault, fault, fault)
				res := c.Fails(test.status, testapp.Increment)
				lifeGeneric(t, c, res)

				a.Deploy(func(o *sessions.Options) {
					o.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
						got = append(got, err)
						w.WriteHeader(http.StatusTeapot)
						w.Write([]byte("our own page"))
					}
				})
				a.Store.Next(kind, fault, fault, fault)
				res = c.Do(testapp.Increment)
				testapp.Equal(t, "status", res.StatusCode, http.StatusTeapot)
				testapp.Equal(t, "body", res.Body, "our own page")
				if len(got) != 1 || !errors.Is(got[0], test.fault) {
					t.Errorf("ErrorHandler got %v", got)
				}
			})
		}
	}
}

func TestContextOfTheCallerCountsForItsCalls(t *testing.T) {
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
				t.Errorf("cookie %v, want a deletion", res.Cookie)
			}
			testapp.Equal(t, "records after the commit", len(a.Store.Records(t)), 0)
			_, err := a.Manager.Load(ctx, a.SignedIn().Token())
			testapp.Error(t, "Load", err, ctx.Err())
		})
	}
}

func TestHandlersContextDoesNotCancelTheCommit(t *testing.T) {
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
		h.ServeHTTP(lifeDiscard{}, r)
		testapp.Equal(t, "count", c.Count(), 2)
	})
}

// lifeDiscard is the response of a client that went away.
type lifeDiscard struct{}

func (lifeDiscard) Header() http.Header         { return http.Header{} }
func (lifeDiscard) Write(b []byte) (int, error) { return 0, errors.New("broken pipe") }
func (lifeDiscard) WriteHeader(int)             {}

func TestRecordOfANewerVersionLogsNobodyOut(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	e := a.Store.Record(t)
	newer := e.Record
	newer.Data = append([]byte{newer.Data[0] + 1}, newer.Data[1:]...)
	a.Store.Put(t, e.Key, newer)
	for range 2 {
		res := c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			testapp.Error(t, "Err", s.Err(), sessions.ErrNewerFormat)
			testapp.User.Set(s, "eve")
		})
		lifeGeneric(t, c, res)
	}
	testapp.Equal(t, "record", a.Store.Record(t).Record.Data, newer.Data)
	a.Store.Put(t, e.Key, e.Record)
	testapp.Equal(t, "user", c.User(), "ann")
}

func TestDamagedRecordIsAFreshSession(t *testing.T) {
	for name, damage := range map[string]func(*driver.Record){
		"empty":   func(r *driver.Record) { r.Data = nil },
		"cut":     func(r *driver.Record) { r.Data = r.Data[:len(r.Data)-1] },
		"garbage": func(r *driver.Record) { r.Data = []byte("\x00garbage") },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			old := c.Token()
			e := a.Store.Record(t)
			damage(&e.Record)
			a.Store.Put(t, e.Key, e.Record)
			c.OK(func(s *sessions.Session) {
				testapp.Equal(t, "Err", s.Err(), nil)
				testapp.Equal(t, "IsNew", s.IsNew(), true)
				testapp.Increment(s)
			})
			if c.Token() == old {
				t.Error("the id stayed")
			}
			testapp.Equal(t, "count", c.Count(), 1)
			if log := a.Log.String(); !strings.Contains(log, "damaged record") {
				t.Errorf("log: %s", log)
			}
		})
	}
	t.Run("that the store finds", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Next("Load", testapp.Fault{Err: fmt.Errorf("fake: %w", sessions.ErrCorrupt)})
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "IsNew", s.IsNew(), true) })
	})
}

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
					t.Errorf("status %d", code)
				}
			})
		}
		close(start)
		wg.Wait()
		c.Fails(http.StatusServiceUnavailable, testapp.Increment)
	})
}

// Once the header has left, no error page can take the answer's place. One that
// took the client for nobody, since nothing could be loaded, must not look whole.
func TestOutageAfterTheHeaderCutsTheAnswerOff(t *testing.T) {
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
