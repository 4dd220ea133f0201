package sessions_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
)

// The ways in which a request can end a session while another one uses it.
func lifeEnds(a *lifeApp) map[string]func(*lifeClient) {
	return map[string]func(*lifeClient){
		"Destroy":    func(c *lifeClient) { c.ok(func(s *sessions.Session) { s.Destroy(context.Background()) }) },
		"Renew":      func(c *lifeClient) { c.ok(func(s *sessions.Session) { s.Renew() }) },
		"Invalidate": func(c *lifeClient) { c.ok(func(s *sessions.Session) { s.Invalidate() }) },
		"Renew, twice": func(c *lifeClient) {
			c.ok(func(s *sessions.Session) { s.Renew(); s.Save(context.Background()); s.Renew() })
		},
		"DestroyOwned": func(*lifeClient) {
			if _, err := a.m.DestroyOwned(context.Background(), "user:1"); err != nil {
				a.t.Error(err)
			}
		},
		"login anew": func(c *lifeClient) {
			c.ok(func(s *sessions.Session) { s.Destroy(context.Background()); lifeUser.Set(s, "eve") })
		},
	}
}

// lifeOwned is a client whose session is stored, with user = "ann" and the
// owner "user:1".
func lifeOwned(a *lifeApp) *lifeClient {
	c := a.signedIn()
	c.ok(func(s *sessions.Session) { s.SetOwner("user:1") })
	a.store.calls()
	return c
}

// lifePanicking sends a request whose handler does f and then panics, through a
// middleware further out that answers for it.
func lifePanicking(a *lifeApp, c *lifeClient, f func(*sessions.Session)) (rec *httptest.ResponseRecorder) {
	a.t.Helper()
	rec = httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "pump-session="+c.token())
	defer func() {
		if v := recover(); v != "oops" {
			a.t.Errorf("panic %v, want the handler's", v)
		}
		rec.WriteHeader(http.StatusInternalServerError)
	}()
	a.m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(sessions.FromContext(r.Context()))
		panic("oops")
	})).ServeHTTP(rec, r)
	return rec
}

func TestRequestInFlightDoesNotUndoALogout(t *testing.T) {
	changes := map[string]func(*sessions.Session){
		"set":       func(s *sessions.Session) { lifeUser.Set(s, "zombie") },
		"update":    lifeIncrement,
		"in place":  func(s *sessions.Session) { s.Get("list").([]any)[0] = "zombie" },
		"clear":     func(s *sessions.Session) { s.Clear() },
		"flash":     func(s *sessions.Session) { s.AddFlash("zombie") },
		"owner":     func(s *sessions.Session) { s.SetOwner("zombie") },
		"timeout":   func(s *sessions.Session) { s.SetIdleTimeout(1e9) },
		"expires":   func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) },
		"renew":     func(s *sessions.Session) { s.Renew() },
		"renew+set": func(s *sessions.Session) { s.Renew(); s.Set("a", "zombie") },
	}
	points := []string{"Save", "Delete"} // where the other request comes in between
	for end := range lifeEnds(nil) {
		for change, f := range changes {
			for _, point := range points {
				if renews := change == "renew" || change == "renew+set"; point == "Delete" && !renews {
					continue
				}
				t.Run(end+" before the "+point+" of "+change, func(t *testing.T) {
					a := newLife(t)
					c := lifeOwned(a)
					c.ok(func(s *sessions.Session) { s.Set("list", []any{"a"}) })
					old, other := c.copied(), c.copied()
					a.store.before(point, func() { lifeEnds(a)[end](other) })
					res := c.fails(http.StatusConflict, f)
					if lines := res.Header()["Set-Cookie"]; len(lines) > 0 {
						t.Errorf("Set-Cookie: %q", lines)
					}
					lifeEqual(t, "user under the old id", old.user(), "")
					want := map[bool]int{true: 0, false: 1}[end == "Destroy" || end == "DestroyOwned"]
					lifeEqual(t, "records", len(a.store.records(t)), want)
					for s, err := range a.m.All(t.Context()) {
						if err != nil || s.Get("user") == any("zombie") || s.Has("count") || s.Has("a") || s.Owner() == "zombie" {
							t.Errorf("the lost request changed %v: %v, %v", s, s.Keys(), err)
						}
					}
				})
			}
		}
	}
}

func TestSaveTellsThatTheSessionEnded(t *testing.T) {
	a := newLife(t)
	c := lifeOwned(a)
	other := c.copied()
	res := c.fails(http.StatusConflict, func(s *sessions.Session) {
		lifeIncrement(s)
		other.ok(func(s *sessions.Session) { s.Destroy(t.Context()) })
		lifeError(t, "Save", s.Save(t.Context()), sessions.ErrEnded)
		lifeError(t, "Save again", s.Save(t.Context()), sessions.ErrEnded)
	})
	lifeEqual(t, "cookie", res.cookie, nil)

	c = lifeOwned(a)
	other = c.copied()
	res = c.ok(func(s *sessions.Session) {
		lifeIncrement(s)
		other.ok(func(s *sessions.Session) { s.Destroy(t.Context()) })
		s.Revert() // gives up the changes; the answer may pass
	})
	lifeEqual(t, "cookie after Revert", res.cookie, nil)
	lifeEqual(t, "records", len(a.store.records(t)), 0)
}

// What an earlier Save of the request had to tell the client no longer holds.
func TestErrorPageOfAnEndedSessionHasNoCookieOfAnEarlierSave(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"cookie's expiry": func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) },
		"renewal":         func(s *sessions.Session) { s.Renew() },
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := lifeOwned(a)
			res := c.fails(http.StatusConflict, func(s *sessions.Session) {
				f(s)
				lifeEqual(t, "Save", s.Save(t.Context()), nil)
				lifeEnds(a)["DestroyOwned"](nil)
				lifeIncrement(s)
			})
			if lines := res.Header()["Set-Cookie"]; len(lines) > 0 {
				t.Errorf("Set-Cookie: %q", lines)
			}
		})
	}
}

// Nor has the answer that passes because the handler gave up its changes.
func TestAnswerOfAnEndedSessionHasNoCookieOfAnEarlierSave(t *testing.T) {
	a := newLife(t)
	c := lifeOwned(a)
	res := c.ok(func(s *sessions.Session) {
		s.Renew()
		lifeError(t, "Save", s.Save(t.Context()), nil)
		lifeEnds(a)["DestroyOwned"](nil)
		lifeIncrement(s)
		lifeError(t, "Save of an ended session", s.Save(t.Context()), sessions.ErrEnded)
		s.Revert()
	})
	lifeEqual(t, "cookie", res.cookie, nil)
}

func TestReaderPassesWhateverHappensToItsSession(t *testing.T) {
	for end := range lifeEnds(nil) {
		t.Run(end, func(t *testing.T) {
			a := newLife(t)
			c := lifeOwned(a)
			old, other := c.copied(), c.copied()
			res := c.ok(func(s *sessions.Session) {
				lifeLook(s)
				lifeEnds(a)[end](other)
				a.clock.advance(48 * 3600e9) // an access record is due
				lifeEqual(t, "user, as it was loaded", s.Get("user"), any("ann"))
			})
			lifeEqual(t, "cookie", res.cookie, nil)
			lifeEqual(t, "user under the old id", old.user(), "")
		})
	}
}

// Whoever logs out in parallel with a request that saves wins, at every point
// at which the two can meet, and without a wait for any of them.
func TestRandomLogoutsAreNeverUndone(t *testing.T) {
	a := newLife(t)
	second := a.manager()
	for round := range 60 {
		c := lifeOwned(a)
		old := c.copied()
		var wg sync.WaitGroup
		for i := range 6 {
			m := []*sessions.Manager{a.m, second}[i%2]
			wg.Go(func() {
				res := c.copied().doOn(m, func(s *sessions.Session) {
					switch {
					case i == 5 && round%2 == 0:
						s.Renew()
					case i == 4:
						lifeLook(s)
					default:
						lifeIncrement(s)
					}
				})
				if res.Code == http.StatusConflict && res.cookie != nil {
					t.Errorf("cookie %v with the error page", res.cookie)
				}
				if res.Code != http.StatusOK && res.Code != http.StatusConflict {
					t.Errorf("status %d", res.Code)
				}
			})
		}
		out, everywhere := c.copied(), rand.IntN(2) == 0
		wg.Go(func() {
			if everywhere {
				a.m.DestroyOwned(t.Context(), "user:1")
			} else {
				out.ok(func(s *sessions.Session) { s.Destroy(t.Context()) })
			}
		})
		wg.Wait()
		lifeEqual(t, "user under the old id", old.user(), "")
		// Those that came later began sessions of their own. Of this one a record
		// is left only where a renewal came before a Destroy of the old id.
		anns := 0
		for s := range a.m.All(t.Context()) {
			if s.Get("user") == any("ann") {
				anns++
			}
			s.Destroy(t.Context())
		}
		if anns > 1 || anns > 0 && (round%2 == 1 || everywhere) {
			t.Fatalf("round %d: %d sessions of ann", round, anns)
		}
	}
}

func TestOneOfManyRenewalsSurvives(t *testing.T) {
	t.Run("the other at the last moment", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		other := c.copied()
		a.store.before("Delete", func() { other.ok(func(s *sessions.Session) { s.Renew() }) })
		res := c.fails(http.StatusConflict, func(s *sessions.Session) { s.Renew() })
		lifeEqual(t, "cookie", res.cookie, nil)
		a.store.record(t)
		lifeEqual(t, "user", other.user(), "ann")
	})
	t.Run("all at once", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var winners []*lifeClient
		for range 20 {
			wg.Go(func() {
				one := c.copied()
				if res := one.do(func(s *sessions.Session) { s.Renew() }); res.Code == http.StatusOK && res.cookie != nil {
					mu.Lock()
					defer mu.Unlock()
					winners = append(winners, one)
				}
			})
		}
		wg.Wait()
		if len(winners) != 1 {
			t.Fatalf("%d renewals succeeded", len(winners))
		}
		a.store.record(t)
		lifeEqual(t, "user", winners[0].user(), "ann")
		lifeEqual(t, "user under the old id", c.user(), "")
	})
}

func TestRenewTakesParallelChangesAlong(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	const n = 10
	faults := make([]fakeFault, n)
	other := c.copied()
	for i := range faults {
		faults[i].hook = func() {
			e := a.store.recordOf(t, other)
			old := e.Record.Version
			e.Record.Version++
			if err := a.store.inner.Save(t.Context(), e.Key, old, e.Record); err != nil {
				t.Error(err)
			}
		}
	}
	faults[0].hook = func() { other.ok(lifeIncrement) }
	a.store.next("Delete", faults...)
	c.ok(func(s *sessions.Session) { s.Renew(); lifeIncrement(s) })
	a.store.record(t)
	lifeEqual(t, "count", c.count(), 2)
	lifeEqual(t, "user under the old id", other.user(), "")
}

func TestFailedRenewalLeavesTheOldSession(t *testing.T) {
	for name, fail := range map[string]func(*fakeStore){
		"create": func(f *fakeStore) { f.next("Save", fakeRefused, fakeRefused, fakeRefused) },
		"delete": func(f *fakeStore) { f.next("Delete", fakeRefused, fakeRefused, fakeRefused) },
	} {
		for change, f := range map[string]func(*sessions.Session) error{
			"Renew":      (*sessions.Session).Renew,
			"Invalidate": (*sessions.Session).Invalidate,
		} {
			t.Run(change+", "+name, func(t *testing.T) {
				a := newLife(t)
				c := a.signedIn()
				key := a.store.record(t).Key
				fail(a.store)
				res := c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) { f(s); lifeIncrement(s) })
				lifeEqual(t, "cookie", res.cookie, nil)
				lifeEqual(t, "key of the one record", a.store.record(t).Key, key)
				lifeEqual(t, "user", c.user(), "ann")
				lifeEqual(t, "count", c.count(), 0)
			})
			t.Run(change+", "+name+", and Save again", func(t *testing.T) {
				a := newLife(t)
				c := a.signedIn()
				old := c.copied()
				fail(a.store)
				c.ok(func(s *sessions.Session) {
					f(s)
					lifeIncrement(s)
					lifeError(t, "Save", s.Save(t.Context()), errFakeDown)
					lifeEqual(t, "data after the failure", s.Get("count"), any(1))
					lifeEqual(t, "Save again", s.Save(t.Context()), nil)
				})
				a.store.record(t)
				lifeEqual(t, "count", c.count(), 1)
				lifeEqual(t, "user under the old id", old.user(), "")
			})
		}
	}
}

// The error page carries the cookie that an earlier Save made necessary, and not
// the one of the id that failed.
func TestFailedRenewalAfterASaveLeavesWhatWasSaved(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session) error{
		"Renew":      (*sessions.Session).Renew,
		"Invalidate": (*sessions.Session).Invalidate,
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.client()
			c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) {
				lifeUser.Set(s, "ann")
				lifeError(t, "Save", s.Save(t.Context()), nil)
				f(s)
				lifeUser.Set(s, "bob")
				a.store.next("Delete", fakeRefused, fakeRefused, fakeRefused)
			})
			lifeEqual(t, "user", c.user(), "ann")
		})
	}
}

func TestFailedDestroy(t *testing.T) {
	t.Run("is tried again by the commit", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		old := c.copied()
		a.store.next("Delete", fakeRefused)
		res := c.ok(func(s *sessions.Session) { lifeError(t, "Destroy", s.Destroy(t.Context()), errFakeDown) })
		if res.cookie == nil || res.cookie.Value != "" {
			t.Errorf("cookie %v, want a deletion", res.cookie)
		}
		lifeEqual(t, "user", old.user(), "")
	})
	t.Run("gives the error page and leaves the cookie", func(t *testing.T) {
		for _, after := range []func(*sessions.Session){func(*sessions.Session) {}, lifeIncrement} {
			a := newLife(t)
			c := a.signedIn()
			a.store.next("Delete", fakeRefused, fakeRefused)
			res := c.fails(http.StatusServiceUnavailable, func(s *sessions.Session) { s.Destroy(t.Context()); after(s) })
			if lines := res.Header()["Set-Cookie"]; len(lines) > 0 {
				t.Errorf("Set-Cookie: %q", lines)
			}
			lifeEqual(t, "user", c.user(), "ann")
			a.store.record(t)
		}
	})
	t.Run("leaves the cookie where the handler panics", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Delete", fakeRefused)
		rec := lifePanicking(a, c, func(s *sessions.Session) { s.Destroy(t.Context()) })
		if lines := rec.Header()["Set-Cookie"]; len(lines) > 0 {
			t.Errorf("Set-Cookie: %q", lines)
		}
	})
	t.Run("can be repeated by the handler", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Delete", fakeRefused)
		c.ok(func(s *sessions.Session) {
			s.Destroy(t.Context())
			lifeEqual(t, "Destroy again", s.Destroy(t.Context()), nil)
		})
		lifeEqual(t, "records", len(a.store.records(t)), 0)
	})
	t.Run("needs no load, so an unreadable session can be ended", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		a.store.next("Load", fakeRefused)
		res := c.ok(func(s *sessions.Session) {
			lifeError(t, "Err", s.Err(), errFakeDown)
			lifeEqual(t, "Destroy", s.Destroy(t.Context()), nil)
			lifeEqual(t, "Err after it", s.Err(), nil)
		})
		if res.cookie == nil || res.cookie.Value != "" {
			t.Errorf("cookie %v, want a deletion", res.cookie)
		}
		lifeEqual(t, "records", len(a.store.records(t)), 0)
	})
}

func TestDestroyThenSetIsAnotherSession(t *testing.T) {
	a := newLife(t)
	c := a.signedIn()
	old := c.copied()
	c.ok(func(s *sessions.Session) { s.Destroy(t.Context()); lifeIncrement(s) })
	c.ok(func(s *sessions.Session) {
		lifeEqual(t, "Keys", s.Keys(), []string{"count"})
		lifeEqual(t, "IsNew", s.IsNew(), false)
	})
	lifeEqual(t, "user under the old id", old.user(), "")
}

func TestPanicCommitsNothing(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"set":        lifeIncrement,
		"renew":      func(s *sessions.Session) { s.Renew() },
		"invalidate": func(s *sessions.Session) { s.Invalidate() },
	} {
		t.Run(name, func(t *testing.T) {
			a := newLife(t)
			c := a.signedIn()
			stored := a.store.record(t)
			rec := lifePanicking(a, c, f)
			lifeEqual(t, "Set-Cookie", len(rec.Header()["Set-Cookie"]), 0)
			lifeEqual(t, "record", a.store.record(t), stored)
		})
	}
	t.Run("but what Save made of the cookie goes out", func(t *testing.T) {
		a := newLife(t)
		c := a.signedIn()
		var token string
		rec := lifePanicking(a, c, func(s *sessions.Session) {
			s.Renew()
			s.Save(t.Context())
			token = s.Token()
		})
		if cookies := rec.Result().Cookies(); len(cookies) != 1 || cookies[0].Value != token {
			t.Errorf("cookies %v, want the new token", cookies)
		}
	})
}
