package echotest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	gorilla "github.com/gorilla/sessions"
	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
	"github.com/pump-go/sessions/gorillasessions/internal/judges"
)

// A program as the documentation of echo's session middleware shows it.
func TestProgram(t *testing.T) {
	judges.EachMount(t, func(t *testing.T, m *sessions.Manager, mount func(http.Handler) http.Handler) {
		e := echo.New()
		e.Use(session.Middleware(gorillasessions.New(m)))
		e.GET("/", func(c echo.Context) error {
			s, err := session.Get("app", c)
			if err != nil {
				return err
			}
			return c.String(http.StatusOK, fmt.Sprint(s.Values["user"], s.Values["n"]))
		})
		e.GET("/count", func(c echo.Context) error {
			s, err := session.Get("app", c)
			if err != nil {
				return err
			}
			n, _ := s.Values["n"].(int)
			s.Values["n"] = n + 1
			if err := s.Save(c.Request(), c.Response()); err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		})
		e.GET("/sign-in", func(c echo.Context) error {
			s, err := session.Get("app", c)
			if err != nil {
				return err
			}
			s.Options = &gorilla.Options{Path: "/", MaxAge: 86400 * 7, HttpOnly: true}
			s.Values["user"] = "ann"
			if err := gorillasessions.SignIn(s, "user:ann"); err != nil {
				return err
			}
			if err := s.Save(c.Request(), c.Response()); err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		})
		e.GET("/sign-out", func(c echo.Context) error {
			s, err := session.Get("app", c)
			if err != nil {
				return err
			}
			s.Options.MaxAge = -1
			if err := s.Save(c.Request(), c.Response()); err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		})
		b := judges.NewBrowser(t, mount(e))
		for range 2 {
			b.Body("/count")
		}
		planted := b.Copy()
		resp, _ := b.Get("/sign-in")
		if c := resp.Cookies(); len(c) != 1 || c[0].MaxAge != 86400*7 {
			t.Errorf("the cookie of the sign-in: %v", c)
		}
		if got := b.Body("/"); got != "ann2" && got != "ann 2" {
			t.Errorf("signed in: %q", got)
		}
		if got := planted.Body("/"); strings.Contains(got, "ann") {
			t.Errorf("with the old cookie: %q", got)
		}
		b.Body("/sign-out")
		if got := b.Body("/"); strings.Contains(got, "ann") || len(b.Cookies()) > 0 {
			t.Errorf("signed out: %q, %v", got, b.Cookies())
		}
	})
}
