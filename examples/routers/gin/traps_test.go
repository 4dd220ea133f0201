package main

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

// TestContext: a gin.Context has the request's context values only with
// ContextWithFallback.
func TestContext(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		m, _ := journey.Sessions(t, nil)
		e := routes()
		e.ContextWithFallback = fallback
		e.GET("/context", func(c *gin.Context) {
			if found := sessions.FromContext(c) != nil; found != fallback {
				t.Errorf("fallback %t: session found: %t", fallback, found)
			}
		})
		journey.NewBrowser(t, journey.Serve(t, m.Wrap(e))).Get("/context")
	}
}

// TestGoroutine: a goroutine that outlives the handler can use the session.
func TestGoroutine(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	answered, saved := make(chan struct{}), make(chan error)
	e := routes()
	e.GET("/later", func(c *gin.Context) {
		s := session(c)
		visits.Set(s, 1)
		go func() {
			<-answered
			visits.Update(s, func(n int) int { return n + 1 })
			saved <- s.Save(context.Background())
		}()
	})
	b := journey.NewBrowser(t, journey.Serve(t, m.Wrap(e)))
	b.Get("/later")
	close(answered)
	if err := <-saved; err != nil {
		t.Error(err)
	}
	journey.Expect(t, b.Get("/"), "visit 3.")
}

// TestStream: gin's Stream, which uses CloseNotify, and its events work.
func TestStream(t *testing.T) {
	m, _ := journey.Sessions(t, nil)
	e := routes()
	e.GET("/stream", func(c *gin.Context) {
		s := session(c)
		more := 3
		c.Stream(func(io.Writer) bool {
			c.SSEvent("visit", visits.Update(s, func(n int) int { return n + 1 }))
			more--
			return more > 0
		})
	})
	b := journey.NewBrowser(t, journey.Serve(t, m.Wrap(e)))
	journey.Expect(t, b.Get("/stream"), "data:1", "data:2", "data:3")
	if b.Token() == "" {
		t.Error("the stream has no cookie")
	}
}

// TestNoRoute: gin's own 404 works, and a NoRoute handler has the session.
func TestNoRoute(t *testing.T) {
	m, store := journey.Sessions(t, nil)
	e := routes()
	e.NoRoute(func(c *gin.Context) {
		name, _ := user.Get(session(c))
		c.String(http.StatusNotFound, "nothing here, %s", name)
	})
	b := journey.NewBrowser(t, journey.Serve(t, m.Wrap(e)))
	b.Post("/sign-in", "name", "ann")
	if res, page := b.Do(http.MethodGet, "/nowhere", ""); res.StatusCode != http.StatusNotFound || page != "nothing here, ann" {
		t.Errorf("%s %q", res.Status, page)
	}
	store.LoadsFail.Store(true)
	if res, page := b.Do(http.MethodGet, "/nowhere", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s %q", res.Status, page)
	}
}
