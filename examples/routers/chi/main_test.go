package main

import (
	"net/http"
	"testing"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

func TestJourney(t *testing.T) {
	journey.Run(t, journey.Handler(func(m *sessions.Manager, p *journey.Probes) http.Handler {
		r := routes(m)
		r.Get("/panic", p.Panic)
		r.Get("/flush", p.Flush)
		r.Get("/hijack", p.Hijack)
		r.Get("/deadline", p.Deadline)
		return r
	}))
}
