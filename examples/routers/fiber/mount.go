package main

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/pump-go/sessions"
)

// mount serves a net/http handler with sessions under Fiber:
//
//	app.Use(mount(m, mux))
//
// Sessions work as with net/http. Limits of Fiber's adaptor in version 3.1 on
// fasthttp 1.69:
//
//   - Flush sends nothing before the first byte of the body, so an event stream must
//     begin with a comment.
//   - The request's context does not end when the client disconnects; a later write
//     fails.
//   - If a handler panics after a Flush, the response looks complete.
//   - An informational status, such as 103, is treated as the final one. Status 101 is
//     lost too, so a WebSocket handshake through WriteHeader, as in coder/websocket,
//     fails. Hijack works.
//   - http.ResponseController sets no deadlines. There is no HTTP/2.
func mount(m *sessions.Manager, h http.Handler) fiber.Handler {
	wrapped := m.Wrap(h)
	return adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// This is fasthttp's context. It ends when the server starts to shut down,
		// which must not fail the requests that are being drained.
		wrapped.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	})
}
