package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// TestAnswer: the session's header fields are added to the handler's, and a stream
// can change the session with Save.
func TestAnswer(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	app := fiber.New()
	app.Use(withSession(m))
	app.Get("/", func(c fiber.Ctx) error {
		s := session(c)
		visits.Update(s, func(n int) int { return n + 1 })
		c.Cookie(&fiber.Cookie{Name: "theme", Value: "dark"})
		c.Cookie(&fiber.Cookie{Name: "lang", Value: "en"})
		c.Vary("Accept-Language")
		return c.SendStreamWriter(func(w *bufio.Writer) {
			visits.Update(s, func(n int) int { return n + 1 })
			err := s.Save(context.Background())
			n, _ := visits.Get(s)
			fmt.Fprint(w, n, " visits, error: ", err, ", new ID: ", errors.Is(s.Renew(), sessions.ErrHeaderSent))
		})
	})
	b := journey.NewBrowser(t, serve(t, app))
	res, page := b.Do(http.MethodGet, "/", "")
	if page != "2 visits, error: <nil>, new ID: true" {
		t.Errorf("stream: %q", page)
	}
	names := make(map[string]bool)
	for _, c := range res.Cookies() {
		names[c.Name] = true
	}
	if len(names) != 3 || len(res.Cookies()) != 3 || b.Token() == "" {
		t.Errorf("cookies: %q", res.Header.Values("Set-Cookie"))
	}
	if v := res.Header.Values("Vary"); len(v) != 2 {
		t.Errorf("Vary: %q", v)
	}
}

// TestErrorResponse: Fiber's error response has the cookie.
func TestErrorResponse(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	app := fiber.New()
	app.Use(withSession(m))
	app.Get("/", func(c fiber.Ctx) error {
		visits.Set(session(c), 1)
		return fiber.NewError(fiber.StatusTeapot, "no coffee")
	})
	b := journey.NewBrowser(t, serve(t, app))
	if res, page := b.Do(http.MethodGet, "/", ""); res.StatusCode != fiber.StatusTeapot || page != "no coffee" || b.Token() == "" {
		t.Errorf("%s %q %q", res.Status, page, b.Token())
	}
}

// TestWhatDoesNotWork fails when Fiber's adaptor can pass a session, so that
// withSession is no longer needed.
func TestWhatDoesNotWork(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	home := func(c fiber.Ctx) error { return c.SendString(session(c).String()) }
	inside := fiber.New()
	inside.Use(adaptor.HTTPMiddleware(m.Wrap))
	inside.Get("/", home)
	outside := fiber.New()
	outside.Get("/", home)
	around := m.Wrap(adaptor.FiberApp(outside))
	for name, address := range map[string]string{"HTTPMiddleware": serve(t, inside), "FiberApp": journey.Serve(t, around)} {
		if page := journey.NewBrowser(t, address).Get("/"); page != "none" {
			t.Errorf("%s has a session: %s", name, page)
		}
	}
}
