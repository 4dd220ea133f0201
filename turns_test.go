package sessions_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions"
)

// crowd sends n requests that count, all at once.
func crowd(c *lifeClient, on *sessions.Manager, n int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if res := c.copied().doOn(on, lifeIncrement); res.Code != http.StatusOK {
				c.app.t.Errorf("status %d", res.Code)
			}
		})
	}
	return &wg
}

// slow makes every call take a millisecond before it has its effect.
func slow(string) fakeFault {
	return fakeFault{hook: func() { time.Sleep(time.Millisecond) }}
}

// Of requests that meet on one session each has a turn, and what one saved the
// next need not load.
func TestACrowdIsServedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.always(slow)
		first := crowd(c, a.m, 20)
		time.Sleep(5 * time.Millisecond)
		late := crowd(c, a.m, 10)
		first.Wait()
		late.Wait()
		calls := strings.Fields(a.store.calls())
		count := func(kind string) (n int) {
			for _, call := range calls {
				if call == kind {
					n++
				}
			}
			return n
		}
		// All of the first try at once, and one of them succeeds. The first in the
		// line has to load. Those who come later join it, and try once.
		lifeEqual(t, "loads", count("Load"), 20+1+10)
		lifeEqual(t, "saves", count("Save"), 20+19+10)
		a.store.up()
		lifeEqual(t, "count", c.count(), 30)
		lifeEqual(t, "records kept for the next", sessions.Handoffs(a.m), 0)
	})
}

// Two processes have a line each, and do not count on what their own handed on.
func TestCrowdsInTwoProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		other := a.manager()
		a.store.always(slow)
		one, two := crowd(c, a.m, 20), crowd(c, other, 20)
		time.Sleep(7 * time.Millisecond)
		three := crowd(c, other, 5)
		one.Wait()
		two.Wait()
		three.Wait()
		a.store.up()
		lifeEqual(t, "count", c.count(), 45)
		lifeEqual(t, "records kept for the next", sessions.Handoffs(a.m)+sessions.Handoffs(other), 0)
	})
}

// What a request hands on brings no session back that was ended behind it.
func TestACrowdOutlivesNoLogout(t *testing.T) {
	for name, end := range map[string]func(*sessions.Session){
		"destroyed":   func(s *sessions.Session) { s.Destroy(context.Background()) },
		"renewed":     func(s *sessions.Session) { s.Renew() },
		"invalidated": func(s *sessions.Session) { s.Invalidate(); s.Set("new", true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newLife(t)
				c := a.signedIn()
				old := a.store.record(t).Key
				a.store.always(slow)
				counted, refused := 0, 0
				var mu sync.Mutex
				var wg sync.WaitGroup
				for range 30 {
					wg.Go(func() {
						res := c.copied().do(lifeIncrement)
						mu.Lock()
						defer mu.Unlock()
						if res.Code == http.StatusOK {
							counted++
						} else {
							refused++
						}
						if res.cookie != nil {
							t.Errorf("an answer carries the cookie %v", res.cookie)
						}
					})
				}
				time.Sleep(10 * time.Millisecond)
				ender := c.copied()
				ender.ok(end)
				wg.Wait()
				a.store.up()
				// A renewal waits in the line, and may well be the last.
				if counted == 0 || refused == 0 && name != "renewed" {
					t.Errorf("%d were counted, %d refused", counted, refused)
				}
				if _, err := a.store.inner.Load(t.Context(), old); err == nil {
					t.Error("the ended session is stored")
				}
				if name == "renewed" {
					lifeEqual(t, "count", ender.count(), counted)
				}
			})
		})
	}
}

// One who waits in line is not kept longer than StoreTimeout, and who gives up
// leaves the line to the others.
func TestALineThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLife(t, func(o *sessions.Options) { o.StoreTimeout = time.Second })
		c := a.signedIn()
		a.store.always(func(kind string) fakeFault {
			if kind == "Save" {
				return fakeHung
			}
			return fakeOK
		})
		a.store.next("Save", slow(""), slow(""), slow("")) // one succeeds, and two form a line
		began := time.Now()
		var counted atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				switch res := c.copied().do(lifeIncrement); res.Code {
				case http.StatusOK:
					counted.Add(1)
				case http.StatusServiceUnavailable:
				default:
					t.Errorf("status %d", res.Code)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 3*time.Second { // a load and a commit
			t.Errorf("they waited %v", took)
		}
		lifeEqual(t, "counted", counted.Load(), 1)
		lifeEqual(t, "records kept for the next", sessions.Handoffs(a.m), 0)
		a.store.up()
		crowd(c, a.m, 10).Wait()
		lifeEqual(t, "count", c.count(), 11)
	})
}

// What was saved for the next is put away if all who waited have given up.
func TestALineThatAllHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLife(t, func(o *sessions.Options) { o.StoreTimeout = 10 * time.Millisecond })
		c := a.signedIn()
		a.store.always(slow)
		first := crowd(c, a.m, 3)
		time.Sleep(4500 * time.Microsecond) // one has saved, one has its turn, one waits
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { c.copied().do(lifeIncrement) })
		}
		a.store.next("Save", fakeHung, fakeHung, fakeHung, fakeHung)
		first.Wait()
		wg.Wait()
		time.Sleep(time.Second)
		lifeEqual(t, "records kept for the next", sessions.Handoffs(a.m), 0)
	})
}

// What is handed on may be older than what a request loaded, where another
// process was between the two. It decides nothing.
func TestWhatIsHandedOnMayBeOutOfDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		another := a.manager() // a process on the same store
		elsewhere := func(f func(*sessions.Session)) func() {
			client := c.copied()
			return func() { client.doOn(another, f) }
		}
		popper, popped := c.copied(), make(chan lifeResponse, 1)
		a.store.next("Save",
			fakeFault{hook: elsewhere(func(s *sessions.Session) { s.Set("x", 1) })}, // so that the first stands in line
			fakeOK,
			fakeFault{after: func() { // it is stored, and not told yet
				elsewhere(func(s *sessions.Session) { s.Set("otp", "secret") })()
				go func() {
					popped <- popper.do(func(s *sessions.Session) { sessions.Key[string]("otp").Pop(s) })
				}()
				synctest.Wait() // until it stands in line
			}},
			fakeOK,
			fakeFault{hook: elsewhere(func(s *sessions.Session) { s.Set("y", 1) })},
		)
		c.ok(lifeIncrement)
		res := <-popped
		lifeEqual(t, "status of the only one that pops", res.Code, http.StatusOK)
		c.ok(func(s *sessions.Session) { lifeEqual(t, "value that was popped", s.Get("otp"), nil) })
	})
}
