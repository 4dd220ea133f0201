package main

import (
	"net"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// serve serves the app until the test ends.
func serve(t *testing.T, app *fiber.App) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(l) }()
	t.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func TestJourney(t *testing.T) {
	journey.RunVisitor(t, func(t *testing.T, m *sessions.Manager, _ *journey.Probes) string {
		app := routes(m)
		app.Get("/panic", func(c *fiber.Ctx) error {
			visits.Update(session(c), func(n int) int { return n + 1 })
			panic("as it should")
		})
		return serve(t, app)
	})
}

// TestAnswer: the session's header fields are added to the handler's, and an error's
// response has them too.
func TestAnswer(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(withSession(m))
	app.Get("/", func(c *fiber.Ctx) error {
		visits.Update(session(c), func(n int) int { return n + 1 })
		c.Cookie(&fiber.Cookie{Name: "theme", Value: "dark"})
		c.Cookie(&fiber.Cookie{Name: "lang", Value: "en"})
		c.Vary("Accept-Language")
		return fiber.NewError(fiber.StatusTeapot, "no coffee")
	})
	b := journey.NewBrowser(t, serve(t, app))
	res, page := b.Do(http.MethodGet, "/", "")
	if res.StatusCode != fiber.StatusTeapot || page != "no coffee" || len(res.Cookies()) != 3 || b.Token() == "" {
		t.Errorf("%s %q, cookies %q", res.Status, page, res.Header.Values("Set-Cookie"))
	}
	if v := res.Header.Values("Vary"); len(v) != 2 {
		t.Errorf("Vary: %q", v)
	}
}
