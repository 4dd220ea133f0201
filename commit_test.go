package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func newManual(t *testing.T) *testapp.App {
	return testapp.New(t, func(o *sessions.Options) { o.ManualSave, o.IdleTimeout = true, time.Hour })
}

// newSaved returns a client whose session was stored by Session.Save.
func newSaved(a *testapp.App) *testapp.Client {
	c := a.Client()
	c.OK(func(s *sessions.Session) { testapp.User.Set(s, "ann"); s.Save(a.T.Context()) })
	a.Store.Calls()
	return c
}

func TestManualSave(t *testing.T) {
	a := newManual(t)
	c := a.Client()
	for want := 1; want <= 3; want++ {
		c.OK(func(s *sessions.Session) {
			testapp.Equal(t, "count", testapp.Count.Update(s, func(n int) int { return n + 1 }), want)
			testapp.Equal(t, "Save", s.Save(t.Context()), nil)
		})
	}
	testapp.Equal(t, "store calls", a.Store.Calls(), "Save Load Save Load Save")
}

func TestManualSaveDropsUnsavedChanges(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"set":        func(s *sessions.Session) { testapp.User.Set(s, "eve") },
		"delete":     func(s *sessions.Session) { s.Delete("user") },
		"clear":      func(s *sessions.Session) { s.Clear() },
		"flash":      func(s *sessions.Session) { s.AddFlash("hello") },
		"owner":      func(s *sessions.Session) { s.SetOwner("user:1") },
		"settings":   func(s *sessions.Session) { s.SetIdleTimeout(time.Minute); s.SetExpires(sessions.ExpireWithBrowser()) },
		"renew":      func(s *sessions.Session) { s.Renew() },
		"invalidate": func(s *sessions.Session) { s.Invalidate() },
		"unfit":      func(s *sessions.Session) { s.Set("x", make(chan int)) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newManual(t)
			res := a.Client().OK(f)
			testapp.Equal(t, "cookie of a new client", res.Cookie, nil)
			testapp.Equal(t, "store calls of a new client", a.Store.Calls(), "")

			c := newSaved(a)
			stored := a.Store.Record(t)
			res = c.OK(f)
			testapp.Equal(t, "cookie", res.Cookie, nil)
			testapp.Equal(t, "record", a.Store.Record(t), stored)
			testapp.Equal(t, "store calls", a.Store.Calls(), "Load")
		})
	}
}

func TestManualSaveDropsChangesAfterSave(t *testing.T) {
	a := newManual(t)
	c := newSaved(a)
	c.OK(func(s *sessions.Session) {
		testapp.Increment(s)
		s.Save(t.Context())
		testapp.Increment(s)
	})
	testapp.Equal(t, "count", c.Count(), 1)
}

// The cookie is that of the saved session, even if another was started since.
func TestManualSaveSendsTheCookie(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session) error{
		"Renew":      (*sessions.Session).Renew,
		"Invalidate": (*sessions.Session).Invalidate,
	} {
		t.Run(name, func(t *testing.T) {
			a := newManual(t)
			c := a.Client()
			c.OK(func(s *sessions.Session) {
				testapp.User.Set(s, "ann")
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
				testapp.Error(t, name, f(s), nil)
			})
			testapp.Equal(t, "user", c.User(), "ann")
		})
	}
}

func TestManualSaveRenew(t *testing.T) {
	a := newManual(t)
	c := newSaved(a)
	old := c.Copy()
	res := c.OK(func(s *sessions.Session) { s.Renew(); testapp.Equal(t, "Save", s.Save(t.Context()), nil) })
	if res.Cookie == nil {
		t.Error("got no cookie for the new ID")
	}
	testapp.Equal(t, "user", c.User(), "ann")
	testapp.Equal(t, "user under the old ID", old.User(), "")
}

func TestManualSaveDestroy(t *testing.T) {
	a := newManual(t)
	c := newSaved(a)
	res := c.OK(func(s *sessions.Session) { s.Destroy(t.Context()); testapp.User.Set(s, "eve") })
	if res.Cookie == nil || res.Cookie.Value != "" {
		t.Errorf("got cookie %v, want a deletion", res.Cookie)
	}
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)

	c = newSaved(a)
	a.Store.Next("Delete", testapp.Refused)
	c.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
	testapp.Equal(t, "records after the commit's attempt", len(a.Store.Records(t)), 0)
}

func TestManualSaveRecordsAccess(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"read":                            testapp.Look,
		"write without Save":              testapp.Increment,
		"another timeout, without a Save": func(s *sessions.Session) { s.SetIdleTimeout(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newManual(t)
			c := newSaved(a)
			a.Clock.Advance(30 * time.Minute)
			c.OK(f)
			testapp.Equal(t, "store calls", a.Store.Calls(), "Load Touch")
			testapp.Equal(t, "Expires", a.Store.Record(t).Record.Expires.Time(), testapp.Epoch.Add(90*time.Minute))
			testapp.Equal(t, "count", c.Count(), 0)
		})
	}
}

func TestManualSaveReturnsErrors(t *testing.T) {
	a := newManual(t)
	c := newSaved(a)
	c.OK(func(s *sessions.Session) {
		testapp.Increment(s)
		a.Store.Down()
		testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
		a.Store.Up()
	})
	testapp.Equal(t, "count", c.Count(), 0)
	a.Store.Down()
	c.Fails(http.StatusServiceUnavailable, testapp.Look) // a failed load is for all
}

// catchPanic calls f, and returns the text of its panic.
func catchPanic(t *testing.T, f func()) (text string) {
	t.Helper()
	defer func() {
		v := recover()
		if v == nil {
			t.Error("no panic")
		}
		text = fmt.Sprint(v)
	}()
	f()
	return ""
}

// After the header was sent, changes that need no cookie are saved when the handler
// returns. Changes that need one are errors, and store nothing.
func TestChangesAfterTheHeader(t *testing.T) {
	t.Run("of a stored session are saved", func(t *testing.T) {
		m, store := testapp.NewManager(t, sessions.Options{})
		b := testapp.SignIn(t, m)
		before := store.Total("Save")
		resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			s := sessions.FromContext(r.Context())
			s.Set("user", "bob")
			if store.Total("Save") != before {
				t.Error("the change was saved before the handler returned")
			}
		})
		testapp.NoCookie(t, resp)
		if b.User() != "bob" {
			t.Error("the change is lost")
		}
	})

	t.Run("of a new session are lost and logged", func(t *testing.T) {
		var log testapp.Log
		m, store := testapp.NewManager(t, sessions.Options{Logger: log.Logger(slog.LevelDebug)})
		b := testapp.NewClient(t, m)
		resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			s := sessions.FromContext(r.Context())
			s.Set("user", "bob")
			if err := s.Save(r.Context()); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Save: got error %v, want ErrHeaderSent", err)
			}
		})
		if body := resp.Body; body != "hello" {
			t.Errorf("got body %q, want %q", body, "hello")
		}
		testapp.NoCookie(t, resp)
		if n := len(store.RecordsByKey(t)); n != 0 {
			t.Errorf("got %d records, want none", n)
		}
		if !strings.Contains(log.String(), "lost") {
			t.Errorf("got log %q, want the failed commit", log.String())
		}
	})

	t.Run("Renew and Invalidate are errors", func(t *testing.T) {
		m, store := testapp.NewManager(t, sessions.Options{})
		b := testapp.SignIn(t, m)
		b.Serve(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			s := sessions.FromContext(r.Context())
			if err := s.Renew(); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Renew: got error %v, want ErrHeaderSent", err)
			}
			if err := s.Invalidate(); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Invalidate: got error %v, want ErrHeaderSent", err)
			}
		})
		if b.User() != "ann" || len(store.RecordsByKey(t)) != 1 {
			t.Error("the stored session was changed")
		}
	})

	t.Run("Destroy still ends the session", func(t *testing.T) {
		m, store := testapp.NewManager(t, sessions.Options{})
		b := testapp.SignIn(t, m)
		b.Serve(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			if err := sessions.FromContext(r.Context()).Destroy(r.Context()); err != nil {
				t.Error(err)
			}
		})
		if b.User() != "" || len(store.RecordsByKey(t)) != 0 {
			t.Error("the session still exists")
		}
	})

	t.Run("in the cookie store are errors", func(t *testing.T) {
		m, _ := testapp.NewManager(t, sessions.Options{Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}})
		b := testapp.SignIn(t, m)
		b.Serve(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			s := sessions.FromContext(r.Context())
			s.Set("user", "bob")
			if err := s.Save(r.Context()); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Save: got error %v, want ErrHeaderSent", err)
			}
			if err := s.Destroy(r.Context()); !errors.Is(err, sessions.ErrHeaderSent) {
				t.Errorf("Destroy: got error %v, want ErrHeaderSent", err)
			}
		})
		if b.User() != "ann" {
			t.Error("the stored session was changed")
		}
	})
}

// serveCatchingPanic runs a handler and returns the value of its panic, or "goexit".
// It fails the test if the handler does not return.
func serveCatchingPanic(t *testing.T, h http.Handler, w http.ResponseWriter, r *http.Request) (value any) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		returned := false
		defer func() {
			value = recover()
			if value == nil && !returned {
				value = "goexit"
			}
		}()
		h.ServeHTTP(w, r)
		returned = true
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the request hangs")
	}
	return value
}

func TestPanicPropagatesWithoutCommit(t *testing.T) {
	custom := &struct{ reason string }{"mine"}
	for name, c := range map[string]struct {
		end  func()
		want any
	}{
		"value":           {func() { panic(custom) }, custom},
		"ErrAbortHandler": {func() { panic(http.ErrAbortHandler) }, http.ErrAbortHandler},
		"Goexit":          {runtime.Goexit, "goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			onBothStores(t, func(t *testing.T, o sessions.Options) {
				m, store := testapp.NewManager(t, o)
				b := testapp.SignIn(t, m)
				var before int
				if store != nil {
					before = store.Total("Save") + store.Total("Delete")
				}
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Cookie", "pump-session="+b.Token())
				w := httptest.NewRecorder()
				got := serveCatchingPanic(t, m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					s := sessions.FromContext(r.Context())
					s.Set("user", "mallory")
					s.Renew()
					c.end()
				})), w, r)
				if got != c.want {
					t.Errorf("got panic %v, want %v", got, c.want)
				}
				if len(w.Header()["Set-Cookie"]) > 0 {
					t.Errorf("got Set-Cookie %q, want none", w.Header()["Set-Cookie"])
				}
				if store != nil && store.Total("Save")+store.Total("Delete") != before {
					t.Error("got a commit, want none")
				}
				if b.User() != "ann" {
					t.Error("the stored session was changed")
				}
			})
		})
	}
}

// What the handler saved before it panicked remains. The response of an outer
// recovery must carry the new cookie, since the client's has stopped working.
func TestOuterRecoveryPageHasCookie(t *testing.T) {
	onBothStores(t, func(t *testing.T, o sessions.Options) {
		m, _ := testapp.NewManager(t, o)
		recovering := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					if recover() != nil {
						http.Error(w, "sorry", 500)
					}
				}()
				next.ServeHTTP(w, r)
			})
		}
		b := testapp.SignIn(t, m)
		serve := func(h http.HandlerFunc) *testapp.Response {
			t.Helper()
			b.Managers = nil
			resp := b.Send(httptest.NewRequest("GET", "/", nil), recovering(m.Wrap(h)))
			b.Managers = []*sessions.Manager{m}
			if resp.StatusCode != 500 {
				t.Errorf("got status %d, want 500", resp.StatusCode)
			}
			return resp
		}

		old := b.Token()
		testapp.OneCookie(t, serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			s.Renew()
			if err := s.Save(r.Context()); err != nil {
				t.Error(err)
			}
			s.Set("user", "mallory")
			panic("after the renewal")
		}))
		if b.Token() == old || b.User() != "ann" {
			t.Error("the client does not have the renewed session")
		}

		c := testapp.OneCookie(t, serve(func(w http.ResponseWriter, r *http.Request) {
			sessions.FromContext(r.Context()).Destroy(r.Context())
			panic("after the sign-out")
		}))
		if c.MaxAge != -1 {
			t.Error("the cookie was not deleted")
		}
	})
}

// A panic of the program or the store during the commit ends the request like any
// panic, and does not block it.
func TestPanicDuringCommit(t *testing.T) {
	ends := map[string]http.HandlerFunc{
		"at the end":     func(w http.ResponseWriter, r *http.Request) {},
		"in Write":       func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) },
		"in WriteHeader": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) },
		"in Save":        func(w http.ResponseWriter, r *http.Request) { sessions.FromContext(r.Context()).Save(r.Context()) },
		"after the header": func(w http.ResponseWriter, r *http.Request) {
			// nothing: the handler below flushes
		},
	}
	for where, end := range ends {
		for name, h := range map[string]func(s *sessions.Session, store *testapp.Store){
			"an Update run again": func(s *sessions.Session, store *testapp.Store) {
				first := true
				sessions.Key[int]("v").Update(s, func(int) int {
					if !first {
						panic("in Update")
					}
					first = false
					return 1
				})
				store.On("Save", func(context.Context) error { return sessions.ErrConflict })
			},
			"the store's Save": func(s *sessions.Session, store *testapp.Store) {
				s.Set("v", 1)
				store.On("Save", func(context.Context) error { panic("in the store") })
			},
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				m, store := testapp.NewManager(t, sessions.Options{})
				b := testapp.SignIn(t, m)
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Cookie", "pump-session="+b.Token())
				got := serveCatchingPanic(t, m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if where == "after the header" {
						w.WriteHeader(200)
					}
					h(sessions.FromContext(r.Context()), store)
					end(w, r)
				})), httptest.NewRecorder(), r)
				if text, ok := got.(string); !ok || !strings.HasPrefix(text, "in ") {
					t.Errorf("got panic %v, want that of the program or the store", got)
				}
				store.On("Save", nil)
				if b.User() != "ann" {
					t.Error("the stored session was changed")
				}
			})
		}
	}
}

// If a handler recovers from a panic in the commit, its response has the cookie of
// what was saved before. Nothing else is committed.
func TestInnerRecoveryPageHasCookie(t *testing.T) {
	a := testapp.New(t)
	a.Store.HideRenewer()
	for name, test := range map[string]struct {
		before func(*sessions.Session)
		user   string
	}{
		"nothing saved":     {func(s *sessions.Session) {}, "ann"},
		"a renewal saved":   {func(s *sessions.Session) { s.Renew(); s.Save(t.Context()) }, "ann"},
		"a session ended":   {func(s *sessions.Session) { s.Destroy(t.Context()) }, ""},
		"another one begun": {func(s *sessions.Session) { s.Invalidate(); testapp.User.Set(s, "bob"); s.Save(t.Context()) }, "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			c := a.SignedIn()
			res := c.Serve(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					recover()
					http.Error(w, "sorry", http.StatusInternalServerError)
				}()
				s := sessions.FromContext(r.Context())
				test.before(s)
				s.Renew()
				testapp.User.Set(s, "eve")
				a.Store.Before("Save", func() { panic("in the store") })
				io.WriteString(w, "welcome")
			})
			testapp.Equal(t, "status", res.StatusCode, http.StatusInternalServerError)
			testapp.Equal(t, "page", res.Body, "sorry\n")
			testapp.Equal(t, "user", c.User(), test.user)
		})
	}
}

// If the store panics in Load, the session has failed: for a handler that recovers,
// it is not an anonymous one.
func TestPanicDuringLoad(t *testing.T) {
	m, store := testapp.NewManager(t, sessions.Options{})
	b := testapp.SignIn(t, m)
	store.On("Load", func(context.Context) error { panic("in Load") })
	resp := b.Serve(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if text := catchPanic(t, func() { s.Get("user") }); text != "in Load" {
			t.Errorf("got panic %q, want %q", text, "in Load")
		}
		if s.Err() == nil {
			t.Error("the session is reported as new")
		}
		s.Set("user", "mallory")
	})
	if resp.StatusCode != 503 {
		t.Errorf("got status %d, want 503", resp.StatusCode)
	}
	testapp.NoCookie(t, resp)
}

// The commit completes even if the request's context is canceled, and within
// StoreTimeout.
func TestCommitAfterRequestContextIsCanceled(t *testing.T) {
	type mark struct{}
	m, store := testapp.NewManager(t, sessions.Options{StoreTimeout: time.Minute})
	store.On("Save", func(ctx context.Context) error {
		if err := ctx.Err(); err != nil {
			t.Errorf("the commit's context has ended: %v", err)
		}
		if ctx.Value(mark{}) != "trace" {
			t.Error("the commit's context has lost its values")
		}
		if at, ok := ctx.Deadline(); !ok || time.Until(at) > time.Minute {
			t.Errorf("got commit deadline %v, %v", at, ok)
		}
		return nil
	})
	for name, h := range map[string]func(cancel func(), w http.ResponseWriter, r *http.Request){
		"cancelled from outside": func(cancel func(), _ http.ResponseWriter, _ *http.Request) { cancel() },
		"replaced": func(_ func(), w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(nil) }).ServeHTTP(w, r.WithContext(ctx))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := testapp.NewClient(t, m)
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), mark{}, "trace"))
			defer cancel()
			resp := b.Send(httptest.NewRequestWithContext(ctx, "GET", "/", nil), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sessions.FromContext(r.Context()).Set("user", "ann")
				h(cancel, w, r)
			}))
			testapp.OneCookie(t, resp)
			if b.User() != "ann" {
				t.Error("the change is lost")
			}
		})
	}
}

// net/http panics for a status of four digits. The session must not be committed
// then, because its cookie is never sent.
func TestInvalidStatusCode(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("WriteHeader accepted the status")
			}
		}()
		c.Serve(func(w http.ResponseWriter, r *http.Request) {
			sessions.FromContext(r.Context()).Renew()
			w.WriteHeader(1000)
		})
	}()
	testapp.Equal(t, "user under the ID that the client has", c.User(), "ann")
}
