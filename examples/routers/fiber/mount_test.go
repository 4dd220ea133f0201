package main

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
	"github.com/pump-go/sessions/examples/routers/internal/page"
)

func TestMount(t *testing.T) {
	site := func(t *testing.T, m *sessions.Manager, p *journey.Probes) string {
		mux := http.NewServeMux()
		home := func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			n := visits.Update(s, func(n int) int { return n + 1 })
			io.WriteString(w, page.Home("", n, s.Flashes()))
		}
		mux.HandleFunc("GET /{$}", home)
		mux.HandleFunc("POST /sign-in", home)
		mux.HandleFunc("GET /panic", p.Panic)
		mux.HandleFunc("GET /flush", p.Flush)
		mux.HandleFunc("GET /hijack", p.Hijack)
		app := fiber.New()
		app.Use(recover.New(), mount(m, mux))
		return serve(t, app)
	}
	t.Run("parallel visits", func(t *testing.T) { journey.ParallelVisits(t, site) })
	t.Run("untouched", func(t *testing.T) { journey.Untouched(t, site) })
	t.Run("failed save", func(t *testing.T) { journey.FailedSave(t, site) })
	t.Run("panic", func(t *testing.T) { journey.Panic(t, site) })
	t.Run("flush after body", func(t *testing.T) { journey.FlushBody(t, site) })
	t.Run("hijack", func(t *testing.T) { journey.Hijack(t, site) })
}

// TestMountLimits fails when the adaptor no longer has the limits in mount's
// documentation.
func TestMountLimits(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	deadline := make(chan error, 1)
	gone := make(chan bool, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /deadline", func(w http.ResponseWriter, _ *http.Request) {
		deadline <- http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
	})
	mux.HandleFunc("GET /panic", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic("as it should")
	})
	mux.HandleFunc("GET /gone", func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.WriteString(w, "more"); err != nil {
				break
			}
			http.NewResponseController(w).Flush()
		}
		gone <- r.Context().Err() != nil
	})
	app := fiber.New()
	app.Use(recover.New(), mount(m, mux))
	b := journey.NewBrowser(t, serve(t, app))

	b.Get("/deadline")
	if err := <-deadline; !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("SetWriteDeadline: %v", err)
	}
	if page := b.Get("/panic"); page != "half" {
		t.Errorf("truncated response: %q", page)
	}
	res, err := b.Client.Get(b.URL("/gone"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if <-gone {
		t.Error("the context ended when the client disconnected")
	}
}
