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
)

// A store can fail to answer a write that it carried out, and carry out one
// that it failed to answer.

func TestWriteOfUnknownOutcomeIsCountedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		saves []fakeFault
		calls string
	}{
		"landed":       {[]fakeFault{fakeLanded}, "Load Save Load"},
		"did not land": {[]fakeFault{fakeRefused}, "Load Save Load Save"},
		"twice":        {[]fakeFault{fakeRefused, fakeRefused}, "Load Save Load Save Load Save"},
		"then landed":  {[]fakeFault{fakeRefused, fakeLanded}, "Load Save Load Save Load"},
		"landed, no more": {[]fakeFault{fakeRefused, fakeRefused, fakeLanded},
			"Load Save Load Save Load Save Load"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			a.store.next("Save", test.saves...)
			c.ok(lifeIncrement)
			lifeEqual(t, "store calls", a.store.calls(), test.calls)
			lifeEqual(t, "count", c.count(), 1)
		})
	}

	t.Run("certainly not written", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		notWritten := fakeFault{err: fmt.Errorf("%w: %w", driver.ErrNotWritten, errFakeDown)}
		a.store.next("Save", notWritten)
		c.fails(http.StatusServiceUnavailable, lifeIncrement)
		lifeEqual(t, "store calls", a.store.calls(), "Load Save")
		if log := a.log.String(); strings.Contains(log, "unknown") {
			t.Errorf("the log calls the outcome unknown: %s", log)
		}
		// The first outcome stays unknown, however certain the later ones are.
		a.store.next("Save", fakeRefused, notWritten, notWritten)
		c.fails(http.StatusServiceUnavailable, lifeIncrement)
		if log := a.log.String(); !strings.Contains(log, "unknown") {
			t.Errorf("the log does not call the outcome unknown: %s", log)
		}
	})

	t.Run("landed late, after it was sent again", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Save", fakeFault{err: errFakeDown, late: true})
		c.ok(lifeIncrement)
		lifeEqual(t, "store calls", a.store.calls(), "Load Save Load Save Load")
		lifeEqual(t, "count", c.count(), 1)
	})

	t.Run("landed late, after it was given up", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Save", fakeFault{err: errFakeDown, late: true})
		a.store.next("Load", fakeOK, fakeRefused)
		c.fails(http.StatusServiceUnavailable, lifeIncrement)
		c.ok(lifeIncrement) // meets it
		lifeEqual(t, "count", c.count(), 2)
	})

	t.Run("landed, and the session was destroyed", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		other := c.copied()
		landed := fakeLanded
		landed.after = func() { other.ok(func(s *sessions.Session) { s.Destroy(t.Context()) }) }
		a.store.next("Save", landed)
		res := c.fails(http.StatusConflict, lifeIncrement)
		lifeEqual(t, "cookie", res.cookie, nil)
		lifeEqual(t, "records", len(a.store.records(t)), 0)
	})

	for name, landed := range map[string]fakeFault{"landed": fakeLanded, "did not land": fakeRefused} {
		t.Run(name+", and another request wrote over it", func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			other := c.copied()
			landed.after = func() { other.ok(lifeIncrement) } // on top of ours
			if !landed.lands {
				landed.after = nil
				landed.hook = func() { other.ok(lifeIncrement) }
			}
			a.store.next("Save", landed)
			c.fails(http.StatusServiceUnavailable, lifeIncrement)
			want := 1
			if landed.lands {
				want = 2
			}
			lifeEqual(t, "count", c.count(), want)
		})
	}
}

// Whoever calls Save and goes on after its failure must not have the response's
// commit apply the changes once more.
func TestFailedSaveOfUnknownOutcomeIsNotMadeUpForByTheCommit(t *testing.T) {
	for name, break_ := range map[string]func(a *lifeApp, other *lifeClient){
		"the answer is lost, and that of the reload": func(a *lifeApp, _ *lifeClient) {
			a.store.next("Save", fakeLanded)
			a.store.next("Load", fakeOK, fakeRefused)
		},
		"another request wrote over it": func(a *lifeApp, other *lifeClient) {
			landed := fakeLanded
			landed.after = func() { other.ok(func(s *sessions.Session) { s.Set("x", 1) }) }
			a.store.next("Save", landed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			break_(a, c.copied())
			c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
				lifeIncrement(s)
				lifeError(t, "Save", s.Save(t.Context()), errFakeDown)
				lifeError(t, "Save again", s.Save(t.Context()), errFakeDown)
			})
			lifeEqual(t, "count", c.count(), 1)
		})
		t.Run(name+", and the handler gives it up", func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			break_(a, c.copied())
			c.ok(func(s *sessions.Session) {
				lifeIncrement(s)
				lifeError(t, "Save", s.Save(t.Context()), errFakeDown)
				s.Revert()
				s.Set("y", 2)
			})
			lifeEqual(t, "count", c.count(), 1)
			c.ok(func(s *sessions.Session) { lifeEqual(t, "y", s.Get("y"), any(int64(2))) })
		})
	}
	t.Run("the caller went away", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		c.do(func(s *sessions.Session) {
			ctx, cancel := context.WithCancel(t.Context())
			landed := fakeFault{lands: true, err: context.Canceled, after: cancel}
			a.store.next("Save", landed)
			lifeIncrement(s)
			lifeError(t, "Save", s.Save(ctx), context.Canceled)
		})
		lifeEqual(t, "count", c.count(), 1)
	})
}

func TestNewSessionOfUnknownOutcomeIsOneRecord(t *testing.T) {
	for name, faults := range map[string][]fakeFault{
		"landed":       {fakeLanded},
		"did not land": {fakeRefused},
		"then landed":  {fakeRefused, fakeRefused, fakeLanded},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.client()
			a.store.next("Save", faults...)
			c.ok(lifeIncrement)
			lifeEqual(t, "count", c.count(), 1)
			a.store.record(t)
		})
	}
}

func TestRenewalOfUnknownOutcome(t *testing.T) {
	t.Run("the new record landed", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Save", fakeLanded)
		c.ok(func(s *sessions.Session) { s.Renew() })
		a.store.record(t)
		lifeEqual(t, "user", c.user(), "ann")
	})
	t.Run("the old record was not removed", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Delete", fakeRefused, fakeRefused, fakeRefused)
		c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) { s.Renew() })
		a.store.record(t)
		lifeEqual(t, "user", c.user(), "ann")
	})
	t.Run("the old record was removed at the second try", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		other := c.copied()
		a.store.next("Delete", fakeRefused)
		c.ok(func(s *sessions.Session) { s.Renew() })
		a.store.record(t)
		lifeEqual(t, "user", c.user(), "ann")
		lifeEqual(t, "user under the old id", other.user(), "")
	})
	t.Run("the old record was changed meanwhile", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		other := c.copied()
		a.store.next("Delete", fakeFault{err: errFakeDown, hook: func() { other.ok(lifeIncrement) }})
		c.ok(func(s *sessions.Session) { s.Renew() })
		a.store.record(t)
		lifeEqual(t, "count", c.count(), 1)
	})
	t.Run("the invalidated record was removed", func(t *testing.T) {
		// Whoever removed it: nothing of it lives on.
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Delete", fakeLanded)
		c.ok(func(s *sessions.Session) { s.Invalidate(); lifeUser.Set(s, "eve") })
		a.store.record(t)
		lifeEqual(t, "user", c.user(), "eve")
	})
	t.Run("the old record was removed", func(t *testing.T) {
		// It cannot be told from a logout, which must not be undone.
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Delete", fakeLanded)
		res := c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) { s.Renew() })
		lifeEqual(t, "cookie", res.cookie, nil)
		lifeEqual(t, "records", len(a.store.records(t)), 0)
	})
}

func TestHungStoreIsWaitedForNoLongerThanStoreTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		kind  string
		after time.Duration // the request may take
		f     func(*sessions.Session)
	}{
		"load":     {"Load", 5 * time.Second, lifeLook},
		"save":     {"Save", 5 * time.Second, lifeIncrement},
		"renew":    {"Save", 5 * time.Second, func(s *sessions.Session) { s.Renew() }},
		"by Save":  {"Save", 5 * time.Second, func(s *sessions.Session) { lifeIncrement(s); s.Save(context.Background()) }},
		"destroy":  {"Delete", 10 * time.Second, func(s *sessions.Session) { s.Destroy(context.Background()) }}, // and the commit's attempt
		"rename":   {"Delete", 10 * time.Second, func(s *sessions.Session) { s.Renew() }},                       // and taking the new record back
		"all gone": {"", 5 * time.Second, lifeIncrement},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newLife(t)
				c := a.signedIn()
				a.store.always(func(kind string) (f fakeFault) {
					f.hang = test.kind == "" || kind == test.kind
					return f
				})
				begun := time.Now()
				res := c.fails(http.StatusServiceUnavailable, test.f)
				if took := time.Since(begun); took > test.after {
					t.Errorf("the answer took %v", took)
				}
				if lines := res.Header()["Set-Cookie"]; len(lines) > 0 {
					t.Errorf("Set-Cookie: %q", lines)
				}
				a.store.up()
				lifeEqual(t, "user after the recovery", c.user(), "ann")
				c.ok(lifeIncrement)
				lifeEqual(t, "count", c.count(), 1)
			})
		})
	}
	t.Run("touch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, c := lifeDue(t)
			a.store.next("Touch", fakeHung)
			begun := time.Now()
			c.serve(func(w http.ResponseWriter, r *http.Request) { lifeLook(sessions.FromContext(r.Context())) })
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the answer took %v", took)
			}
		})
	})
	t.Run("by those who sign others out", func(t *testing.T) {
		for _, kind := range []string{"Owned", "Delete"} {
			synctest.Test(t, func(t *testing.T) {
				a := newLife(t)
				c := lifeOf(a, "user:1", "ann")
				a.store.next(kind, fakeHung)
				begun := time.Now()
				_, err := a.m.DestroyOwned(context.Background(), "user:1")
				lifeError(t, "DestroyOwned", err, context.DeadlineExceeded)
				lifeEqual(t, "time it took", time.Since(begun), 5*time.Second)
				lifeEqual(t, "user", c.user(), "ann")
				// A program may take its time with each session of a listing.
				for s, err := range a.m.Owned(context.Background(), "user:1") {
					lifeError(t, "Owned", err, nil)
					time.Sleep(time.Minute)
					lifeEqual(t, "Save", s.Save(context.Background()), nil)
				}
			})
		}
	})
	t.Run("with a StoreTimeout of its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := newLife(t, func(o *sessions.Options) { o.StoreTimeout = 300 * time.Millisecond })
			c := a.signedIn()
			a.store.next("Load", fakeHung, fakeHung)
			begun := time.Now()
			c.fails(http.StatusServiceUnavailable, lifeLook)
			lifeEqual(t, "time it took", time.Since(begun), 300*time.Millisecond)
			_, err := a.m.Load(context.Background(), c.token())
			lifeError(t, "Load", err, context.DeadlineExceeded)
			lifeEqual(t, "time it took with Load", time.Since(begun), 600*time.Millisecond)
		})
	})
	t.Run("or than the caller's deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			a.store.next("Delete", fakeHung)
			c.ok(func(s *sessions.Session) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				begun := time.Now()
				lifeError(t, "Destroy", s.Destroy(ctx), context.DeadlineExceeded)
				lifeEqual(t, "time it took", time.Since(begun), time.Second)
			})
		})
	})
}

func TestNothingIsCountedTwiceWhateverTheStoreAnswers(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	managers := []*sessions.Manager{a.m, a.manager()}
	a.store.always(func(kind string) fakeFault {
		switch rand.IntN(8) {
		case 0:
			return fakeRefused
		case 1:
			return fakeLanded
		}
		return fakeOK
	})
	const n = 400
	var acknowledged, unknown atomic.Int32
	var wg sync.WaitGroup
	busy := make(chan struct{}, 8)
	for i := range n {
		wg.Go(func() {
			busy <- struct{}{}
			defer func() { <-busy }()
			res := c.copied().doOn(managers[i%2], func(s *sessions.Session) {
				lifeIncrement(s)
				if i%3 == 0 {
					s.Save(t.Context()) // whose failure the commit meets again
				}
			})
			if res.Code == http.StatusOK {
				acknowledged.Add(1)
			} else {
				unknown.Add(1)
			}
		})
	}
	wg.Wait()
	a.store.up()
	count, least := c.count(), int(acknowledged.Load())
	if most := least + int(unknown.Load()); count < least || count > most {
		t.Errorf("count %d, of %d acknowledged and %d attempted updates", count, least, most)
	}
	if least < n/4 {
		t.Errorf("%d of %d updates were acknowledged", least, n)
	}
}

// With a store that never lets a write take effect without saying so, what is
// counted is exactly what was acknowledged.
func TestExactlyWhatWasAcknowledgedIsCounted(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	a.store.always(func(kind string) fakeFault {
		if rand.IntN(3) == 0 {
			return fakeRefused
		}
		return fakeOK
	})
	var acknowledged atomic.Int32
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() {
			if c.copied().do(lifeIncrement).Code == http.StatusOK {
				acknowledged.Add(1)
			}
		})
	}
	wg.Wait()
	a.store.up()
	lifeEqual(t, "count", c.count(), int(acknowledged.Load()))
	if acknowledged.Load() == 0 {
		t.Error("no update was acknowledged")
	}
}

// A first Save that was given up may have landed. The response's commit then
// begins the session anew, and removes what nobody was told of.
func TestACreationThatWasGivenUpLeavesNothing(t *testing.T) {
	for name, renew := range map[string]bool{"new": false, "renewed": true} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.client()
			if renew {
				c = a.signedIn()
			}
			c.ok(func(s *sessions.Session) {
				lifeUser.Set(s, "ann")
				if renew {
					s.Renew()
				}
				a.store.next("Save", fakeLanded)
				a.store.next("Load", fakeRefused)
				if s.Save(t.Context()) == nil {
					t.Error("Save is sure of what it cannot know")
				}
			})
			lifeEqual(t, "user", c.user(), "ann")
			if n := len(a.store.records(t)); n != 1 {
				t.Errorf("%d records, want the client's alone", n)
			}
		})
	}
}
