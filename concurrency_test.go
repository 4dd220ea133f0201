package sessions_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func TestOneSessionInManyGoroutinesOfAHandler(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	const n = 20
	c.ok(func(s *sessions.Session) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				lifeIncrement(s)
				s.Set(fmt.Sprint("key", i), i)
				s.AddFlash("hello")
				lifeUser.Get(s)
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
	c.ok(func(s *sessions.Session) {
		lifeEqual(t, "count", s.Get("count"), any(int64(n)))
		lifeEqual(t, "values", len(s.Keys()), n+2)
		lifeEqual(t, "flashes", len(s.Flashes()), n)
	})
	a.store.record(t)
}

// Several goroutines of a handler do anything at all with its session, before,
// while and after the header leaves. Whatever comes of it, the client's cookie
// opens the one record that there is, or there is none.
func TestGoroutinesThatDisagree(t *testing.T) {
	for seed := range uint64(300) {
		a := newLife(t)
		c := a.signedIn()
		var goroutines sync.WaitGroup
		res := c.serve(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			for i := range uint64(4) {
				goroutines.Go(func() {
					random := rand.New(rand.NewPCG(seed, i))
					for range 6 {
						switch random.IntN(10) {
						case 0, 1:
							lifeUser.Set(s, "bob")
						case 2, 3:
							lifeIncrement(s)
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
		if res.Code != http.StatusOK {
			t.Errorf("seed %d: status %d", seed, res.Code)
		}
		records := a.store.records(t)
		if len(records) > 1 {
			t.Fatalf("seed %d: %d records", seed, len(records))
		}
		s, err := a.m.Load(t.Context(), c.token())
		switch {
		case len(records) == 0 && !errors.Is(err, sessions.ErrNotFound):
			t.Fatalf("seed %d: nothing is stored, and Load gives %v", seed, err)
		case len(records) == 1 && (err != nil || s.ID() != records[0].Key.String()):
			t.Fatalf("seed %d: the client's cookie (%v) does not open the record: %v", seed, res.cookie, err)
		}
	}
}

func TestGoroutineThatOutlivesItsHandler(t *testing.T) {
	// later returns the session of a request that is over.
	later := func(c *lifeClient, f func(*sessions.Session)) (late *sessions.Session) {
		c.ok(func(s *sessions.Session) { late = s; f(s) })
		return late
	}
	t.Run("saves to a stored session", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		s := later(c, lifeLook)
		lifeIncrement(s)
		lifeEqual(t, "Save", s.Save(t.Context()), nil)
		lifeEqual(t, "count", c.count(), 1)
	})
	t.Run("and does not save: nothing is kept", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		lifeIncrement(later(c, lifeLook))
		lifeEqual(t, "count", c.count(), 0)
	})
	t.Run("cannot start a session any more", func(t *testing.T) {
		a := newLife(t)
		c := a.client()
		s := later(c, lifeLook)
		lifeIncrement(s)
		lifeError(t, "Save", s.Save(t.Context()), sessions.ErrHeaderSent)
		lifeEqual(t, "records", len(a.store.records(t)), 0)
	})
	t.Run("cannot renew it either", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		s := later(c, lifeLook)
		lifeError(t, "Renew", s.Renew(), sessions.ErrHeaderSent)
		lifeError(t, "Invalidate", s.Invalidate(), sessions.ErrHeaderSent)
		lifeEqual(t, "user", c.user(), "ann")
	})
	t.Run("can end it", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		lifeEqual(t, "Destroy", later(c, lifeLook).Destroy(t.Context()), nil)
		lifeEqual(t, "user", c.user(), "")
	})
	t.Run("does not undo a logout", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		s := later(c, lifeLook)
		lifeIncrement(s)
		c.ok(func(s *sessions.Session) { s.Destroy(t.Context()) })
		lifeError(t, "Save", s.Save(t.Context()), sessions.ErrEnded)
		lifeEqual(t, "records", len(a.store.records(t)), 0)
	})
	t.Run("of a handler that panicked: Save does what it says", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		var late *sessions.Session
		lifePanicking(a, c, func(s *sessions.Session) { late = s; lifeLook(s) })
		lifeIncrement(late)
		lifeEqual(t, "Save", late.Save(t.Context()), nil)
		lifeEqual(t, "count", c.count(), 1)
	})
	t.Run("races with the end of the handler", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		var wg sync.WaitGroup
		const n = 20
		for range n {
			c.ok(func(s *sessions.Session) {
				lifeLook(s)
				wg.Go(func() {
					lifeIncrement(s)
					if err := s.Save(t.Context()); err != nil {
						t.Error(err)
					}
				})
			})
		}
		wg.Wait()
		lifeEqual(t, "count", c.count(), n)
	})
}

func TestChangesAfterTheHeaderAreSavedWhereNoCookieIsNeeded(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	c.serve(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("begun"))
		lifeIncrement(sessions.FromContext(r.Context()))
	})
	lifeEqual(t, "count", c.count(), 1)
}

func TestManyClientsDoNotMeet(t *testing.T) {
	a := newLife(t)
	managers := []*sessions.Manager{a.m, a.manager()}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			c := a.client()
			name := fmt.Sprint("user ", i)
			do := func(f func(*sessions.Session)) {
				if res := c.doOn(managers[i%2], f); res.Code != http.StatusOK {
					t.Errorf("status %d", res.Code)
				}
			}
			ids := make(map[string]bool)
			for round := range 3 {
				do(func(s *sessions.Session) { lifeUser.Set(s, name); s.SetOwner(name) })
				for n := range 5 {
					do(func(s *sessions.Session) {
						ids[s.ID()] = true
						lifeEqual(t, "user", s.Get("user"), any(name))
						lifeEqual(t, "Owner", s.Owner(), name)
						if got := lifeCount.Update(s, func(n int) int { return n + 1 }); got != n+1 {
							t.Errorf("%s: count %d, want %d", name, got, n+1)
						}
					})
				}
				if round == 1 {
					do(func(s *sessions.Session) { s.Renew() })
				}
				do(func(s *sessions.Session) { lifeEqual(t, "Destroy", s.Destroy(t.Context()), nil) })
				lifeEqual(t, "cookie", c.token(), "")
			}
			lifeEqual(t, "sessions that the client had", len(ids), 3)
		})
	}
	wg.Wait()
	lifeEqual(t, "records", len(a.store.records(t)), 0)
}

// A handler that streams may go on with a map that it was given, or gave, and
// call the session no more.
func TestChangesInPlaceAfterTheHeaderAreSaved(t *testing.T) {
	for name, hold := range map[string]func(*sessions.Session) map[string]int{
		"got": func(s *sessions.Session) map[string]int { m, _ := lifeMap.Get(s); return m },
		"set": func(s *sessions.Session) map[string]int { m := map[string]int{"a": 1}; lifeMap.Set(s, m); return m },
		"updated": func(s *sessions.Session) map[string]int {
			return lifeMap.Update(s, func(m map[string]int) map[string]int { return m })
		},
	} {
		a := newLife(t)
		c := a.signedIn()
		c.ok(func(s *sessions.Session) { lifeMap.Set(s, map[string]int{"a": 1}) })
		c.serve(func(w http.ResponseWriter, r *http.Request) {
			m := hold(sessions.FromContext(r.Context()))
			w.Write([]byte("begun"))
			m["b"] = 2
		})
		c.ok(func(s *sessions.Session) {
			if m, _ := lifeMap.Get(s); m["a"] != 1 || m["b"] != 2 {
				t.Errorf("%s: the map is %v", name, m)
			}
		})
	}
}
