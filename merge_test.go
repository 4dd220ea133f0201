package sessions_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// interleave runs f in a request of c, and other in another request of the same client
// just before the first request saves.
func interleave(a *testapp.App, c *testapp.Client, f, other func(*sessions.Session)) *testapp.Response {
	a.T.Helper()
	second := c.Copy()
	a.Store.HideRenewer()
	a.Store.Before("Save", func() { second.OK(other) })
	return c.OK(f)
}

func TestParallelUpdates(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	server := httptest.NewServer(a.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		testapp.Increment(sessions.FromContext(r.Context()))
	})))
	defer server.Close()
	const n = 200
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			r, _ := http.NewRequest("GET", server.URL, nil)
			r.Header.Set("Cookie", "pump-session="+c.Token())
			res, err := server.Client().Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			testapp.Equal(t, "status", res.StatusCode, http.StatusOK)
		})
	}
	wg.Wait()
	testapp.Equal(t, "count", c.Count(), n)
}

func TestUpdatesOfSeveralProcesses(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	managers := []*sessions.Manager{a.Manager, a.NewManager(), a.NewManager()}
	const each = 50
	var wg sync.WaitGroup
	for _, m := range managers {
		for range each {
			wg.Go(func() {
				res := c.Copy().DoOn(m, testapp.Increment)
				testapp.Equal(t, "status", res.StatusCode, http.StatusOK)
			})
		}
	}
	wg.Wait()
	testapp.Equal(t, "count", c.Count(), len(managers)*each)
}

func TestParallelChangesOfDifferentValues(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	const n = 50
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { c.Copy().OK(func(s *sessions.Session) { s.Set(fmt.Sprint("key", i), i) }) })
	}
	wg.Wait()
	c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "number of values", len(s.Keys()), n+1)
		for i := range n {
			testapp.Equal(t, "value", s.Get(fmt.Sprint("key", i)), any(int64(i)))
		}
	})
}

// Each case has two requests on a session with user = "ann", count = 1 and the flash
// "old". The second request commits just before the first.
func TestTwoRequestsMerge(t *testing.T) {
	set := func(name string, v any) func(*sessions.Session) {
		return func(s *sessions.Session) { s.Set(name, v) }
	}
	all := func(fs ...func(*sessions.Session)) func(*sessions.Session) {
		return func(s *sessions.Session) {
			for _, f := range fs {
				f(s)
			}
		}
	}
	clearAll := func(s *sessions.Session) { s.Clear() }
	remove := func(name string) func(*sessions.Session) { return func(s *sessions.Session) { s.Delete(name) } }
	flash := func(text string) func(*sessions.Session) { return func(s *sessions.Session) { s.AddFlash(text) } }
	take := func(s *sessions.Session) { s.Flashes() }
	for name, test := range map[string]struct {
		first, second func(*sessions.Session)
		values        map[string]any
		flashes       []string
	}{
		"sets of different values": {set("a", 1), set("b", 2),
			map[string]any{"user": "ann", "count": int64(1), "a": int64(1), "b": int64(2)}, []string{"old"}},
		"sets of one value: the last to commit wins": {set("user", "eve"), set("user", "bob"),
			map[string]any{"user": "eve", "count": int64(1)}, []string{"old"}},
		"updates of one value": {testapp.Increment, all(testapp.Increment, testapp.Increment),
			map[string]any{"user": "ann", "count": int64(4)}, []string{"old"}},
		"update of a value set meanwhile": {testapp.Increment, set("count", 10),
			map[string]any{"user": "ann", "count": int64(11)}, []string{"old"}},
		"update of a value deleted meanwhile starts from zero": {testapp.Increment, remove("count"),
			map[string]any{"user": "ann", "count": int64(1)}, []string{"old"}},
		"delete of a value updated meanwhile": {remove("count"), testapp.Increment,
			map[string]any{"user": "ann"}, []string{"old"}},
		"delete and set of different values": {remove("user"), set("b", 2),
			map[string]any{"count": int64(1), "b": int64(2)}, []string{"old"}},
		"clear removes what is there when it commits": {clearAll, all(set("b", 2), flash("new")),
			map[string]any{}, nil},
		"clear keeps what the same request sets after it": {all(clearAll, set("c", 3)), set("b", 2),
			map[string]any{"c": int64(3)}, nil},
		"set after another's clear": {set("c", 3), clearAll,
			map[string]any{"c": int64(3)}, nil},
		"clear, update, set in order": {all(testapp.Increment, clearAll, testapp.Increment, testapp.Increment), testapp.Increment,
			map[string]any{"count": int64(2)}, nil},
		"flashes added at once": {flash("mine"), flash("theirs"),
			map[string]any{"user": "ann", "count": int64(1)}, []string{"old", "theirs", "mine"}},
		"flash added while the others are taken": {flash("mine"), take,
			map[string]any{"user": "ann", "count": int64(1)}, []string{"mine"}},
		"flashes taken while one is added": {take, flash("theirs"),
			map[string]any{"user": "ann", "count": int64(1)}, []string{"theirs"}},
		"pop and a change elsewhere": {func(s *sessions.Session) { testapp.User.Pop(s) }, testapp.Increment,
			map[string]any{"count": int64(2)}, []string{"old"}},
		"renew takes the changes along": {all(func(s *sessions.Session) { s.Renew() }, set("a", 1)), testapp.Increment,
			map[string]any{"user": "ann", "count": int64(2), "a": int64(1)}, []string{"old"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			c.OK(func(s *sessions.Session) { testapp.Increment(s); s.AddFlash("old") })
			interleave(a, c, test.first, test.second)
			c.OK(func(s *sessions.Session) {
				got := map[string]any{}
				for _, name := range s.Keys() {
					got[name] = s.Get(name)
				}
				testapp.Equal(t, "values", got, test.values)
				testapp.Equal(t, "flashes", s.Flashes(), test.flashes)
			})
			a.Store.Record(t)
		})
	}
}

func TestSettingsMerge(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = 24 * time.Hour })
	c := a.SignedIn()
	third := c.Copy()
	interleave(a, c,
		func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) },
		func(s *sessions.Session) {
			s.SetOwner("user:1")
			interleave(a, third,
				func(s *sessions.Session) { s.SetIdleTimeout(time.Minute) },
				func(s *sessions.Session) { testapp.Increment(s) })
		})
	rec := a.Store.Record(t).Record
	testapp.Equal(t, "owner", rec.Owner, "user:1")
	testapp.Equal(t, "expiry, by the timeout that was set", rec.Expires.Time(), testapp.Epoch.Add(time.Minute))
	res := c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "count", s.Get("count"), any(int64(1)))
		s.Renew()
	})
	if res.Cookie == nil || !res.Cookie.Expires.IsZero() {
		t.Errorf("got cookie %v, want one without Expires", res.Cookie)
	}
}

func TestExpiryIsRecomputedPerAttempt(t *testing.T) {
	a := testapp.New(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	c := a.SignedIn()
	interleave(a, c, testapp.Increment, func(s *sessions.Session) { s.SetIdleTimeout(3 * time.Hour) })
	testapp.Equal(t, "Expires", a.Store.Record(t).Record.Expires.Time(), testapp.Epoch.Add(3*time.Hour))
}

func TestUpdateSeesNewestValue(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	c.OK(testapp.Increment)
	var seen []int
	interleave(a, c, func(s *sessions.Session) {
		n := testapp.Count.Update(s, func(n int) int { seen = append(seen, n); return n + 100 })
		testapp.Equal(t, "Update's result", n, 101)
	}, testapp.Increment)
	testapp.Equal(t, "what Update saw", seen, []int{1, 2})
	testapp.Equal(t, "count", c.Count(), 102)
}

func TestSaveShowsMergedValues(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	interleave(a, c, func(s *sessions.Session) {
		testapp.Increment(s)
		if err := s.Save(t.Context()); err != nil {
			t.Error(err)
		}
		n, _ := testapp.Count.Get(s)
		testapp.Equal(t, "count after Save", n, 2)
		testapp.Equal(t, "the other's value", s.Get("other"), any(true))
	}, func(s *sessions.Session) { testapp.Increment(s); s.Set("other", true) })
	testapp.Equal(t, "count", c.Count(), 2)
}

func TestInPlaceChangeMerge(t *testing.T) {
	a := testapp.New(t)
	c := a.Client()
	c.OK(func(s *sessions.Session) { testapp.Map.Set(s, map[string]int{"a": 1}) })
	interleave(a, c, func(s *sessions.Session) {
		m, _ := testapp.Map.Get(s)
		m["mine"] = 1
	}, func(s *sessions.Session) {
		m, _ := testapp.Map.Get(s)
		m["theirs"] = 1
		testapp.Increment(s)
	})
	c.OK(func(s *sessions.Session) {
		m, _ := testapp.Map.Get(s)
		testapp.Equal(t, "map", m, map[string]int{"a": 1, "mine": 1})
		testapp.Equal(t, "count", s.Get("count"), any(int64(1)))
	})
}

func TestPopReturnsValueOnce(t *testing.T) {
	pop := func(s *sessions.Session) { testapp.User.Pop(s) }
	for name, other := range map[string]func(*sessions.Session){
		"popped by another":   pop,
		"deleted by another":  func(s *sessions.Session) { s.Delete("user") },
		"replaced by another": func(s *sessions.Session) { testapp.User.Set(s, "bob") },
		"cleared by another":  func(s *sessions.Session) { s.Clear() },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			second := c.Copy()
			a.Store.Before("Save", func() { second.OK(other) })
			var handed error
			res := c.Fails(http.StatusConflict, func(s *sessions.Session) {
				name, ok := testapp.User.Pop(s)
				testapp.Equal(t, "popped", name, "ann")
				testapp.Equal(t, "found", ok, true)
				handed = s.Save(t.Context())
				testapp.Increment(s)
			})
			testapp.Error(t, "Save", handed, sessions.ErrConflict)
			testapp.Equal(t, "cookie", res.Cookie, nil)
			testapp.Equal(t, "count", c.Count(), 0) // all of the request's changes, or none
		})
	}

	t.Run("by exactly one of many", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		var won, lost atomic.Int32
		var wg sync.WaitGroup
		arrived := make(chan struct{})
		const n = 20
		var there sync.WaitGroup
		there.Add(n)
		go func() { there.Wait(); close(arrived) }()
		for range n {
			wg.Go(func() {
				res := c.Copy().Do(func(s *sessions.Session) {
					testapp.User.Pop(s)
					there.Done()
					<-arrived // all have read it
				})
				switch res.StatusCode {
				case http.StatusOK:
					won.Add(1)
				case http.StatusConflict:
					lost.Add(1)
				default:
					t.Errorf("got status %d", res.StatusCode)
				}
			})
		}
		wg.Wait()
		testapp.Equal(t, "requests that got it", won.Load(), 1)
		testapp.Equal(t, "requests that did not", lost.Load(), n-1)
		testapp.Equal(t, "user", c.User(), "")
	})

	t.Run("and set again by the same request", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		interleave(a, c, func(s *sessions.Session) {
			pop(s)
			testapp.User.Set(s, "bob")
			pop(s)
			testapp.User.Set(s, "eve")
		}, testapp.Increment)
		testapp.Equal(t, "user", c.User(), "eve")
	})

	t.Run("in a loop that puts back what is left of it", func(t *testing.T) {
		a := testapp.New(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) { testapp.Count.Set(s, 5) })
		const n = 10
		var won atomic.Int32
		var there, all sync.WaitGroup
		there.Add(n)
		for range n {
			all.Go(func() {
				res := c.Copy().Do(func(s *sessions.Session) {
					steps := 0
					for left, ok := testapp.Count.Pop(s); ok && left > 0; left, ok = testapp.Count.Pop(s) {
						testapp.Count.Update(s, func(n int) int { return n + left - 1 })
						steps++
					}
					testapp.Equal(t, "steps", steps, 5)
					there.Done()
					there.Wait() // all have read it
				})
				if res.StatusCode == http.StatusOK {
					won.Add(1)
				} else if res.StatusCode != http.StatusConflict {
					t.Errorf("got status %d, want 409", res.StatusCode)
				}
			})
		}
		all.Wait()
		testapp.Equal(t, "requests that got it", won.Load(), 1)
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "count is there", testapp.Count.Has(s), false) })
	})
}

func TestPanicInUpdate(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	caught := func(f func()) (v any) {
		defer func() { v = recover() }()
		f()
		return nil
	}
	t.Run("in the handler", func(t *testing.T) {
		c.OK(func(s *sessions.Session) {
			v := caught(func() { testapp.Count.Update(s, func(int) int { panic("oops") }) })
			testapp.Equal(t, "panic", v, any("oops"))
			testapp.Increment(s)
		})
		testapp.Equal(t, "count", c.Count(), 1)
	})
	// The function is called again, with the value that another request wrote.
	second := func(n int) int {
		if n > 1 {
			panic("oops")
		}
		return n + 1
	}
	t.Run("in Save", func(t *testing.T) {
		interleave(a, c, func(s *sessions.Session) {
			testapp.Count.Update(s, second)
			v := caught(func() { s.Save(t.Context()) })
			testapp.Equal(t, "panic", v, any("oops"))
			s.Revert()
			testapp.User.Set(s, "bob")
		}, testapp.Increment)
		testapp.Equal(t, "user", c.User(), "bob")
		testapp.Equal(t, "count", c.Count(), 2)
	})
	for name, write := range map[string]bool{"in the commit before the handler's answer": true, "in the commit after the handler": false} {
		t.Run(name, func(t *testing.T) {
			c.OK(func(s *sessions.Session) { testapp.Count.Set(s, 1) })
			other := c.Copy()
			a.Store.Before("Save", func() { other.OK(testapp.Increment) })
			var leaked *sessions.Session
			v := caught(func() {
				c.Serve(func(w http.ResponseWriter, r *http.Request) {
					leaked = sessions.FromContext(r.Context())
					testapp.Count.Update(leaked, second)
					if write {
						w.Write([]byte("done"))
					}
				})
			})
			testapp.Equal(t, "panic", v, any("oops"))
			leaked.Keys() // would block for ever, were the session still locked
			testapp.Equal(t, "count", c.Count(), 2)
		})
	}
}

func TestManyConflicts(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	const n = 20
	others := make([]testapp.Fault, n)
	for i := range others {
		// Another process writes just before each attempt.
		others[i].Before = func() {
			e := a.Store.Record(t)
			old := e.Record.Version
			e.Record.Version++
			if err := a.Store.Inner().Save(t.Context(), e.Key, old, e.Record); err != nil {
				t.Error(err)
			}
		}
	}
	a.Store.Next("Save", others...)
	c.OK(testapp.Increment)
	testapp.Equal(t, "count", c.Count(), 1)
}

// The function of an Update may panic when it is called again. The record under the new
// ID, which is already stored, is removed.
func TestPanicInUpdateDuringRenew(t *testing.T) {
	withAndWithoutRenewer(t, "", panicInUpdateDuringRenew)
}

func panicInUpdateDuringRenew(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
	c := a.SignedIn()
	other := c.Copy()
	plant(testapp.Fault{Before: func() { other.OK(func(s *sessions.Session) { s.Set("x", 1) }) }})
	n := 0
	func() {
		defer func() { testapp.Equal(t, "panic", recover(), any("oops")) }()
		c.Do(func(s *sessions.Session) {
			s.Renew()
			testapp.Count.Update(s, func(i int) int {
				if n++; n > 1 {
					panic("oops")
				}
				return i + 1
			})
		})
	}()
	a.Store.Record(t)
	testapp.Equal(t, "user", c.User(), "ann")
}

// If two requests pop a value, one gets it, even if they change other values too.
func TestPopInEndedSession(t *testing.T) {
	otp := sessions.Key[string]("otp")
	for name, end := range map[string]func(*sessions.Session){
		"Renew":             func(s *sessions.Session) { s.Renew() },
		"Clear":             func(s *sessions.Session) { s.Clear() },
		"Invalidate":        func(s *sessions.Session) { s.Invalidate() },
		"Invalidate, twice": func(s *sessions.Session) { s.Invalidate(); s.Invalidate() },
		"Renew, Invalidate": func(s *sessions.Session) { s.Renew(); s.Invalidate() },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.Client()
			c.OK(func(s *sessions.Session) { otp.Set(s, "secret") })
			other, used := c.Copy(), 0
			use := func(s *sessions.Session) {
				if _, ok := otp.Pop(s); !ok {
					return
				}
				end(s)
				testapp.User.Set(s, "ann")
				if s.Save(t.Context()) == nil {
					used++
				}
			}
			c.Do(func(s *sessions.Session) {
				s.Get("otp") // both have it
				other.Do(use)
				use(s)
			})
			testapp.Equal(t, "times used", used, 1)
			a.Store.Record(t)
		})
	}
	withAndWithoutRenewer(t, "Invalidate, while another changes something else", func(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
		c := a.Client()
		c.OK(func(s *sessions.Session) { otp.Set(s, "secret") })
		other := c.Copy()
		plant(testapp.Fault{Before: func() { other.OK(testapp.Increment) }})
		c.OK(func(s *sessions.Session) { otp.Pop(s); s.Invalidate(); testapp.User.Set(s, "ann") })
		a.Store.Record(t)
		testapp.Equal(t, "user", c.User(), "ann")
	})
	withAndWithoutRenewer(t, "Invalidate, while another puts a new one there", func(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
		c := a.Client()
		c.OK(func(s *sessions.Session) { otp.Set(s, "secret") })
		other := c.Copy()
		plant(testapp.Fault{Before: func() { other.OK(func(s *sessions.Session) { otp.Set(s, "another") }) }})
		c.OK(func(s *sessions.Session) {
			otp.Pop(s)
			s.Invalidate()
			testapp.User.Set(s, "ann")
			testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrConflict)
			s.Revert()
		})
		a.Store.Record(t)
		testapp.Equal(t, "user", c.User(), "")
	})
}
