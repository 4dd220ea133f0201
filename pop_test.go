package sessions_test

import (
	"testing"

	"github.com/pump-go/sessions"
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
			a := newLife(t)
			c := a.client()
			c.ok(func(s *sessions.Session) { otp.Set(s, "secret") })
			other, used := c.copied(), 0
			use := func(s *sessions.Session) {
				if _, ok := otp.Pop(s); !ok {
					return
				}
				end(s)
				lifeUser.Set(s, "ann")
				if s.Save(t.Context()) == nil {
					used++
				}
			}
			c.do(func(s *sessions.Session) {
				s.Get("otp") // both have it
				other.do(use)
				use(s)
			})
			lifeEqual(t, "times used", used, 1)
			a.store.record(t)
		})
	}
	t.Run("Invalidate, while another changes something else", func(t *testing.T) {
		a := newLife(t)
		c := a.client()
		c.ok(func(s *sessions.Session) { otp.Set(s, "secret") })
		other := c.copied()
		a.store.before("Delete", func() { other.ok(lifeIncrement) })
		c.ok(func(s *sessions.Session) { otp.Pop(s); s.Invalidate(); lifeUser.Set(s, "ann") })
		a.store.record(t)
		lifeEqual(t, "user", c.user(), "ann")
	})
	t.Run("Invalidate, while another puts a new one there", func(t *testing.T) {
		a := newLife(t)
		c := a.client()
		c.ok(func(s *sessions.Session) { otp.Set(s, "secret") })
		other := c.copied()
		a.store.before("Delete", func() { other.ok(func(s *sessions.Session) { otp.Set(s, "another") }) })
		c.ok(func(s *sessions.Session) {
			otp.Pop(s)
			s.Invalidate()
			lifeUser.Set(s, "ann")
			lifeError(t, "Save", s.Save(t.Context()), sessions.ErrConflict)
			s.Revert()
		})
		a.store.record(t)
		lifeEqual(t, "user", c.user(), "")
	})
}
