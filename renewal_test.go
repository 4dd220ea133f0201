package sessions_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

func renewHourly(o *sessions.Options) { o.RenewAfter = time.Hour }

func TestRenewAfterIsDueAtMultiples(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){"read": testapp.Look, "change": testapp.Increment} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t, renewHourly)
			c := a.SignedIn()
			was := c.Token()
			for i, step := range []struct {
				wait  time.Duration
				renew bool
			}{{59 * time.Minute, false}, {time.Minute, true}, {59 * time.Minute, false}, {time.Minute, true}, {5 * time.Hour, true}, {0, false}} {
				a.Clock.Advance(step.wait)
				c.OK(f)
				if renewed := c.Token() != was; renewed != step.renew {
					t.Errorf("step %d: got renewed %v, want %v", i, renewed, step.renew)
				}
				was = c.Token()
			}
			testapp.Equal(t, "user", c.User(), "ann")
			a.Store.Record(t)
		})
	}
}

func TestRenewAfterIsNotForLateRequests(t *testing.T) {
	a := testapp.New(t, renewHourly)
	c := a.SignedIn()
	old := c.Copy()
	a.Clock.Advance(time.Hour)
	c.OK(testapp.Look)
	old.IsAnonymous("a late request")
	old.Fails(http.StatusConflict, testapp.Increment)
	testapp.Equal(t, "user", c.User(), "ann")
	testapp.Equal(t, "forwards", len(a.Store.Forwards(t)), 1)
}

func TestRenewAfterIsNotOutsideOfARequest(t *testing.T) {
	a := testapp.New(t, renewHourly)
	c := a.SignedIn()
	token := c.Token()
	a.Clock.Advance(time.Hour)
	s, err := a.Manager.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	testapp.Increment(s)
	testapp.Error(t, "Save", s.Save(t.Context()), nil)
	testapp.Equal(t, "Token", s.Token(), token)
	testapp.Equal(t, "forwards", len(a.Store.Forwards(t)), 0)
}

func TestRenewAfterLosesARace(t *testing.T) {
	a := testapp.New(t, renewHourly)
	c := a.SignedIn()
	other := c.Copy()
	a.Clock.Advance(time.Hour)
	got := c.OK(func(s *sessions.Session) {
		testapp.Look(s)
		other.OK(testapp.Look)
	})
	testapp.Equal(t, "Set-Cookie of the loser", got.SetCookie, "")
	testapp.Equal(t, "user", other.User(), "ann")
	a.Store.Record(t)

	a.Clock.Advance(time.Hour)
	c = other.Copy()
	c.Fails(http.StatusConflict, func(s *sessions.Session) {
		testapp.Increment(s)
		other.OK(testapp.Look)
	})
	testapp.Equal(t, "user", other.User(), "ann")
	a.Store.Record(t)
}

// A renewal does not store changes that the program did not save.
func TestRenewAfterWithManualSave(t *testing.T) {
	const list sessions.Key[[]string] = "list"
	a := testapp.New(t, renewHourly, func(o *sessions.Options) { o.ManualSave = true })
	c := a.Client()
	c.OK(func(s *sessions.Session) {
		list.Set(s, []string{"saved"})
		testapp.Error(t, "Save", s.Save(t.Context()), nil)
	})
	old := c.Token()
	a.Clock.Advance(time.Hour)
	c.OK(func(s *sessions.Session) {
		v, _ := list.Get(s)
		v[0] = "not saved"
	})
	if c.Token() == old {
		t.Error("the ID was not renewed")
	}
	c.OK(func(s *sessions.Session) {
		v, _ := list.Get(s)
		testapp.Equal(t, "list", v, []string{"saved"})
	})
}

// A read does not fail if the store rejects the renewal: the old ID still works.
func TestRenewAfterFailsBeforeTheForward(t *testing.T) {
	a := testapp.New(t, renewHourly)
	a.Store.HideRenewer()
	c := a.SignedIn()
	token := c.Token()
	a.Clock.Advance(time.Hour)
	c.OK(func(s *sessions.Session) {
		testapp.Look(s)
		a.Store.Down()
	})
	a.Store.Up()
	testapp.Equal(t, "Token", c.Token(), token)
	testapp.Equal(t, "user", c.User(), "ann")
	if c.Token() == token {
		t.Error("the next request did not renew the ID")
	}
}

func TestRenewAfterThatIsRefused(t *testing.T) {
	for name, o := range map[string]sessions.Options{
		"too short":    {RenewAfter: 2*time.Minute - time.Second},
		"negative":     {RenewAfter: -time.Hour},
		"cookie store": {RenewAfter: time.Hour, Store: "sealed", Cookie: sessions.Cookie{Secret: testapp.Secret}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := sessions.New(t.Context(), o)
			if err == nil {
				m.Close()
			}
			testapp.Error(t, "New", err, sessions.ErrInvalidOptions)
		})
	}
}

func newWithoutRenewer(t *testing.T) *testapp.App {
	a := testapp.New(t)
	a.Store.HideRenewer()
	return a
}

// The forward shows the outcome of a Renew, which writes both records or neither.
func TestRenewalOfUnknownOutcome(t *testing.T) {
	for name, f := range map[string]func(*sessions.Session){
		"Renew":      func(s *sessions.Session) { s.Renew(); testapp.User.Set(s, "eve"); testapp.Increment(s) },
		"Invalidate": func(s *sessions.Session) { s.Invalidate(); testapp.User.Set(s, "eve"); testapp.Increment(s) },
	} {
		start := func(t *testing.T) (a *testapp.App, c, old *testapp.Client) {
			a = testapp.New(t)
			c = a.SignedIn()
			return a, c, c.Copy()
		}
		renewed := func(t *testing.T, a *testapp.App, c, old *testapp.Client) {
			t.Helper()
			a.Store.Record(t)
			testapp.Equal(t, "user", c.User(), "eve")
			testapp.Equal(t, "count", c.Count(), 1)
			testapp.Equal(t, "user under the old id", old.User(), "")
		}
		for outcome, test := range map[string]struct {
			faults []testapp.Fault
			calls  string
		}{
			"written":     {[]testapp.Fault{testapp.LostAnswer}, "Load Renew Load"},
			"not written": {[]testapp.Fault{testapp.Refused}, "Load Renew Load Renew"},
			"written by the last attempt": {[]testapp.Fault{testapp.Refused, testapp.Refused, testapp.LostAnswer},
				"Load Renew Load Renew Load Renew Load"},
			"written after it was sent again": {[]testapp.Fault{{Err: testapp.ErrDown, Delayed: true}}, "Load Renew Load Renew Load"},
		} {
			t.Run(name+", "+outcome, func(t *testing.T) {
				a, c, old := start(t)
				a.Store.Next("Renew", test.faults...)
				c.OK(f)
				testapp.Equal(t, "store calls", a.Store.Calls(), test.calls)
				renewed(t, a, c, old)
			})
		}
		withAndWithoutRenewer(t, name+", not written, and another request changed the session", func(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
			c := a.SignedIn()
			old := c.Copy()
			refused := testapp.Refused
			refused.Before = func() { old.OK(func(s *sessions.Session) { s.Set("x", 1) }) }
			plant(refused)
			c.OK(f)
			renewed(t, a, c, old)
			c.OK(func(s *sessions.Session) { testapp.Equal(t, "x is taken along", s.Has("x"), name == "Renew") })
		})
		for ending, end := range map[string]func(*sessions.Session){
			"destroyed": func(s *sessions.Session) { s.Destroy(t.Context()) },
			"renewed":   func(s *sessions.Session) { s.Renew() },
		} {
			t.Run(name+", not written, and another request has "+ending+" the session", func(t *testing.T) {
				a, c, other := start(t)
				refused := testapp.Refused
				refused.Before = func() { other.OK(end) }
				a.Store.Next("Renew", refused)
				if name == "Invalidate" {
					c.OK(f) // the other session is ended, and its own begins
					a.Store.Record(t)
					testapp.Equal(t, "user", c.User(), "eve")
					return
				}
				res := c.Fails(http.StatusConflict, f)
				testapp.Equal(t, "cookie", res.Cookie, nil)
				testapp.Equal(t, "records", len(a.Store.Records(t)), map[string]int{"renewed": 1}[ending])
			})
		}
		for landing, landed := range map[string]testapp.Fault{
			"written":            testapp.LostAnswer,
			"not written":        testapp.Refused,
			"written much later": {Err: testapp.ErrDown, Delayed: true},
		} {
			t.Run(name+", "+landing+", unknown, and Save again", func(t *testing.T) {
				a, c, old := start(t)
				a.Store.Next("Renew", landed)
				a.Store.Next("Load", testapp.OK, testapp.Refused)
				c.OK(func(s *sessions.Session) {
					f(s)
					testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
					s.Set("y", 2)
				})
				renewed(t, a, c, old)
				c.OK(func(s *sessions.Session) {
					testapp.Equal(t, "y", s.Has("y"), true)
					s.Renew() // before it, the late one is executed
				})
				renewed(t, a, c, old)
			})
		}
		t.Run(name+", certainly not written", func(t *testing.T) {
			a, c, old := start(t)
			a.Store.Next("Renew", testapp.Fault{Err: fmt.Errorf("%w: %w", driver.ErrNotWritten, testapp.ErrDown)})
			c.Fails(http.StatusServiceUnavailable, f)
			testapp.Equal(t, "store calls", a.Store.Calls(), "Load Renew")
			testapp.Equal(t, "user under the old id", old.User(), "ann")
		})
		t.Run(name+", the new ID is taken", func(t *testing.T) {
			a, c, old := start(t)
			a.Store.Next("Renew", testapp.Fault{Err: driver.ErrConflict}) // no key can be guessed
			var before, after string
			c.OK(func(s *sessions.Session) {
				f(s)
				before = s.ID()
				testapp.Error(t, "Save", s.Save(t.Context()), nil)
				after = s.ID()
			})
			if before == after {
				t.Error("the ID is the one that was taken")
			}
			renewed(t, a, c, old)
		})
	}
}

func TestRenewalInTwoCallsOfUnknownOutcome(t *testing.T) {
	t.Run("the new record was stored", func(t *testing.T) {
		a := newWithoutRenewer(t)
		c := a.SignedIn()
		a.Store.Next("Save", testapp.LostAnswer)
		c.OK(func(s *sessions.Session) { s.Renew() })
		a.Store.Record(t)
		testapp.Equal(t, "user", c.User(), "ann")
	})
	t.Run("the forward was not stored", func(t *testing.T) {
		a := newWithoutRenewer(t)
		c := a.SignedIn()
		a.Store.Next("Save", testapp.OK, testapp.Refused, testapp.Refused, testapp.Refused)
		c.Fails(http.StatusServiceUnavailable, func(s *sessions.Session) { s.Renew() })
		testapp.Equal(t, "user", c.User(), "ann")
		// The forward may still be stored, so the record that it refers to is kept.
		testapp.Equal(t, "records", len(a.Store.Records(t)), 2)
	})
	t.Run("the forward was stored by the second attempt", func(t *testing.T) {
		a := newWithoutRenewer(t)
		c := a.SignedIn()
		other := c.Copy()
		a.Store.Next("Save", testapp.OK, testapp.Refused)
		c.OK(func(s *sessions.Session) { s.Renew() })
		a.Store.Record(t)
		testapp.Equal(t, "user", c.User(), "ann")
		testapp.Equal(t, "user under the old ID", other.User(), "")
	})
	t.Run("the old record was changed meanwhile", func(t *testing.T) {
		a := newWithoutRenewer(t)
		c := a.SignedIn()
		other := c.Copy()
		a.Store.Next("Save", testapp.OK, testapp.Fault{Before: func() { other.OK(testapp.Increment) }})
		c.OK(func(s *sessions.Session) { s.Renew() })
		a.Store.Record(t)
		testapp.Equal(t, "count", c.Count(), 1)
	})
	t.Run("the forward's response was lost", func(t *testing.T) {
		for name, f := range map[string]func(*sessions.Session){
			"Renew":      func(s *sessions.Session) { s.Renew(); testapp.User.Set(s, "eve") },
			"Invalidate": func(s *sessions.Session) { s.Invalidate(); testapp.User.Set(s, "eve") },
		} {
			t.Run(name, func(t *testing.T) {
				a := newWithoutRenewer(t)
				c := a.SignedIn()
				a.Store.Next("Save", testapp.OK, testapp.LostAnswer)
				c.OK(f)
				a.Store.Record(t)
				testapp.Equal(t, "user", c.User(), "eve")
			})
		}
	})
	t.Run("the forward was stored without a response, and Save again", func(t *testing.T) {
		a := newWithoutRenewer(t)
		c := a.SignedIn()
		a.Store.Next("Save", testapp.OK, testapp.LostAnswer)
		a.Store.Next("Load", testapp.OK, testapp.Refused)
		c.OK(func(s *sessions.Session) {
			s.Renew()
			testapp.Increment(s)
			testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
		})
		a.Store.Record(t)
		testapp.Equal(t, "user", c.User(), "ann")
		testapp.Equal(t, "count", c.Count(), 1)
	})
}

// Further attempts of a renewal whose outcome is unknown.
func TestRenewalIsRepeated(t *testing.T) {
	for change, f := range map[string]func(*sessions.Session) error{
		"Renew":      (*sessions.Session).Renew,
		"Invalidate": (*sessions.Session).Invalidate,
	} {
		changed := func(s *sessions.Session) {
			f(s)
			testapp.User.Set(s, "eve")
			testapp.Increment(s)
		}
		renewed := func(t *testing.T, a *testapp.App, c, old *testapp.Client) {
			t.Helper()
			a.Store.Record(t)
			testapp.Equal(t, "user", c.User(), "eve")
			testapp.Equal(t, "count", c.Count(), 1)
			testapp.Equal(t, "user under the old ID", old.User(), "")
		}
		// A forward may lead to the new record, so it stays when the second attempt fails.
		for second, faults := range map[string][]testapp.Fault{
			"fails":        {{Err: driver.ErrNotWritten}},
			"is too large": {{Err: driver.ErrTooLarge}},
			"is unknown":   {testapp.Refused, testapp.Refused, testapp.Refused},
		} {
			withAndWithoutRenewer(t, change+", the second attempt "+second, func(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
				c := a.SignedIn()
				old := c.Copy()
				plant(testapp.LostAnswer)
				a.Store.Next("Load", testapp.OK, testapp.Refused)
				c.OK(func(s *sessions.Session) {
					changed(s)
					testapp.Error(t, "first Save", s.Save(t.Context()), testapp.ErrDown)
					a.Store.Next("Save", faults...)
					testapp.Error(t, "second Save", s.Save(t.Context()), faults[0].Err)
				})
				renewed(t, a, c, old)
			})
		}
		t.Run(change+", not written, and the second attempt is not written either", func(t *testing.T) {
			a := testapp.New(t)
			c := a.SignedIn()
			old := c.Copy()
			a.Store.Next("Renew", testapp.Refused)
			a.Store.Next("Load", testapp.OK, testapp.Refused)
			c.OK(func(s *sessions.Session) { // ErrEnded would be wrong: nobody has ended the session
				changed(s)
				testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
				a.Store.Next("Save", testapp.Refused)
			})
			renewed(t, a, c, old)
		})
		withAndWithoutRenewer(t, change+", and "+change+" is called again", func(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
			c := a.SignedIn()
			old := c.Copy()
			plant(testapp.LostAnswer)
			a.Store.Next("Load", testapp.OK, testapp.Refused)
			c.OK(func(s *sessions.Session) {
				f(s)
				testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
				changed(s)
			})
			renewed(t, a, c, old)
		})
		for other, g := range map[string]func(*sessions.Session){
			"ends":              func(s *sessions.Session) { s.Destroy(t.Context()) },
			"renews":            func(s *sessions.Session) { s.Renew() },
			"pops the value of": func(s *sessions.Session) { sessions.Key[int]("once").Pop(s) },
		} {
			withAndWithoutRenewer(t, change+", not written, and another request "+other+" the session", func(t *testing.T, a *testapp.App, plant func(...testapp.Fault)) {
				c := a.SignedIn()
				c.OK(func(s *sessions.Session) { s.Set("once", 1) })
				old := c.Copy()
				plant(testapp.Refused)
				a.Store.Next("Load", testapp.OK, testapp.Refused)
				res := c.Do(func(s *sessions.Session) {
					sessions.Key[int]("once").Pop(s)
					changed(s)
					testapp.Error(t, "Save", s.Save(t.Context()), testapp.ErrDown)
					old.OK(g)
				})
				testapp.Equal(t, "status", res.StatusCode, http.StatusConflict)
				want := 1
				if other == "ends" {
					want = 0
				}
				testapp.Equal(t, "records", len(a.Store.Records(t)), want)
			})
		}
		t.Run(change+", the withdrawal of the first attempt is performed after the second", func(t *testing.T) {
			a := newWithoutRenewer(t)
			c := a.SignedIn()
			old := c.Copy()
			a.Store.Next("Save", testapp.OK, testapp.Fault{Err: driver.ErrNotWritten})
			a.Store.Next("Delete", testapp.Fault{Err: testapp.ErrDown, Delayed: true})
			c.OK(func(s *sessions.Session) {
				changed(s)
				testapp.Error(t, "Save", s.Save(t.Context()), driver.ErrNotWritten)
			})
			a.SignedIn().OK(func(s *sessions.Session) { s.Destroy(t.Context()) }) // before it, the late one is executed
			renewed(t, a, c, old)
		})
	}
}
