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
// What holds of sessions on net/http holds here. What Fiber's adaptor itself
// does not do, in version 3.1 on fasthttp 1.69:
//
//   - Flush sends nothing before the first byte of the body: a stream of events
//     begins with a comment.
//   - The request's context does not end when the client goes; writing to it
//     fails some writes later.
//   - A handler that panics after a Flush leaves an answer that looks complete.
//   - An informational status, such as 103, is taken for the final one. So is 101
//     lost: what writes the handshake of a WebSocket through WriteHeader, as
//     coder/websocket does, cannot. Hijack itself works.
//   - http.ResponseController sets no deadlines. There is no HTTP/2.
func mount(m *sessions.Manager, h http.Handler) fiber.Handler {
	wrapped := m.Wrap(h)
	return adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The context given here is fasthttp's. It ends when the server begins to
		// shut down, which must not fail the requests that are being drained.
		wrapped.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	})
}
