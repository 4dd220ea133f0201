package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// TestPattern: middleware inside and outside m.Wrap can read the matched pattern.
func TestPattern(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	var outside, inside string
	seen := func(h http.Handler, pattern *string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			*pattern = r.Pattern
		})
	}
	h := seen(m.Wrap(seen(routes(), &inside)), &outside)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if outside != "GET /{$}" || inside != outside {
		t.Errorf("inside %q, outside %q", inside, outside)
	}
}

// TestOneRoute: m.Wrap may be used for some routes only, and more than once.
func TestOneRoute(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	mux := http.NewServeMux()
	mux.Handle("GET /", m.Wrap(m.Wrap(http.HandlerFunc(home))))
	mux.HandleFunc("GET /without", func(w http.ResponseWriter, r *http.Request) {
		if sessions.FromContext(r.Context()) != nil {
			t.Error("there is a session")
		}
	})
	b := journey.NewBrowser(t, journey.Serve(t, mux))
	journey.Expect(t, b.Get("/"), "visit 1.")
	journey.Expect(t, b.Get("/"), "visit 2.")
	b.Get("/without")
}
