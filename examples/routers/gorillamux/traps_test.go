package main

import (
	"io"
	"net/http"
	"testing"

	"github.com/gorilla/mux"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// TestNotFound: a NotFoundHandler has the session with m.Wrap around the router, but
// not with Router.Use.
func TestNotFound(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	notFound := func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, sessions.FromContext(r.Context()).String())
	}
	around := routes()
	around.NotFoundHandler = http.HandlerFunc(notFound)
	if page := journey.NewBrowser(t, journey.Serve(t, m.Wrap(around))).Get("/nowhere"); page != "unused" {
		t.Errorf("around: %s", page)
	}
	used := routes()
	used.Use(m.Wrap)
	used.NotFoundHandler = http.HandlerFunc(notFound)
	if page := journey.NewBrowser(t, journey.Serve(t, used)).Get("/nowhere"); page != "none" {
		t.Errorf("by Use: %s", page)
	}
}

// TestUse: Router.Use works for the routes.
func TestUse(t *testing.T) {
	journey.RunVisitor(t, journey.Handler(func(m *sessions.Manager, p *journey.Probes) http.Handler {
		r := routes()
		r.HandleFunc("/panic", p.Panic)
		r.Use(mux.MiddlewareFunc(m.Wrap))
		return r
	}))
}
