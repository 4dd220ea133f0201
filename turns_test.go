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
	"github.com/pump-go/sessions/internal/testapp"
)

// crowd sends n requests that count, all at once.
func crowd(c *testapp.Client, on *sessions.Manager, n int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if res := c.Copy().DoOn(on, testapp.Increment); res.StatusCode != http.StatusOK {
				c.T.Errorf("status %d", res.StatusCode)
			}
		})
	}
	return &wg
}

// slow makes every call take a millisecond before it has its effect.
func slow(string) testapp.Fault {
	return testapp.Fault{Before: func() { time.Sleep(time.Millisecond) }}
}

// Of requests that meet on one session each has a turn, and what one saved the
// next need not load.
func TestACrowdIsServedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Always(slow)
		first := crowd(c, a.Manager, 20)
		time.Sleep(5 * time.Millisecond)
		late := crowd(c, a.Manager, 10)
		first.Wait()
		late.Wait()
		calls := strings.Fields(a.Store.Calls())
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
		testapp.Equal(t, "loads", count("Load"), 20+1+10)
		testapp.Equal(t, "saves", count("Save"), 20+19+10)
		a.Store.Up()
		testapp.Equal(t, "count", c.Count(), 30)
		testapp.Equal(t, "records kept for the next", sessions.Handoffs(a.Manager), 0)
	})
}

// Two processes have a line each, and do not count on what their own handed on.
func TestCrowdsInTwoProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		other := a.NewManager()
		a.Store.Always(slow)
		one, two := crowd(c, a.Manager, 20), crowd(c, other, 20)
		time.Sleep(7 * time.Millisecond)
		three := crowd(c, other, 5)
		one.Wait()
		two.Wait()
		three.Wait()
		a.Store.Up()
		testapp.Equal(t, "count", c.Count(), 45)
		testapp.Equal(t, "records kept for the next", sessions.Handoffs(a.Manager)+sessions.Handoffs(other), 0)
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
				a := testapp.New(t)
				c := a.SignedIn()
				old := a.Store.Record(t).Key
				a.Store.Always(slow)
				counted, refused := 0, 0
				var mu sync.Mutex
				var wg sync.WaitGroup
				for range 30 {
					wg.Go(func() {
						res := c.Copy().Do(testapp.Increment)
						mu.Lock()
						defer mu.Unlock()
						if res.StatusCode == http.StatusOK {
							counted++
						} else {
							refused++
						}
						if res.Cookie != nil {
							t.Errorf("an answer carries the cookie %v", res.Cookie)
						}
					})
				}
				time.Sleep(10 * time.Millisecond)
				ender := c.Copy()
				ender.OK(end)
				wg.Wait()
				a.Store.Up()
				// A renewal waits in the line, and may well be the last.
				if counted == 0 || refused == 0 && name != "renewed" {
					t.Errorf("%d were counted, %d refused", counted, refused)
				}
				if _, err := a.Store.Inner().Load(t.Context(), old); err == nil {
					t.Error("the ended session is stored")
				}
				if name == "renewed" {
					testapp.Equal(t, "count", ender.Count(), counted)
				}
			})
		})
	}
}

// One who waits in line is not kept longer than StoreTimeout, and who gives up
// leaves the line to the others.
func TestALineThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(o *sessions.Options) { o.StoreTimeout = time.Second })
		c := a.SignedIn()
		a.Store.Always(func(kind string) testapp.Fault {
			if kind == "Save" {
				return testapp.Hung
			}
			return testapp.OK
		})
		a.Store.Next("Save", slow(""), slow(""), slow("")) // one succeeds, and two form a line
		began := time.Now()
		var counted atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				switch res := c.Copy().Do(testapp.Increment); res.StatusCode {
				case http.StatusOK:
					counted.Add(1)
				case http.StatusServiceUnavailable:
				default:
					t.Errorf("status %d", res.StatusCode)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 3*time.Second { // a load and a commit
			t.Errorf("they waited %v", took)
		}
		testapp.Equal(t, "counted", counted.Load(), 1)
		testapp.Equal(t, "records kept for the next", sessions.Handoffs(a.Manager), 0)
		a.Store.Up()
		crowd(c, a.Manager, 10).Wait()
		testapp.Equal(t, "count", c.Count(), 11)
	})
}

// What was saved for the next is put away if all who waited have given up.
func TestALineThatAllHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(o *sessions.Options) { o.StoreTimeout = 10 * time.Millisecond })
		c := a.SignedIn()
		a.Store.Always(slow)
		first := crowd(c, a.Manager, 3)
		time.Sleep(4500 * time.Microsecond) // one has saved, one has its turn, one waits
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { c.Copy().Do(testapp.Increment) })
		}
		a.Store.Next("Save", testapp.Hung, testapp.Hung, testapp.Hung, testapp.Hung)
		first.Wait()
		wg.Wait()
		time.Sleep(time.Second)
		testapp.Equal(t, "records kept for the next", sessions.Handoffs(a.Manager), 0)
	})
}

// What is handed on may be older than what a request loaded, where another
// process was between the two. It decides nothing.
func TestWhatIsHandedOnMayBeOutOfDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		another := a.NewManager() // a process on the same store
		elsewhere := func(f func(*sessions.Session)) func() {
			client := c.Copy()
			return func() { client.DoOn(another, f) }
		}
		popper, popped := c.Copy(), make(chan *testapp.Response, 1)
		a.Store.Next("Save",
			testapp.Fault{Before: elsewhere(func(s *sessions.Session) { s.Set("x", 1) })}, // so that the first stands in line
			testapp.OK,
			testapp.Fault{After: func() { // it is stored, and not told yet
				elsewhere(func(s *sessions.Session) { s.Set("otp", "secret") })()
				go func() {
					popped <- popper.Do(func(s *sessions.Session) { sessions.Key[string]("otp").Pop(s) })
				}()
				synctest.Wait() // until it stands in line
			}},
			testapp.OK,
			testapp.Fault{Before: elsewhere(func(s *sessions.Session) { s.Set("y", 1) })},
		)
		c.OK(testapp.Increment)
		res := <-popped
		testapp.Equal(t, "status of the only one that pops", res.StatusCode, http.StatusOK)
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "value that was popped", s.Get("otp"), nil) })
	})
}
