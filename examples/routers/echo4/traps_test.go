package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// TestLoggedStatus: the log has the status that was sent, even if it is the error
// page's.
func TestLoggedStatus(t *testing.T) {
	m, store := journey.Sessions(t, nil)
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil))) // RequestLogger's
	t.Cleanup(func() { slog.SetDefault(before) })
	e := routes(m)
	get := func(cookies []*http.Cookie) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w.Result()
	}
	first := get(nil)
	store.SavesFail.Store(true)
	if second := get(first.Cookies()); second.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answer: %s", second.Status)
	}

	var got []int
	for line := range strings.Lines(log.String()) {
		var entry struct{ Status int }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		got = append(got, entry.Status)
	}
	if !slices.Equal(got, []int{200, 503}) {
		t.Errorf("logged %d", got)
	}
}

// TestErrorResponse: the response to an error returned by a handler has the cookie.
func TestErrorResponse(t *testing.T) {
	m, store := journey.Sessions(t, nil)
	e := routes(m)
	e.GET("/teapot", func(c echo.Context) error {
		visits.Set(session(c), 1)
		return echo.NewHTTPError(http.StatusTeapot, "no coffee")
	})
	b := journey.NewBrowser(t, journey.Serve(t, e))
	res, page := b.Do(http.MethodGet, "/teapot", "")
	if res.StatusCode != http.StatusTeapot || !strings.Contains(page, "no coffee") || b.Token() == "" {
		t.Errorf("%s %q, cookie %q", res.Status, page, b.Token())
	}
	store.SavesFail.Store(true)
	res, page = b.Do(http.MethodGet, "/teapot", "")
	if res.StatusCode != http.StatusServiceUnavailable || page != "Service Unavailable\n" {
		t.Errorf("%s %q", res.Status, page)
	}
}

// TestBefore: a Before hook of the response can change the session.
func TestBefore(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	e := routes(m)
	e.GET("/before", func(c echo.Context) error {
		c.Response().Before(func() { visits.Set(session(c), 7) })
		return c.NoContent(http.StatusNoContent)
	})
	b := journey.NewBrowser(t, journey.Serve(t, e))
	b.Do(http.MethodGet, "/before", "")
	journey.Expect(t, b.Get("/"), "visit 8.")
}

// TestGzip: echo's compressing writer works inside and outside withSession.
func TestGzip(t *testing.T) {
	for name, order := range map[string]func(m *sessions.Manager) []echo.MiddlewareFunc{
		"inside": func(m *sessions.Manager) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{withSession(m), middleware.Gzip()}
		},
		"outside": func(m *sessions.Manager) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{middleware.Gzip(), withSession(m)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, store := journey.Sessions(t, nil)
			e := echo.New()
			e.Use(order(m)...)
			e.GET("/", home)
			b := journey.NewBrowser(t, journey.Serve(t, e))
			b.Get("/")
			journey.Expect(t, b.Get("/"), "visit 2.") // the client accepts and decodes gzip
			store.SavesFail.Store(true)
			res, page := b.Do(http.MethodGet, "/", "")
			if res.StatusCode != http.StatusServiceUnavailable || page != "Service Unavailable\n" {
				t.Errorf("%s %q", res.Status, page)
			}
		})
	}
}
