package main

import (
	"net/http"
	"testing"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

func TestJourney(t *testing.T) {
	journey.Run(t, journey.Handler(func(m *sessions.Manager, p *journey.Probes) http.Handler {
		mux := routes()
		mux.HandleFunc("GET /panic", p.Panic)
		mux.HandleFunc("GET /flush", p.Flush)
		mux.HandleFunc("GET /hijack", p.Hijack)
		mux.HandleFunc("GET /deadline", p.Deadline)
		return m.Wrap(mux)
	}))
}
