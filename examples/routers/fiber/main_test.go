package main

import (
	"net"
	"testing"

	"github.com/gofiber/fiber/v3"

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
	go func() { done <- app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}) }()
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
		app.Get("/panic", func(c fiber.Ctx) error {
			visits.Update(session(c), func(n int) int { return n + 1 })
			panic("as it should")
		})
		return serve(t, app)
	})
}
