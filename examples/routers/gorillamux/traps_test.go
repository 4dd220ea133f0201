package main

import (
	"io"
	"net/http"
	"testing"

	"github.com/gorilla/mux"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// TestNotFound: around the router, a page for what matches no route has its
// session; by Router.Use it has none.
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

// TestUse: for the routes themselves Use does as well.
func TestUse(t *testing.T) {
	journey.RunVisitor(t, journey.Handler(func(m *sessions.Manager, p *journey.Probes) http.Handler {
		r := routes()
		r.HandleFunc("/panic", p.Panic)
		r.Use(mux.MiddlewareFunc(m.Wrap))
		return r
	}))
}
