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
)

// lifeGeneric checks that an error page tells nothing of the cause.
func lifeGeneric(t *testing.T, c *lifeClient, res lifeResponse) {
	t.Helper()
	body := res.Body.String()
	if body != http.StatusText(res.Code)+"\n" {
		t.Errorf("page %q", body)
	}
	for _, secret := range []string{"10.9.8.7", "sessions:", c.token()} {
		if secret != "" && strings.Contains(body, secret) {
			t.Errorf("page tells %q", secret)
		}
	}
	if lines := res.Header()["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("Set-Cookie: %q", lines)
	}
	lifeEqual(t, "Cache-Control", res.Header().Get("Cache-Control"), "no-store")
	if token := c.token(); token != "" && strings.Contains(c.app.log.String(), token) {
		t.Error("the log has the token")
	}
}

func TestOutageIsNeverAnAnonymousUser(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	a.store.down()
	ran := false
	res := c.serve(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		lifeUser.Set(s, "eve")
		lifeIncrement(s)
		s.AddFlash("hello")
		s.Delete("user")
		s.Clear()
		s.Revert()
		lifeEqual(t, "user", s.Get("user"), nil)
		lifeEqual(t, "Keys", len(s.Keys()), 0)
		lifeEqual(t, "Flashes", len(s.Flashes()), 0)
		for name, err := range map[string]error{
			"Err": s.Err(), "Save": s.Save(r.Context()), "Renew": s.Renew(), "Invalidate": s.Invalidate(),
			"SetOwner": s.SetOwner("eve"), "SetIdleTimeout": s.SetIdleTimeout(0), "SetExpires": s.SetExpires(sessions.ExpireNever()),
		} {
			lifeError(t, name, err, errFakeDown)
		}
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusTeapot)
		_, err := w.Write([]byte("welcome, stranger"))
		lifeError(t, "Write", err, errFakeDown)
		ran = true
	})
	lifeEqual(t, "the handler ran", ran, true)
	lifeEqual(t, "status", res.Code, http.StatusServiceUnavailable)
	lifeGeneric(t, c, res)
	lifeEqual(t, "store calls: one attempt", a.store.calls(), "Load")
	if !strings.Contains(a.log.String(), errFakeDown.Error()) {
		t.Errorf("the log lacks the cause: %s", a.log)
	}

	a.store.up()
	lifeEqual(t, "user after the recovery", c.user(), "ann")
}

func TestUntouchedRequestPassesInAnOutage(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	a.store.down()
	c.ok(func(*sessions.Session) {})
	a.client().ok(lifeLook) // without a cookie there is nothing to load
}

func TestFailedSaveIsTheErrorPage(t *testing.T) {
	fail := func(a *lifeApp) {
		a.store.always(func(kind string) (f fakeFault) { f.err = errFakeDown; f.lands = kind == "Load"; return f })
	}
	t.Run("of a new session: no token is handed out", func(t *testing.T) {
		a := newLife(t)
		c := a.client()
		a.store.down()
		res := c.fails(http.StatusServiceUnavailable, lifeIncrement)
		lifeGeneric(t, c, res)
		lifeEqual(t, "records", len(a.store.records(t)), 0)
		a.store.up()
		c.ok(lifeIncrement)
		lifeEqual(t, "count", c.count(), 1)
	})
	t.Run("of a stored session", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		res := c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			lifeUser.Set(s, "eve")
			fail(a)
		})
		lifeGeneric(t, c, res)
		a.store.up()
		lifeEqual(t, "user after the recovery", c.user(), "ann")
	})
	t.Run("by hand: the handler learns of it", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		c.ok(func(s *sessions.Session) {
			s.Set("user", "eve")
			a.store.down()
			lifeError(t, "Save", s.Save(t.Context()), errFakeDown)
			a.store.up()
			s.Revert()
		})
		lifeEqual(t, "user", c.user(), "ann")
	})
	t.Run("after the header: the log tells", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		res := c.serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			lifeLook(s)
			w.Write([]byte("done"))
			lifeIncrement(s)
			a.store.down()
		})
		lifeEqual(t, "status", res.Code, http.StatusOK)
		lifeEqual(t, "body", res.Body.String(), "done")
		if log := a.log.String(); !strings.Contains(log, "lost") || !strings.Contains(log, "level=ERROR") {
			t.Errorf("log: %s", log)
		}
	})
}

func TestErrorHandlerGetsTheCause(t *testing.T) {
	for name, test := range map[string]struct {
		fault  error
		status int
	}{
		"outage":       {errFakeDown, http.StatusServiceUnavailable},
		"closed":       {sessions.ErrClosed, http.StatusServiceUnavailable},
		"newer format": {sessions.ErrNewerFormat, http.StatusServiceUnavailable},
		"too large":    {sessions.ErrTooLarge, http.StatusInternalServerError},
	} {
		for _, kind := range []string{"Load", "Save"} {
			t.Run(name+" at "+kind, func(t *testing.T) {
				var got []error
				a := newLife(t)
				c := a.signedIn()
				fault := fakeFault{err: fmt.Errorf("fake: %w", test.fault)}
				a.store.next(kind, fault, fault, fault)
				res := c.fails(test.status, lifeIncrement)
				lifeGeneric(t, c, res)

				a.deploy(func(o *sessions.Options) {
					o.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
						got = append(got, err)
						w.WriteHeader(http.StatusTeapot)
						w.Write([]byte("our own page"))
					}
				})
				a.store.next(kind, fault, fault, fault)
				res = c.do(lifeIncrement)
				lifeEqual(t, "status", res.Code, http.StatusTeapot)
				lifeEqual(t, "body", res.Body.String(), "our own page")
				if len(got) != 1 || !errors.Is(got[0], test.fault) {
					t.Errorf("ErrorHandler got %v", got)
				}
			})
		}
	}
}

func TestContextOfTheCallerCountsForItsCalls(t *testing.T) {
	past, cancel := context.WithDeadline(t.Context(), fakeEpoch.AddDate(-20, 0, 0))
	defer cancel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"cancelled": cancelled, "past its deadline": past} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			c.ok(func(s *sessions.Session) {
				lifeIncrement(s)
				lifeError(t, "Save", s.Save(ctx), ctx.Err())
				lifeEqual(t, "count after it", s.Get("count"), any(1))
				a.store.calls()
			})
			lifeEqual(t, "calls of the commit", a.store.calls(), "Save")
			lifeEqual(t, "count", c.count(), 1)
			c.ok(func(s *sessions.Session) {
				s.Renew()
				lifeError(t, "Save of a renewal", s.Save(ctx), ctx.Err())
				s.Revert()
				s.Invalidate()
				lifeError(t, "Save of Invalidate", s.Save(ctx), ctx.Err())
				s.Revert()
				lifeEqual(t, "user after it", s.Get("user"), any("ann"))
			})
			lifeEqual(t, "user", c.user(), "ann")
			res := c.ok(func(s *sessions.Session) {
				lifeError(t, "Destroy", s.Destroy(ctx), ctx.Err())
				lifeEqual(t, "records", len(a.store.records(t)), 1)
			})
			if res.cookie == nil || res.cookie.Value != "" {
				t.Errorf("cookie %v, want a deletion", res.cookie)
			}
			lifeEqual(t, "records after the commit", len(a.store.records(t)), 0)
			_, err := a.m.Load(ctx, a.signedIn().token())
			lifeError(t, "Load", err, ctx.Err())
		})
	}
}

func TestHandlersContextDoesNotCancelTheCommit(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	t.Run("the handler's own", func(t *testing.T) {
		c.serve(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			*r = *r.WithContext(ctx)
			lifeIncrement(sessions.FromContext(r.Context()))
		})
		lifeEqual(t, "count", c.count(), 1)
	})
	t.Run("the client's", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c.serveOn(a.m, func(w http.ResponseWriter, r *http.Request) {})
		h := a.m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lifeIncrement(sessions.FromContext(r.Context()))
			cancel()
		}))
		r, _ := http.NewRequestWithContext(ctx, "GET", "/", nil)
		r.Header.Set("Cookie", "pump-session="+c.token())
		h.ServeHTTP(lifeDiscard{}, r)
		lifeEqual(t, "count", c.count(), 2)
	})
}

// lifeDiscard is the response of a client that went away.
type lifeDiscard struct{}

func (lifeDiscard) Header() http.Header         { return http.Header{} }
func (lifeDiscard) Write(b []byte) (int, error) { return 0, errors.New("broken pipe") }
func (lifeDiscard) WriteHeader(int)             {}

func TestRecordOfANewerVersionLogsNobodyOut(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	e := a.store.record(t)
	newer := e.Record
	newer.Data = append([]byte{newer.Data[0] + 1}, newer.Data[1:]...)
	a.store.put(t, e.Key, newer)
	for range 2 {
		res := c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			lifeError(t, "Err", s.Err(), sessions.ErrNewerFormat)
			lifeUser.Set(s, "eve")
		})
		lifeGeneric(t, c, res)
	}
	lifeEqual(t, "record", a.store.record(t).Record.Data, newer.Data)
	a.store.put(t, e.Key, e.Record)
	lifeEqual(t, "user", c.user(), "ann")
}

func TestDamagedRecordIsAFreshSession(t *testing.T) {
	for name, damage := range map[string]func(*driver.Record){
		"empty":   func(r *driver.Record) { r.Data = nil },
		"cut":     func(r *driver.Record) { r.Data = r.Data[:len(r.Data)-1] },
		"garbage": func(r *driver.Record) { r.Data = []byte("\x00garbage") },
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			old := c.token()
			e := a.store.record(t)
			damage(&e.Record)
			a.store.put(t, e.Key, e.Record)
			c.ok(func(s *sessions.Session) {
				lifeEqual(t, "Err", s.Err(), nil)
				lifeEqual(t, "IsNew", s.IsNew(), true)
				lifeIncrement(s)
			})
			if c.token() == old {
				t.Error("the id stayed")
			}
			lifeEqual(t, "count", c.count(), 1)
			if log := a.log.String(); !strings.Contains(log, "damaged record") {
				t.Errorf("log: %s", log)
			}
		})
	}
	t.Run("that the store finds", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Load", fakeFault{err: fmt.Errorf("fake: %w", sessions.ErrCorrupt)})
		c.ok(func(s *sessions.Session) { lifeEqual(t, "IsNew", s.IsNew(), true) })
	})
}

func TestClose(t *testing.T) {
	t.Run("ends all use", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		s, err := a.m.Load(t.Context(), c.token())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			lifeEqual(t, "Close", a.m.Close(), nil)
		}
		lifeIncrement(s)
		lifeError(t, "Save", s.Save(t.Context()), sessions.ErrClosed)
		_, err = a.m.Load(t.Context(), c.token())
		lifeError(t, "Load", err, sessions.ErrClosed)
		c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) { lifeError(t, "Err", s.Err(), sessions.ErrClosed) })
		a.client().fails(http.StatusServiceUnavailable, lifeIncrement)
		c.ok(func(*sessions.Session) {})
		_, err = a.m.Sweep(t.Context())
		lifeError(t, "Sweep", err, sessions.ErrClosed)
	})
	t.Run("during traffic", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 40 {
			wg.Go(func() {
				<-start
				if i == 20 {
					a.m.Close()
					return
				}
				if code := c.copied().do(lifeIncrement).Code; code != http.StatusOK && code != http.StatusServiceUnavailable {
					t.Errorf("status %d", code)
				}
			})
		}
		close(start)
		wg.Wait()
		c.fails(http.StatusServiceUnavailable, lifeIncrement)
	})
}

// Once the header has left, no error page can take the answer's place. One that
// took the client for nobody, since nothing could be loaded, must not look whole.
func TestOutageAfterTheHeaderCutsTheAnswerOff(t *testing.T) {
	for name, test := range map[string]struct {
		use  func(*sessions.Session)
		want any // of the panic that net/http takes for "cut it off"
	}{
		"by a look":              {func(s *sessions.Session) { lifeUser.Get(s) }, http.ErrAbortHandler},
		"by a handler that asks": {func(s *sessions.Session) { _ = s.Err() }, nil},
		"not used":               {func(*sessions.Session) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			a.store.down()
			defer func() { lifeEqual(t, "panic", recover(), test.want) }()
			c.serve(func(w http.ResponseWriter, r *http.Request) {
				w.Write([]byte("<html>"))
				test.use(sessions.FromContext(r.Context()))
			})
		})
	}
}
