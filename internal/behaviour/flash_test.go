package behaviour

import (
	"net/http"
	"testing"

	"github.com/pump-go/sessions"
)

func TestFlashIsShownOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.client()
		c.do(func(s *sessions.Session) { s.AddFlash("one"); s.AddFlash("two") })
		c.do(look) // a page that shows none takes none
		c.do(func(s *sessions.Session) { equal(t, "Flashes", s.Flashes(), []string{"one", "two"}) })
		for range 2 {
			c.do(func(s *sessions.Session) { equal(t, "Flashes again", len(s.Flashes()), 0) })
		}
	})
}

func TestFlashOfAFailedRequestIsKept(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.client()
		c.do(func(s *sessions.Session) { s.AddFlash("hello") })
		c.fails(http.StatusInternalServerError, func(s *sessions.Session) {
			s.Flashes()
			s.Set("x", make(chan int))
		})
		c.do(func(s *sessions.Session) { equal(t, "Flashes", s.Flashes(), []string{"hello"}) })
	})
}
