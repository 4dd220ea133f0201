package main

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/pump-go/sessions"

	"github.com/pump-go/sessions/examples/routers/internal/journey"
)

func TestJourney(t *testing.T) {
	journey.Run(t, journey.Handler(func(m *sessions.Manager, p *journey.Probes) http.Handler {
		e := routes(m)
		e.GET("/panic", gin.WrapF(p.Panic))
		e.GET("/flush", gin.WrapF(p.Flush))
		e.GET("/hijack", gin.WrapF(p.Hijack))
		e.GET("/deadline", gin.WrapF(p.Deadline))
		return m.Wrap(e)
	}))
}
