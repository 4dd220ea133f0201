package sessions_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// A store can execute a write and fail to report it, and can execute it after it
// reported a failure.

func TestWriteOfUnknownOutcome(t *testing.T) {
	for name, test := range map[string]struct {
		saves []testapp.Fault
		calls string
	}{
		"landed":       {[]testapp.Fault{testapp.LostAnswer}, "Load Save Load"},
		"did not land": {[]testapp.Fault{testapp.Refused}, "Load Save Load Save"},
		"twice":        {[]testapp.Fault{testapp.Refused, testapp.Refused}, "Load Save Load Save Load Save"},
		"then landed":  {[]testapp.Fault{testapp.Refused, testapp.LostAnswer}, "Load Save Load Save Load"},
		"landed, no more": {[]testapp.Fault{testapp.Refused, testapp.Refused, testapp.LostAnswer},
			"Load Save Load Save Load Save Load"},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			a.Store.Next("Save", test.saves...)
			c.OK(testapp.Increment)
			testapp.Equal(t, "store calls", a.Store.Calls(), test.calls)
			testapp.Equal(t, "count", c.Count(), 1)
		})
	}

	t.Run("certainly not written", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		notWritten := testapp.Fault{Err: fmt.Errorf("%w: %w", driver.ErrNotWritten, testapp.ErrDown)}
		a.Store.Next("Save", notWritten)
		c.Fails(http.StatusServiceUnavailable, testapp.Increment)
		testapp.Equal(t, "store calls", a.Store.Calls(), "Load Save")
		if log := a.Log.String(); strings.Contains(log, "unknown") {
			t.Errorf("the log calls the outcome unknown: %s", log)
		}
		// The outcome of the first write remains unknown, even if those of later ones are known.
		a.Store.Next("Save", testapp.Refused, notWritten, notWritten)
		c.Fails(http.StatusServiceUnavailable, testapp.Increment)
		if log := a.Log.String(); !strings.Contains(log, "unknown") {
			t.Errorf("the log does not call the outcome unknown: %s", log)
		}
	})

	t.Run("stored after it was sent again", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Next("Save", testapp.Fault{Err: testapp.ErrDown, Delayed: true})
		c.OK(testapp.Increment)
		testapp.Equal(t, "store calls", a.Store.Calls(), "Load Save Load Save Load")
		testapp.Equal(t, "count", c.Count(), 1)
	})

	t.Run("stored after it was given up", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Next("Save", testapp.Fault{Err: testapp.ErrDown, Delayed: true})
		a.Store.Next("Load", testapp.OK, testapp.Refused)
		c.Fails(http.StatusServiceUnavailable, testapp.Increment)
		c.OK(testapp.Increment) // meets it
		testapp.Equal(t, "count", c.Count(), 2)
	})

	t.Run("stored, and then the session was destroyed", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		other := c.Copy()
		landed := testapp.LostAnswer
		landed.After = func() { other.OK(func(s *sessions.Session) { s.Destroy(t.Context()) }) }
		a.Store.Next("Save", landed)
		res := c.Fails(http.StatusConflict, testapp.Increment)
		testapp.Equal(t, "cookie", res.Cookie, nil)
		testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	})

	for name, landed := range map[string]testapp.Fault{"landed": testapp.LostAnswer, "did not land": testapp.Refused} {
		t.Run(name+", and another request wrote over it", func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			other := c.Copy()
			landed.After = func() { other.OK(testapp.Increment) } // on top of ours
			if !landed.Applied {
				landed.After = nil
				landed.Before = func() { other.OK(testapp.Increment) }
			}
			a.Store.Next("Save", landed)
			c.Fails(http.StatusServiceUnavailable, testapp.Increment)
			want := 1
			if landed.Applied {
				want = 2
			}
			testapp.Equal(t, "count", c.Count(), want)
		})
	}
}

// After a failed Save, the commit of the response does not apply the changes a
// second time.
func TestFailedSaveOfUnknownOutcomeIsNotRetried(t *testing.T) {
	for name, break_ := range map[string]func(a *testapp.App, other *testapp.Client){
		"the answer is lost, and that of the reload": func(a *testapp.App, _ *testapp.Client) {
			a.Store.Next("Save", testapp.LostAnswer)
			a.Store.Next("Load", testapp.OK, testapp.Refused)
		},
		"another request wrote over it": func(a *testapp.App, other *testapp.Client) {
			landed := testapp.LostAnswer
			landed.After = func() { other.OK(func(s *sessions.Session) { s.Set("x", 1) }) }
			a.Store.Next("Save", landed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			break_(a, c.Copy())
			c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
				testapp.Increment(s)
				testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
				testapp.Error(t, "Save again", s.Save(t.Context()), testapp.ErrDown)
			})
			testapp.Equal(t, "count", c.Count(), 1)
		})
		t.Run(name+", and the handler gives it up", func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			break_(a, c.Copy())
			c.OK(func(s *sessions.Session) {
				testapp.Increment(s)
				testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
				s.Revert()
				s.Set("y", 2)
			})
			testapp.Equal(t, "count", c.Count(), 1)
			c.OK(func(s *sessions.Session) { testapp.Equal(t, "y", s.Get("y"), any(int64(2))) })
		})
	}
	t.Run("the caller's context ended", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		c.Do(func(s *sessions.Session) {
			ctx, cancel := context.WithCancel(t.Context())
			landed := testapp.Fault{Applied: true, Err: context.Canceled, After: cancel}
			a.Store.Next("Save", landed)
			testapp.Increment(s)
			testapp.Error(t, "Save", s.Save(ctx), context.Canceled)
		})
		testapp.Equal(t, "count", c.Count(), 1)
	})
}

func TestNewSessionOfUnknownOutcome(t *testing.T) {
	for name, faults := range map[string][]testapp.Fault{
		"landed":       {testapp.LostAnswer},
		"did not land": {testapp.Refused},
		"then landed":  {testapp.Refused, testapp.Refused, testapp.LostAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.Client()
			a.Store.Next("Save", faults...)
			c.OK(testapp.Increment)
			testapp.Equal(t, "count", c.Count(), 1)
			a.Store.Record(t)
		})
	}
}

func TestStoreTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		kind  string
		after time.Duration // the request may take
		f     func(*sessions.Session)
	}{
		"load":     {"Load", 5 * time.Second, testapp.Look},
		"save":     {"Save", 5 * time.Second, testapp.Increment},
		"renew":    {"Renew", 5 * time.Second, func(s *sessions.Session) { s.Renew() }},
		"copy":     {"first Save", 5 * time.Second, func(s *sessions.Session) { s.Renew() }},
		"by Save":  {"Save", 5 * time.Second, func(s *sessions.Session) { testapp.Increment(s); s.Save(context.Background()) }},
		"destroy":  {"Delete", 10 * time.Second, func(s *sessions.Session) { s.Destroy(context.Background()) }}, // and the commit's attempt
		"forward":  {"second Save", 5 * time.Second, func(s *sessions.Session) { s.Renew() }},
		"all gone": {"", 5 * time.Second, testapp.Increment},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				c := a.SignedIn()
				saves := 0
				if strings.HasSuffix(test.kind, " Save") {
					a.Store.HideRenewer()
				}
				a.Store.Always(func(kind string) (f testapp.Fault) {
					f.Hang = test.kind == "" || kind == test.kind
					if kind == "Save" {
						saves++
						f.Hang = f.Hang || test.kind == "first Save" || test.kind == "second Save" && saves == 2
					}
					return f
				})
				begun := time.Now()
				res := c.Fails(http.StatusServiceUnavailable, test.f)
				if took := time.Since(begun); took > test.after {
					t.Errorf("the response took %v", took)
				}
				if lines := res.Header["Set-Cookie"]; len(lines) > 0 {
					t.Errorf("got Set-Cookie %q, want none", lines)
				}
				a.Store.Up()
				testapp.Equal(t, "user after the recovery", c.User(), "ann")
				c.OK(testapp.Increment)
				testapp.Equal(t, "count", c.Count(), 1)
			})
		})
	}
	t.Run("touch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, c := newDueForTouch(t)
			a.Store.Next("Touch", testapp.Hung)
			begun := time.Now()
			c.Serve(func(w http.ResponseWriter, r *http.Request) { testapp.Look(sessions.FromContext(r.Context())) })
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the response took %v", took)
			}
		})
	})
	t.Run("by those who sign others out", func(t *testing.T) {
		for _, kind := range []string{"Owned", "Delete"} {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				c := newOwnedClient(a, "user:1", "ann")
				a.Store.Next(kind, testapp.Hung)
				begun := time.Now()
				_, err := a.Manager.DestroyOwned(context.Background(), "user:1")
				testapp.Error(t, "DestroyOwned", err, context.DeadlineExceeded)
				testapp.Equal(t, "time it took", time.Since(begun), 5*time.Second)
				testapp.Equal(t, "user", c.User(), "ann")
				// The loop's body may take any time for each session of a listing.
				for s, err := range a.Manager.Owned(context.Background(), "user:1") {
					testapp.Error(t, "Owned", err, nil)
					time.Sleep(time.Minute)
					testapp.Equal(t, "Save", s.Save(context.Background()), nil)
				}
			})
		}
	})
	t.Run("with a StoreTimeout of its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := testapp.New(t, func(o *sessions.Options) { o.StoreTimeout = 300 * time.Millisecond })
			c := a.SignedIn()
			a.Store.Next("Load", testapp.Hung, testapp.Hung)
			begun := time.Now()
			c.Fails(http.StatusServiceUnavailable, testapp.Look)
			testapp.Equal(t, "time it took", time.Since(begun), 300*time.Millisecond)
			_, err := a.Manager.Load(context.Background(), c.Token())
			testapp.Error(t, "Load", err, context.DeadlineExceeded)
			testapp.Equal(t, "time it took with Load", time.Since(begun), 600*time.Millisecond)
		})
	})
	t.Run("or than the caller's deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			a.Store.Next("Delete", testapp.Hung)
			c.OK(func(s *sessions.Session) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				begun := time.Now()
				testapp.Error(t, "Destroy", s.Destroy(ctx), context.DeadlineExceeded)
				testapp.Equal(t, "time it took", time.Since(begun), time.Second)
			})
		})
	})
}

func TestNoUpdateIsCountedTwice(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	managers := []*sessions.Manager{a.Manager, a.NewManager()}
	a.Store.Always(func(kind string) testapp.Fault {
		switch rand.IntN(8) {
		case 0:
			return testapp.Refused
		case 1:
			return testapp.LostAnswer
		}
		return testapp.OK
	})
	const n = 400
	var acknowledged, unknown atomic.Int32
	var wg sync.WaitGroup
	busy := make(chan struct{}, 8)
	for i := range n {
		wg.Go(func() {
			busy <- struct{}{}
			defer func() { <-busy }()
			res := c.Copy().DoOn(managers[i%2], func(s *sessions.Session) {
				testapp.Increment(s)
				if i%3 == 0 {
					s.Save(t.Context()) // whose failure the commit meets again
				}
			})
			if res.StatusCode == http.StatusOK {
				acknowledged.Add(1)
			} else {
				unknown.Add(1)
			}
		})
	}
	wg.Wait()
	a.Store.Up()
	count, least := c.Count(), int(acknowledged.Load())
	if most := least + int(unknown.Load()); count < least || count > most {
		t.Errorf("got count %d after %d acknowledged and %d attempted updates", count, least, most)
	}
	if least < n/4 {
		t.Errorf("%d of %d updates were acknowledged", least, n)
	}
}

// If the store reports every write that it executes, the counter is exactly the number
// of acknowledged updates.
func TestAcknowledgedUpdatesAreCounted(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	a.Store.Always(func(kind string) testapp.Fault {
		if rand.IntN(3) == 0 {
			return testapp.Refused
		}
		return testapp.OK
	})
	var acknowledged atomic.Int32
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() {
			if c.Copy().Do(testapp.Increment).StatusCode == http.StatusOK {
				acknowledged.Add(1)
			}
		})
	}
	wg.Wait()
	a.Store.Up()
	testapp.Equal(t, "count", c.Count(), int(acknowledged.Load()))
	if acknowledged.Load() == 0 {
		t.Error("no update was acknowledged")
	}
}

// A first Save of unknown outcome may have been stored. The response's commit then
// stores the session under another ID, and removes the first record.
func TestAbandonedCreationLeavesNothing(t *testing.T) {
	for name, renew := range map[string]bool{"new": false, "renewed": true} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.Client()
			if renew {
				c = a.SignedIn()
			}
			c.OK(func(s *sessions.Session) {
				testapp.User.Set(s, "ann")
				if renew {
					s.Renew()
				}
				a.Store.HideRenewer()
				a.Store.Next("Save", testapp.LostAnswer)
				a.Store.Next("Load", testapp.Refused)
				if s.Save(t.Context()) == nil {
					t.Error("Save did not report the outcome as unknown")
				}
			})
			testapp.Equal(t, "user", c.User(), "ann")
			if n := len(a.Store.Records(t)); n != 1 {
				t.Errorf("got %d records, want only the client's", n)
			}
		})
	}
}
