package main

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

func TestJourney(t *testing.T) {
	journey.Run(t, journey.Handler(func(m *sessions.Manager, p *journey.Probes) http.Handler {
		e := routes(m)
		for path, probe := range map[string]http.HandlerFunc{
			"/panic": p.Panic, "/flush": p.Flush, "/hijack": p.Hijack, "/deadline": p.Deadline,
		} {
			e.GET(path, echo.WrapHandler(probe))
		}
		return e
	}))
}
