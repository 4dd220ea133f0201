package main

import (
	"net/http"
	"testing"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

func TestJourney(t *testing.T) {
	journey.Run(t, journey.Handler(func(m *sessions.Manager, p *journey.Probes) http.Handler {
		r := routes()
		r.HandleFunc("/panic", p.Panic)
		r.HandleFunc("/flush", p.Flush)
		r.HandleFunc("/hijack", p.Hijack)
		r.HandleFunc("/deadline", p.Deadline)
		return m.Wrap(r)
	}))
}
