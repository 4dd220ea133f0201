package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// TestLoggedStatus: chi's wrapper, outside m.Wrap, sees the status that is sent.
func TestLoggedStatus(t *testing.T) {
	m, store := journey.Sessions(t, nil)
	store.SavesFail.Store(true)
	w := httptest.NewRecorder()
	wrapped := middleware.NewWrapResponseWriter(w, 1)
	routes(m).ServeHTTP(wrapped, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable || wrapped.Status() != w.Code {
		t.Errorf("sent %d, seen %d", w.Code, wrapped.Status())
	}
}

// TestNotFound: a NotFound handler and mounted routers have the session.
func TestNotFound(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	r := routes(m)
	r.NotFound(home)
	more := chi.NewRouter()
	more.Get("/", home)
	r.Mount("/more", more)
	b := journey.NewBrowser(t, journey.Serve(t, r))
	journey.Expect(t, b.Get("/nowhere"), "visit 1.")
	journey.Expect(t, b.Get("/more/"), "visit 2.")
	journey.Expect(t, b.Get("/more/nowhere"), "visit 3.")
}

// TestCompress: chi's compressing writer works inside and outside m.Wrap.
func TestCompress(t *testing.T) {
	for name, inside := range map[string]bool{"inside": true, "outside": false} {
		t.Run(name, func(t *testing.T) {
			m, store := journey.Sessions(t, nil)
			r := chi.NewRouter()
			if inside {
				r.Use(m.Wrap, middleware.Compress(5))
			} else {
				r.Use(middleware.Compress(5), m.Wrap)
			}
			r.Get("/", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				home(w, r)
			})
			b := journey.NewBrowser(t, journey.Serve(t, r))
			b.Get("/")
			journey.Expect(t, b.Get("/"), "visit 2.")
			store.SavesFail.Store(true)
			res, page := b.Do(http.MethodGet, "/", "")
			if res.StatusCode != http.StatusServiceUnavailable || page != "Service Unavailable\n" {
				t.Errorf("%s %q", res.Status, page)
			}
		})
	}
}
