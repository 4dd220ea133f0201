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
)

// lifeRace runs f in a request of c, and other in another request of the same
// client just before the first one saves.
func lifeRace(a *lifeApp, c *lifeClient, f, other func(*sessions.Session)) lifeResponse {
	a.t.Helper()
	second := c.copied()
	a.store.before("Save", func() { second.ok(other) })
	return c.ok(f)
}

func TestParallelUpdatesAreAllCounted(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	server := httptest.NewServer(a.m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lifeIncrement(sessions.FromContext(r.Context()))
	})))
	defer server.Close()
	const n = 200
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			r, _ := http.NewRequest("GET", server.URL, nil)
			r.Header.Set("Cookie", "pump-session="+c.token())
			res, err := server.Client().Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			lifeEqual(t, "status", res.StatusCode, http.StatusOK)
		})
	}
	wg.Wait()
	lifeEqual(t, "count", c.count(), n)
}

func TestUpdatesOfSeveralProcessesAreAllCounted(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	managers := []*sessions.Manager{a.m, a.manager(), a.manager()}
	const each = 50
	var wg sync.WaitGroup
	for _, m := range managers {
		for range each {
			wg.Go(func() {
				res := c.copied().doOn(m, lifeIncrement)
				lifeEqual(t, "status", res.Code, http.StatusOK)
			})
		}
	}
	wg.Wait()
	lifeEqual(t, "count", c.count(), len(managers)*each)
}

func TestParallelChangesOfDifferentValuesAreAllKept(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	const n = 50
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { c.copied().ok(func(s *sessions.Session) { s.Set(fmt.Sprint("key", i), i) }) })
	}
	wg.Wait()
	c.ok(func(s *sessions.Session) {
		lifeEqual(t, "number of values", len(s.Keys()), n+1)
		for i := range n {
			lifeEqual(t, "value", s.Get(fmt.Sprint("key", i)), any(int64(i)))
		}
	})
}

// Each case is two requests on a session that has user = "ann", count = 1 and
// the flash "old"; the second one's commit comes just before the first one's.
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
		"updates of one value": {lifeIncrement, all(lifeIncrement, lifeIncrement),
			map[string]any{"user": "ann", "count": int64(4)}, []string{"old"}},
		"update of a value set meanwhile": {lifeIncrement, set("count", 10),
			map[string]any{"user": "ann", "count": int64(11)}, []string{"old"}},
		"update of a value deleted meanwhile begins anew": {lifeIncrement, remove("count"),
			map[string]any{"user": "ann", "count": int64(1)}, []string{"old"}},
		"delete of a value updated meanwhile": {remove("count"), lifeIncrement,
			map[string]any{"user": "ann"}, []string{"old"}},
		"delete and set of different values": {remove("user"), set("b", 2),
			map[string]any{"count": int64(1), "b": int64(2)}, []string{"old"}},
		"clear removes what is there when it commits": {clearAll, all(set("b", 2), flash("new")),
			map[string]any{}, nil},
		"clear keeps what the same request sets after it": {all(clearAll, set("c", 3)), set("b", 2),
			map[string]any{"c": int64(3)}, nil},
		"set after another's clear": {set("c", 3), clearAll,
			map[string]any{"c": int64(3)}, nil},
		"clear, update, set in order": {all(lifeIncrement, clearAll, lifeIncrement, lifeIncrement), lifeIncrement,
			map[string]any{"count": int64(2)}, nil},
		"flashes added at once": {flash("mine"), flash("theirs"),
			map[string]any{"user": "ann", "count": int64(1)}, []string{"old", "theirs", "mine"}},
		"flash added while the others are taken": {flash("mine"), take,
			map[string]any{"user": "ann", "count": int64(1)}, []string{"mine"}},
		"flashes taken while one is added": {take, flash("theirs"),
			map[string]any{"user": "ann", "count": int64(1)}, []string{"theirs"}},
		"pop and a change elsewhere": {func(s *sessions.Session) { lifeUser.Pop(s) }, lifeIncrement,
			map[string]any{"count": int64(2)}, []string{"old"}},
		"renew takes the changes along": {all(func(s *sessions.Session) { s.Renew() }, set("a", 1)), lifeIncrement,
			map[string]any{"user": "ann", "count": int64(2), "a": int64(1)}, []string{"old"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			c.ok(func(s *sessions.Session) { lifeIncrement(s); s.AddFlash("old") })
			lifeRace(a, c, test.first, test.second)
			c.ok(func(s *sessions.Session) {
				got := map[string]any{}
				for _, name := range s.Keys() {
					got[name] = s.Get(name)
				}
				lifeEqual(t, "values", got, test.values)
				lifeEqual(t, "flashes", s.Flashes(), test.flashes)
			})
			a.store.record(t)
		})
	}
}

func TestSettingsMergeFieldByField(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = 24 * time.Hour })
	c := a.signedIn()
	third := c.copied()
	lifeRace(a, c,
		func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) },
		func(s *sessions.Session) {
			s.SetOwner("user:1")
			lifeRace(a, third,
				func(s *sessions.Session) { s.SetIdleTimeout(time.Minute) },
				func(s *sessions.Session) { lifeIncrement(s) })
		})
	rec := a.store.record(t).Record
	lifeEqual(t, "owner", rec.Owner, "user:1")
	lifeEqual(t, "expiry, by the timeout that was set", rec.Expires.Time(), fakeEpoch.Add(time.Minute))
	res := c.ok(func(s *sessions.Session) {
		lifeEqual(t, "count", s.Get("count"), any(int64(1)))
		s.Renew()
	})
	if res.cookie == nil || !res.cookie.Expires.IsZero() {
		t.Errorf("cookie %v, want one without Expires", res.cookie)
	}
}

func TestExpiryIsComputedAnewInEachAttempt(t *testing.T) {
	a := newLife(t, func(o *sessions.Options) { o.IdleTimeout = time.Hour })
	c := a.signedIn()
	lifeRace(a, c, lifeIncrement, func(s *sessions.Session) { s.SetIdleTimeout(3 * time.Hour) })
	lifeEqual(t, "Expires", a.store.record(t).Record.Expires.Time(), fakeEpoch.Add(3*time.Hour))
}

func TestUpdateSeesTheNewestValue(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	c.ok(lifeIncrement)
	var seen []int
	lifeRace(a, c, func(s *sessions.Session) {
		n := lifeCount.Update(s, func(n int) int { seen = append(seen, n); return n + 100 })
		lifeEqual(t, "Update's result", n, 101)
	}, lifeIncrement)
	lifeEqual(t, "what Update saw", seen, []int{1, 2})
	lifeEqual(t, "count", c.count(), 102)
}

func TestAfterSaveTheSessionShowsWhatIsStored(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	lifeRace(a, c, func(s *sessions.Session) {
		lifeIncrement(s)
		if err := s.Save(t.Context()); err != nil {
			t.Error(err)
		}
		n, _ := lifeCount.Get(s)
		lifeEqual(t, "count after Save", n, 2)
		lifeEqual(t, "the other's value", s.Get("other"), any(true))
	}, func(s *sessions.Session) { lifeIncrement(s); s.Set("other", true) })
	lifeEqual(t, "count", c.count(), 2)
}

func TestInPlaceChangeWinsForItsValueAlone(t *testing.T) {
	a := newLife(t)
	c := a.client()
	c.ok(func(s *sessions.Session) { lifeMap.Set(s, map[string]int{"a": 1}) })
	lifeRace(a, c, func(s *sessions.Session) {
		m, _ := lifeMap.Get(s)
		m["mine"] = 1
	}, func(s *sessions.Session) {
		m, _ := lifeMap.Get(s)
		m["theirs"] = 1
		lifeIncrement(s)
	})
	c.ok(func(s *sessions.Session) {
		m, _ := lifeMap.Get(s)
		lifeEqual(t, "map", m, map[string]int{"a": 1, "mine": 1})
		lifeEqual(t, "count", s.Get("count"), any(int64(1)))
	})
}

func TestPoppedValueIsUsedOnce(t *testing.T) {
	pop := func(s *sessions.Session) { lifeUser.Pop(s) }
	for name, other := range map[string]func(*sessions.Session){
		"popped by another":   pop,
		"deleted by another":  func(s *sessions.Session) { s.Delete("user") },
		"replaced by another": func(s *sessions.Session) { lifeUser.Set(s, "bob") },
		"cleared by another":  func(s *sessions.Session) { s.Clear() },
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			second := c.copied()
			a.store.before("Save", func() { second.ok(other) })
			var handed error
			res := c.fails(http.StatusConflict, func(s *sessions.Session) {
				name, ok := lifeUser.Pop(s)
				lifeEqual(t, "popped", name, "ann")
				lifeEqual(t, "found", ok, true)
				handed = s.Save(t.Context())
				lifeIncrement(s)
			})
			lifeError(t, "Save", handed, sessions.ErrConflict)
			lifeEqual(t, "cookie", res.cookie, nil)
			lifeEqual(t, "count", c.count(), 0) // all of the request's changes, or none
		})
	}

	t.Run("by exactly one of many", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		var won, lost atomic.Int32
		var wg sync.WaitGroup
		arrived := make(chan struct{})
		const n = 20
		var there sync.WaitGroup
		there.Add(n)
		go func() { there.Wait(); close(arrived) }()
		for range n {
			wg.Go(func() {
				res := c.copied().do(func(s *sessions.Session) {
					lifeUser.Pop(s)
					there.Done()
					<-arrived // all have read it
				})
				switch res.Code {
				case http.StatusOK:
					won.Add(1)
				case http.StatusConflict:
					lost.Add(1)
				default:
					t.Errorf("status %d", res.Code)
				}
			})
		}
		wg.Wait()
		lifeEqual(t, "requests that got it", won.Load(), 1)
		lifeEqual(t, "requests that did not", lost.Load(), n-1)
		lifeEqual(t, "user", c.user(), "")
	})

	t.Run("and set again by the same request", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		lifeRace(a, c, func(s *sessions.Session) {
			pop(s)
			lifeUser.Set(s, "bob")
			pop(s)
			lifeUser.Set(s, "eve")
		}, lifeIncrement)
		lifeEqual(t, "user", c.user(), "eve")
	})

	t.Run("in a loop that puts back what is left of it", func(t *testing.T) {
		a := newLife(t)
		c := a.client()
		c.ok(func(s *sessions.Session) { lifeCount.Set(s, 5) })
		const n = 10
		var won atomic.Int32
		var there, all sync.WaitGroup
		there.Add(n)
		for range n {
			all.Go(func() {
				res := c.copied().do(func(s *sessions.Session) {
					steps := 0
					for left, ok := lifeCount.Pop(s); ok && left > 0; left, ok = lifeCount.Pop(s) {
						lifeCount.Update(s, func(n int) int { return n + left - 1 })
						steps++
					}
					lifeEqual(t, "steps", steps, 5)
					there.Done()
					there.Wait() // all have read it
				})
				if res.Code == http.StatusOK {
					won.Add(1)
				} else if res.Code != http.StatusConflict {
					t.Errorf("status %d", res.Code)
				}
			})
		}
		all.Wait()
		lifeEqual(t, "requests that got it", won.Load(), 1)
		c.ok(func(s *sessions.Session) { lifeEqual(t, "count is there", lifeCount.Has(s), false) })
	})
}

func TestPanicInUpdateLeavesTheSessionUsable(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	caught := func(f func()) (v any) {
		defer func() { v = recover() }()
		f()
		return nil
	}
	t.Run("in the handler", func(t *testing.T) {
		c.ok(func(s *sessions.Session) {
			v := caught(func() { lifeCount.Update(s, func(int) int { panic("oops") }) })
			lifeEqual(t, "panic", v, any("oops"))
			lifeIncrement(s)
		})
		lifeEqual(t, "count", c.count(), 1)
	})
	// The function runs again, on the value that another request wrote.
	second := func(n int) int {
		if n > 1 {
			panic("oops")
		}
		return n + 1
	}
	t.Run("in Save", func(t *testing.T) {
		lifeRace(a, c, func(s *sessions.Session) {
			lifeCount.Update(s, second)
			v := caught(func() { s.Save(t.Context()) })
			lifeEqual(t, "panic", v, any("oops"))
			s.Revert()
			lifeUser.Set(s, "bob")
		}, lifeIncrement)
		lifeEqual(t, "user", c.user(), "bob")
		lifeEqual(t, "count", c.count(), 2)
	})
	for name, write := range map[string]bool{"in the commit before the handler's answer": true, "in the commit after the handler": false} {
		t.Run(name, func(t *testing.T) {
			c.ok(func(s *sessions.Session) { lifeCount.Set(s, 1) })
			other := c.copied()
			a.store.before("Save", func() { other.ok(lifeIncrement) })
			var leaked *sessions.Session
			v := caught(func() {
				c.serve(func(w http.ResponseWriter, r *http.Request) {
					leaked = sessions.FromContext(r.Context())
					lifeCount.Update(leaked, second)
					if write {
						w.Write([]byte("done"))
					}
				})
			})
			lifeEqual(t, "panic", v, any("oops"))
			leaked.Keys() // would block for ever, were the session still locked
			lifeEqual(t, "count", c.count(), 2)
		})
	}
}

func TestManyConflictsInARow(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	const n = 20
	others := make([]fakeFault, n)
	for i := range others {
		// Another process writes just before each attempt.
		others[i].hook = func() {
			e := a.store.record(t)
			old := e.Record.Version
			e.Record.Version++
			if err := a.store.inner.Save(t.Context(), e.Key, old, e.Record); err != nil {
				t.Error(err)
			}
		}
	}
	a.store.next("Save", others...)
	c.ok(lifeIncrement)
	lifeEqual(t, "count", c.count(), 1)
}

// The function of an Update may panic when it is repeated. The renewed session
// that was stored already goes again.
func TestUpdateThatPanicsInARenewal(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	other := c.copied()
	a.store.before("Delete", func() { other.ok(func(s *sessions.Session) { s.Set("x", 1) }) })
	n := 0
	func() {
		defer func() { lifeEqual(t, "panic", recover(), any("oops")) }()
		c.do(func(s *sessions.Session) {
			s.Renew()
			lifeCount.Update(s, func(i int) int {
				if n++; n > 1 {
					panic("oops")
				}
				return i + 1
			})
		})
	}()
	a.store.record(t)
	lifeEqual(t, "user", c.user(), "ann")
}
