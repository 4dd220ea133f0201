package sessions_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
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
