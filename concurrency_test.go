package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
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

func TestGoroutinesOfOneHandler(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	const n = 20
	c.OK(func(s *sessions.Session) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				testapp.Increment(s)
				s.Set(fmt.Sprint("key", i), i)
				s.AddFlash("hello")
				testapp.User.Get(s)
				s.Get("user")
				s.Keys()
				s.Has("user")
				s.Delete("missing")
				_, _, _, _, _ = s.ID(), s.Token(), s.IsNew(), s.Created(), s.LastAccessed()
				_, _, _ = s.Owner(), s.Err(), s.String()
				s.SetOwner("user:1")
				s.SetIdleTimeout(time.Hour)
				s.SetExpires(sessions.ExpireNever())
				s.Decode("user", new(string))
				if i%5 == 0 {
					if err := s.Save(t.Context()); err != nil {
						t.Error(err)
					}
				}
				if i == 7 {
					s.Renew()
				}
			})
		}
		wg.Wait()
	})
	c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "count", s.Get("count"), any(int64(n)))
		testapp.Equal(t, "values", len(s.Keys()), n+2)
		testapp.Equal(t, "flashes", len(s.Flashes()), n)
	})
	a.Store.Record(t)
}

// Several goroutines of a handler use its session at random, before, while and after
// the header is sent. In the end there is at most one record, and the client's cookie
// opens it.
func TestConflictingGoroutines(t *testing.T) {
	for seed := range uint64(300) {
		a := testapp.New(t)
		c := a.SignedIn()
		var goroutines sync.WaitGroup
		res := c.Serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			for i := range uint64(4) {
				goroutines.Go(func() {
					random := rand.New(rand.NewPCG(seed, i))
					for range 6 {
						switch random.IntN(10) {
						case 0, 1:
							testapp.User.Set(s, "bob")
						case 2, 3:
							testapp.Increment(s)
						case 4, 5:
							s.Save(t.Context())
						case 6:
							s.Renew()
						case 7:
							s.Revert()
						case 8:
							s.Invalidate()
						case 9:
							s.Destroy(t.Context())
						}
					}
				})
			}
			if seed%3 == 0 {
				goroutines.Wait() // or they go on beside and behind the header
			}
			w.Write([]byte("done"))
		})
		goroutines.Wait()
		if res.StatusCode != http.StatusOK {
			t.Errorf("seed %d: got status %d, want 200", seed, res.StatusCode)
		}
		records := a.Store.Records(t)
		if len(records) > 1 {
			t.Fatalf("seed %d: got %d records, want at most 1", seed, len(records))
		}
		s, err := a.Manager.Load(t.Context(), c.Token())
		switch {
		case len(records) == 0 && !errors.Is(err, sessions.ErrNotFound):
			t.Fatalf("seed %d: nothing is stored, but Load returned %v", seed, err)
		case len(records) == 1 && (err != nil || s.ID() != records[0].Key.String()):
			t.Fatalf("seed %d: the client's cookie (%v) does not open the record: %v", seed, res.Cookie, err)
		}
	}
}

func TestGoroutineOutlivesHandler(t *testing.T) {
	// later returns the session of a request that has ended.
	later := func(c *testapp.Client, f func(*sessions.Session)) (late *sessions.Session) {
		c.OK(func(s *sessions.Session) { late = s; f(s) })
		return late
	}
	t.Run("saves to a stored session", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		s := later(c, testapp.Look)
		testapp.Increment(s)
		testapp.Equal(t, "Save", s.Save(t.Context()), nil)
		testapp.Equal(t, "count", c.Count(), 1)
	})
	t.Run("and does not save: nothing is kept", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		testapp.Increment(later(c, testapp.Look))
		testapp.Equal(t, "count", c.Count(), 0)
	})
	t.Run("cannot start a session any more", func(t *testing.T) {
		a := testapp.New(t)
		c := a.Client()
		s := later(c, testapp.Look)
		testapp.Increment(s)
		testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrHeaderSent)
		testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	})
	t.Run("cannot renew it either", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		s := later(c, testapp.Look)
		testapp.Error(t, "Renew", s.Renew(), sessions.ErrHeaderSent)
		testapp.Error(t, "Invalidate", s.Invalidate(), sessions.ErrHeaderSent)
		testapp.Equal(t, "user", c.User(), "ann")
	})
	t.Run("can end it", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		testapp.Equal(t, "Destroy", later(c, testapp.Look).Destroy(t.Context()), nil)
		testapp.Equal(t, "user", c.User(), "")
	})
	t.Run("does not undo a sign-out", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		s := later(c, testapp.Look)
		testapp.Increment(s)
		c.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
		testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrEnded)
		testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	})
	t.Run("of a handler that panicked: Save does what it says", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		var late *sessions.Session
		doPanicking(a, c, func(s *sessions.Session) { late = s; testapp.Look(s) })
		testapp.Increment(late)
		testapp.Equal(t, "Save", late.Save(t.Context()), nil)
		testapp.Equal(t, "count", c.Count(), 1)
	})
	t.Run("races with the end of the handler", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		var wg sync.WaitGroup
		const n = 20
		for range n {
			c.OK(func(s *sessions.Session) {
				testapp.Look(s)
				wg.Go(func() {
					testapp.Increment(s)
					if err := s.Save(t.Context()); err != nil {
						t.Error(err)
					}
				})
			})
		}
		wg.Wait()
		testapp.Equal(t, "count", c.Count(), n)
	})
}

func TestChangesAfterHeaderWithoutCookieAreSaved(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	c.Serve(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("begun"))
		testapp.Increment(sessions.FromContext(r.Context()))
	})
	testapp.Equal(t, "count", c.Count(), 1)
}

func TestClientsAreIndependent(t *testing.T) {
	a := testapp.New(t)
	managers := []*sessions.Manager{a.Manager, a.NewManager()}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			c := a.Client()
			name := fmt.Sprint("user ", i)
			do := func(f func(*sessions.Session)) {
				if res := c.DoOn(managers[i%2], f); res.StatusCode != http.StatusOK {
					t.Errorf("got status %d, want 200", res.StatusCode)
				}
			}
			ids := make(map[string]bool)
			for round := range 3 {
				do(func(s *sessions.Session) { testapp.User.Set(s, name); s.SetOwner(name) })
				for n := range 5 {
					do(func(s *sessions.Session) {
						ids[s.ID()] = true
						testapp.Equal(t, "user", s.Get("user"), any(name))
						testapp.Equal(t, "Owner", s.Owner(), name)
						if got := testapp.Count.Update(s, func(n int) int { return n + 1 }); got != n+1 {
							t.Errorf("%s: got count %d, want %d", name, got, n+1)
						}
					})
				}
				if round == 1 {
					do(func(s *sessions.Session) { s.Renew() })
				}
				do(func(s *sessions.Session) { testapp.Equal(t, "Destroy", s.Destroy(t.Context()), nil) })
				testapp.Equal(t, "cookie", c.Token(), "")
			}
			testapp.Equal(t, "sessions that the client had", len(ids), 3)
		})
	}
	wg.Wait()
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
}

// A handler that streams may change a map that it got or set, without another call
// of the session.
func TestInPlaceChangesAfterHeader(t *testing.T) {
	for name, hold := range map[string]func(*sessions.Session) map[string]int{
		"got": func(s *sessions.Session) map[string]int { m, _ := testapp.Map.Get(s); return m },
		"set": func(s *sessions.Session) map[string]int { m := map[string]int{"a": 1}; testapp.Map.Set(s, m); return m },
		"updated": func(s *sessions.Session) map[string]int {
			return testapp.Map.Update(s, func(m map[string]int) map[string]int { return m })
		},
	} {
		a := testapp.New(t)
		c := a.SignedIn()
		c.OK(func(s *sessions.Session) { testapp.Map.Set(s, map[string]int{"a": 1}) })
		c.Serve(func(w http.ResponseWriter, r *http.Request) {
			m := hold(sessions.FromContext(r.Context()))
			w.Write([]byte("begun"))
			m["b"] = 2
		})
		c.OK(func(s *sessions.Session) {
			if m, _ := testapp.Map.Get(s); m["a"] != 1 || m["b"] != 2 {
				t.Errorf("%s: got map %v, want a: 1, b: 2", name, m)
			}
		})
	}
}

// incrementParallel sends n requests that count, all at once.
func incrementParallel(c *testapp.Client, on *sessions.Manager, n int) *sync.WaitGroup {
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

// slow delays every store call by a millisecond.
func slow(string) testapp.Fault {
	return testapp.Fault{Before: func() { time.Sleep(time.Millisecond) }}
}

// Contending requests on one session commit in turn, and each uses the record that
// the previous one saved.
func TestContendedSessionCommitsInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Always(slow)
		first := incrementParallel(c, a.Manager, 20)
		time.Sleep(5 * time.Millisecond)
		late := incrementParallel(c, a.Manager, 10)
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
		// All requests try to save at once, and one succeeds. The first in the queue
		// loads. The others follow it, and try once.
		testapp.Equal(t, "loads", count("Load"), 20+1+10)
		testapp.Equal(t, "saves", count("Save"), 20+19+10)
		a.Store.Up()
		testapp.Equal(t, "count", c.Count(), 30)
	})
}

// Two processes have a queue each, and detect each other's writes.
func TestContendedSessionInTwoProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		other := a.NewManager()
		a.Store.Always(slow)
		one, two := incrementParallel(c, a.Manager, 20), incrementParallel(c, other, 20)
		time.Sleep(7 * time.Millisecond)
		three := incrementParallel(c, other, 5)
		one.Wait()
		two.Wait()
		three.Wait()
		a.Store.Up()
		testapp.Equal(t, "count", c.Count(), 45)
	})
}

// A record handed over does not restore a session that has ended.
func TestContendedSessionEnds(t *testing.T) {
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
							t.Errorf("got cookie %v, want none", res.Cookie)
						}
					})
				}
				time.Sleep(10 * time.Millisecond)
				ender := c.Copy()
				ender.OK(end)
				wg.Wait()
				a.Store.Up()
				// The request that ends the session waits in the queue too, and may be the last.
				if counted == 0 {
					t.Errorf("no update was counted, %d were refused", refused)
				}
				if slices.ContainsFunc(a.Store.Records(t), func(e driver.Entry) bool { return e.Key == old }) {
					t.Error("the ended session was stored again")
				}
				if name == "renewed" {
					testapp.Equal(t, "count", ender.Count(), counted)
				}
			})
		})
	}
}

// A commit waits in the queue no longer than StoreTimeout. If it gives up, the others
// continue.
func TestCommitQueueIsBlocked(t *testing.T) {
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
					t.Errorf("got status %d", res.StatusCode)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 3*time.Second { // a load and a commit
			t.Errorf("the requests waited %v", took)
		}
		testapp.Equal(t, "counted", counted.Load(), 1)
		a.Store.Up()
		incrementParallel(c, a.Manager, 10).Wait()
		testapp.Equal(t, "count", c.Count(), 11)
	})
}

// The record handed to the next commit is dropped if all waiting commits gave up.
func TestCommitQueueIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(o *sessions.Options) { o.StoreTimeout = 10 * time.Millisecond })
		c := a.SignedIn()
		a.Store.Always(slow)
		first := incrementParallel(c, a.Manager, 3)
		time.Sleep(4500 * time.Microsecond) // one has saved, one has its turn, one waits
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { c.Copy().Do(testapp.Increment) })
		}
		a.Store.Next("Save", testapp.Hung, testapp.Hung, testapp.Hung, testapp.Hung)
		first.Wait()
		wg.Wait()
		time.Sleep(time.Second)
	})
}

// The record handed over may be older than the loaded one, if another process wrote
// in between. It is then not used.
func TestHandedOverRecordIsStale(t *testing.T) {
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
