package behaviour

import (
	"net/http"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/testapp"
)

func TestFlashIsShownOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) { s.AddFlash("one"); s.AddFlash("two") })
		c.OK(testapp.Look) // a page that does not show them keeps them
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", s.Flashes(), []string{"one", "two"}) })
		for range 2 {
			c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes again", len(s.Flashes()), 0) })
		}
	})
}

func TestFlashOfAFailedRequestIsKept(t *testing.T) {
	everywhere(t, func(t *testing.T, st store) {
		a := st.start(t)
		c := a.Client()
		c.OK(func(s *sessions.Session) { s.AddFlash("hello") })
		c.Fails(http.StatusInternalServerError, func(s *sessions.Session) {
			s.Flashes()
			s.Set("x", make(chan int))
		})
		c.OK(func(s *sessions.Session) { testapp.Equal(t, "Flashes", s.Flashes(), []string{"hello"}) })
	})
}
