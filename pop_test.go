package sessions_test

import (
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

// Of two requests that pop a value one gets it, whatever they do to the session
// then.
func TestPopAndAnEndOfTheSession(t *testing.T) {
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
	t.Run("Invalidate, while another changes something else", func(t *testing.T) {
		a := testapp.New(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) { otp.Set(s, "secret") })
		other := c.Copy()
		a.Store.Before("Delete", func() { other.OK(testapp.Increment) })
		c.OK(func(s *sessions.Session) { otp.Pop(s); s.Invalidate(); testapp.User.Set(s, "ann") })
		a.Store.Record(t)
		testapp.Equal(t, "user", c.User(), "ann")
	})
	t.Run("Invalidate, while another puts a new one there", func(t *testing.T) {
		a := testapp.New(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) { otp.Set(s, "secret") })
		other := c.Copy()
		a.Store.Before("Delete", func() { other.OK(func(s *sessions.Session) { otp.Set(s, "another") }) })
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
