package behaviour

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// If the session cannot be loaded, the handler runs, but the client gets the error page
// and never the page of an anonymous user.
func TestFailedLoadIsTheErrorPage(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		a.Store.Down()
		c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			testapp.Error(t, "Err", s.Err(), testapp.ErrDown)
			testapp.Equal(t, "user", s.Get("user"), nil)
			testapp.User.Set(s, "eve")
			testapp.Increment(s)
			testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
			testapp.Error(t, "Renew", s.Renew(), testapp.ErrDown)
		})
		c.OK(func(*sessions.Session) {}) // an untouched session needs no store
		a.Store.Up()
		a.WantRecords(1)
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "Keys", s.Keys(), []string{"user"}) })
		testapp.Equal(t, "user after the outage", c.User(), "ann")
	}, keep)
}

func TestErrorPageHidesTheCause(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		var id string
		c.OK(func(s *sessions.Session) { id = s.ID() })
		a.Store.Down()
		for _, f := range []func(s *sessions.Session){testapp.Look, testapp.Increment} {
			got := c.Fails(http.StatusServiceUnavailable, f)
			var page strings.Builder
			page.WriteString(got.Body)
			got.Header.Write(&page)
			for _, private := range []string{c.Token(), id, "10.9.8.7", "5432", "refused", "sessions"} {
				if strings.Contains(page.String(), private) {
					t.Errorf("the page contains %q:\n%s", private, &page)
				}
			}
		}
		if !strings.Contains(a.Log.String(), "10.9.8.7") {
			t.Error("the log does not contain the cause")
		}
	}, keep)
}

func TestFailedSaveSendsNoToken(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		var mu sync.Mutex
		var causes []error
		a := st.start(t, func(o *sessions.Options) {
			o.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
				mu.Lock()
				defer mu.Unlock()
				causes = append(causes, err)
				http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
			}
		})
		a.Store.Down()
		c := a.Client()
		c.Fails(http.StatusServiceUnavailable, testapp.Increment)
		c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			testapp.Increment(s)
			testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
		})
		testapp.Equal(t, "token", c.Token(), "")
		a.Store.Up()
		a.WantRecords(0)

		c = a.SignedIn()
		c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			testapp.User.Set(s, "eve")
			a.Store.Down()
		})
		a.Store.Up()
		testapp.Equal(t, "user", c.User(), "ann")
		testapp.Equal(t, "calls of ErrorHandler", len(causes), 3)
		for _, err := range causes {
			testapp.Error(t, "ErrorHandler's error", err, testapp.ErrDown)
		}
	}, keep)
}

// Whichever store call of a renewal fails, the old session is unchanged. If a store that
// is no driver.Renewer does not acknowledge the write of the forward, it may still take
// effect, so the record that it names is kept, as an orphan.
func TestFailedRenewalKeepsTheSession(t *testing.T) {
	for name, move := range map[string]func(s *sessions.Session) error{
		"Renew": (*sessions.Session).Renew, "Invalidate": (*sessions.Session).Invalidate,
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.SignedIn()
				old := c.Token()
				faults := []func(){a.Store.Down, func() {
					a.Store.HideRenewer()
					a.Store.Next("Save", testapp.OK, testapp.Refused, testapp.Refused, testapp.Refused)
				}}
				if _, ok := a.Store.Inner().(driver.Renewer); ok {
					faults[0] = func() { a.Store.Next("Renew", testapp.Refused, testapp.Refused, testapp.Refused) }
				}
				got := c.OK(func(s *sessions.Session) {
					id := s.ID()
					for orphans, fault := range faults {
						testapp.Error(t, name, move(s), nil)
						fault()
						testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
						a.Store.Up()
						s.Revert()
						testapp.Equal(t, "ID", s.ID(), id)
						testapp.Equal(t, "user", s.Get("user"), any("ann"))
						a.WantRecords(1 + orphans)
					}
					testapp.Increment(s) // it is still usable
				})
				testapp.Equal(t, "Set-Cookie", got.SetCookie, "")
				testapp.Equal(t, "token", c.Token(), old)
				c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { // committed by the response
					move(s)
					a.Store.Down()
				})
				a.Store.Up()
				c.OK(func(s *sessions.Session) {
					testapp.Equal(t, "user", s.Get("user"), any("ann"))
					testapp.Equal(t, "count", s.Get("count"), any(int64(1)))
				})
				a.WantRecords(2)
			}, keep)
		})
	}
}

func TestFailedDestroyKeepsTheCookie(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		old := c.Copy()
		c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			testapp.Look(s)
			a.Store.Down()
			testapp.Error(t, "Destroy", s.Destroy(t.Context()), testapp.ErrDown)
		})
		a.Store.Up()
		testapp.Equal(t, "user after the outage", c.User(), "ann")
		got := c.OK(func(s *sessions.Session) {
			a.Store.FailNext(1, "Delete")
			testapp.Error(t, "Destroy", s.Destroy(t.Context()), testapp.ErrDown)
		}) // the response's commit succeeds
		if got.Cookie == nil || got.Cookie.Value != "" {
			t.Errorf("Set-Cookie: %q, want a deletion", got.SetCookie)
		}
		old.IsAnonymous("the token of the destroyed session")
	}, keep)
}

func TestEndedContextFailsOnlyItsCall(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	past, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	for name, ctx := range map[string]context.Context{"cancelled": cancelled, "past its deadline": past} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.SignedIn()
				c.OK(func(s *sessions.Session) {
					testapp.Increment(s)
					testapp.Error(t, "Save", s.Save(ctx), ctx.Err())
					s.Revert()
					s.Renew()
					testapp.Error(t, "Save of a renewal", s.Save(ctx), ctx.Err())
					s.Revert()
					s.Invalidate()
					testapp.Error(t, "Save of Invalidate", s.Save(ctx), ctx.Err())
					s.Revert()
				})
				c.OK(func(s *sessions.Session) { testapp.Equal(t, "Keys", s.Keys(), []string{"user"}) })
				got := c.OK(func(s *sessions.Session) {
					testapp.Error(t, "Destroy", s.Destroy(ctx), ctx.Err())
					a.WantRecords(1)
				})
				// The response's commit does what the call did not.
				if got.Cookie == nil || got.Cookie.Value != "" {
					t.Errorf("Set-Cookie: %q, want a deletion", got.SetCookie)
				}
				a.WantRecords(0)
				_, err := a.Manager.Load(ctx, a.SignedIn().Token())
				testapp.Error(t, "Load", err, ctx.Err())
			}, keep)
		})
	}
}

func TestHandlersOwnContextDoesNotCancelTheSave(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.SignedIn()
		inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			testapp.Increment(sessions.FromContext(r.Context()))
		})
		for range 2 {
			got := c.Serve(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancelCause(r.Context())
				defer cancel(errors.New("the handler returned"))
				inner(w, r.WithContext(ctx))
			})
			testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
			// The same if the context ends before the header is sent.
			got = c.Serve(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				inner(w, r.WithContext(ctx))
				cancel()
				io.WriteString(w, "done")
			})
			testapp.Equal(t, "status", got.StatusCode, http.StatusOK)
		}
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "count", s.Get("count"), any(int64(4))) })
	})
}
