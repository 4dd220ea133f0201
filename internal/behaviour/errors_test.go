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
)

// The handler runs, since only it knows whether the session matters, but its
// answer is never that of an anonymous user.
func TestFailedLoadIsTheErrorPage(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		a.calls.down()
		c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			wantErr(t, "Err", s.Err(), errOutage)
			equal(t, "user", s.Get("user"), nil)
			user.Set(s, "eve")
			increment(s)
			wantErr(t, "Save", s.Save(t.Context()), errOutage)
			wantErr(t, "Renew", s.Renew(), errOutage)
		})
		c.do(func(*sessions.Session) {}) // who needs no session needs no store
		a.calls.up()
		a.wantRecords(1)
		c.do(func(s *sessions.Session) { equal(t, "Keys", s.Keys(), []string{"user"}) })
		equal(t, "user after the outage", c.user(), "ann")
	}, keep)
}

func TestErrorPageTellsNothingOfTheCause(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		var id string
		c.do(func(s *sessions.Session) { id = s.ID() })
		a.calls.down()
		for _, f := range []func(s *sessions.Session){look, increment} {
			got := c.fails(http.StatusServiceUnavailable, f)
			var page strings.Builder
			page.WriteString(got.body)
			got.header.Write(&page)
			for _, private := range []string{c.token, id, "10.9.8.7", "5432", "refused", "sessions"} {
				if strings.Contains(page.String(), private) {
					t.Errorf("the page tells %q:\n%s", private, &page)
				}
			}
		}
		if !strings.Contains(a.log.String(), "10.9.8.7") {
			t.Error("the log does not tell the cause")
		}
	}, keep)
}

func TestFailedSaveGivesNoToken(t *testing.T) {
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
		a.calls.down()
		c := a.client()
		c.fails(http.StatusServiceUnavailable, increment)
		c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			increment(s)
			wantErr(t, "Save", s.Save(t.Context()), errOutage)
		})
		equal(t, "token", c.token, "")
		a.calls.up()
		a.wantRecords(0)

		c = a.signedIn()
		c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			user.Set(s, "eve")
			a.calls.down()
		})
		a.calls.up()
		equal(t, "user", c.user(), "ann")
		equal(t, "calls of ErrorHandler", len(causes), 3)
		for _, err := range causes {
			wantErr(t, "what ErrorHandler gets", err, errOutage)
		}
	}, keep)
}

// Whichever of its store calls fails, the old session is as it was, and nothing
// else is stored.
func TestFailedRenewalLeavesTheSessionUsable(t *testing.T) {
	for name, move := range map[string]func(s *sessions.Session) error{
		"Renew": (*sessions.Session).Renew, "Invalidate": (*sessions.Session).Invalidate,
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.signedIn()
				old := c.token
				got := c.do(func(s *sessions.Session) {
					id := s.ID()
					for _, fault := range []func(){a.calls.down, func() { a.calls.next(3, "Delete") }} {
						wantErr(t, name, move(s), nil)
						fault()
						wantErr(t, "Save", s.Save(t.Context()), errOutage)
						a.calls.up()
						s.Revert()
						equal(t, "ID", s.ID(), id)
						equal(t, "user", s.Get("user"), any("ann"))
						a.wantRecords(1)
					}
					increment(s) // and it can be used
				})
				equal(t, "Set-Cookie", got.line, "")
				equal(t, "token", c.token, old)
				c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) { // by the answer
					move(s)
					a.calls.down()
				})
				a.calls.up()
				c.do(func(s *sessions.Session) {
					equal(t, "user", s.Get("user"), any("ann"))
					equal(t, "count", s.Get("count"), any(int64(1)))
				})
				a.wantRecords(1)
			}, keep)
		})
	}
}

func TestFailedDestroyLeavesTheCookie(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		old := c.copied()
		c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
			look(s)
			a.calls.down()
			wantErr(t, "Destroy", s.Destroy(t.Context()), errOutage)
		})
		a.calls.up()
		equal(t, "user after the outage", c.user(), "ann")
		got := c.do(func(s *sessions.Session) {
			a.calls.next(1, "Delete")
			wantErr(t, "Destroy", s.Destroy(t.Context()), errOutage)
		}) // the answer's own attempt succeeds
		if got.cookie == nil || got.cookie.Value != "" {
			t.Errorf("Set-Cookie: %q, want a deletion", got.line)
		}
		old.isAnonymous("the token of the destroyed session")
	}, keep)
}

func TestEndedContextFailsItsCallAlone(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	past, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	for name, ctx := range map[string]context.Context{"cancelled": cancelled, "past its deadline": past} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, st store) {
				a := st.start(t)
				c := a.signedIn()
				c.do(func(s *sessions.Session) {
					increment(s)
					wantErr(t, "Save", s.Save(ctx), ctx.Err())
					s.Revert()
					s.Renew()
					wantErr(t, "Save of a renewal", s.Save(ctx), ctx.Err())
					s.Revert()
					s.Invalidate()
					wantErr(t, "Save of Invalidate", s.Save(ctx), ctx.Err())
					s.Revert()
				})
				c.do(func(s *sessions.Session) { equal(t, "Keys", s.Keys(), []string{"user"}) })
				got := c.do(func(s *sessions.Session) {
					wantErr(t, "Destroy", s.Destroy(ctx), ctx.Err())
					a.wantRecords(1)
				})
				// What the call could not do the answer does.
				if got.cookie == nil || got.cookie.Value != "" {
					t.Errorf("Set-Cookie: %q, want a deletion", got.line)
				}
				a.wantRecords(0)
				_, err := a.m.Load(ctx, a.signedIn().token)
				wantErr(t, "Load", err, ctx.Err())
			}, keep)
		})
	}
}

func TestHandlersOwnContextDoesNotCancelTheSave(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.signedIn()
		inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			increment(sessions.FromContext(r.Context()))
		})
		for range 2 {
			got := c.serve(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancelCause(r.Context())
				defer cancel(errors.New("the handler returned"))
				inner(w, r.WithContext(ctx))
			})
			equal(t, "status", got.status, http.StatusOK)
			// And with the context ended before the header leaves.
			got = c.serve(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				inner(w, r.WithContext(ctx))
				cancel()
				io.WriteString(w, "done")
			})
			equal(t, "status", got.status, http.StatusOK)
		}
		c.do(func(s *sessions.Session) { equal(t, "count", s.Get("count"), any(int64(4))) })
	})
}
