package sessions_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// The ways in which a request can end a session while another uses it.
func sessionEnds(a *testapp.App) map[string]func(*testapp.Client) {
	return map[string]func(*testapp.Client){
		"Destroy":    func(c *testapp.Client) { c.OK(func(s *sessions.Session) { s.Destroy(context.Background()) }) },
		"Renew":      func(c *testapp.Client) { c.OK(func(s *sessions.Session) { s.Renew() }) },
		"Invalidate": func(c *testapp.Client) { c.OK(func(s *sessions.Session) { s.Invalidate() }) },
		"Renew, twice": func(c *testapp.Client) {
			c.OK(func(s *sessions.Session) { s.Renew(); s.Save(context.Background()); s.Renew() })
		},
		"DestroyOwned": func(*testapp.Client) {
			if _, err := a.Manager.DestroyOwned(context.Background(), "user:1"); err != nil {
				a.T.Error(err)
			}
		},
		"new sign-in": func(c *testapp.Client) {
			c.OK(func(s *sessions.Session) { s.Destroy(context.Background()); testapp.User.Set(s, "eve") })
		},
	}
}

// newUser1Client returns a client whose session is stored, with user = "ann" and the
// owner "user:1".
func newUser1Client(a *testapp.App) *testapp.Client {
	c := a.SignedIn()
	c.OK(func(s *sessions.Session) { s.SetOwner("user:1") })
	a.Store.Calls()
	return c
}

// doPanicking sends a request whose handler calls f and then panics. An outer
// middleware recovers and responds.
func doPanicking(a *testapp.App, c *testapp.Client, f func(*sessions.Session)) (rec *httptest.ResponseRecorder) {
	a.T.Helper()
	rec = httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "pump-session="+c.Token())
	defer func() {
		if v := recover(); v != "oops" {
			a.T.Errorf("panic %v, want the handler's", v)
		}
		rec.WriteHeader(http.StatusInternalServerError)
	}()
	a.Manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(sessions.FromContext(r.Context()))
		panic("oops")
	})).ServeHTTP(rec, r)
	return rec
}

func TestRequestInProgressDoesNotUndoSignOut(t *testing.T) {
	changes := map[string]func(*sessions.Session){
		"set":       func(s *sessions.Session) { testapp.User.Set(s, "zombie") },
		"update":    testapp.Increment,
		"in place":  func(s *sessions.Session) { s.Get("list").([]any)[0] = "zombie" },
		"clear":     func(s *sessions.Session) { s.Clear() },
		"flash":     func(s *sessions.Session) { s.AddFlash("zombie") },
		"owner":     func(s *sessions.Session) { s.SetOwner("zombie") },
		"timeout":   func(s *sessions.Session) { s.SetIdleTimeout(1e9) },
		"expires":   func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) },
		"renew":     func(s *sessions.Session) { s.Renew() },
		"renew+set": func(s *sessions.Session) { s.Renew(); s.Set("a", "zombie") },
	}
	points := []string{"first Save", "second Save", "Renew"} // the call that the other request comes before
	for end := range sessionEnds(nil) {
		for change, f := range changes {
			for _, point := range points {
				if renews := change == "renew" || change == "renew+set"; point != "first Save" && !renews {
					continue
				}
				t.Run(end+" before the "+point+" of "+change, func(t *testing.T) {
					a := testapp.New(t)
					c := newUser1Client(a)
					c.OK(func(s *sessions.Session) { s.Set("list", []any{"a"}) })
					old, other := c.Copy(), c.Copy()
					before := func() { sessionEnds(a)[end](other) }
					switch point {
					case "first Save":
						a.Store.HideRenewer()
						a.Store.Before("Save", before)
					case "second Save":
						a.Store.HideRenewer()
						a.Store.Next("Save", testapp.OK, testapp.Fault{Before: before})
					default:
						a.Store.Before(point, before)
					}
					res := c.Fails(http.StatusConflict, f)
					if lines := res.Header["Set-Cookie"]; len(lines) > 0 {
						t.Errorf("got Set-Cookie %q, want none", lines)
					}
					testapp.Equal(t, "user under the old ID", old.User(), "")
					want := map[bool]int{true: 0, false: 1}[end == "Destroy" || end == "DestroyOwned"]
					testapp.Equal(t, "records", len(a.Store.Records(t)), want)
					for s, err := range a.Manager.All(t.Context()) {
						if err != nil || s.Get("user") == any("zombie") || s.Has("count") || s.Has("a") || s.Owner() == "zombie" {
							t.Errorf("the request changed session %v: it has %v, %v", s, s.Keys(), err)
						}
					}
				})
			}
		}
	}
}

func TestSaveReturnsErrEnded(t *testing.T) {
	a := testapp.New(t)
	c := newUser1Client(a)
	other := c.Copy()
	res := c.Fails(http.StatusConflict, func(s *sessions.Session) {
		testapp.Increment(s)
		other.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
		testapp.Error(t, "Save", s.Save(t.Context()), sessions.ErrEnded)
		testapp.Error(t, "Save again", s.Save(t.Context()), sessions.ErrEnded)
	})
	testapp.Equal(t, "cookie", res.Cookie, nil)

	c = newUser1Client(a)
	other = c.Copy()
	res = c.OK(func(s *sessions.Session) {
		testapp.Increment(s)
		other.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
		s.Revert() // gives up the changes; the answer may pass
	})
	testapp.Equal(t, "cookie after Revert", res.Cookie, nil)
	testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
}

// The cookie of an earlier Save in the request is not sent, because it is invalid.
func TestErrEndedPageHasNoCookie(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"cookie's expiry": func(s *sessions.Session) { s.SetExpires(sessions.ExpireWithBrowser()) },
		"renewal":         func(s *sessions.Session) { s.Renew() },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := newUser1Client(a)
			res := c.Fails(http.StatusConflict, func(s *sessions.Session) {
				f(s)
				testapp.Equal(t, "Save", s.Save(t.Context()), nil)
				sessionEnds(a)["DestroyOwned"](nil)
				testapp.Increment(s)
			})
			if lines := res.Header["Set-Cookie"]; len(lines) > 0 {
				t.Errorf("got Set-Cookie %q, want none", lines)
			}
		})
	}
}

// The same holds for a response that succeeds because the handler reverted.
func TestResponseAfterSessionEndHasNoCookie(t *testing.T) {
	a := testapp.New(t)
	c := newUser1Client(a)
	res := c.OK(func(s *sessions.Session) {
		s.Renew()
		testapp.Error(t, "Save", s.Save(t.Context()), nil)
		sessionEnds(a)["DestroyOwned"](nil)
		testapp.Increment(s)
		testapp.Error(t, "Save of an ended session", s.Save(t.Context()), sessions.ErrEnded)
		s.Revert()
	})
	testapp.Equal(t, "cookie", res.Cookie, nil)
}

func TestReaderSucceedsWhenSessionEnds(t *testing.T) {
	for end := range sessionEnds(nil) {
		t.Run(end, func(t *testing.T) {
			a := testapp.New(t)
			c := newUser1Client(a)
			old, other := c.Copy(), c.Copy()
			res := c.OK(func(s *sessions.Session) {
				testapp.Look(s)
				sessionEnds(a)[end](other)
				a.Clock.Advance(48 * 3600e9) // an access record is due
				testapp.Equal(t, "user, as it was loaded", s.Get("user"), any("ann"))
			})
			testapp.Equal(t, "cookie", res.Cookie, nil)
			testapp.Equal(t, "user under the old ID", old.User(), "")
		})
	}
}

// A sign-out in parallel with requests that save is final, in every order of their
// store calls, and no request hangs.
func TestRandomSignOutsAreFinal(t *testing.T) {
	a := testapp.New(t)
	second := a.NewManager()
	for round := range 60 {
		c := newUser1Client(a)
		old := c.Copy()
		var wg sync.WaitGroup
		for i := range 6 {
			m := []*sessions.Manager{a.Manager, second}[i%2]
			wg.Go(func() {
				res := c.Copy().DoOn(m, func(s *sessions.Session) {
					switch {
					case i == 5 && round%2 == 0:
						s.Renew()
					case i == 4:
						testapp.Look(s)
					default:
						testapp.Increment(s)
					}
				})
				if res.StatusCode == http.StatusConflict && res.Cookie != nil {
					t.Errorf("got cookie %v with the error page, want none", res.Cookie)
				}
				if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusConflict {
					t.Errorf("got status %d, want 200 or 409", res.StatusCode)
				}
			})
		}
		out, everywhere := c.Copy(), rand.IntN(2) == 0
		wg.Go(func() {
			if everywhere {
				a.Manager.DestroyOwned(t.Context(), "user:1")
			} else {
				out.OK(func(s *sessions.Session) { s.Destroy(t.Context()) })
			}
		})
		wg.Wait()
		testapp.Equal(t, "user under the old ID", old.User(), "")
		// Later requests started new sessions. A record of this one remains only if a
		// renewal came before a Destroy of the old ID.
		anns := 0
		for s := range a.Manager.All(t.Context()) {
			if s.Get("user") == any("ann") {
				anns++
			}
			s.Destroy(t.Context())
		}
		if anns > 1 || anns > 0 && (round%2 == 1 || everywhere) {
			t.Fatalf("round %d: got %d sessions of ann", round, anns)
		}
	}
}

// withAndWithoutRenewer runs a test on a store that is a driver.Renewer, and on one that is
// none. plant adds faults of the next write of a forward.
func withAndWithoutRenewer(t *testing.T, name string, test func(t *testing.T, a *testapp.App, plant func(...testapp.Fault))) {
	if name != "" {
		name += ", "
	}
	t.Run(name+"by one call", func(t *testing.T) {
		a := testapp.New(t)
		test(t, a, func(faults ...testapp.Fault) { a.Store.Next("Renew", faults...) })
	})
	t.Run(name+"by two calls", func(t *testing.T) {
		a := testapp.New(t)
		a.Store.HideRenewer()
		test(t, a, func(faults ...testapp.Fault) {
			a.Store.Next("Save", testapp.OK) // of the new record
			a.Store.Next("Save", faults...)
		})
	})
}

func TestOneOfParallelRenewalsWins(t *testing.T) {
	withAndWithoutRenewer(t, "the other at the last moment", func(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
		c := a.SignedIn()
		other := c.Copy()
		plant(testapp.Fault{Before: func() { other.OK(func(s *sessions.Session) { s.Renew() }) }})
		res := c.Fails(http.StatusConflict, func(s *sessions.Session) { s.Renew() })
		testapp.Equal(t, "cookie", res.Cookie, nil)
		a.Store.Record(t)
		testapp.Equal(t, "user", other.User(), "ann")
	})
	t.Run("all at once", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var winners []*testapp.Client
		for range 20 {
			wg.Go(func() {
				one := c.Copy()
				if res := one.Do(func(s *sessions.Session) { s.Renew() }); res.StatusCode == http.StatusOK && res.Cookie != nil {
					mu.Lock()
					defer mu.Unlock()
					winners = append(winners, one)
				}
			})
		}
		wg.Wait()
		if len(winners) != 1 {
			t.Fatalf("got %d successful renewals, want 1", len(winners))
		}
		a.Store.Record(t)
		testapp.Equal(t, "user", winners[0].User(), "ann")
		testapp.Equal(t, "user under the old ID", c.User(), "")
	})
}

func TestRenewKeepsParallelChanges(t *testing.T) {
	withAndWithoutRenewer(t, "", renewKeepsParallelChanges)
}

func renewKeepsParallelChanges(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
	c := a.SignedIn()
	const n = 10
	faults := make([]testapp.Fault, n)
	other := c.Copy()
	for i := range faults {
		faults[i].Before = func() {
			e := a.Store.RecordOf(t, other)
			old := e.Record.Version
			e.Record.Version++
			if err := a.Store.Inner().Save(t.Context(), e.Key, old, e.Record); err != nil {
				t.Error(err)
			}
		}
	}
	faults[0].Before = func() { other.OK(testapp.Increment) }
	for _, f := range faults { // before each try to leave the forward
		plant(f)
	}
	c.OK(func(s *sessions.Session) { s.Renew(); testapp.Increment(s) })
	a.Store.Record(t)
	testapp.Equal(t, "count", c.Count(), 2)
	testapp.Equal(t, "user under the old ID", other.User(), "")
}

func TestFailedRenewKeepsOldSession(t *testing.T) {
	for name, fail := range map[string]func(*testapp.Store){
		"create": func(f *testapp.Store) {
			f.HideRenewer()
			f.Next("Save", testapp.Refused, testapp.Refused, testapp.Refused)
		},
		"forward": func(f *testapp.Store) {
			f.HideRenewer()
			f.Next("Save", testapp.OK, testapp.Refused, testapp.Refused, testapp.Refused)
		},
		"both": func(f *testapp.Store) { f.Next("Renew", testapp.Refused, testapp.Refused, testapp.Refused) },
	} {
		for change, f := range map[string]func(*sessions.Session) error{
			"Renew":      (*sessions.Session).Renew,
			"Invalidate": (*sessions.Session).Invalidate,
		} {
			t.Run(change+", "+name, func(t *testing.T) {
				a := testapp.New(t)
				c := a.SignedIn()
				key := a.Store.Record(t).Key
				fail(a.Store)
				res := c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { f(s); testapp.Increment(s) })
				testapp.Equal(t, "cookie", res.Cookie, nil)
				if name != "forward" {
					testapp.Equal(t, "key of the one record", a.Store.Record(t).Key, key)
				}
				testapp.Equal(t, "user", c.User(), "ann")
				testapp.Equal(t, "count", c.Count(), 0)
			})
			t.Run(change+", "+name+", and Save again", func(t *testing.T) {
				a := testapp.New(t)
				c := a.SignedIn()
				old := c.Copy()
				fail(a.Store)
				c.OK(func(s *sessions.Session) {
					f(s)
					testapp.Increment(s)
					testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
					testapp.Equal(t, "data after the failure", s.Get("count"), any(1))
					testapp.Equal(t, "Save again", s.Save(t.Context()), nil)
				})
				a.Store.Record(t)
				testapp.Equal(t, "count", c.Count(), 1)
				testapp.Equal(t, "user under the old ID", old.User(), "")
			})
		}
	}
}

// The error page has the cookie of an earlier Save, not that of the ID that was not
// stored.
func TestFailedRenewAfterSave(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session) error{
		"Renew":      (*sessions.Session).Renew,
		"Invalidate": (*sessions.Session).Invalidate,
	} {
		withAndWithoutRenewer(t, name, func(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
			c := a.Client()
			res := c.Do(func(s *sessions.Session) {
				testapp.User.Set(s, "ann")
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
				f(s)
				testapp.User.Set(s, "bob")
				plant(testapp.Refused, testapp.Refused, testapp.Refused)
			})
			if res.StatusCode != http.StatusServiceUnavailable || res.Body != "Service Unavailable\n" || res.Cookie == nil {
				t.Errorf("got %d %q, cookie %v; want the error page with the cookie", res.StatusCode, res.Body, res.Cookie)
			}
			testapp.Equal(t, "user", c.User(), "ann")
		})
	}
}

func TestFailedDestroy(t *testing.T) {
	t.Run("is tried again by the commit", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		old := c.Copy()
		a.Store.Next("Delete", testapp.Refused)
		res := c.OK(func(s *sessions.Session) { testapp.Error(t, "Destroy", s.Destroy(t.Context()), testapp.ErrDown) })
		if res.Cookie == nil || res.Cookie.Value != "" {
			t.Errorf("got cookie %v, want a deletion", res.Cookie)
		}
		testapp.Equal(t, "user", old.User(), "")
	})
	t.Run("gives the error page and leaves the cookie", func(t *testing.T) {
		for _, after := range []func(*sessions.Session){func(*sessions.Session) {}, testapp.Increment} {
			a := testapp.New(t)
			c := a.SignedIn()
			a.Store.Next("Delete", testapp.Refused, testapp.Refused)
			res := c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { s.Destroy(t.Context()); after(s) })
			if lines := res.Header["Set-Cookie"]; len(lines) > 0 {
				t.Errorf("got Set-Cookie %q, want none", lines)
			}
			testapp.Equal(t, "user", c.User(), "ann")
			a.Store.Record(t)
		}
	})
	t.Run("leaves the cookie where the handler panics", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Next("Delete", testapp.Refused)
		rec := doPanicking(a, c, func(s *sessions.Session) { s.Destroy(t.Context()) })
		if lines := rec.Header()["Set-Cookie"]; len(lines) > 0 {
			t.Errorf("got Set-Cookie %q, want none", lines)
		}
	})
	t.Run("can be repeated by the handler", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Next("Delete", testapp.Refused)
		c.OK(func(s *sessions.Session) {
			s.Destroy(t.Context())
			testapp.Equal(t, "Destroy again", s.Destroy(t.Context()), nil)
		})
		testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	})
	t.Run("needs no load, so an unreadable session can be ended", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		a.Store.Next("Load", testapp.Refused)
		res := c.OK(func(s *sessions.Session) {
			testapp.Error(t, "Err", s.Err(), testapp.ErrDown)
			testapp.Equal(t, "Destroy", s.Destroy(t.Context()), nil)
			testapp.Equal(t, "Err after it", s.Err(), nil)
		})
		if res.Cookie == nil || res.Cookie.Value != "" {
			t.Errorf("got cookie %v, want a deletion", res.Cookie)
		}
		testapp.Equal(t, "records", len(a.Store.Records(t)), 0)
	})
}

func TestSetAfterDestroyStartsNewSession(t *testing.T) {
	a := testapp.New(t)
	c := a.SignedIn()
	old := c.Copy()
	c.OK(func(s *sessions.Session) { s.Destroy(t.Context()); testapp.Increment(s) })
	c.OK(func(s *sessions.Session) {
		testapp.Equal(t, "Keys", s.Keys(), []string{"count"})
		testapp.Equal(t, "IsNew", s.IsNew(), false)
	})
	testapp.Equal(t, "user under the old ID", old.User(), "")
}

func TestPanicDoesNotCommit(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"set":        testapp.Increment,
		"renew":      func(s *sessions.Session) { s.Renew() },
		"invalidate": func(s *sessions.Session) { s.Invalidate() },
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			stored := a.Store.Record(t)
			rec := doPanicking(a, c, f)
			testapp.Equal(t, "Set-Cookie", len(rec.Header()["Set-Cookie"]), 0)
			testapp.Equal(t, "record", a.Store.Record(t), stored)
		})
	}
	t.Run("but the cookie of an earlier Save is sent", func(t *testing.T) {
		a := testapp.New(t)
		c := a.SignedIn()
		var token string
		rec := doPanicking(a, c, func(s *sessions.Session) {
			s.Renew()
			s.Save(t.Context())
			token = s.Token()
		})
		if cookies := rec.Result().Cookies(); len(cookies) != 1 || cookies[0].Value != token {
			t.Errorf("got cookies %v, want the new token", cookies)
		}
	})
}
